//! Signs around the two mentions of a relation, so that a sentence classifier knows which two are meant.
//!
//! Source: the typed entity markers in punctuation form of Zhou & Chen 2021, "An Improved Baseline for Sentence-level Relation
//! Extraction" (<https://arxiv.org/abs/2102.01373>, section 3.2): `@ * type * head @` and `# ^ type ^ tail #`. They are
//! ordinary pieces of every vocabulary, so the embeddings need no new rows.

use std::cmp::Reverse;
use std::ops::Range;

use minim_datasets::{Mention, Related};

use crate::Error;
use crate::tokenizer::Anchors;

/// A text with its marks, and where they stand.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Marked {
    pub(crate) text: String,
    pub(crate) anchors: Anchors,
}

/// The signs of one of the two roles.
struct Signs {
    outer: char,
    inner: char,
}

const HEAD: Signs = Signs { outer: '@', inner: '*' };
const TAIL: Signs = Signs { outer: '#', inner: '^' };

/// One sign to insert, in an order that keeps nested mentions nested.
///
/// At one position closing signs come before opening ones; the mention that opened last closes first; the longer mention opens first, and
/// of two equal ones the head. The fields are compared in this order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Insertion {
    at: usize,
    opens: bool,
    other_end: Reverse<usize>,
    role: isize,
    mention: usize,
    sign: String,
}

/// Marks both mentions in text order; a text without mentions carries its marks already and passes unchanged.
pub(crate) fn mark(example: &Related) -> Result<Marked, Error> {
    let (head, tail) = match (&example.head, &example.tail) {
        (Some(head), Some(tail)) => (head, tail),
        (None, None) => {
            let anchors = Anchors { markers: stored_marks(&example.text), mentions: Vec::new() };
            return Ok(Marked { text: example.text.clone(), anchors });
        }
        _ => {
            return Err(Error::Example {
                id: example.id.clone(),
                what: "has only one of its two mentions, expected both or none".to_owned(),
            });
        }
    };
    let mut insertions = Vec::with_capacity(4);
    for (index, (mention, signs)) in [(head, HEAD), (tail, TAIL)].into_iter().enumerate() {
        check(example, mention)?;
        insertions.extend(signs_of(index, mention, &signs));
    }
    insertions.sort_unstable();
    Ok(insert(&example.text, &insertions))
}

fn check(example: &Related, mention: &Mention) -> Result<(), Error> {
    let Mention { start, end, .. } = *mention;
    if start < end && example.text.get(start..end).is_some() {
        return Ok(());
    }
    Err(Error::Example {
        id: example.id.clone(),
        what: format!(
            "a mention from byte {start} to {end} is empty, outside the text of {} bytes, or cuts a character",
            example.text.len()
        ),
    })
}

fn signs_of(index: usize, mention: &Mention, signs: &Signs) -> [Insertion; 2] {
    let Signs { outer, inner } = signs;
    let kind = mention.kind.replace('_', " ").to_lowercase();
    let role = index as isize;
    [
        Insertion {
            at: mention.start,
            opens: true,
            other_end: Reverse(mention.end),
            role,
            mention: index,
            sign: format!("{outer} {inner} {kind} {inner} "),
        },
        Insertion {
            at: mention.end,
            opens: false,
            other_end: Reverse(mention.start),
            role: -role,
            mention: index,
            sign: format!(" {outer}"),
        },
    ]
}

fn insert(text: &str, insertions: &[Insertion]) -> Marked {
    let mut marked = String::with_capacity(text.len() + 64);
    let mut markers = Vec::with_capacity(4);
    let mut mentions = vec![0..0; 2];
    let mut copied = 0;
    for insertion in insertions {
        marked.push_str(&text[copied..insertion.at]);
        copied = insertion.at;
        let start = marked.len();
        marked.push_str(&insertion.sign);
        markers.push(start..marked.len());
        if insertion.opens {
            mentions[insertion.mention].start = marked.len();
        } else {
            mentions[insertion.mention].end = start;
        }
    }
    marked.push_str(&text[copied..]);
    Marked { text: marked, anchors: Anchors { markers, mentions } }
}

