//! The grammar of paths and the laws of the tree.

use kageos_core::{Kind, ResourcePath, path::RESERVED_NAMESPACES};
use proptest::{prelude::*, sample::Index};

use super::arbitrary;

/// The grammar a second time, written from its sentence: `/{namespace}/{workspace}/{directory…}/{name}.{kind}`, codes
/// `^[a-z][a-z0-9_]{0,48}$`, at most 16 segments and 512 bytes, a kind only from the third segment on.
fn in_grammar(text: &str) -> bool {
    let Some(body) = text.strip_prefix('/') else { return false };
    let mut segments: Vec<&str> = body.split('/').collect();
    if text.len() > 512 || segments.len() > 16 || RESERVED_NAMESPACES.contains(&segments[0]) {
        return false;
    }
    if segments.len() >= 3
        && let Some(last) = segments.last_mut()
        && let Some((code, kind)) = last.rsplit_once('.')
        && ["form", "table", "chart", "docs", "fn"].contains(&kind)
    {
        *last = code;
    }
    segments.iter().all(|segment| {
        let mut letters = segment.chars();
        letters.next().is_some_and(|first| first.is_ascii_lowercase())
            && letters.clone().count() <= 48
            && letters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    })
}

#[track_caller]
fn check(text: &str) {
    let read = text.parse::<ResourcePath>();
    assert_eq!(read.is_ok(), in_grammar(text), "{text:?}: {read:?}");
    if let Ok(path) = read {
        assert_eq!(path.to_string(), text);
        assert_eq!(path.kind().is_some(), text.contains('.'));
    }
}

#[test]
fn the_edges_of_the_grammar() {
    let long = "a".repeat(49);
    for text in
        ["/a", "/a/b", "/a/b/c", "/a/b/c.fn", "/a/b/c/d.table", "/apis", "/a/api/mcp.docs", "/a_/b9/c_9"]
    {
        assert!(in_grammar(text));
        check(text);
    }
    for text in [
        "",
        "/",
        "a",
        "a/b",
        "//",
        "/a/",
        "//a",
        "/a//b",
        "/a.fn",
        "/a/b.table",
        "/a/b/.table",
        "/a/b/c.",
        "/a/b/c.Table",
        "/a/b/c.table.form",
        "/a/b/c.table/d",
        "/a/b/c.page",
        "/A",
        "/1a",
        "/_a",
        "/a-b",
        "/a/../b",
        "/a/./b",
        "/a/b/%63",
        "/a\\b",
        "/a b",
        "/a\0",
        "/a\n",
        "/é",
        "/ａ",
        "/api",
        "/readyz/x",
        "/a?b",
        "/a#b",
    ] {
        assert!(!in_grammar(text), "{text:?}");
        check(text);
    }
    check(&format!("/{long}"));
    check(&format!("/{long}a"));
    check(&"/a".repeat(16));
    check(&"/a".repeat(17));
    check(&format!("/{long}").repeat(11));
    for reserved in RESERVED_NAMESPACES {
        check(&format!("/{reserved}"));
        check(&format!("/x/{reserved}/{reserved}.fn"));
    }
}

