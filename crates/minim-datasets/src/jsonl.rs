//! JSON lines: one example an object, in `train.jsonl`, `validation.jsonl` and `test.jsonl`, and `labels.json`.
//!
//! The keys of the first training example say what kind the corpus is:
//!
//! - sequence classification: `{"id": "a", "text": "..", "text_pair": "..", "label": "x"}`
//! - tagged words, by the key `words`: `{"id": "a", "words": ["..", ".."], "tags": ["O", "B-x"]}`
//! - relations, by the key `head`: `{"id": "a", "text": "..", "head": {"start": 0, "end": 4, "kind": "drug"}, "tail": {..},
//!   "label": "x"}`, where `start` and `end` count characters as Python does, half open; both mentions are `null` in a
//!   text that carries its own marks
//!
//! Labels are names, or whole numbers taken as names. `id` may be absent (then it is `<file>-<line>`), and `text_pair`.
//! The label set is the list in `labels.json` if that file is there, else the labels of the training file, sorted.

use std::collections::HashMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::bio::check_tag;
use crate::dataset::{Dataset, Kind};
use crate::error::Error;
use crate::example::{Labelled, Mention, Related, Tagged, mention};
use crate::format::{Format, Origin};
use crate::record::{JsonName, Labelling, Name, Record, labels_file};
use crate::source::{SplitFiles, read_text};

