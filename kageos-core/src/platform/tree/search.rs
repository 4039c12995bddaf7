//! Finding nodes by path, title and tag.

use std::sync::Arc;

use super::node::Node;
use super::snapshot::Snapshot;

/// A node that was found, best first by `score`.
#[derive(Debug, Clone)]
pub struct Hit {
    /// The node.
    pub node: Arc<Node>,
    /// How well it matches; larger is better.
    pub score: u32,
}

/// Most words of a query that count.
const MAX_WORDS: usize = 8;

impl Snapshot {
    /// The nodes that match every word of `query` and that `visible` lets pass, best first, equal ones by path.
    #[must_use]
    pub fn search(&self, query: &str, visible: impl Fn(&Node) -> bool) -> Vec<Hit> {
        let folded = query.to_lowercase();
        let words: Vec<&str> = folded.split_whitespace().take(MAX_WORDS).collect();
        if words.is_empty() {
            return Vec::new();
        }
        let score = |node: &Arc<Node>| {
            let title = node.title.to_lowercase();
            let scores = words.iter().map(|word| score_word(node, &title, word));
            scores.sum::<Option<u32>>().map(|score| Hit { node: Arc::clone(node), score })
        };
        let mut hits: Vec<Hit> = self.nodes().filter_map(score).filter(|hit| visible(&hit.node)).collect();
        hits.sort_by(|one, other| {
            other.score.cmp(&one.score).then_with(|| one.node.path.cmp(&other.node.path))
        });
        hits
    }
}

/// How well one word matches a node; `None` for not at all.
fn score_word(node: &Node, title: &str, word: &str) -> Option<u32> {
    let code = node.path.code();
    let tag = |tag: &String| tag.to_lowercase() == word;
    let starts_word = |text: &str| text.split([' ', '_', '-', '/']).any(|part| part.starts_with(word));
    let scores = [
        (code == word || title == word, 100),
        (code.starts_with(word) || title.starts_with(word), 60),
        (node.tags.iter().any(tag), 50),
        (starts_word(title) || starts_word(code), 40),
        (title.contains(word), 20),
        (node.path.as_str().contains(word), 10),
    ];
    scores.into_iter().find_map(|(matches, score)| matches.then_some(score))
}
