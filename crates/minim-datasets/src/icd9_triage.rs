//! ICD-9 triage: which of seven teams a patient's note is for, by the group of the main diagnosis.
//!
//! Taylor, Zhang, Joyce, Gao, Kormilitzin and Nevado-Holgado, "Clinical Prompt Learning with Frozen Language Models", IEEE
//! TNNLS (2023), from MIMIC-III; the files are those that the study of efficiency reads: `train.csv`, `valid.csv` (or
//! `validation.csv`) and `test.csv` with the columns `text`, `triage-category` and `label`, and perhaps the row index that pandas
//! writes. The label is the category's name. The number in `label` is checked to go with one category and no other, and then
//! left: nobody stored what it stands for. Ids are `<split>-<line>`, for the files know neither note nor patient.
//! Card: `icd9-triage`.

use std::collections::HashMap;
use std::path::Path;

use crate::corpus::Corpus;
use crate::dataset::Splits;
use crate::delimited::{Row, rows};
use crate::error::Error;
use crate::example::Labelled;
use crate::format::{Format, Origin};
use crate::label_set::LabelSet;
use crate::record::{Labelling, Name, Record};
use crate::source::SplitFiles;

/// Its labels.
pub(crate) const LABELS: [&str; 7] =
    ["AcuteMedicine", "Cardiology", "Gastroenterology", "Neurology", "Obstetrics", "Oncology", "Respiratory"];

const FORMAT: Format<Labelled> = Format { expected: "a CSV file with the header text,triage-category,label", parse };

const FILES: SplitFiles =
    SplitFiles { train: &["train.csv"], validation: &["valid.csv", "validation.csv"], test: &["test.csv"] };

/// The names of the row index of pandas.
const INDEX: [&str; 2] = ["", "Unnamed: 0"];

/// The reader of `icd9-triage`.
#[derive(Debug, Clone, Copy)]
pub struct Icd9Triage;

impl Corpus for Icd9Triage {
    type Example = Labelled;

    fn read(&self, root: &Path) -> Result<Splits<Labelled>, Error> {
        FORMAT.read_splits(root, FILES, Some(LabelSet::fixed(&LABELS)))
    }
}

/// The rows of a file.
///
/// # Errors
/// A quote out of place, another header, a row of another length, an empty text or category, or a number that goes with two
/// categories.
fn parse(origin: Origin<'_>, text: &str, _: Labelling) -> Result<Vec<Record<Labelled>>, Error> {
    let mut rows = rows(origin, text, ',')?.into_iter();
    let Some(header) = rows.next() else {
        return Ok(Vec::new());
    };
    let columns = Columns::of(origin, &header)?;
    let mut numbers = Numbers::default();
    rows.map(|row| columns.record(origin, row, &mut numbers)).collect()
}

/// Where each column stands.
struct Columns {
    count: usize,
    text: usize,
    category: usize,
    number: Option<usize>,
}

/// Which category a number was first seen with, and the other way round.
#[derive(Default)]
struct Numbers {
    category_of: HashMap<String, String>,
    number_of: HashMap<String, String>,
}

impl Columns {
    fn of(origin: Origin<'_>, header: &Row) -> Result<Self, Error> {
        const NAMES: [&str; 3] = ["text", "triage-category", "label"];
        let malformed = |problem: String| origin.malformed(header.line, problem, FORMAT.expected);
        let mut places = [None; NAMES.len()];
        for (at, name) in header.fields.iter().enumerate() {
            let name = name.trim();
            match NAMES.iter().position(|known| known.eq_ignore_ascii_case(name)) {
                Some(slot) if places[slot].replace(at).is_none() => {}
                Some(slot) => return Err(malformed(format!("column {} is a second {} column", at + 1, NAMES[slot]))),
                None if at == 0 && INDEX.contains(&name) => {}
                // Not shown: without a header it would be a note.
                None => return Err(malformed(format!("column {} has another name", at + 1))),
            }
        }
        let [text, category, number] = places;
        let need = |place: Option<usize>, name| place.ok_or_else(|| malformed(format!("no {name} column")));
        Ok(Self {
            count: header.fields.len(),
            text: need(text, "text")?,
            category: need(category, "triage-category")?,
            number,
        })
    }

    fn record(&self, origin: Origin<'_>, row: Row, numbers: &mut Numbers) -> Result<Record<Labelled>, Error> {
        let line = row.line;
        let mut fields = row.of_width(origin, self.count)?;
        let text = fields.take(self.text, "text")?;
        let category = named(&fields.take(self.category, "triage-category")?);
        if let Some(column) = self.number {
            let number = fields.take(column, "label")?;
            if !numbers.agree(number.trim(), &category) {
                let problem = "a label that goes with another triage-category, in this row or an earlier one";
                return Err(origin.malformed(line, problem, "one label for each triage-category"));
            }
        }
        let example = Labelled { id: format!("{}-{line}", origin.stem), text, text_pair: None, label: 0 };
        Ok(Record { line, names: vec![Name { line, text: category }], example })
    }
}

impl Numbers {
    fn agree(&mut self, number: &str, category: &str) -> bool {
        let first_category = self.category_of.entry(number.to_owned()).or_insert_with(|| category.to_owned());
        let first_number = self.number_of.entry(category.to_owned()).or_insert_with(|| number.to_owned());
        first_category == category && first_number == number
    }
}

/// The category as the label set has it (`acute medicine` is `AcuteMedicine`), or as it stands if the set lacks it.
fn named(category: &str) -> String {
    let letters = |name: &str| name.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let known = LABELS.iter().find(|label| letters(label) == letters(category));
    known.map_or_else(|| category.trim().to_owned(), |&label| label.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Record<Labelled>>, String> {
        parse(Origin { path: Path::new("x.csv"), stem: "train" }, text, Labelling::Required)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn rows_with_and_without_an_index_and_in_any_order() {
        for text in [
            "text,triage-category,label\r\n\"chest pain,\n\"\"8/10\"\"\",Cardiology,1\r\ncough,Acute Medicine,0\r\n",
            ",label,triage-category,text\n0,1,Cardiology,\"chest pain,\n\"\"8/10\"\"\"\n7,0,acutemedicine,cough\n",
        ] {
            let records = read(text).unwrap();
            assert_eq!(records[0].example.text, "chest pain,\n\"8/10\"");
            let found: Vec<_> =
                records.iter().map(|record| (record.example.id.as_str(), &*record.names[0].text)).collect();
            assert_eq!(found, [("train-2", "Cardiology"), ("train-4", "AcuteMedicine")]);
        }
    }

    #[test]
    fn broken_files_are_named_without_their_text() {
        for (text, problem) in [
            ("fever,Cardiology,1\n", "x.csv:1: column 1 has another name"),
            ("text,label\n", "x.csv:1: no triage-category column"),
            ("text,triage-category,Text\n", "x.csv:1: column 3 is a second text column"),
            ("text,triage-category\nfever\n", "x.csv:2: fields in this row: 1"),
            ("text,triage-category,label\nfever, ,1\n", "x.csv:2: the triage-category is empty"),
            (
                "text,triage-category,label\na,Oncology,1\nfever,Neurology,1\n",
                "x.csv:3: a label that goes with another",
            ),
            ("text,triage-category,label\na,Oncology,1\nfever,Oncology,2\n", "x.csv:3: a label that goes with another"),
        ] {
            let error = read(text).map(|_| ()).unwrap_err();
            assert!(error.starts_with(problem) && !error.contains("fever"), "{error}");
        }
    }
}