/// The format of sequence classification.
pub(crate) const SEQUENCE: Format<Labelled> =
    Format { expected: r#"lines of {"id": .., "text": .., "label": ..}"#, parse: parse_sequence };
/// The format of tagged words.
pub(crate) const TOKENS: Format<Tagged> =
    Format { expected: r#"lines of {"id": .., "words": [..], "tags": [..]}"#, parse: parse_tokens };
/// The format of relations.
pub(crate) const RELATIONS: Format<Related> = Format {
    expected: r#"lines of {"id": .., "text": .., "head": {"start": .., "end": .., "kind": ..}, "tail": {..}, "label": ..}"#,
    parse: parse_relations,
};

const FILES: SplitFiles =
    SplitFiles { train: &["train.jsonl"], validation: &["validation.jsonl"], test: &["test.jsonl"] };

/// Reads a corpus of JSON lines, of whichever kind it is.
///
/// # Errors
/// As [`Corpus::read`](crate::Corpus::read).
pub(crate) fn read(root: &Path) -> Result<Dataset, Error> {
    let [train, ..] = FILES.find(root)?;
    let labels = labels_file(root)?;
    match kind_of(&read_text(&train, SEQUENCE.expected)?) {
        Kind::Sequence => SEQUENCE.read_splits(root, FILES, labels).map(Dataset::from),
        Kind::Tokens => TOKENS.read_splits(root, FILES, labels).map(Dataset::from),
        Kind::Relations => RELATIONS.read_splits(root, FILES, labels).map(Dataset::from),
    }
}

/// The kind of the first line; a line that cannot be read is left to the parser to complain about.
fn kind_of(text: &str) -> Kind {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    match serde_json::from_str::<HashMap<String, IgnoredAny>>(first) {
        Ok(object) if object.contains_key("words") => Kind::Tokens,
        Ok(object) if object.contains_key("head") => Kind::Relations,
        _ => Kind::Sequence,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SequenceLine {
    id: Option<JsonName>,
    text: String,
    text_pair: Option<String>,
    label: Option<JsonName>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TokensLine {
    id: Option<JsonName>,
    words: Vec<String>,
    tags: Option<Vec<JsonName>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RelationsLine {
    id: Option<JsonName>,
    text: String,
    head: Option<MentionObject>,
    tail: Option<MentionObject>,
    label: Option<JsonName>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MentionObject {
    start: usize,
    end: usize,
    kind: String,
}

fn parse_sequence(origin: Origin<'_>, text: &str, labelling: Labelling) -> Result<Vec<Record<Labelled>>, Error> {
    objects(origin, text, SEQUENCE.expected, |line, object: SequenceLine| {
        need_text(origin, line, &object.text)?;
        let names = label(origin, line, object.label, labelling)?;
        let id = id(origin, line, object.id);
        Ok(Record { line, names, example: Labelled { id, text: object.text, text_pair: object.text_pair, label: 0 } })
    })
}

fn parse_tokens(origin: Origin<'_>, text: &str, labelling: Labelling) -> Result<Vec<Record<Tagged>>, Error> {
    objects(origin, text, TOKENS.expected, |line, TokensLine { id: given, words, tags }| {
        if words.is_empty() || words.iter().any(String::is_empty) {
            return Err(origin.malformed(line, "no words, or an empty one", "at least one word, none empty"));
        }
        let names: Vec<Name> = match (labelling, tags) {
            (Labelling::Ignored, _) => Vec::new(),
            (Labelling::Required, None) => {
                return Err(origin.malformed(line, "no tags", "one tag per word"));
            }
            (Labelling::Required, Some(tags)) => tags.into_iter().map(|tag| Name { line, text: tag.into() }).collect(),
        };
        names.iter().try_for_each(|tag| check_tag(origin, line, &tag.text))?;
        if labelling == Labelling::Required && names.len() != words.len() {
            let problem = format!("words: {}, tags: {}", words.len(), names.len());
            return Err(origin.malformed(line, problem, "one tag per word"));
        }
        let example = Tagged { id: id(origin, line, given), tags: vec![0; words.len()], words };
        Ok(Record { line, names, example })
    })
}

fn parse_relations(origin: Origin<'_>, text: &str, labelling: Labelling) -> Result<Vec<Record<Related>>, Error> {
    objects(origin, text, RELATIONS.expected, |line, object: RelationsLine| {
        need_text(origin, line, &object.text)?;
        if object.head.is_some() != object.tail.is_some() {
            return Err(origin.malformed(line, "one mention of two", "both head and tail, or neither"));
        }
        let span = |given: Option<MentionObject>, name: &str| -> Result<Option<Mention>, Error> {
            let Some(MentionObject { start, end, kind }) = given else {
                return Ok(None);
            };
            let found = mention(&object.text, start, end, &kind).ok_or_else(|| {
                let problem = format!("{name} from {start} to {end} in {} characters", object.text.chars().count());
                origin.malformed(line, problem, "start < end, within the text")
            })?;
            Ok(Some(found))
        };
        let (head, tail) = (span(object.head, "head")?, span(object.tail, "tail")?);
        let names = label(origin, line, object.label, labelling)?;
        let id = id(origin, line, object.id);
        Ok(Record { line, names, example: Related { id, text: object.text, head, tail, label: 0 } })
    })
}

/// Reads each line that is not blank. serde's own message is not passed on: it quotes the data.
fn objects<T: DeserializeOwned, E>(
    origin: Origin<'_>,
    text: &str,
    expected: &str,
    record: impl Fn(usize, T) -> Result<Record<E>, Error>,
) -> Result<Vec<Record<E>>, Error> {
    let lines = text.lines().enumerate().filter(|(_, content)| !content.trim().is_empty());
    lines
        .map(|(index, content)| {
            let line = index + 1;
            let object = serde_json::from_str(content).map_err(|error| {
                let problem = match error.classify() {
                    serde_json::error::Category::Data => "another key or another type of value, before column",
                    _ => "not JSON at column",
                };
                origin.malformed(line, format!("{problem} {}", error.column()), expected)
            })?;
            record(line, object)
        })
        .collect()
}

fn id(origin: Origin<'_>, line: usize, given: Option<JsonName>) -> String {
    given.map_or_else(|| format!("{}-{line}", origin.stem), String::from)
}

fn need_text(origin: Origin<'_>, line: usize, text: &str) -> Result<(), Error> {
    if text.trim().is_empty() {
        return Err(origin.malformed(line, "the text is empty", "each line to have one"));
    }
    Ok(())
}

fn label(origin: Origin<'_>, line: usize, given: Option<JsonName>, labelling: Labelling) -> Result<Vec<Name>, Error> {
    match (labelling, given) {
        (Labelling::Ignored, _) => Ok(Vec::new()),
        (Labelling::Required, Some(JsonName::Text(text))) if text.is_empty() => {
            Err(origin.malformed(line, "the label is empty", "each line to have one"))
        }
        (Labelling::Required, Some(name)) => Ok(vec![Name { line, text: name.into() }]),
        (Labelling::Required, None) => Err(origin.malformed(line, "no label", "each line to have one")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORIGIN: fn() -> Origin<'static> = || Origin { path: Path::new("x.jsonl"), stem: "train" };

    #[test]
    fn the_first_line_tells_the_kind() {
        assert_eq!(kind_of("\n{\"text\": \"a\", \"label\": 0}\n"), Kind::Sequence);
        assert_eq!(kind_of("{\"words\": [], \"tags\": []}"), Kind::Tokens);
        assert_eq!(kind_of("not json"), Kind::Sequence);
        assert_eq!(kind_of("{\"text\": \"a\", \"head\": null, \"tail\": null}"), Kind::Relations);
    }

    #[test]
    fn names_and_numbers_are_labels_and_ids() {
        let text = "{\"text\": \"a\", \"label\": 0}\r\n\r\n{\"id\": 9, \"text\": \"b\", \"text_pair\": \"c\", \"label\": \"x\"}";
        let records = parse_sequence(ORIGIN(), text, Labelling::Required).unwrap();
        assert_eq!((records[0].example.id.as_str(), records[0].names[0].text.as_str()), ("train-1", "0"));
        assert_eq!((records[1].example.id.as_str(), records[1].line), ("9", 3));
        assert_eq!(records[1].example.text_pair.as_deref(), Some("c"));
    }

    #[test]
    fn offsets_are_characters() {
        let text = r#"{"text": "µg of Ärzt, ß", "head": {"start": 6, "end": 10, "kind": "k"}, "tail": {"start": 12, "end": 13, "kind": "k"}, "label": "x"}"#;
        let related = parse_relations(ORIGIN(), text, Labelling::Required).unwrap().remove(0).example;
        let (head, tail) = (related.head.unwrap(), related.tail.unwrap());
        assert_eq!((&related.text[head.start..head.end], &related.text[tail.start..tail.end]), ("Ärzt", "ß"));
    }

    #[test]
    fn a_text_with_its_own_marks_has_no_mentions() {
        let text = r#"{"text": "@a$ @b$", "head": null, "tail": null, "label": "x"}"#;
        let related = parse_relations(ORIGIN(), text, Labelling::Required).unwrap().remove(0).example;
        assert_eq!((related.head, related.tail), (None, None));
    }

    #[test]
    fn broken_lines_are_named_without_their_text() {
        let cases = [
            (r#"{"words": ["no", "fever"], "tags": ["O"]}"#, "words: 2, tags: 1; expected one tag per word"),
            (r#"{"words": ["no", "fever"]}"#, "no tags"),
            (r#"{"words": [], "tags": []}"#, "no words"),
            (r#"{"words": ["no"], "tags": ["fever"]}"#, "a tag that is no BIO tag"),
            (r#"{"words": "fever", "tags": []}"#, "another key"),
            (r#"{"words": ["fever"], "fever": []}"#, "another key"),
            (r#"{"words": ["fever"#, "not JSON"),
            ("fever", "not JSON"),
        ];
        for (line, problem) in cases {
            let text = format!("{{\"words\": [\"a\"], \"tags\": [\"O\"]}}\n{line}\n");
            let error = parse_tokens(ORIGIN(), &text, Labelling::Required).unwrap_err().to_string();
            assert!(error.starts_with(&format!("x.jsonl:2: {problem}")) && !error.contains("fever"), "{error}");
        }
        for (line, problem) in [
            (
                r#"{"text": "fever", "head": {"start": 0, "end": 9, "kind": "k"}, "tail": {"start": 0, "end": 1, "kind": "k"}, "label": "x"}"#,
                "head from 0 to 9 in 5 characters",
            ),
            (r#"{"text": "fever", "head": {"start": 0, "end": 1, "kind": "k"}, "label": "x"}"#, "one mention of two"),
            (r#"{"text": "fever", "head": null, "tail": null}"#, "no label"),
            (r#"{"text": "fever", "label": ""}"#, "the label is empty"),
        ] {
            let error = parse_relations(ORIGIN(), line, Labelling::Required).unwrap_err().to_string();
            assert!(error.starts_with(&format!("x.jsonl:1: {problem}")) && !error.contains("fever"), "{error}");
        }
    }

    #[test]
    fn without_labels_none_are_read() {
        let records = parse_tokens(ORIGIN(), r#"{"words": ["a", "b"], "tags": ["O"]}"#, Labelling::Ignored).unwrap();
        assert_eq!(records[0].example.tags, [0, 0]);
        assert!(parse_sequence(ORIGIN(), r#"{"text": "a"}"#, Labelling::Ignored).unwrap()[0].names.is_empty());
    }
}
