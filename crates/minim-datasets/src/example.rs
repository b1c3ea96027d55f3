//! The three kinds of example, and the rule that ties an example to its document.

use serde::{Deserialize, Serialize};

/// One text, or a pair of texts, with one label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labelled {
    /// Unique within the corpus; see [`document`].
    pub id: String,
    /// The text.
    pub text: String,
    /// The second text of a pair task (an entailment's hypothesis).
    pub text_pair: Option<String>,
    /// Index into the corpus's [`LabelSet`](crate::LabelSet).
    pub label: usize,
}

/// One sentence of words with one tag each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tagged {
    /// Unique within the corpus; see [`document`].
    pub id: String,
    /// The words, never empty.
    pub words: Vec<String>,
    /// One index into the corpus's [`LabelSet`](crate::LabelSet) per word.
    pub tags: Vec<usize>,
}

/// A typed span of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mention {
    /// Byte offset of the first byte, on a character boundary.
    pub start: usize,
    /// Byte offset after the last byte, on a character boundary; greater than `start`.
    pub end: usize,
    /// The entity's type, as the corpus names it.
    pub kind: String,
}

/// One text with the two mentions whose relation the label names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Related {
    /// Unique within the corpus; see [`document`].
    pub id: String,
    /// The text.
    pub text: String,
    /// The relation's first mention; `None` where the text carries its own marks. Mentions may overlap.
    pub head: Option<Mention>,
    /// The relation's second mention; `None` exactly where `head` is.
    pub tail: Option<Mention>,
    /// Index into the corpus's [`LabelSet`](crate::LabelSet).
    pub label: usize,
}

/// The document an example's id names: what stands before the last `#` (`doc-12#3` is of `doc-12`), or `None` where the
/// corpus does not say which document a sentence is from.
pub fn document(id: &str) -> Option<&str> {
    id.rsplit_once('#').map(|(document, _)| document)
}

/// What the readers need of any kind of example.
pub(crate) trait Example {
    fn id(&self) -> &str;
    /// Sets the label, or one per word, in the order in which the file has them.
    fn set_labels(&mut self, labels: Vec<usize>);
}

impl Example for Labelled {
    fn id(&self) -> &str {
        &self.id
    }
    fn set_labels(&mut self, labels: Vec<usize>) {
        self.label = labels.first().copied().unwrap_or_default();
    }
}

impl Example for Tagged {
    fn id(&self) -> &str {
        &self.id
    }
    fn set_labels(&mut self, labels: Vec<usize>) {
        self.tags = labels;
    }
}

impl Example for Related {
    fn id(&self) -> &str {
        &self.id
    }
    fn set_labels(&mut self, labels: Vec<usize>) {
        self.label = labels.first().copied().unwrap_or_default();
    }
}

/// Turns character offsets, half open, into the byte offsets of a [`Mention`]; `None` where they are empty, reversed or
/// beyond the text.
pub(crate) fn mention(text: &str, start: usize, end: usize, kind: &str) -> Option<Mention> {
    let byte = |at: usize| {
        let boundaries = text.char_indices().map(|(byte, _)| byte);
        boundaries.chain([text.len()]).nth(at)
    };
    let (start, end) = (start < end).then_some((byte(start)?, byte(end)?))?;
    Some(Mention { start, end, kind: kind.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_what_precedes_the_last_hash() {
        assert_eq!(document("doc-12#3"), Some("doc-12"));
        assert_eq!(document("a#b#3"), Some("a#b"));
        assert_eq!(document("train-12"), None);
    }

    #[test]
    fn characters_become_bytes() {
        let text = "é5 µg of ζ";
        let found = mention(text, 3, 5, "unit").unwrap();
        assert_eq!(&text[found.start..found.end], "µg");
        let last = mention(text, 9, 10, "letter").unwrap();
        assert_eq!((&text[last.start..last.end], last.end), ("ζ", text.len()));
    }

    #[test]
    fn offsets_that_hold_no_text_are_refused() {
        assert_eq!(mention("abc", 1, 1, "x"), None);
        assert_eq!(mention("abc", 2, 1, "x"), None);
        assert_eq!(mention("abc", 1, 4, "x"), None);
        assert_eq!(mention("abc", 0, usize::MAX, "x"), None);
    }
}
