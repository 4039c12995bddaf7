//! Documents are rendered, and nothing in them can act.

use kageos_core::ResourcePath;
use kageos_server::docs::{prose, render};

#[track_caller]
fn check(markdown: &str, html: &str) {
    let path: ResourcePath = "/demo/crm/runbook.docs".parse().unwrap();
    assert_eq!(render(markdown.to_owned(), &path).html, html, "{markdown}");
}

#[test]
fn markdown_becomes_html() {
    check("*a* ~~b~~ `c`", "<p><em>a</em> <del>b</del> <code>c</code></p>\n");
    check(
        "| a |\n|---|\n| b |\n",
        "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>b</td>\n</tr>\n</tbody>\n</table>\n",
    );
    check("```rust\nlet a;\n```", "<pre><code class=\"language-rust\">let a;\n</code></pre>\n");
}

#[test]
fn an_image_of_a_resource_alone_is_the_live_resource() {
    check("![Revenue](revenue.chart)", "<div data-kageos-embed=\"/demo/crm/revenue.chart\"></div>\n");
    check("![All](/sales/crm/a.table)", "<div data-kageos-embed=\"/sales/crm/a.table\"></div>\n");
    check("![Logo](/assets/logo.png)", "<p><img src=\"/assets/logo.png\" alt=\"Logo\"></p>\n");
    check("see ![Revenue](revenue.chart)", "<p>see <img src=\"revenue.chart\" alt=\"Revenue\"></p>\n");
    check(
        "<div data-kageos-embed=\"/demo/crm/a.form\"></div>",
        "<div data-kageos-embed=\"/demo/crm/a.form\"></div>\n",
    );
    check("<div data-kageos-embed=\"javascript:1\"></div>", "<div></div>\n");
}

#[test]
fn nothing_in_a_document_can_act() {
    let path: ResourcePath = "/demo/crm/runbook.docs".parse().unwrap();
    let hostile = [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[a](javascript:alert(1))",
        "[a](JaVaScRiPt:alert(1))",
        "[a](data:text/html;base64,PHNjcmlwdD4=)",
        "<a href=\"vbscript:x\">a</a>",
        "<iframe src=\"https://evil.test\"></iframe>",
        "<svg><script>alert(1)</script></svg>",
        "<style>body{display:none}</style>",
        "<div style=\"position:fixed\">a</div>",
        "<form action=\"https://evil.test\"><input name=a></form>",
        "<math><mtext></p><style><img src onerror=alert(1)>",
        "<a id=\"app\" name=\"app\">a</a>",
        "<base href=\"https://evil.test\">",
        "<meta http-equiv=refresh content=\"0;url=https://evil.test\">",
        "<input type=\"text\">",
        "# <a onclick=x>t</a>",
    ];
    for markdown in hostile {
        for html in [render(markdown.to_owned(), &path).html, prose(markdown)].map(|it| it.to_lowercase()) {
            for bad in [
                "<script",
                "<style",
                "<iframe",
                "<form",
                "<svg",
                "<base",
                "<meta",
                "javascript:",
                "vbscript:",
                "data:",
                " onerror=\"",
                " onclick",
                " style=",
                "\"app\"",
                "type=\"text\"",
            ] {
                assert!(!html.contains(bad), "{markdown} became {html}");
            }
        }
    }
}

#[test]
fn a_text_in_a_field_has_no_anchors() {
    assert_eq!(
        prose("# A *b*\n\n![x](a.chart)"),
        "<h1>A <em>b</em></h1>\n<p><img src=\"a.chart\" alt=\"x\"></p>\n"
    );
}

#[test]
fn headings_are_listed_with_their_anchors() {
    let path: ResourcePath = "/demo/crm/runbook.docs".parse().unwrap();
    let output = render("# Über *uns*\n\n## Same\n\n## Same\n".to_owned(), &path);
    let toc: Vec<_> = output
        .toc
        .iter()
        .map(|heading| (heading.level, heading.id.as_str(), heading.title.as_str()))
        .collect();
    assert_eq!(toc, [(1, "doc-über-uns", "Über uns"), (2, "doc-same", "Same"), (2, "doc-same-1", "Same")]);
    for heading in &output.toc {
        assert!(output.html.contains(&format!("id=\"{}\"", heading.id)), "{}", output.html);
    }
}
