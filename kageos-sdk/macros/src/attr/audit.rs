//! How much is recorded of what only reads: `audit = none`, `summary` or `full`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, Ident};

use super::{Arg, unknown};
use crate::names;

const LEVELS: [&str; 3] = ["none", "summary", "full"];

/// The level that an argument names.
pub(crate) fn audit(arg: &Arg) -> syn::Result<Ident> {
    let refused = |value: &Expr| syn::Error::new_spanned(value, "write `audit = none`, without quotes");
    let value = arg.value("none")?;
    let Expr::Path(path) = value else { return Err(refused(value)) };
    let ident = path.path.get_ident().ok_or_else(|| refused(value))?;
    if LEVELS.iter().any(|level| ident == level) {
        Ok(ident.clone())
    } else {
        Err(unknown(ident, "level", &LEVELS))
    }
}

/// The level as a value of the contract; without one what the contract takes.
pub(crate) fn audit_level(level: Option<&Ident>, krate: &TokenStream) -> TokenStream {
    match level {
        Some(level) => {
            let name = Ident::new(&names::human(&level.to_string()), level.span());
            quote!(#krate::effect::Audit::#name)
        }
        None => quote!(::core::default::Default::default()),
    }
}
