//! The lines of `.con` and `.rel` files.
//!
//! ```text
//! c="<words>" <line>:<token> <line>:<token>||t="<kind>"
//! c="<words>" <line>:<token> <line>:<token>||r="<label>"||c="<words>" <line>:<token> <line>:<token>
//! ```
//!
//! The words are in lower case and may hold quotes. A concept may go on with `||a="<assertion>"`, which is not read.

use super::KINDS;
use super::text::{Place, Text};
use crate::error::{Error, shown};
use crate::format::Origin;
use crate::standoff::Span;

const CONCEPT: &str = "c=\"<words>\" <line>:<token> <line>:<token>||t=\"<kind>\"";
const RELATION: &str =
    "c=\"<words>\" <line>:<token> <line>:<token>||r=\"<label>\"||c=\"<words>\" <line>:<token> <line>:<token>";

/// A concept of a note; `span.line` is its line in the `.con` file.
#[derive(Debug, Clone)]
pub(super) struct Concept {
    pub(super) place: Place,
    pub(super) span: Span,
}

/// A relation between two concepts, in the order of the file.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    /// Places in the list of concepts.
    pub(super) concepts: [usize; 2],
    /// Place in the list of labels.
    pub(super) label: usize,
}

/// The concepts of a note, in the order of the file.
///
/// # Errors
/// A line of another form, an unknown kind, or words that do not stand where the line says.
pub(super) fn concepts(origin: Origin<'_>, file: &str, text: &Text<'_>) -> Result<Vec<Concept>, Error> {
    let concept = |(line, content): (usize, &str)| {
        let (words, place, rest) = mention(content).ok_or_else(|| malformed(origin, line, CONCEPT))?;
        let kind = quoted(rest, "||t=\"").map(|(kind, _)| kind).ok_or_else(|| malformed(origin, line, CONCEPT))?;
        let kind = KINDS.into_iter().find(|known| kind.eq_ignore_ascii_case(known)).ok_or_else(|| {
            let (path, label, known) = (origin.path.to_owned(), shown(kind), KINDS.join(", "));
            Error::UnknownLabel { path, line, label, known }
        })?;
        let found = text.find(place, words).map_err(|problem| misplaced(origin, line, problem))?;
        Ok(Concept { place, span: Span { start: found.start, end: found.end, kind, line } })
    };
    lines(file).map(concept).collect()
}

/// The relations of a note, in the order of the file.
///
/// # Errors
/// A line of another form, a label outside the list, words that do not stand where the line says, or a mention that is no
/// concept of the note.
pub(super) fn relations(
    origin: Origin<'_>,
    file: &str,
    text: &Text<'_>,
    concepts: &[Concept],
    labels: &[&str],
) -> Result<Vec<Relation>, Error> {
    let relation = |(line, content): (usize, &str)| {
        let (head_words, head, rest) = mention(content).ok_or_else(|| malformed(origin, line, RELATION))?;
        let (label, rest) = quoted(rest, "||r=\"").ok_or_else(|| malformed(origin, line, RELATION))?;
        let tail = rest.strip_prefix("||").and_then(mention);
        let (tail_words, tail, _) = tail.ok_or_else(|| malformed(origin, line, RELATION))?;
        let label = labels.iter().position(|known| *known == label).ok_or_else(|| {
            let (path, label, known) = (origin.path.to_owned(), shown(label), labels.join(", "));
            Error::UnknownLabel { path, line, label, known }
        })?;
        let kinds = kinds_of(labels[label]);
        let find = |place: Place, words: &str, kind: &str| {
            let found = text.find(place, words).map_err(|problem| misplaced(origin, line, problem))?;
            // The same words may be marked as two kinds: the one that fits the label is meant.
            let same = |concept: &Concept| (concept.span.start, concept.span.end) == (found.start, found.end);
            let fitting = concepts.iter().position(|concept| same(concept) && concept.span.kind == kind);
            fitting.or_else(|| concepts.iter().position(same)).ok_or_else(|| {
                let (from, to) = (place.first, place.last);
                let problem = format!("a mention at {}:{} {}:{}", from.0, from.1, to.0, to.1);
                origin.malformed(line, problem, "a concept of the note's .con file there")
            })
        };
        Ok(Relation { concepts: [find(head, head_words, kinds[0])?, find(tail, tail_words, kinds[1])?], label })
    };
    lines(file).map(relation).collect()
}

/// The kinds of a label's two mentions, by its first letters.
fn kinds_of(label: &str) -> [&'static str; 2] {
    match label {
        _ if label.starts_with("Te") => ["test", "problem"],
        _ if label.starts_with("Tr") => ["treatment", "problem"],
        _ => ["problem", "problem"],
    }
}

/// The lines that say something, counted from 1.
fn lines(file: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = file.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    lines.filter(|(_, line)| !line.is_empty())
}

/// `c="<words>" <line>:<token> <line>:<token>` and what follows; the words end at the first quote that a place follows.
fn mention(content: &str) -> Option<(&str, Place, &str)> {
    let content = content.strip_prefix("c=\"")?;
    content.match_indices('"').find_map(|(at, _)| {
        let behind = &content[at + 1..];
        let end = behind.find("||").unwrap_or(behind.len());
        Some((&content[..at], place(&behind[..end])?, &behind[end..]))
    })
}

