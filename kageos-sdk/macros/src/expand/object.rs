//! A struct of fields: what tables, forms, functions and nested lines have in common.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{DeriveInput, Ident, spanned::Spanned};

use crate::{
    attr::{self, Field},
    errors::Errors,
};

/// `#[derive(Object)]`.
pub(crate) fn object(input: TokenStream) -> syn::Result<TokenStream> {
    let input: DeriveInput = syn::parse2(input)?;
    let mut errors = Errors::default();
    let krate = attr::krate(&input.attrs, &mut errors);
    let fields = attr::fields(&input, "Object", &krate, &mut errors);
    refuse_ids(&fields, "an object", &mut errors);
    let ident = &input.ident;
    let object = implement(ident, &fields, &krate);
    errors.finish(quote! {
        #object

        #[automatically_derived]
        impl #krate::Wire for #ident {
            fn schema() -> #krate::Value {
                #krate::lower::object_schema(&<Self as #krate::Object>::fields())
            }
            fn to_json(&self) -> #krate::Value {
                #krate::Value::Object(<Self as #krate::Object>::to_map(self))
            }
            fn read(value: #krate::Value, reader: &mut #krate::field::Reader) -> ::core::option::Option<Self> {
                reader.object::<Self>(value)
            }
        }

        #[automatically_derived]
        impl #krate::field::ListItem for #ident {
            fn list() -> #krate::field::Spec {
                #krate::field::Spec::list_of(<Self as #krate::Wire>::schema())
            }
            fn item_to_json(&self) -> #krate::Value {
                <Self as #krate::Wire>::to_json(self)
            }
            fn read_item(value: #krate::Value, reader: &mut #krate::field::Reader) -> ::core::option::Option<Self> {
                <Self as #krate::Wire>::read(value, reader)
            }
        }
    })
}

/// Keeps a mistake for each `#[field(id)]` where there is no row.
pub(crate) fn refuse_ids(fields: &[Field], what: &str, errors: &mut Errors) {
    for id in fields.iter().filter_map(|field| field.id) {
        errors.push(syn::Error::new(id, format!("{what} has no id of its own; remove `id`")));
    }
}

/// The implementation of `Object`.
pub(crate) fn implement(ident: &Ident, fields: &[Field], krate: &TokenStream) -> TokenStream {
    let definitions = definitions(fields, krate);
    let reads = reads(fields, krate);
    let writes = fields.iter().map(|Field { ident, name, .. }| {
        quote!((::std::string::String::from(#name), #krate::field::FieldType::to_json(&self.#ident)))
    });
    let defaults = fields.iter().filter_map(|Field { name, ty, default, .. }| {
        default.as_ref().map(|value| quote!(#krate::field::default_problem::<#ty>(#name, #value)))
    });
    quote! {
        #[automatically_derived]
        impl #krate::Object for #ident {
            fn fields() -> ::std::vec::Vec<#krate::def::FieldDef> {
                ::std::vec![#(#definitions),*]
            }
            fn to_map(&self) -> #krate::Map {
                <#krate::Map as ::core::iter::FromIterator<_>>::from_iter([#(#writes),*])
            }
            #reads
            fn problems() -> ::std::vec::Vec<::std::string::String> {
                let found: ::std::vec::Vec<::core::option::Option<::std::string::String>> =
                    ::std::vec![#(#defaults),*];
                found.into_iter().flatten().collect()
            }
        }
    }
}

fn definitions(fields: &[Field], krate: &TokenStream) -> Vec<TokenStream> {
    let own = fields.iter().filter(|field| field.id.is_none());
    own.zip(0_u32..)
        .map(|(Field { name, ty, calls, .. }, order)| {
            let make = quote_spanned!(ty.span()=> #krate::field::Field::<#ty>::new);
            quote!(#make(#name, #order) #calls .build())
        })
        .collect()
}

/// `read`: every field is read before the first that is wrong ends it, so that all mistakes are told.
fn reads(fields: &[Field], krate: &TokenStream) -> TokenStream {
    let locals: Vec<Ident> =
        (0..fields.len()).map(|at| format_ident!("field_{at}", span = Span::mixed_site())).collect();
    let idents = fields.iter().map(|field| &field.ident);
    let reads = fields.iter().zip(&locals).map(|(Field { name, ty, default, .. }, local)| match default {
        Some(value) => quote!(let #local = reader.field_or::<#ty>(map, #name, || #value);),
        None => quote!(let #local = reader.field::<#ty>(map, #name);),
    });
    quote! {
        fn read(map: &mut #krate::Map, reader: &mut #krate::field::Reader) -> ::core::option::Option<Self> {
            #(#reads)*
            reader.rest(map);
            ::core::option::Option::Some(Self { #(#idents: #locals?),* })
        }
    }
}
