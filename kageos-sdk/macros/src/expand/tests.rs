//! What the macros write, reviewed. `KAGEOS_BLESS=1 cargo test` writes the snapshots anew.

use std::path::Path;

use proc_macro2::TokenStream;
use quote::quote;

#[track_caller]
fn check(name: &str, expansion: syn::Result<TokenStream>) {
    let file = syn::parse2(expansion.expect("it expands")).expect("the expansion is Rust");
    let text = prettyplease::unparse(&file);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots").join(name);
    if option_env!("KAGEOS_BLESS").is_some() {
        std::fs::write(&path, text).expect("the snapshot is written");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "{name} differs; now it is\n{text}");
}

#[test]
fn a_table_expands_as_reviewed() {
    let input = quote! {
        /// A deal that is worked on.
        #[table(title = "Deals", path = "sales/deal", history, search = [name], sort = "-value")]
        pub struct Deal {
            #[field(id)]
            pub id: RowId,
            /// What it is called.
            #[field(title = "Deal", min_len = 2)]
            pub name: String,
            #[field(relation = Staff, label = "name", require_if = (stage == Stage::Won && !empty(name)))]
            pub owner: Option<RowId>,
            #[field(default = Stage::New)]
            pub stage: Stage,
            #[field(unit = "EUR", min = 0, scale = 4)]
            pub value: Decimal,
        }
    };
    check("table.rs", super::table(input));
}

#[test]
fn a_form_expands_as_reviewed() {
    let input = quote! {
        /// Close a deal.
        #[form(title = "Close deal", effect(updates, undoable), timeout_ms = 5000, approval)]
        struct CloseDeal {
            #[field(relation = Deal)]
            deal: RowId,
            won: bool,
            #[field(show_if = won, widget = "multiline")]
            note: Option<String>,
        }
    };
    check("form.rs", super::form(input));
}

#[track_caller]
fn mistakes(input: TokenStream) -> Vec<String> {
    let error = super::table(input).expect_err("it is wrong");
    error.into_iter().map(|error| error.to_string()).collect()
}

#[test]
fn mistakes_are_all_told_and_name_what_was_meant() {
    let told = mistakes(quote! {
        #[table(titel = "Deals", history = true)]
        struct Deal { #[field(min_length = 2, min_len = "2")] name: String, version: i64 }
    });
    assert_eq!(
        told,
        [
            "there is no argument `min_length`; one of: id, title, min_len, max_len, pattern, min, max, unit, scale, \
             widget, relation, label, accept, max_bytes, group, placeholder, help, default, readonly, sensitive, list, filter, sort, \
             index, search, show_if, require_if, readonly_if",
            "write `min_len = 3`",
            "there is no argument `titel`; did you mean `title`?",
            "write `history`",
            "a table has an id: add the field `#[field(id)] id: RowId`",
            "every row has `version` by itself; give the field another name",
        ]
    );
}
