//! One argument of an attribute: `flag`, `name = value` or `name(list)`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    Attribute, Expr, Ident, Lit, LitStr, Token,
    ext::IdentExt,
    parenthesized,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
    token::Paren,
};

use crate::{errors::Errors, names};

/// One argument.
pub(crate) struct Arg {
    pub(crate) name: Ident,
    pub(crate) value: Given,
}

/// What an argument is given.
pub(crate) enum Given {
    Nothing,
    Value(Expr),
    List(Vec<Ident>),
}

impl Parse for Arg {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.call(Ident::parse_any)?;
        let value = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            Given::Value(input.parse()?)
        } else if input.peek(Paren) {
            let list;
            parenthesized!(list in input);
            let names = list.parse_terminated(Ident::parse_any, Token![,])?;
            Given::List(names.into_iter().collect())
        } else {
            Given::Nothing
        };
        Ok(Self { name, value })
    }
}

impl ToTokens for Arg {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let name = &self.name;
        tokens.extend(match &self.value {
            Given::Nothing => quote!(#name),
            Given::Value(value) => quote!(#name = #value),
            Given::List(list) => quote!(#name(#(#list),*)),
        });
    }
}

impl Arg {
    fn refuse<T>(&self, instead: &str) -> syn::Result<T> {
        Err(syn::Error::new_spanned(self, format!("write `{instead}`")))
    }

    /// An argument that is only named.
    pub(crate) fn flag(&self) -> syn::Result<()> {
        match &self.value {
            Given::Nothing => Ok(()),
            _ => self.refuse(&self.name.to_string()),
        }
    }

    /// An argument that is named, or set to `true` or `false`.
    pub(crate) fn switch(&self) -> syn::Result<bool> {
        match &self.value {
            Given::Nothing => Ok(true),
            Given::Value(Expr::Lit(lit)) if matches!(lit.lit, Lit::Bool(_)) => {
                Ok(matches!(&lit.lit, Lit::Bool(it) if it.value))
            }
            _ => self.refuse(&format!("{0}` or `{0} = false", self.name)),
        }
    }

    /// `name = "text"`.
    pub(crate) fn text(&self) -> syn::Result<LitStr> {
        match &self.value {
            Given::Value(Expr::Lit(lit)) => match &lit.lit {
                Lit::Str(text) => Ok(text.clone()),
                _ => self.refuse(&format!("{} = \"…\"", self.name)),
            },
            _ => self.refuse(&format!("{} = \"…\"", self.name)),
        }
    }

    /// `name = 3`.
    pub(crate) fn count(&self) -> syn::Result<u64> {
        if let Given::Value(Expr::Lit(lit)) = &self.value
            && let Lit::Int(count) = &lit.lit
        {
            return count.base10_parse();
        }
        self.refuse(&format!("{} = 3", self.name))
    }

    /// `name = value`.
    pub(crate) fn value(&self, example: &str) -> syn::Result<&Expr> {
        match &self.value {
            Given::Value(value) => Ok(value),
            _ => self.refuse(&format!("{} = {example}", self.name)),
        }
    }

    /// `name(one, two)`.
    pub(crate) fn list(&self, example: &str) -> syn::Result<&[Ident]> {
        match &self.value {
            Given::List(list) if !list.is_empty() => Ok(list),
            _ => self.refuse(&format!("{}({example})", self.name)),
        }
    }

    /// `name = one` or `name = [one, two]`.
    pub(crate) fn values(&self, example: &str) -> syn::Result<Vec<&Expr>> {
        Ok(match self.value(example)? {
            Expr::Array(array) => array.elems.iter().collect(),
            one => vec![one],
        })
    }
}

/// The arguments of every attribute called `name`; one that stands twice is a mistake.
pub(crate) fn args(attributes: &[Attribute], name: &str, errors: &mut Errors) -> Vec<Arg> {
    let mut all: Vec<Arg> = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(name)) {
        let read = attribute.parse_args_with(Punctuated::<Arg, Token![,]>::parse_terminated);
        for arg in errors.keep(read).into_iter().flatten() {
            if all.iter().any(|before| before.name == arg.name) {
                errors.at(&arg, format!("`{}` stands twice; keep one", arg.name));
            } else {
                all.push(arg);
            }
        }
    }
    all
}

/// The mistake of a name that is not known, with the one that was likely meant.
pub(crate) fn unknown(name: &Ident, what: &str, known: &[&str]) -> syn::Error {
    let hint = match names::nearest(&name.to_string(), known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("one of: {}", known.join(", ")),
    };
    syn::Error::new_spanned(name, format!("there is no {what} `{name}`; {hint}"))
}
