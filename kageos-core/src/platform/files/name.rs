//! Names of files, as they may be shown, stored and sent.

use crate::file::MAX_FILE_NAME;

/// What a file is called whose name has nothing in it.
const NAMELESS: &str = "file";

/// The name without folders, control characters and what turns text around; never empty, never longer than
/// [`MAX_FILE_NAME`] bytes. The ending stays.
#[must_use]
pub fn clean(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last.chars().filter(|letter| !letter.is_control() && !is_hidden(*letter)).collect();
    let name = plain.trim().trim_start_matches('.').trim();
    if name.is_empty() { NAMELESS.to_owned() } else { shortened(name) }
}

/// Letters that are not seen, or that change the order in which others are.
fn is_hidden(letter: char) -> bool {
    matches!(letter,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

fn shortened(name: &str) -> String {
    if name.len() <= MAX_FILE_NAME {
        return name.to_owned();
    }
    // An ending is short; what is longer belongs to the name.
    let ending =
        name.rfind('.').map(|at| &name[at..]).filter(|ending| ending.len() <= 16).unwrap_or_default();
    let mut end = MAX_FILE_NAME - ending.len();
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{ending}", &name[..end])
}

#[cfg(test)]
mod tests {
    use super::{MAX_FILE_NAME, clean};

    #[test]
    fn a_name_is_no_path_and_has_nothing_hidden() {
        assert_eq!(clean("report.pdf"), "report.pdf");
        assert_eq!(clean("../../etc/passwd"), "passwd");
        assert_eq!(clean("C:\\temp\\a.txt"), "a.txt");
        assert_eq!(clean("a\u{0}b\r\nc.txt"), "abc.txt");
        assert_eq!(clean("invoice\u{202e}fdp.exe"), "invoicefdp.exe");
        assert_eq!(clean("  .hidden "), "hidden");
        assert_eq!(clean(".."), "file");
        assert_eq!(clean(""), "file");
        assert_eq!(clean("报告.pdf"), "报告.pdf");
    }

    #[test]
    fn a_long_name_keeps_its_ending() {
        let name = clean(&format!("{}.pdf", "é".repeat(300)));
        assert!(name.len() <= MAX_FILE_NAME && name.ends_with("é.pdf"), "{name}");
        assert!(clean(&"x".repeat(1000)).len() == MAX_FILE_NAME);
    }
}
