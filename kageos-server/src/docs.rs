//! Documents: Markdown in, sanitised HTML and headings out.
//!
//! A paragraph that is nothing but an image of a resource, `![Revenue](revenue.chart)`, stands for the live
//! resource: it becomes `<div data-kageos-embed="/demo/crm/revenue.chart">`, which the web application fills as the
//! reader, with the reader's rights. Other readers of the Markdown see a link with a text.

use std::{
    borrow::Cow,
    collections::HashSet,
    fmt,
    sync::atomic::{AtomicUsize, Ordering},
};

use ammonia::Builder;
use comrak::{
    Anchorizer, Arena, Options,
    adapters::{HeadingAdapter, HeadingMeta},
    format_html_with_plugins, markdown_to_html,
    nodes::{AstNode, NodeHtmlBlock, NodeValue, Sourcepos},
    options::Plugins,
    parse_document,
};
use kageos_core::{Error, Reply, ResourcePath, Result};
use serde::Deserialize;
use serde_json::value::to_raw_value;

use crate::wire::{DocsHeading, DocsOutput};

/// What every anchor starts with, so that no heading can take the id of something else on the page.
const ANCHOR: &str = "doc-";
/// The attribute that names the live resource.
const EMBED: &str = "data-kageos-embed";

#[derive(Deserialize)]
struct Source {
    markdown: String,
}

/// The reply of a document's `read` with the rendered document.
///
/// # Errors
/// When the host's output is not a document.
pub(crate) fn rendered(reply: Reply, path: &ResourcePath) -> Result<Reply> {
    let source: Source = serde_json::from_str(reply.output.get()).map_err(Error::internal)?;
    let output = to_raw_value(&render(source.markdown, path)).map_err(Error::internal)?;
    Ok(Reply { output: output.into(), ..reply })
}

/// Renders the document at `path`.
#[must_use]
pub fn render(markdown: String, path: &ResourcePath) -> DocsOutput {
    let options = options();
    let arena = Arena::new();
    let root = parse_document(&arena, &markdown, &options);
    let nodes: Vec<_> = root.descendants().collect();
    nodes.into_iter().for_each(|node| embed(node, path));
    let anchors = Anchors { toc: headings(root), next: AtomicUsize::new(0) };
    let mut plugins = Plugins::default();
    plugins.render.heading_adapter = Some(&anchors);
    let mut html = String::new();
    // Writing into a text does not fail.
    let _ = format_html_with_plugins(root, &options, &mut html, &plugins);
    DocsOutput { html: sanitise(&html), toc: anchors.toc, markdown }
}

/// Renders a text that stands in a field: without anchors, and nothing in it comes alive.
#[must_use]
pub fn prose(text: &str) -> String {
    sanitise(&markdown_to_html(text, &options()))
}

/// Gives each heading the anchor that it has in the list of headings.
struct Anchors {
    toc: Vec<DocsHeading>,
    next: AtomicUsize,
}

impl HeadingAdapter for Anchors {
    fn enter(&self, output: &mut dyn fmt::Write, heading: &HeadingMeta, _: Option<Sourcepos>) -> fmt::Result {
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        let anchor = self.toc.get(at).map_or("", |heading| heading.id.as_str());
        write!(output, "<h{} id=\"{anchor}\">", heading.level)
    }

    fn exit(&self, output: &mut dyn fmt::Write, heading: &HeadingMeta) -> fmt::Result {
        writeln!(output, "</h{}>", heading.level)
    }
}

fn options() -> Options<'static> {
    let mut options = Options::default();
    options.extension.strikethrough = true;
    options.extension.table = true;
    options.extension.autolink = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    // All HTML comes through; what is not on the list of `sanitise` goes there.
    options.render.r#unsafe = true;
    options
}

/// Turns a paragraph that is only an image of a resource into the place of the live resource.
fn embed<'a>(node: &'a AstNode<'a>, document: &ResourcePath) {
    if !matches!(node.data().value, NodeValue::Paragraph) {
        return;
    }
    let Some(only) = node.first_child().filter(|child| child.next_sibling().is_none()) else { return };
    let target = match &only.data().value {
        NodeValue::Image(image) => resource(&image.url, document),
        _ => None,
    };
    let Some(target) = target else { return };
    only.detach();
    let literal = format!("<div {EMBED}=\"{target}\"></div>\n");
    node.data_mut().value = NodeValue::HtmlBlock(NodeHtmlBlock { block_type: 6, literal });
}

/// The resource that an address names: a whole path, or one beside the document.
fn resource(address: &str, document: &ResourcePath) -> Option<ResourcePath> {
    let whole = if address.starts_with('/') {
        address.parse().ok()
    } else {
        format!("{}/{address}", document.parent()?).parse().ok()
    };
    whole.filter(|path: &ResourcePath| path.kind().is_some())
}

fn headings<'a>(root: &'a AstNode<'a>) -> Vec<DocsHeading> {
    let mut anchors = Anchorizer::new();
    let heading = |node: &'a AstNode<'a>| match &node.data().value {
        NodeValue::Heading(heading) => Some((heading.level, node.collect_text())),
        _ => None,
    };
    let found = root.descendants().filter_map(heading);
    let anchored = found.map(|(level, title)| {
        let id = format!("{ANCHOR}{}", anchors.anchorize(&title));
        DocsHeading { id, level, title }
    });
    anchored.collect()
}

fn sanitise(html: &str) -> String {
    let mut builder = Builder::default();
    for heading in ["h1", "h2", "h3", "h4", "h5", "h6"] {
        builder.add_tag_attributes(heading, ["id"]);
    }
    builder
        .add_tags(["input"])
        .add_tag_attributes("input", ["type", "checked", "disabled"])
        .add_tag_attributes("div", [EMBED])
        .add_tag_attributes("code", ["class"])
        .link_rel(Some("noopener noreferrer"))
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .attribute_filter(|element, attribute, value| match (element, attribute) {
            (_, "id") => value.starts_with(ANCHOR).then_some(Cow::Borrowed(value)),
            ("code", "class") => value.starts_with("language-").then_some(Cow::Borrowed(value)),
            ("input", "type") => (value == "checkbox").then_some(Cow::Borrowed(value)),
            ("div", EMBED) => value.parse::<ResourcePath>().is_ok().then_some(Cow::Borrowed(value)),
            _ => Some(Cow::Borrowed(value)),
        });
    builder.clean(html).to_string()
}
