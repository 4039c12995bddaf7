//! Conditions over the other fields, written as an expression and kept as data.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{BinOp, Expr, ExprBinary, ExprCall, Lit, UnOp, spanned::Spanned};

use crate::{errors::Errors, names};

const SYNTAX: &str = "write a condition over fields: `stage == \"won\" && !empty(owner)`, with == != < > <= >= && || ! \
                      `empty(field)` and `one_of(field, [\"a\", \"b\"])`";

/// Turns an expression into a `Predicate` value.
pub(crate) struct Conditions<'a> {
    pub(crate) krate: &'a TokenStream,
    pub(crate) fields: &'a [String],
}

impl Conditions<'_> {
    /// The expression as a value of the contract's `Predicate`.
    pub(crate) fn lower(&self, expr: &Expr, errors: &mut Errors) -> TokenStream {
        match expr {
            Expr::Paren(inner) => self.lower(&inner.expr, errors),
            Expr::Group(inner) => self.lower(&inner.expr, errors),
            Expr::Unary(unary) if matches!(unary.op, UnOp::Not(_)) => {
                let inner = self.lower(&unary.expr, errors);
                self.not(&inner)
            }
            Expr::Binary(binary) => self.binary(binary, errors),
            Expr::Call(call) => self.call(call, errors),
            Expr::Path(_) => {
                let field = self.field(expr, errors);
                self.make("Eq", &quote!(#field, true.into()))
            }
            _ => wrong(expr, errors),
        }
    }

    fn make(&self, variant: &str, content: &TokenStream) -> TokenStream {
        let krate = self.krate;
        let variant = proc_macro2::Ident::new(variant, proc_macro2::Span::call_site());
        quote!(#krate::Predicate::#variant(#content))
    }

    fn not(&self, inner: &TokenStream) -> TokenStream {
        self.make("Not", &quote!(::std::boxed::Box::new(#inner)))
    }

    fn binary(&self, binary: &ExprBinary, errors: &mut Errors) -> TokenStream {
        let joined = match binary.op {
            BinOp::And(_) => Some("And"),
            BinOp::Or(_) => Some("Or"),
            _ => None,
        };
        if let Some(variant) = joined {
            let (left, right) = (self.lower(&binary.left, errors), self.lower(&binary.right, errors));
            return self.make(variant, &quote!(::std::vec![#left, #right]));
        }
        let (variant, negated) = match binary.op {
            BinOp::Eq(_) => ("Eq", false),
            BinOp::Ne(_) => ("Ne", false),
            BinOp::Lt(_) => ("Lt", false),
            BinOp::Gt(_) => ("Gt", false),
            BinOp::Ge(_) => ("Lt", true),
            BinOp::Le(_) => ("Gt", true),
            _ => return wrong(binary, errors),
        };
        let (field, value) = (self.field(&binary.left, errors), self.value(&binary.right, errors));
        let plain = self.make(variant, &quote!(#field, #value));
        if negated { self.not(&plain) } else { plain }
    }

    fn call(&self, call: &ExprCall, errors: &mut Errors) -> TokenStream {
        let name = match &*call.func {
            Expr::Path(path) => path.path.get_ident().map(ToString::to_string),
            _ => None,
        };
        let args: Vec<&Expr> = call.args.iter().collect();
        match (name.as_deref(), args.as_slice()) {
            (Some("empty"), [field]) => {
                let field = self.field(field, errors);
                self.make("Empty", &field)
            }
            (Some("one_of"), [field, Expr::Array(list)]) => {
                let field = self.field(field, errors);
                let values: Vec<TokenStream> = list.elems.iter().map(|it| self.value(it, errors)).collect();
                self.make("In", &quote!(#field, ::std::vec![#(#values),*]))
            }
            _ => wrong(call, errors),
        }
    }

    /// The pointer to a field that exists.
    fn field(&self, expr: &Expr, errors: &mut Errors) -> TokenStream {
        let Some(ident) = ident(expr) else {
            return wrong(expr, errors);
        };
        let name = names::plain(ident);
        if !self.fields.contains(&name) {
            let known: Vec<&str> = self.fields.iter().map(String::as_str).collect();
            errors.push(super::unknown(ident, "field", &known));
        }
        let pointer = format!("/{name}");
        quote!(::std::string::String::from(#pointer))
    }

    fn value(&self, expr: &Expr, errors: &mut Errors) -> TokenStream {
        let krate = self.krate;
        match expr {
            Expr::Paren(inner) => self.value(&inner.expr, errors),
            Expr::Lit(lit) if matches!(lit.lit, Lit::Float(_)) => {
                errors.at(lit, "write an amount as text, \"1.50\": decimals are text on the wire");
                TokenStream::new()
            }
            Expr::Lit(lit) if matches!(lit.lit, Lit::Str(_) | Lit::Bool(_) | Lit::Int(_)) => {
                quote!((#lit).into())
            }
            Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => quote!((#unary).into()),
            Expr::Path(path) if path.path.segments.len() > 1 => {
                quote!(#krate::field::FieldType::to_json(&#path))
            }
            _ => wrong(expr, errors),
        }
    }
}

fn ident(expr: &Expr) -> Option<&syn::Ident> {
    match expr {
        Expr::Path(path) => path.path.get_ident(),
        Expr::Paren(inner) => ident(&inner.expr),
        _ => None,
    }
}

fn wrong(at: impl Spanned + quote::ToTokens, errors: &mut Errors) -> TokenStream {
    errors.at(at, SYNTAX);
    TokenStream::new()
}
