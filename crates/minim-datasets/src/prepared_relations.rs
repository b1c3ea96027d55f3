//! Prepared TSV files of one relation a row, as BLUE writes them for i2b2 2010.
//!
//! Peng, Yan and Lu, "Transfer Learning in Biomedical Natural Language Processing" (2019). `train.tsv`, `dev.tsv` (or `valid`,
//! `validation`) and `test.tsv` with the header `index`, `sentence`, `label`. The sentence carries its own marks: each of the
//! two concepts stands as `@problem$`, so that examples have no mentions. An index that is a number counts the rows of its
//! file and becomes `<split>-<index>`; any other is the id. Quotes are as in CSV. The label set is the list in `labels.json` if
//! that file is there, else the labels of the training file, sorted. Card: `prepared-relations`.

use std::path::Path;

use crate::corpus::Corpus;
use crate::dataset::Splits;
use crate::delimited::{Row, rows};
use crate::error::Error;
use crate::example::Related;
use crate::format::{Format, Origin};
use crate::record::{Labelling, Name, Record, labels_file};
use crate::source::SplitFiles;

/// The format.
pub(crate) const FORMAT: Format<Related> =
    Format { expected: "a file with the columns index, sentence, label and a tab between them", parse };

const FILES: SplitFiles =
    SplitFiles { train: &["train.tsv"], validation: &["dev.tsv", "valid.tsv", "validation.tsv"], test: &["test.tsv"] };

const HEADER: [&str; 3] = ["index", "sentence", "label"];

/// The reader of `prepared-relations-tsv`.
#[derive(Debug, Clone, Copy)]
pub struct PreparedRelations;

impl Corpus for PreparedRelations {
    type Example = Related;

    fn read(&self, root: &Path) -> Result<Splits<Related>, Error> {
        FORMAT.read_splits(root, FILES, labels_file(root)?)
    }
}

/// The rows of a file.
///
/// # Errors
/// A quote out of place, another header, a row of another length, or an empty field.
fn parse(origin: Origin<'_>, text: &str, labelling: Labelling) -> Result<Vec<Record<Related>>, Error> {
    let mut rows = rows(origin, text, '\t')?.into_iter();
    let Some(header) = rows.next() else {
        return Ok(Vec::new());
    };
    let known = header.fields == HEADER || (labelling == Labelling::Ignored && header.fields == HEADER[..2]);
    if !known {
        return Err(origin.malformed(header.line, "another header", FORMAT.expected));
    }
    rows.map(|row| record(origin, row, header.fields.len(), labelling)).collect()
}

fn record(origin: Origin<'_>, row: Row, width: usize, labelling: Labelling) -> Result<Record<Related>, Error> {
    let Row { line, fields } = row;
    if fields.len() != width {
        let problem = format!("fields in this row: {}", fields.len());
        return Err(origin.malformed(line, problem, format!("{width} as in the header")));
    }
    let needed = if labelling == Labelling::Required { 3 } else { 2 };
    let empty = fields.iter().zip(HEADER).take(needed).find(|(field, _)| field.trim().is_empty());
    if let Some((_, name)) = empty {
        return Err(origin.malformed(line, format!("the {name} is empty"), "each row to have one"));
    }
    let mut fields = fields.into_iter();
    let [index, text, label] = [(); 3].map(|()| fields.next().unwrap_or_default());
    let id = if index.bytes().all(|byte| byte.is_ascii_digit()) { format!("{}-{index}", origin.stem) } else { index };
    let names = match labelling {
        Labelling::Required => vec![Name { line, text: label }],
        Labelling::Ignored => Vec::new(),
    };
    Ok(Record { line, names, example: Related { id, text, head: None, tail: None, label: 0 } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, labelling: Labelling) -> Result<Vec<Record<Related>>, String> {
        parse(Origin { path: Path::new("x.tsv"), stem: "train" }, text, labelling).map_err(|error| error.to_string())
    }

    #[test]
    fn numbers_become_ids_of_their_split_and_names_stay() {
        let text = "index\tsentence\tlabel\n0\t@problem$ , \"\" no\tPIP\nrec-4#2\t\"a \"\"b\"\"\t@test$\"\tfalse\n";
        assert!(read(text, Labelling::Required).unwrap_err().starts_with("x.tsv:2: a quote inside"));
        let records = read(&text.replace(", \"\" no", "no"), Labelling::Required).unwrap();
        assert_eq!((records[0].example.id.as_str(), records[0].names[0].text.as_str()), ("train-0", "PIP"));
        assert_eq!(records[1].example.id, "rec-4#2");
        assert_eq!(records[1].example.text, "a \"b\"\t@test$");
    }

    #[test]
    fn wrong_headers_and_rows_are_named_without_their_text() {
        for (text, problem) in [
            ("0\tfever\tPIP\n", "x.tsv:1: another header"),
            ("index\tsentence\n0\tfever\n", "x.tsv:1: another header"),
            ("index\tsentence\tlabel\n0\tfever\n", "x.tsv:2: fields in this row: 2"),
            ("index\tsentence\tlabel\n0\tfever\t\n", "x.tsv:2: the label is empty"),
            ("index\tsentence\tlabel\n0\t\tPIP\n", "x.tsv:2: the sentence is empty"),
        ] {
            let error = read(text, Labelling::Required).unwrap_err();
            assert!(error.starts_with(problem) && !error.contains("fever"), "{error}");
        }
    }

    #[test]
    fn without_labels_two_columns_are_enough() {
        for text in ["index\tsentence\n0\ta\n", "index\tsentence\tlabel\n0\ta\t\n"] {
            let records = read(text, Labelling::Ignored).unwrap();
            assert_eq!(records[0].example.text, "a");
            assert!(records[0].names.is_empty());
        }
    }
}
