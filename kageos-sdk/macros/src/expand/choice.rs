//! `#[derive(Choice)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Fields, Ident, Variant};

use crate::{attr, errors::Errors, names};

const ARGS: [&str; 3] = ["value", "label", "color"];
const COLORS: [&str; 5] = ["neutral", "info", "success", "warning", "error"];

struct Chosen {
    ident: Ident,
    value: String,
    label: String,
    color: Option<String>,
}

/// `#[derive(Choice)]`.
pub(crate) fn choice(input: TokenStream) -> syn::Result<TokenStream> {
    let input: DeriveInput = syn::parse2(input)?;
    let mut errors = Errors::default();
    let krate = attr::krate(&input.attrs, &mut errors);
    if !input.generics.params.is_empty() {
        errors.at(&input.generics, "a choice has no type parameters");
    }
    let options: Vec<Chosen> = match &input.data {
        Data::Enum(data) => data.variants.iter().map(|variant| read(variant, &mut errors)).collect(),
        _ => {
            errors.at(&input.ident, "a choice is an enum: `enum Stage { New, Won, Lost }`");
            return errors.finish(TokenStream::new());
        }
    };
    if options.is_empty() {
        errors.at(&input.ident, "a choice has at least one variant");
    }
    for (at, option) in options.iter().enumerate() {
        if options[..at].iter().any(|before| before.value == option.value) {
            errors.at(
                &option.ident,
                format!("the value {:?} stands twice; give this one another", option.value),
            );
        }
    }
    errors.finish(implement(&input.ident, &options, &krate))
}

fn read(variant: &Variant, errors: &mut Errors) -> Chosen {
    if !matches!(variant.fields, Fields::Unit) {
        errors.at(&variant.fields, "a variant to choose has no fields");
    }
    let name = names::plain(&variant.ident);
    let mut option = Chosen {
        ident: variant.ident.clone(),
        value: names::snake(&name),
        label: names::human(&name),
        color: None,
    };
    for arg in attr::args(&variant.attrs, "choice", errors) {
        let kept = match arg.name.to_string().as_str() {
            "value" => value(&arg).map(|text| option.value = text),
            "label" => arg.text().map(|text| option.label = text.value()),
            "color" => color(&arg).map(|text| option.color = Some(text)),
            _ => Err(attr::unknown(&arg.name, "argument", &ARGS)),
        };
        errors.keep(kept);
    }
    option
}

/// Longest stored value: fits the short text of every database.
const MAX_VALUE: usize = 64;

fn value(arg: &attr::Arg) -> syn::Result<String> {
    let text = arg.text()?;
    let value = text.value();
    if value.is_empty() || value.len() > MAX_VALUE || value.chars().any(char::is_control) {
        return Err(syn::Error::new_spanned(text, format!("write a text of 1 to {MAX_VALUE} bytes")));
    }
    Ok(value)
}

fn color(arg: &attr::Arg) -> syn::Result<String> {
    let text = arg.text()?;
    if COLORS.contains(&text.value().as_str()) {
        return Ok(text.value());
    }
    Err(syn::Error::new_spanned(text, format!("a colour of the theme is one of {}", COLORS.join(", "))))
}

fn implement(ident: &Ident, options: &[Chosen], krate: &TokenStream) -> TokenStream {
    let idents: Vec<_> = options.iter().map(|option| &option.ident).collect();
    let values: Vec<_> = options.iter().map(|option| &option.value).collect();
    let labels = options.iter().map(|option| &option.label);
    let colors = options.iter().map(|option| match &option.color {
        Some(color) => quote!(::core::option::Option::Some(#color)),
        None => quote!(::core::option::Option::None),
    });
    quote! {
        #[automatically_derived]
        impl #krate::Choice for #ident {
            const OPTIONS: &'static [#krate::choice::Variant] = &[
                #(#krate::choice::Variant { value: #values, label: #labels, color: #colors }),*
            ];
            fn value(&self) -> &'static str {
                match *self { #(Self::#idents => #values),* }
            }
            fn of(value: &str) -> ::core::option::Option<Self> {
                match value {
                    #(#values => ::core::option::Option::Some(Self::#idents),)*
                    _ => ::core::option::Option::None,
                }
            }
        }

        #[automatically_derived]
        impl #krate::field::FieldType for #ident {
            fn spec() -> #krate::field::Spec {
                #krate::field::Spec::choice::<Self>()
            }
            fn to_json(&self) -> #krate::Value {
                #krate::Value::from(#krate::Choice::value(self))
            }
            fn read(value: #krate::Value, reader: &mut #krate::field::Reader) -> ::core::option::Option<Self> {
                reader.choice::<Self>(&value)
            }
        }

        #[automatically_derived]
        impl #krate::field::ListItem for #ident {
            fn list() -> #krate::field::Spec {
                #krate::field::Spec::choices::<Self>()
            }
            fn item_to_json(&self) -> #krate::Value {
                #krate::Value::from(#krate::Choice::value(self))
            }
            fn read_item(value: #krate::Value, reader: &mut #krate::field::Reader) -> ::core::option::Option<Self> {
                reader.choice::<Self>(&value)
            }
        }
    }
}
