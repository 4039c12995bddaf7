//! `#[derive(Chart)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Expr, Fields, Ident};

use crate::{
    attr::{self, Arg},
    errors::Errors,
    names,
};

const ARGS: [&str; 9] = ["title", "path", "mark", "x", "y", "unit", "source", "time", "audit"];
const MARKS: [&str; 5] = ["bar", "line", "area", "pie", "figure"];

struct Chart {
    title: String,
    path: String,
    mark: Option<String>,
    x: String,
    y: String,
    unit: Option<String>,
    source: Option<Expr>,
    time: bool,
    audit: Option<Ident>,
}

/// `#[derive(Chart)]`.
pub(crate) fn chart(input: TokenStream) -> syn::Result<TokenStream> {
    let input: DeriveInput = syn::parse2(input)?;
    let mut errors = Errors::default();
    let krate = attr::krate(&input.attrs, &mut errors);
    match &input.data {
        Data::Struct(data) if matches!(data.fields, Fields::Unit) => {}
        _ => {
            errors.at(&input.ident, format!("a chart is a struct without fields: `struct {};`", input.ident))
        }
    }
    let name = names::plain(&input.ident);
    let mut chart = Chart {
        title: names::human(&name),
        path: names::snake(&name),
        mark: None,
        x: String::new(),
        y: String::new(),
        unit: None,
        source: None,
        time: false,
        audit: None,
    };
    for arg in attr::args(&input.attrs, "chart", &mut errors) {
        let read = chart.arg(&arg);
        errors.keep(read);
    }
    if chart.mark.is_none() {
        errors.at(
            &input.ident,
            "say how it is drawn: `#[chart(mark = bar)]` with bar, line, area, pie or figure",
        );
    }
    errors.finish(implement(&input, &chart, &krate))
}

impl Chart {
    fn arg(&mut self, arg: &Arg) -> syn::Result<()> {
        match arg.name.to_string().as_str() {
            "title" => self.title = arg.text()?.value(),
            "path" => self.path = attr::path(arg)?,
            "mark" => self.mark = Some(mark(arg)?),
            "x" => self.x = arg.text()?.value(),
            "y" => self.y = arg.text()?.value(),
            "unit" => self.unit = Some(arg.text()?.value()),
            "audit" => self.audit = Some(attr::audit(arg)?),
            "time" => {
                arg.flag()?;
                self.time = true;
            }
            "source" => match arg.value("Customer")? {
                path @ Expr::Path(_) => self.source = Some(path.clone()),
                other => {
                    return Err(syn::Error::new_spanned(
                        other,
                        "write `source = Type` with the type of a table",
                    ));
                }
            },
            _ => return Err(attr::unknown(&arg.name, "argument", &ARGS)),
        }
        Ok(())
    }
}

fn mark(arg: &Arg) -> syn::Result<String> {
    let value = arg.value("bar")?;
    let Expr::Path(path) = value else {
        return Err(syn::Error::new_spanned(value, "write `mark = bar`, without quotes"));
    };
    let Some(ident) = path.path.get_ident() else {
        return Err(syn::Error::new_spanned(value, "write `mark = bar`"));
    };
    let name = ident.to_string();
    if MARKS.contains(&name.as_str()) { Ok(name) } else { Err(attr::unknown(ident, "mark", &MARKS)) }
}

fn implement(input: &DeriveInput, chart: &Chart, krate: &TokenStream) -> TokenStream {
    let Chart { title, x, y, time, .. } = chart;
    let (ident, path, description) = (&input.ident, format!("{}.chart", chart.path), attr::doc(&input.attrs));
    let mark = chart.mark.as_deref().map(|mark| syn::Ident::new(&names::human(mark), ident.span()));
    let option = |text: &Option<String>| match text {
        Some(text) => quote!(::core::option::Option::Some(::std::string::String::from(#text))),
        None => quote!(::core::option::Option::None),
    };
    let audit = attr::audit_level(chart.audit.as_ref(), krate);
    let unit = option(&chart.unit);
    let source = match &chart.source {
        Some(table) => quote! {
            ::core::option::Option::Some(::std::string::String::from(<#table as #krate::Table>::PATH))
        },
        None => quote!(::core::option::Option::None),
    };
    quote! {
        #[automatically_derived]
        impl #krate::Chart for #ident {
            const PATH: &'static str = #path;
            fn def() -> #krate::chart::ChartDef {
                #krate::chart::ChartDef {
                    path: ::std::string::String::from(#path),
                    title: ::std::string::String::from(#title),
                    description: ::std::string::String::from(#description),
                    mark: #krate::chart::Mark::#mark,
                    x: ::std::string::String::from(#x),
                    y: ::std::string::String::from(#y),
                    unit: #unit,
                    source: #source,
                    time: #time,
                    audit: #audit,
                }
            }
        }
    }
}
