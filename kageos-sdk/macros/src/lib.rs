//! Derive macros of `kageos-sdk`, which re-exports and documents them.

mod attr;
mod errors;
mod expand;
mod names;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as TokenStream2;

fn run(input: TokenStream, expand: fn(TokenStream2) -> syn::Result<TokenStream2>) -> TokenStream {
    expand(input.into()).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// Makes a struct a table. See the crate `kageos-sdk`.
#[proc_macro_derive(Table, attributes(table, field, kageos))]
pub fn table(input: TokenStream) -> TokenStream {
    run(input, expand::table)
}

/// Makes a struct a form. See the crate `kageos-sdk`.
#[proc_macro_derive(Form, attributes(form, field, kageos))]
pub fn form(input: TokenStream) -> TokenStream {
    run(input, expand::form)
}

/// Makes a struct a function without a screen of its own. See the crate `kageos-sdk`.
#[proc_macro_derive(Function, attributes(function, field, kageos))]
pub fn function(input: TokenStream) -> TokenStream {
    run(input, expand::function)
}

/// Makes a unit struct a chart. See the crate `kageos-sdk`.
#[proc_macro_derive(Chart, attributes(chart, kageos))]
pub fn chart(input: TokenStream) -> TokenStream {
    run(input, expand::chart)
}

/// Makes an enum a set of values to choose from. See the crate `kageos-sdk`.
#[proc_macro_derive(Choice, attributes(choice, kageos))]
pub fn choice(input: TokenStream) -> TokenStream {
    run(input, expand::choice)
}

/// Makes a struct an object with fields: a line of a nested list, or what a form gives back. See the crate
/// `kageos-sdk`.
#[proc_macro_derive(Object, attributes(field, kageos))]
pub fn object(input: TokenStream) -> TokenStream {
    run(input, expand::object)
}
