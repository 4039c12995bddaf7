//! What every derive reads: the crate's name, the text for people, the path.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Expr, Lit, LitStr, Meta, Path};

use super::{Arg, args, unknown};
use crate::{errors::Errors, names};

/// The SDK as the app calls it: `::kageos_sdk`, or what `#[kageos(crate = "…")]` says.
pub(crate) fn krate(attributes: &[Attribute], errors: &mut Errors) -> TokenStream {
    let mut path = quote!(::kageos_sdk);
    for arg in args(attributes, "kageos", errors) {
        if arg.name != "crate" {
            errors.push(unknown(&arg.name, "argument", &["crate"]));
            continue;
        }
        let named = arg.text().and_then(|text| text.parse::<Path>());
        if let Some(named) = errors.keep(named) {
            path = quote!(#named);
        }
    }
    path
}

/// The documentation comment, as Markdown.
pub(crate) fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(lit) => match &lit.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    let lines: Vec<String> = lines.map(|line| line.strip_prefix(' ').unwrap_or(&line).to_owned()).collect();
    lines.join("\n").trim().to_owned()
}

/// A path inside the workspace without its kind: `path = "hr/leave"`.
pub(crate) fn path(arg: &Arg) -> syn::Result<String> {
    let text: LitStr = arg.text()?;
    let value = text.value();
    if value.split('/').all(names::is_code) {
        return Ok(value);
    }
    let message = "write a path inside the workspace without its kind, such as \"hr/leave\": codes of a lower-case \
                   letter, then letters, digits and underscores";
    Err(syn::Error::new_spanned(text, message))
}