fn place(text: &str) -> Option<Place> {
    let mut ends = text.strip_prefix(' ')?.split_whitespace().map(|end| {
        let (line, token) = end.split_once(':')?;
        Some((line.parse().ok()?, token.parse().ok()?))
    });
    let place = Place { first: ends.next()??, last: ends.next()?? };
    ends.next().is_none().then_some(place)
}

/// What stands between a prefix and the next quote, and what follows.
fn quoted<'a>(text: &'a str, prefix: &str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(prefix)?.split_once('"')
}

fn malformed(origin: Origin<'_>, line: usize, expected: &str) -> Error {
    origin.malformed(line, "a line of another form", expected)
}

fn misplaced(origin: Origin<'_>, line: usize, problem: String) -> Error {
    origin.malformed(line, problem, "the annotation's own words at its lines and tokens of the note")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const NOTE: &str = "Chest pain after the \"new\" drug .\n A ct showed chest pain\n";
    const LABELS: [&str; 3] = ["TrCP", "TeRP", "PIP"];

    fn read_concepts(file: &str) -> Result<Vec<Concept>, String> {
        concepts(Origin { path: Path::new("n.con"), stem: "n" }, file, &Text::new(NOTE))
            .map_err(|error| error.to_string())
    }

    fn read_relations(concepts_file: &str, file: &str) -> Result<Vec<Relation>, String> {
        let concepts = read_concepts(concepts_file)?;
        let origin = Origin { path: Path::new("n.rel"), stem: "n" };
        relations(origin, file, &Text::new(NOTE), &concepts, &LABELS).map_err(|error| error.to_string())
    }

    const PAIN: &str = "c=\"chest pain\" 1:0 1:1||t=\"problem\"\n";
    const DRUG: &str = "c=\"the \"new\" drug\" 1:3 1:5||t=\"treatment\"||a=\"present\"\r\n";

    #[test]
    fn concepts_may_hold_quotes_and_an_assertion() {
        let concepts = read_concepts(&format!("{PAIN}\n{DRUG}")).unwrap();
        let found: Vec<_> =
            concepts.iter().map(|c| (&NOTE[c.span.start..c.span.end], c.span.kind, c.span.line)).collect();
        assert_eq!(found, [("Chest pain", "problem", 1), ("the \"new\" drug", "treatment", 3)]);
    }

    #[test]
    fn relations_name_their_concepts() {
        let file = "c=\"the \"new\" drug\" 1:3 1:5||r=\"TrCP\"||c=\"chest pain\" 1:0 1:1\n";
        let relations = read_relations(&format!("{PAIN}{DRUG}"), file).unwrap();
        assert_eq!((relations[0].concepts, relations[0].label), ([1, 0], 0));
    }

    #[test]
    fn of_two_kinds_on_the_same_words_the_fitting_one_is_taken() {
        let concepts = "c=\"a ct\" 2:1 2:2||t=\"treatment\"\nc=\"a ct\" 2:1 2:2||t=\"test\"\n\
                        c=\"chest pain\" 2:4 2:5||t=\"problem\"\n";
        let file = "c=\"a ct\" 2:1 2:2||r=\"TeRP\"||c=\"chest pain\" 2:4 2:5";
        assert_eq!(read_relations(concepts, file).unwrap()[0].concepts, [1, 2]);
    }

    #[test]
    fn broken_lines_are_named_without_their_text() {
        for (file, problem) in [
            ("\npain 1:0 1:1", "n.con:2: a line of another form; expected c=\"<words>\""),
            ("c=\"chest pain\" 1:0 1:1", "n.con:1: a line of another form"),
            ("c=\"chest pain\" 1:0 1||t=\"problem\"", "n.con:1: a line of another form"),
            ("c=\"chest pain\" 1:0 1:1 1:2||t=\"problem\"", "n.con:1: a line of another form"),
            ("c=\"chest pain\" 1:0 1:-1||t=\"problem\"", "n.con:1: a line of another form"),
            ("c=\"chest pain\" 1:0 1:1||t=\"my pain\"", "n.con:1: label (not shown: 7 characters) is outside"),
            (
                "c=\"chest pain\" 1:1 1:2||t=\"problem\"",
                "n.con:1: other words at 1:1 1:2; expected the annotation's own",
            ),
            ("c=\"chest pain\" 1:0 4:1||t=\"problem\"", "n.con:1: a place from line 1 to line 4 of 3 lines"),
        ] {
            let error = read_concepts(file).unwrap_err();
            assert!(error.starts_with(problem) && !error.contains("pain"), "{error}");
        }
        for (file, problem) in [
            ("c=\"chest pain\" 1:0 1:1||r=\"PIP\"", "n.rel:1: a line of another form"),
            (
                "c=\"chest pain\" 1:0 1:1||r=\"XX\"||c=\"chest pain\" 1:0 1:1",
                "n.rel:1: label `XX` is outside the label set",
            ),
            (
                "c=\"chest pain\" 1:0 1:1||r=\"PIP\"||c=\"chest pain\" 2:4 2:5",
                "n.rel:1: a mention at 2:4 2:5; expected a",
            ),
            ("c=\"chest pain\" 1:0 1:1||r=\"PIP\"||c=\"chest pain\" 1:1 1:2", "n.rel:1: other words at 1:1 1:2"),
        ] {
            let error = read_relations(PAIN, file).unwrap_err();
            assert!(error.starts_with(problem) && !error.contains("pain"), "{error}");
        }
    }
}