/// Where a text marked by its makers has placeholders like `@drug$`.
fn stored_marks(text: &str) -> Vec<Range<usize>> {
    text.match_indices('@')
        .filter_map(|(at, _)| {
            let name = &text[at + 1..];
            let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))?;
            (end > 0 && name[end..].starts_with('$')).then(|| at..at + end + 2)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn related(text: &str, head: Option<(usize, usize)>, tail: Option<(usize, usize)>) -> Related {
        let mention = |kind: &str| {
            let kind = kind.to_owned();
            move |(start, end)| Mention { start, end, kind }
        };
        Related {
            id: "doc#1".to_owned(),
            text: text.to_owned(),
            head: head.map(mention("Drug")),
            tail: tail.map(mention("DRUG_N")),
            label: 0,
        }
    }

    fn text(text: &str, head: (usize, usize), tail: (usize, usize)) -> String {
        mark(&related(text, Some(head), Some(tail))).unwrap().text
    }

    #[test]
    fn mentions_are_marked_in_text_order() {
        assert_eq!(text("ab raises cd.", (0, 2), (10, 12)), "@ * drug * ab @ raises # ^ drug n ^ cd #.");
        assert_eq!(text("ab raises cd.", (10, 12), (0, 2)), "# ^ drug n ^ ab # raises @ * drug * cd @.");
    }

    #[test]
    fn nested_touching_and_crossing_mentions_keep_their_order() {
        let h = "@ * drug * ";
        let t = "# ^ drug n ^ ";
        for (head, tail, expected) in [
            ((0, 4), (1, 3), format!("{h}a{t}bc #d @")),
            ((0, 4), (0, 2), format!("{h}{t}ab #cd @")),
            ((0, 2), (0, 4), format!("{t}{h}ab @cd #")),
            ((0, 4), (2, 4), format!("{h}ab{t}cd # @")),
            ((2, 4), (0, 4), format!("{t}ab{h}cd @ #")),
            ((0, 4), (0, 4), format!("{h}{t}abcd # @")),
            ((0, 2), (2, 4), format!("{h}ab @{t}cd #")),
            ((2, 4), (0, 2), format!("{t}ab #{h}cd @")),
            ((0, 3), (1, 4), format!("{h}a{t}bc @d #")),
        ] {
            assert_eq!(text("abcd", head, tail), expected, "{head:?} {tail:?}");
        }
    }

    #[test]
    fn anchors_lie_on_signs_and_mentions() {
        let marked = mark(&related("é ab, cd", Some((3, 5)), Some((7, 9)))).unwrap();
        let at = |range: &Range<usize>| &marked.text[range.clone()];
        let markers: Vec<_> = marked.anchors.markers.iter().map(at).collect();
        assert_eq!(markers, ["@ * drug * ", " @", "# ^ drug n ^ ", " #"]);
        let mentions: Vec<_> = marked.anchors.mentions.iter().map(at).collect();
        assert_eq!(mentions, ["ab", "cd"]);
    }

    #[test]
    fn a_text_marked_by_its_makers_passes_unchanged() {
        let text = "a @drug$ b @Test-1_x$ c @ $ d@e.f @$ @open";
        let marked = mark(&related(text, None, None)).unwrap();
        assert_eq!(marked.text, text);
        assert_eq!(marked.anchors.markers, [2..8, 11..21]);
    }

    #[test]
    fn impossible_mentions_are_errors_without_text() {
        for (head, tail) in [
            (Some((0, 0)), Some((1, 2))),
            (Some((0, 99)), Some((1, 2))),
            (Some((0, 1)), Some((1, 2))),
            (Some((2, 1)), Some((1, 2))),
            (Some((3, 4)), None),
        ] {
            let error = mark(&related("é secret", head, tail)).unwrap_err().to_string();
            assert!(error.contains("doc#1") && !error.contains("secret"), "{error}");
        }
    }
}
