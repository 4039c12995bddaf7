//! `#[field(…)]`: one field of a table, form, function or object.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Data, DeriveInput, Expr, Fields, Ident, Lit, Type, UnOp, spanned::Spanned};

use super::{Arg, args, doc, predicate::Conditions, unknown};
use crate::{errors::Errors, names};

const ARGS: [&str; 28] = [
    "id",
    "title",
    "min_len",
    "max_len",
    "pattern",
    "min",
    "max",
    "unit",
    "scale",
    "widget",
    "relation",
    "label",
    "accept",
    "max_bytes",
    "group",
    "placeholder",
    "help",
    "default",
    "readonly",
    "sensitive",
    "list",
    "filter",
    "sort",
    "index",
    "search",
    "show_if",
    "require_if",
    "readonly_if",
];
const WIDGETS: [&str; 5] = ["text", "multiline", "markdown", "email", "link"];

/// One field.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) name: String,
    pub(crate) ty: Type,
    /// The argument `id`, when it is the row's id.
    pub(crate) id: Option<Span>,
    /// What is called on the builder of its definition.
    pub(crate) calls: TokenStream,
    /// The JSON value of an absent field.
    pub(crate) default: Option<TokenStream>,
}

/// The named fields of the struct; anything else is a mistake.
pub(crate) fn fields(
    input: &DeriveInput,
    derive: &str,
    krate: &TokenStream,
    errors: &mut Errors,
) -> Vec<Field> {
    if !input.generics.params.is_empty() {
        errors.at(
            &input.generics,
            format!("`{derive}` stands on a type without parameters; write the types out"),
        );
    }
    let named = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => fields.named.iter().collect::<Vec<_>>(),
            Fields::Unit => Vec::new(),
            Fields::Unnamed(fields) => {
                errors.at(fields, "give each field a name: `struct Name { field: Type }`");
                Vec::new()
            }
        },
        Data::Enum(data) => {
            errors
                .at(data.enum_token, format!("`{derive}` stands on a struct; for an enum there is `Choice`"));
            Vec::new()
        }
        Data::Union(data) => {
            errors.at(data.union_token, format!("`{derive}` stands on a struct"));
            Vec::new()
        }
    };
    let all: Vec<String> = named.iter().filter_map(|field| field.ident.as_ref()).map(names::plain).collect();
    let read = Read { krate, conditions: Conditions { krate, fields: &all } };
    named.into_iter().filter_map(|field| read.field(field, errors)).collect()
}

struct Read<'a> {
    krate: &'a TokenStream,
    conditions: Conditions<'a>,
}

