//! `#[derive(Form)]` and `#[derive(Function)]`: one action with an input.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::DeriveInput;

use super::object;
use crate::{
    attr::{self, Effect},
    errors::Errors,
    names,
};

/// `#[derive(Form)]`.
pub(crate) fn form(input: TokenStream) -> syn::Result<TokenStream> {
    expand(input, "form", "Form", "form")
}

/// `#[derive(Function)]`.
pub(crate) fn function(input: TokenStream) -> syn::Result<TokenStream> {
    expand(input, "function", "Function", "fn")
}

fn expand(input: TokenStream, attribute: &str, derive: &str, kind: &str) -> syn::Result<TokenStream> {
    let input: DeriveInput = syn::parse2(input)?;
    let mut errors = Errors::default();
    let krate = attr::krate(&input.attrs, &mut errors);
    let fields = attr::fields(&input, derive, &krate, &mut errors);
    object::refuse_ids(&fields, &format!("a {attribute}"), &mut errors);
    let name = names::plain(&input.ident);
    let (mut title, mut path, mut effect) = (names::human(&name), names::snake(&name), Effect::default());
    for arg in attr::args(&input.attrs, attribute, &mut errors) {
        if effect.read(&arg, &mut errors) {
            continue;
        }
        let kept = match arg.name.to_string().as_str() {
            "title" => arg.text().map(|text| title = text.value()),
            "path" => attr::path(&arg).map(|text| path = text),
            _ => {
                let known = [&["title", "path"][..], &Effect::ARGS].concat();
                Err(attr::unknown(&arg.name, "argument", &known))
            }
        };
        errors.keep(kept);
    }
    let effect = effect.finish(&input.ident, attribute, &krate, &mut errors);
    let object = object::implement(&input.ident, &fields, &krate);
    let (ident, path, description) = (&input.ident, format!("{path}.{kind}"), attr::doc(&input.attrs));
    let which = format_ident!("{derive}");
    errors.finish(quote! {
        #object

        #[automatically_derived]
        impl #krate::#which for #ident {
            const PATH: &'static str = #path;
            fn def() -> #krate::def::ActionDef {
                #krate::def::ActionDef {
                    path: ::std::string::String::from(#path),
                    title: ::std::string::String::from(#title),
                    description: ::std::string::String::from(#description),
                    fields: <Self as #krate::Object>::fields(),
                    effect: #effect,
                }
            }
        }
    })
}
