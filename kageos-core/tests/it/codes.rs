//! The page of error codes is made from the codes.

use std::{fmt::Write as _, path::Path};

use kageos_core::Code;

const HEAD: &str = "# Error codes

Every refusal is `application/problem+json` (RFC 9457) with one of these codes. A code goes out once, never changes and
never gets a second meaning. *Again* says whether the same call may succeed later without a change; *exit* is the exit
status of a command that ends with it.

| code | status | exit | again | meaning |
| --- | --- | --- | --- | --- |
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    for code in Code::ALL {
        let again = if code.retryable() { "yes" } else { "no" };
        let (status, exit, title) = (code.status(), code.exit(), code.title());
        writeln!(page, "| `{code}` | {status} | {exit} | {again} | {title} |").unwrap();
    }
    page
}

/// `KAGEOS_BLESS=1` writes the page instead of comparing.
#[test]
#[expect(clippy::disallowed_methods, reason = "how a person asks a test to write what it would compare")]
fn the_page_of_error_codes_is_fresh() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors.md");
    if std::env::var_os("KAGEOS_BLESS").is_some() {
        std::fs::write(&file, page()).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(kept, page(), "docs/errors.md is stale; KAGEOS_BLESS=1 writes it");
}

#[test]
fn codes_are_distinct_and_carry_an_error_status() {
    let mut names: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Code::ALL.len());
    for code in Code::ALL {
        assert!((400..600).contains(&code.status()), "{code}");
        assert!((64..79).contains(&code.exit()), "{code}: exit statuses are those of sysexits.h");
        assert!(kageos_core::action::ActionName::new(code.as_str()).is_some(), "{code} is snake_case");
    }
}
