//! MedNLI: whether a sentence follows from a sentence of a clinical note, contradicts it, or neither.
//!
//! Romanov and Shivade, "Lessons from Natural Language Inference in the Clinical Domain", EMNLP 2018. JSON lines in the form of
//! SNLI, `mli_train_v1.jsonl`, `mli_dev_v1.jsonl` and `mli_test_v1.jsonl`, of which `pairID`, `sentence1` (the premise),
//! `sentence2` (the hypothesis) and `gold_label` are read; the parses are not. A line whose `gold_label` is `-` has no label
//! that its annotators agree on, and is passed over. The study's own variant has no hypothesis: its loader takes MedNLI for a
//! task of single sentences. Card: `mednli`.

use std::path::Path;

use serde::Deserialize;

use crate::corpus::Corpus;
use crate::dataset::Splits;
use crate::error::Error;
use crate::example::Labelled;
use crate::format::{Format, Origin};
use crate::label_set::LabelSet;
use crate::record::{Labelling, Name, Record};
use crate::source::SplitFiles;

/// Its labels; the study's files have entailment as 2.
pub(crate) const LABELS: [&str; 3] = ["contradiction", "neutral", "entailment"];

const FORMAT: Format<Labelled> =
    Format { expected: r#"lines of {"gold_label": .., "sentence1": .., "sentence2": .., "pairID": .., ..}"#, parse };

const FILES: SplitFiles =
    SplitFiles { train: &["mli_train_v1.jsonl"], validation: &["mli_dev_v1.jsonl"], test: &["mli_test_v1.jsonl"] };

/// The reader of `mednli`.
#[derive(Debug, Clone, Copy, Default)]
pub struct MedNli {
    /// The study's own variant: the premise without the hypothesis.
    pub as_published: bool,
}

impl Corpus for MedNli {
    type Example = Labelled;

    fn read(&self, root: &Path) -> Result<Splits<Labelled>, Error> {
        let mut splits = FORMAT.read_splits(root, FILES, Some(LabelSet::fixed(&LABELS)))?;
        if self.as_published {
            for example in splits.train.iter_mut().chain(&mut splits.validation).chain(&mut splits.test) {
                example.text_pair = None;
            }
        }
        Ok(splits)
    }
}

#[derive(Deserialize)]
struct Pair {
    gold_label: String,
    sentence1: String,
    sentence2: String,
    #[serde(rename = "pairID")]
    pair_id: String,
}

/// The pairs of a file that have a label.
///
/// # Errors
/// A line that is not JSON or lacks a key, or an empty sentence or id.
fn parse(origin: Origin<'_>, text: &str, _: Labelling) -> Result<Vec<Record<Labelled>>, Error> {
    let mut records = Vec::new();
    for (index, content) in text.lines().enumerate().filter(|(_, content)| !content.trim().is_empty()) {
        let line = index + 1;
        // serde's own message is not passed on: it quotes the data.
        let pair: Pair = serde_json::from_str(content).map_err(|error| {
            let problem = match error.classify() {
                serde_json::error::Category::Data => "a key is missing, or has another type of value, before column",
                _ => "not JSON at column",
            };
            origin.malformed(line, format!("{problem} {}", error.column()), FORMAT.expected)
        })?;
        if pair.gold_label == "-" {
            continue;
        }
        if [&pair.pair_id, &pair.sentence1, &pair.sentence2].iter().any(|field| field.trim().is_empty()) {
            return Err(origin.malformed(line, "an empty pairID or sentence", "each line to have all three"));
        }
        let Pair { gold_label, sentence1, sentence2, pair_id } = pair;
        let example = Labelled { id: pair_id, text: sentence1, text_pair: Some(sentence2), label: 0 };
        records.push(Record { line, names: vec![Name { line, text: gold_label }], example });
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Record<Labelled>>, String> {
        parse(Origin { path: Path::new("x.jsonl"), stem: "train" }, text, Labelling::Required)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn both_sentences_are_read_and_lines_without_agreement_passed_over() {
        let text = "{\"gold_label\": \"-\", \"sentence1\": \"a\", \"sentence2\": \"b\", \"pairID\": \"1\"}\r\n\r\n\
                    {\"sentence1_parse\": \"(ROOT)\", \"gold_label\": \"neutral\", \"sentence1\": \"\u{b5}g given\", \
                    \"sentence2\": \"c \\\"d\\\"\", \"pairID\": \"2\"}\r\n";
        let records = read(text).unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!((records[0].line, records[0].names[0].text.as_str()), (3, "neutral"));
        let expected =
            Labelled { id: "2".into(), text: "µg given".into(), text_pair: Some("c \"d\"".into()), label: 0 };
        assert_eq!(records[0].example, expected);
    }

    #[test]
    fn broken_lines_are_named_without_their_text() {
        let good = r#"{"gold_label": "neutral", "sentence1": "a", "sentence2": "b", "pairID": "1"}"#;
        for (line, problem) in [
            (r#"{"gold_label": "neutral", "sentence1": "fever", "pairID": "2"}"#, "a key is missing"),
            (r#"{"gold_label": "neutral", "sentence1": "fever", "sentence2": " ", "pairID": "2"}"#, "an empty pairID"),
            (
                r#"{"gold_label": ["fever"], "sentence1": "a", "sentence2": "b", "pairID": "2"}"#,
                "a key is missing, or has",
            ),
            (r#"{"gold_label": "fever"#, "not JSON at column"),
        ] {
            let error = read(&format!("{good}\n{line}\n")).map(|_| ()).unwrap_err();
            assert!(error.starts_with(&format!("x.jsonl:2: {problem}")) && !error.contains("fever"), "{error}");
        }
    }
}