#[derive(Debug, Clone)]
enum Mutation {
    Insert(Index, char),
    Replace(Index, char),
    Remove(Index),
    Repeat(Index),
    Append(&'static str),
    UpperCase(Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let nasty = || prop::sample::select("/.%\\ \0\n\t-_A9zé\u{202e}\u{ff41}?#:*".chars().collect::<Vec<_>>());
    prop_oneof![
        (any::<Index>(), nasty()).prop_map(|(at, c)| Mutation::Insert(at, c)),
        (any::<Index>(), nasty()).prop_map(|(at, c)| Mutation::Replace(at, c)),
        any::<Index>().prop_map(Mutation::Remove),
        any::<Index>().prop_map(Mutation::Repeat),
        prop::sample::select(vec!["/", "/.", "/..", ".table", ".fn", "/x.form", "%2F", "//"])
            .prop_map(Mutation::Append),
        any::<Index>().prop_map(Mutation::UpperCase),
    ]
}

fn mutate(text: &str, mutation: &Mutation) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    let size = letters.len().max(1);
    match mutation {
        _ if letters.is_empty() => {}
        Mutation::Insert(at, c) => letters.insert(at.index(size), *c),
        Mutation::Replace(at, c) => letters[at.index(size)] = *c,
        Mutation::Remove(at) => drop(letters.remove(at.index(size))),
        Mutation::Repeat(at) => letters.extend_from_within(at.index(size)..),
        Mutation::Append(tail) => letters.extend(tail.chars()),
        Mutation::UpperCase(at) => letters[at.index(size)].make_ascii_uppercase(),
    }
    letters.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_path_is_read_only_inside_the_grammar(
        path in arbitrary::path(),
        mutations in prop::collection::vec(mutation(), 1..4),
    ) {
        check(&mutations.iter().fold(path.to_string(), |text, mutation| mutate(&text, mutation)));
    }

    #[test]
    fn text_is_read_only_inside_the_grammar(text in "(/[a-z0-9_.A-Z]{0,6}){0,5}", any: String) {
        check(&text);
        check(&any);
        check(&format!("/{any}"));
    }
}

proptest! {
    #[test]
    fn ancestors_lead_from_the_namespace_to_the_path(path in arbitrary::path()) {
        let ancestors: Vec<_> = path.ancestors().collect();
        prop_assert_eq!(ancestors.len(), path.depth());
        prop_assert_eq!(ancestors.last(), Some(&path));
        prop_assert_eq!(ancestors[0].as_str(), format!("/{}", path.namespace()));
        for pair in ancestors.windows(2) {
            prop_assert_eq!(pair[1].parent(), Some(pair[0].clone()));
        }
        prop_assert_eq!(ancestors[0].parent(), None);
        for ancestor in &ancestors {
            prop_assert!(path.is_within(ancestor));
            prop_assert_eq!(ancestor, &ancestor.to_string().parse::<ResourcePath>().unwrap());
        }
    }

    #[test]
    fn is_within_says_what_ancestors_say(a in arbitrary::path(), b in arbitrary::path()) {
        prop_assert_eq!(a.is_within(&b), a.ancestors().any(|above| above == b));
        prop_assert_eq!(a.is_within(&b) && b.is_within(&a), a == b);
    }

    #[test]
    fn a_longer_code_is_not_below(path in arbitrary::path(), tail in "[a-z0-9_]{1,3}") {
        if path.kind().is_none() && let Ok(longer) = format!("{path}{tail}").parse::<ResourcePath>() {
            prop_assert!(!longer.is_within(&path));
            prop_assert!(!path.is_within(&longer));
        }
    }

    #[test]
    fn a_child_is_below_its_directory(path in arbitrary::path(), code in arbitrary::code()) {
        if let Ok(child) = path.directory(&code) {
            prop_assert_eq!(child.parent(), Some(path.clone()));
            prop_assert_eq!(child.code(), code.as_str());
            prop_assert_eq!(child.kind(), None);
        }
        for kind in Kind::ALL {
            if let Ok(child) = path.function(&code, kind) {
                prop_assert_eq!(child.parent(), Some(path.clone()));
                prop_assert_eq!((child.code(), child.kind()), (code.as_str(), Some(kind)));
            }
        }
    }

    #[test]
    fn parts_put_together_are_the_path(path in arbitrary::path()) {
        let codes: Vec<_> = path.segments().collect();
        let ending = path.kind().map(|kind| format!(".{kind}")).unwrap_or_default();
        prop_assert_eq!(format!("/{}{ending}", codes.join("/")), path.as_str());
        prop_assert_eq!(path.workspace().is_some(), path.depth() >= 2);
        if let Some(workspace) = path.workspace() {
            let inside = path.in_workspace();
            let whole = if inside.is_empty() { workspace.to_string() } else { format!("{workspace}/{inside}") };
            prop_assert_eq!(whole, path.as_str());
        }
    }
}
