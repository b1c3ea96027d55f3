//! Prepared CSV files of one labelled text a row, as the CORe scripts write them for mortality and length of stay.
//!
//! van Aken et al., "Clinical Outcome Prediction from Admission Notes using Self-Supervised Knowledge Integration" (2021).
//! `train.csv`, `valid.csv` (or `validation.csv`) and `test.csv`, with a header of the columns `id`, `text` and `label` in any
//! order (the label may be called `hospital_expire_flag` or `los_label`), and `text_pair` where two texts are compared. The
//! label set is the list in `labels.json` if that file is there, else the labels of the training file, sorted. Cards:
//! `prepared-mortality`, `prepared-los`.

use std::path::Path;

use crate::corpus::Corpus;
use crate::dataset::Splits;
use crate::delimited::{Row, rows};
use crate::error::Error;
use crate::example::Labelled;
use crate::format::{Format, Origin};
use crate::record::{Labelling, Name, Record, labels_file};
use crate::source::SplitFiles;

/// The format.
pub(crate) const FORMAT: Format<Labelled> = Format { expected: "a CSV file with the header id,text,label", parse };

const FILES: SplitFiles =
    SplitFiles { train: &["train.csv"], validation: &["valid.csv", "validation.csv"], test: &["test.csv"] };

const LABEL_COLUMNS: [&str; 3] = ["label", "hospital_expire_flag", "los_label"];

/// The reader of `prepared-csv`.
#[derive(Debug, Clone, Copy)]
pub struct PreparedCsv;

impl Corpus for PreparedCsv {
    type Example = Labelled;

    fn read(&self, root: &Path) -> Result<Splits<Labelled>, Error> {
        FORMAT.read_splits(root, FILES, labels_file(root)?)
    }
}

/// The rows of a file.
///
/// # Errors
/// A quote out of place, a header without the columns or with others, a row with more or fewer fields than the header, or an
/// empty id, text or label.
fn parse(origin: Origin<'_>, text: &str, labelling: Labelling) -> Result<Vec<Record<Labelled>>, Error> {
    let mut rows = rows(origin, text, ',')?.into_iter();
    let Some(header) = rows.next() else {
        return Ok(Vec::new());
    };
    let columns = Columns::of(origin, &header, labelling)?;
    rows.map(|row| columns.record(origin, row, labelling)).collect()
}

/// Where each column stands.
struct Columns {
    count: usize,
    id: usize,
    text: usize,
    text_pair: Option<usize>,
    label: Option<usize>,
}

impl Columns {
    fn of(origin: Origin<'_>, header: &Row, labelling: Labelling) -> Result<Self, Error> {
        // Names that are not known are counted, not shown: without a header they would be a note.
        let malformed = |problem: String| {
            let expected = "a header with the columns id, text, label (or hospital_expire_flag, or los_label) and no others, \
                            but for text_pair";
            origin.malformed(header.line, problem, expected)
        };
        let mut columns = [None; 4];
        const NAMES: [&str; 4] = ["id", "text", "text_pair", "label"];
        for (at, name) in header.fields.iter().enumerate() {
            let name = if LABEL_COLUMNS.contains(&name.as_str()) { "label" } else { name.as_str() };
            let Some(slot) = NAMES.iter().position(|known| *known == name) else {
                return Err(malformed(format!("column {} has another name", at + 1)));
            };
            if columns[slot].replace(at).is_some() {
                return Err(malformed(format!("column {} is a second {name} column", at + 1)));
            }
        }
        let [id, text, text_pair, label] = columns;
        let need = |column: Option<usize>, name| column.ok_or_else(|| malformed(format!("no {name} column")));
        if labelling == Labelling::Required {
            need(label, "label")?;
        }
        Ok(Self { count: header.fields.len(), id: need(id, "id")?, text: need(text, "text")?, text_pair, label })
    }

    fn record(&self, origin: Origin<'_>, row: Row, labelling: Labelling) -> Result<Record<Labelled>, Error> {
        let line = row.line;
        let mut fields = row.of_width(origin, self.count)?;
        let example = Labelled {
            id: fields.take(self.id, "id")?,
            text: fields.take(self.text, "text")?,
            text_pair: self.text_pair.map(|column| fields.take(column, "text_pair")).transpose()?,
            label: 0,
        };
        let names = match self.label {
            Some(column) if labelling == Labelling::Required => {
                vec![Name { line, text: fields.take(column, "label")? }]
            }
            _ => Vec::new(),
        };
        Ok(Record { line, names, example })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, labelling: Labelling) -> Result<Vec<Record<Labelled>>, String> {
        parse(Origin { path: Path::new("x.csv"), stem: "x" }, text, labelling).map_err(|error| error.to_string())
    }

    #[test]
    fn columns_may_stand_in_any_order() {
        let text = "hospital_expire_flag,id,text\r\n1,12,\"CHIEF COMPLAINT: fall,\r\n\r\n\"\"found down\"\"\"\r\n";
        let records = read(text, Labelling::Required).unwrap();
        assert_eq!(records[0].example.id, "12");
        assert_eq!(records[0].example.text, "CHIEF COMPLAINT: fall,\r\n\r\n\"found down\"");
        assert_eq!((records[0].names[0].text.as_str(), records[0].names[0].line), ("1", 2));
    }

    #[test]
    fn a_second_text_is_read() {
        let records = read("id,text,text_pair,label\na,b,c,d\n", Labelling::Required).unwrap();
        assert_eq!(records[0].example.text_pair.as_deref(), Some("c"));
    }

    #[test]
    fn wrong_headers_and_rows_are_named_without_their_text() {
        for (text, problem) in [
            ("12,fever,0\n", "x.csv:1: column 1 has another name"),
            ("id,text\n", "x.csv:1: no label column"),
            ("id,label\n", "x.csv:1: no text column"),
            ("id,text,label,los_label\n", "x.csv:1: column 4 is a second label column"),
            ("id,text,label,fever\n", "x.csv:1: column 4 has another name"),
            ("id,text,label\n1,\"a\nb\",0\n2,fever\n", "x.csv:4: fields in this row: 2; expected 3 as in the header"),
            ("id,text,label\n1,fever,chills,0\n", "x.csv:2: fields in this row: 4"),
            ("id,text,label\n1,fever,\n", "x.csv:2: the label is empty"),
            ("id,text,label\n,fever,0\n", "x.csv:2: the id is empty"),
            ("id,text,label\n1,\" \",0\n", "x.csv:2: the text is empty"),
        ] {
            let error = read(text, Labelling::Required).unwrap_err();
            assert!(error.starts_with(problem) && !error.contains("fever"), "{error}");
        }
    }

    #[test]
    fn without_labels_no_label_column_is_needed() {
        assert_eq!(read("id,text\n1,a\n", Labelling::Ignored).unwrap().len(), 1);
        assert!(read("text,id,label\na,1,\n", Labelling::Ignored).unwrap()[0].names.is_empty());
    }
}