impl Read<'_> {
    fn field(&self, field: &syn::Field, errors: &mut Errors) -> Option<Field> {
        let ident = field.ident.clone()?;
        let name = names::plain(&ident);
        if !names::is_code(&name) {
            errors.at(
                &ident,
                "a field's name is a code: a lower-case letter, then at most 48 lower-case letters, digits and \
                 underscores",
            );
        }
        let mut made =
            Field { name, ty: field.ty.clone(), id: None, calls: TokenStream::new(), default: None, ident };
        let description = doc(&field.attrs);
        if !description.is_empty() {
            made.calls.extend(quote!(.description(#description)));
        }
        let args = args(&field.attrs, "field", errors);
        for arg in &args {
            let read = self.arg(arg, &args, &mut made, errors);
            errors.keep(read);
        }
        Some(made)
    }

    fn arg(&self, arg: &Arg, all: &[Arg], made: &mut Field, errors: &mut Errors) -> syn::Result<()> {
        let span = arg.span();
        let method = Ident::new(&arg.name.to_string(), arg.name.span());
        let call = match arg.name.to_string().as_str() {
            "id" => {
                arg.flag()?;
                made.id = Some(span);
                return Ok(());
            }
            "title" | "unit" | "group" | "placeholder" | "help" | "pattern" | "accept" => {
                let text = arg.text()?;
                if text.value().trim().is_empty() {
                    return Err(syn::Error::new_spanned(
                        text,
                        format!("write something, or remove `{method}`"),
                    ));
                }
                quote_spanned!(span=> .#method(#text))
            }
            "min_len" | "max_len" | "max_bytes" => {
                let count = arg.count()?;
                quote_spanned!(span=> .#method(#count))
            }
            "scale" => scale(arg)?,
            "min" | "max" => bound(arg)?,
            "widget" => widget(arg, self.krate)?,
            "relation" => self.relation(arg, all)?,
            "label" => {
                if !all.iter().any(|other| other.name == "relation") {
                    let message = "`label` belongs to a relation: add `relation = Type`";
                    return Err(syn::Error::new_spanned(arg, message));
                }
                arg.text()?;
                return Ok(());
            }
            "default" => {
                let value = self.default(arg)?;
                let call = quote_spanned!(span=> .default_value(#value));
                made.default = Some(value);
                call
            }
            "readonly" | "sensitive" | "index" => {
                arg.flag()?;
                quote_spanned!(span=> .#method())
            }
            "list" | "filter" | "sort" | "search" => {
                let on = arg.switch()?;
                quote_spanned!(span=> .#method(#on))
            }
            "show_if" | "require_if" | "readonly_if" => {
                let expr = arg.value("(stage == \"won\" && !empty(owner))")?;
                let predicate = self.conditions.lower(expr, errors);
                quote_spanned!(span=> .#method(#predicate))
            }
            _ => return Err(unknown(&arg.name, "argument", &ARGS)),
        };
        made.calls.extend(call);
        Ok(())
    }

    fn relation(&self, arg: &Arg, all: &[Arg]) -> syn::Result<TokenStream> {
        let krate = self.krate;
        let label = all.iter().find(|other| other.name == "label");
        let label_text = label.map(Arg::text).transpose()?.map_or_else(String::new, |text| text.value());
        match arg.value("Customer")? {
            Expr::Path(target) => Ok(quote_spanned!(arg.span()=>
                .relation(<#target as #krate::Table>::PATH, #label_text)
            )),
            Expr::Lit(lit) if matches!(lit.lit, Lit::Str(_)) => {
                let text = arg.text()?;
                if !is_table_path(&text.value()) {
                    let message = "write the path of a table in another app, \"/sales/crm/customer.table\", or the \
                                   type of a table in this one";
                    return Err(syn::Error::new_spanned(text, message));
                }
                if label.is_none() {
                    let message =
                        "a relation to another app says which field people read: add `label = \"name\"`";
                    return Err(syn::Error::new_spanned(arg, message));
                }
                Ok(quote_spanned!(arg.span()=> .relation(#text, #label_text)))
            }
            other => Err(syn::Error::new_spanned(other, "write `relation = Type` with the type of a table")),
        }
    }

    fn default(&self, arg: &Arg) -> syn::Result<TokenStream> {
        let krate = self.krate;
        let value = arg.value("\"…\"")?;
        match value {
            Expr::Lit(lit) if matches!(lit.lit, Lit::Str(_) | Lit::Bool(_) | Lit::Int(_)) => {
                Ok(quote!(#krate::Value::from(#lit)))
            }
            Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => Ok(quote!(#krate::Value::from(#unary))),
            Expr::Path(path) => Ok(quote!(#krate::field::FieldType::to_json(&#path))),
            other => Err(syn::Error::new_spanned(
                other,
                "write a text, a whole number, true, false or the path of a value such as `Stage::New`",
            )),
        }
    }
}

/// Most decimal places of a scaled 64-bit integer that leave room for a whole part.
const MAX_SCALE: u64 = 12;

fn scale(arg: &Arg) -> syn::Result<TokenStream> {
    let count = arg.count()?;
    let scale = u32::try_from(count).unwrap_or(u32::MAX);
    if count > MAX_SCALE {
        return Err(syn::Error::new_spanned(
            arg,
            format!("a decimal has at most {MAX_SCALE} decimal places"),
        ));
    }
    Ok(quote_spanned!(arg.span()=> .scale(#scale)))
}

/// `min = 0` for every number, `min = 0.5` or `min = "0.5"` for decimals.
fn bound(arg: &Arg) -> syn::Result<TokenStream> {
    let (negative, value) = match arg.value("0")? {
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) => (true, &*unary.expr),
        value => (false, value),
    };
    let sign = if negative { "-" } else { "" };
    let refused = || Err(syn::Error::new_spanned(arg, format!("write `{} = 0`, a number", arg.name)));
    let Expr::Lit(lit) = value else { return refused() };
    let (suffix, text) = match &lit.lit {
        Lit::Int(whole) => ("whole", format!("{sign}{}", whole.base10_digits())),
        Lit::Float(number) => ("decimal", format!("{sign}{}", number.base10_digits())),
        Lit::Str(text) if is_decimal(&text.value()) => ("decimal", text.value()),
        _ => return refused(),
    };
    let method = Ident::new(&format!("{}_{suffix}", arg.name), arg.name.span());
    Ok(quote_spanned!(arg.span()=> .#method(#text)))
}

fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    plain(whole) && plain(rest)
}

fn widget(arg: &Arg, krate: &TokenStream) -> syn::Result<TokenStream> {
    let text = arg.text()?;
    let name = text.value();
    if !WIDGETS.contains(&name.as_str()) {
        let message = format!(
            "a text has the widget {}; any other follows from the field's type",
            WIDGETS.map(|name| format!("{name:?}")).join(", ")
        );
        return Err(syn::Error::new_spanned(text, message));
    }
    let variant = Ident::new(&names::human(&name), text.span());
    Ok(quote_spanned!(arg.span()=> .widget(#krate::Widget::#variant)))
}

fn is_table_path(text: &str) -> bool {
    text.strip_prefix('/')
        .and_then(|rest| rest.strip_suffix(".table"))
        .is_some_and(|rest| rest.split('/').all(names::is_code) && rest.split('/').count() >= 3)
}
