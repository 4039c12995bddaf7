//! What an action does to the world: `effect(…)`, `timeout_ms`, `approval`, `audience(…)`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

use super::{Arg, unknown};
use crate::errors::Errors;

const EFFECTS: [&str; 7] = ["reads", "creates", "updates", "deletes", "external", "undoable", "idempotent"];
const AUDIENCES: [&str; 4] = ["people", "agents", "schedules", "public"];
/// Longest run that may be asked for: an hour. What takes longer is a schedule's work.
const MAX_TIMEOUT_MS: u64 = 3_600_000;

/// What the attribute says of the effect.
#[derive(Default)]
pub(crate) struct Effect {
    named: Option<Vec<String>>,
    timeout_ms: Option<u64>,
    approval: bool,
    audience: Vec<Ident>,
    audit: Option<Ident>,
}

impl Effect {
    /// The arguments it reads.
    pub(crate) const ARGS: [&'static str; 5] = ["effect", "timeout_ms", "approval", "audience", "audit"];

    /// Reads an argument; `false` when it is another's.
    pub(crate) fn read(&mut self, arg: &Arg, errors: &mut Errors) -> bool {
        match arg.name.to_string().as_str() {
            "effect" => self.effects(arg, errors),
            "timeout_ms" => self.timeout_ms = errors.keep(timeout(arg)),
            "audit" => self.audit = errors.keep(super::audit(arg)),
            "approval" => self.approval = errors.keep(arg.flag()).is_some(),
            "audience" => {
                let list = errors.keep(arg.list("people, agents")).unwrap_or_default();
                for name in list.iter().filter(|name| !AUDIENCES.iter().any(|it| *name == it)) {
                    errors.push(unknown(name, "audience", &AUDIENCES));
                }
                self.audience = list.to_vec();
            }
            _ => return false,
        }
        true
    }

    fn effects(&mut self, arg: &Arg, errors: &mut Errors) {
        let list = errors.keep(arg.list("creates, updates")).unwrap_or_default();
        for name in list.iter().filter(|name| !EFFECTS.iter().any(|it| *name == it)) {
            errors.push(unknown(name, "effect", &EFFECTS));
        }
        let names: Vec<String> = list.iter().map(Ident::to_string).collect();
        if let Some(undoable) = list.iter().find(|name| *name == "undoable")
            && names.iter().any(|name| name == "external")
        {
            errors
                .at(undoable, "what happens outside cannot be undone here: remove `undoable` or `external`");
        }
        self.named = Some(names);
    }

    /// The record. What is submitted or run has to say what it does.
    pub(crate) fn finish(
        self,
        of: &Ident,
        attribute: &str,
        krate: &TokenStream,
        errors: &mut Errors,
    ) -> TokenStream {
        let Some(named) = self.named else {
            let message = format!(
                "say what it does to the world: `#[{attribute}(effect(…))]` with some of {}",
                EFFECTS.join(", ")
            );
            errors.at(of, message);
            return TokenStream::new();
        };
        let has = |name: &str| named.iter().any(|it| it == name);
        let (creates, updates, deletes) = (has("creates"), has("updates"), has("deletes"));
        let (external, undoable) = (has("external"), has("undoable"));
        let changes = creates || updates || deletes || external;
        let (reads, idempotent) = (has("reads") || !changes, has("idempotent") || !changes);
        let timeout = self.timeout_ms.map(|ms| quote!(timeout_ms: #ms,));
        let approval = self.approval.then(|| quote!(approval: #krate::effect::Approval::Required,));
        let audience = (!self.audience.is_empty()).then(|| {
            let names = self
                .audience
                .iter()
                .map(|name| Ident::new(&crate::names::human(&name.to_string()), name.span()));
            quote!(audience: ::std::vec![#(#krate::effect::Audience::#names),*],)
        });
        let audit = self.audit.as_ref().map(|level| {
            let level = super::audit_level(Some(level), krate);
            quote!(audit: #level,)
        });
        quote! {
            #krate::effect::Effect {
                idempotent: #idempotent,
                undoable: #undoable,
                #timeout
                #approval
                #audience
                #audit
                ..#krate::effect::Effect::of(#krate::effect::Effects {
                    creates: #creates,
                    updates: #updates,
                    deletes: #deletes,
                    external: #external,
                    reads: #reads,
                })
            }
        }
    }
}

fn timeout(arg: &Arg) -> syn::Result<u64> {
    let count = arg.count()?;
    if (1..=MAX_TIMEOUT_MS).contains(&count) {
        return Ok(count);
    }
    Err(syn::Error::new_spanned(arg, format!("write a time from 1 to {MAX_TIMEOUT_MS} milliseconds")))
}
