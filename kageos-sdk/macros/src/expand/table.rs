//! `#[derive(Table)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Expr, Ident, Lit, spanned::Spanned};

use super::object;
use crate::{
    attr::{self, Arg, Field},
    errors::Errors,
    names,
};

const ARGS: [&str; 7] = ["title", "path", "history", "search", "sort", "hooks", "audit"];
/// What every row has by itself, so that no field may be called so.
const OF_EVERY_ROW: [&str; 4] = ["version", "created_at", "updated_at", "deleted_at"];

struct Table {
    title: String,
    path: String,
    history: bool,
    audit: Option<Ident>,
    hooks: bool,
    search: Vec<String>,
    sort: Vec<(String, bool)>,
}

/// `#[derive(Table)]`.
pub(crate) fn table(input: TokenStream) -> syn::Result<TokenStream> {
    let input: DeriveInput = syn::parse2(input)?;
    let mut errors = Errors::default();
    let krate = attr::krate(&input.attrs, &mut errors);
    let fields = attr::fields(&input, "Table", &krate, &mut errors);
    let table = read(&input, &fields, &mut errors);
    let id = the_id(&input, &fields, &mut errors);
    let object = object::implement(&input.ident, &fields, &krate);
    let made = id.map(|id| implement(&input, &table, id, &krate));
    errors.finish(quote!(#object #made))
}

fn the_id<'a>(input: &DeriveInput, fields: &'a [Field], errors: &mut Errors) -> Option<&'a Field> {
    let mut ids = fields.iter().filter(|field| field.id.is_some());
    let first = ids.next();
    for span in ids.filter_map(|field| field.id) {
        errors.push(syn::Error::new(span, "a table has one id; remove this one"));
    }
    match first {
        Some(id) if id.name != "id" => {
            errors.at(&id.ident, "call it `id`: every row has its id under this name")
        }
        Some(_) => {}
        None => errors.at(&input.ident, "a table has an id: add the field `#[field(id)] id: RowId`"),
    }
    for field in fields.iter().filter(|field| OF_EVERY_ROW.contains(&field.name.as_str())) {
        errors.at(
            &field.ident,
            format!("every row has `{}` by itself; give the field another name", field.name),
        );
    }
    first
}

fn read(input: &DeriveInput, fields: &[Field], errors: &mut Errors) -> Table {
    let name = names::plain(&input.ident);
    let mut table = Table {
        title: names::human(&name),
        path: names::snake(&name),
        history: false,
        audit: None,
        hooks: false,
        search: Vec::new(),
        sort: Vec::new(),
    };
    for arg in attr::args(&input.attrs, "table", errors) {
        let read = table.arg(&arg, fields, errors);
        errors.keep(read);
    }
    table
}

impl Table {
    fn arg(&mut self, arg: &Arg, fields: &[Field], errors: &mut Errors) -> syn::Result<()> {
        match arg.name.to_string().as_str() {
            "title" => self.title = arg.text()?.value(),
            "path" => self.path = attr::path(arg)?,
            "history" => {
                arg.flag()?;
                self.history = true;
            }
            "audit" => self.audit = Some(attr::audit(arg)?),
            "hooks" => {
                arg.flag()?;
                self.hooks = true;
            }
            "search" => {
                let known: Vec<&str> = own(fields).collect();
                for value in arg.values("[name, email]")? {
                    self.search.extend(errors.keep(field_name(value, &known)));
                }
            }
            "sort" => {
                let known: Vec<&str> = own(fields).chain(["id"]).collect();
                for value in arg.values("\"-name\"")? {
                    self.sort.extend(errors.keep(step(value, &known)));
                }
            }
            _ => return Err(attr::unknown(&arg.name, "argument", &ARGS)),
        }
        Ok(())
    }
}

fn own(fields: &[Field]) -> impl Iterator<Item = &str> {
    fields.iter().filter(|field| field.id.is_none()).map(|field| field.name.as_str())
}

/// A field's name, written bare or as text.
fn field_name(value: &Expr, known: &[&str]) -> syn::Result<String> {
    let ident = match value {
        Expr::Path(path) => path.path.get_ident().cloned(),
        Expr::Lit(lit) => match &lit.lit {
            Lit::Str(text) => text.parse().ok(),
            _ => None,
        },
        _ => None,
    };
    let Some(ident) = ident else {
        return Err(syn::Error::new_spanned(value, "write the name of a field"));
    };
    let name = names::plain(&ident);
    if known.contains(&name.as_str()) { Ok(name) } else { Err(attr::unknown(&ident, "field", known)) }
}

/// One step of an order: `"name"`, or `"-name"` for largest first.
fn step(value: &Expr, known: &[&str]) -> syn::Result<(String, bool)> {
    if let Expr::Lit(lit) = value
        && let Lit::Str(text) = &lit.lit
        && let Some(name) = text.value().strip_prefix('-')
    {
        let ident = syn::parse_str::<syn::Ident>(name)
            .map_err(|_| syn::Error::new(value.span(), "write the name of a field after the minus"))?;
        let ident = syn::Ident::new(&names::plain(&ident), value.span());
        let found = known.contains(&names::plain(&ident).as_str());
        return if found {
            Ok((names::plain(&ident), true))
        } else {
            Err(attr::unknown(&ident, "field", known))
        };
    }
    field_name(value, known).map(|name| (name, false))
}

fn implement(input: &DeriveInput, table: &Table, id: &Field, krate: &TokenStream) -> TokenStream {
    let (ident, id_ident) = (&input.ident, &id.ident);
    let Table { title, history, hooks, search, .. } = table;
    let path = format!("{}.table", table.path);
    let description = attr::doc(&input.attrs);
    let audit = attr::audit_level(table.audit.as_ref(), krate);
    let sort = table.sort.iter().map(|(field, desc)| {
        quote!(#krate::schema::Sort { field: ::std::string::String::from(#field), desc: #desc })
    });
    let no_hooks = (!hooks).then(|| {
        quote! {
            #[automatically_derived]
            impl #krate::TableHooks for #ident {}
        }
    });
    quote! {
        #[automatically_derived]
        impl #krate::Table for #ident {
            const PATH: &'static str = #path;
            const HOOKED: bool = #hooks;
            fn def() -> #krate::def::TableDef {
                #krate::field::with_search(#krate::def::TableDef {
                    path: ::std::string::String::from(#path),
                    title: ::std::string::String::from(#title),
                    description: ::std::string::String::from(#description),
                    fields: <Self as #krate::Object>::fields(),
                    search: ::std::vec![#(::std::string::String::from(#search)),*],
                    history: #history,
                    default_sort: ::std::vec![#(#sort),*],
                    audit: #audit,
                })
            }
            fn id(&self) -> #krate::RowId {
                self.#id_ident
            }
        }
        #no_hooks

        #[automatically_derived]
        impl #krate::Wire for #ident {
            fn schema() -> #krate::Value {
                #krate::lower::row_object_schema::<Self>()
            }
            fn to_json(&self) -> #krate::Value {
                #krate::Value::Object(<Self as #krate::Object>::to_map(self))
            }
            fn read(value: #krate::Value, reader: &mut #krate::field::Reader) -> ::core::option::Option<Self> {
                reader.object::<Self>(value)
            }
        }
    }
}
