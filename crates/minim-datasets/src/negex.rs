//! The NegEx test kit: sentences of clinical reports in which one concept, in capitals, is affirmed or negated.
//!
//! Chapman, Bridewell, Hanbury, Cooper and Buchanan, "A Simple Algorithm for Identifying Negated Findings and Diseases in
//! Discharge Summaries", Journal of Biomedical Informatics 34 (2001), and the annotations of its test kit. One file,
//! `annotations.tsv`, with quotes as in CSV. It has no split of its own: reports, never rows, are split 70/10/20 by
//! the rule of `document_split`, on `negex:<report number>`. The text is real: nothing of it is ever shown. Card: `negex`.

use std::collections::HashMap;
use std::path::Path;

use crate::corpus::Corpus;
use crate::dataset::Splits;
use crate::delimited::{Row, rows};
use crate::error::Error;
use crate::example::Labelled;
use crate::format::{Format, Origin};
use crate::label_set::LabelSet;
use crate::record::{Labelling, Name, Record, assemble_by_document};

/// Its labels.
pub(crate) const LABELS: [&str; 2] = ["Affirmed", "Negated"];

const FORMAT: Format<Labelled> = Format {
    expected: "annotations.tsv of the NegEx test kit, with the columns Report No., Concept, Sentence, Negation and a tab \
               between them",
    parse,
};

/// The reader of `negex`.
#[derive(Debug, Clone, Copy)]
pub struct Negex;

impl Corpus for Negex {
    type Example = Labelled;

    fn read(&self, root: &Path) -> Result<Splits<Labelled>, Error> {
        let path = root.join("annotations.tsv");
        let file = FORMAT.read(Origin { path: &path, stem: "negex" }, Labelling::Required)?;
        assemble_by_document("negex", LabelSet::fixed(&LABELS), vec![file], &path)
    }
}

/// The rows of a file, with ids `<report number>#<n>`.
///
/// # Errors
/// A quote out of place, another header, a row of another length, or an empty field.
fn parse(origin: Origin<'_>, text: &str, _: Labelling) -> Result<Vec<Record<Labelled>>, Error> {
    let mut rows = rows(origin, text, '\t')?.into_iter();
    match rows.next() {
        None => return Ok(Vec::new()),
        Some(Row { fields, .. }) if fields == ["Report No.", "Concept", "Sentence", "Negation"] => {}
        Some(Row { line, .. }) => {
            return Err(origin.malformed(line, "another header", FORMAT.expected));
        }
    }
    let mut sentences_of: HashMap<String, usize> = HashMap::new();
    let record = |Row { line, fields }| {
        let Ok([report, _concept, text, label]) = <[String; 4]>::try_from(fields) else {
            return Err(origin.malformed(line, "not four fields", FORMAT.expected));
        };
        if [&report, &text, &label].iter().any(|field| field.trim().is_empty()) {
            return Err(origin.malformed(line, "an empty field", FORMAT.expected));
        }
        let sentence = sentences_of.entry(report.clone()).or_default();
        *sentence += 1;
        let id = format!("{report}#{sentence}");
        Ok(Record {
            line,
            names: vec![Name { line, text: label }],
            example: Labelled { id, text, text_pair: None, label: 0 },
        })
    };
    rows.map(record).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Record<Labelled>>, String> {
        parse(Origin { path: Path::new("x.tsv"), stem: "negex" }, text, Labelling::Required)
            .map_err(|error| error.to_string())
    }

    const HEADER: &str = "Report No.\tConcept\tSentence\tNegation\r\n";

    #[test]
    fn quotes_are_taken_off_and_sentences_count_by_report() {
        let rows = "7\tfever\t\"No FEVER, \"\"none\"\".\"\tNegated\r\n8\tcough\tCOUGH.\tAffirmed\r\n7\tcough\tCOUGH.\tAffirmed\r\n";
        let records = read(&format!("{HEADER}{rows}")).unwrap();
        let ids: Vec<_> = records.iter().map(|record| record.example.id.as_str()).collect();
        assert_eq!(ids, ["7#1", "8#1", "7#2"]);
        assert_eq!(records[0].example.text, "No FEVER, \"none\".");
    }

    #[test]
    fn broken_rows_are_named_without_their_text() {
        for (rows, problem) in [
            ("7\tfever\tNegated\r\n", "x.tsv:2: not four fields"),
            ("7\tfever\t \tNegated\r\n", "x.tsv:2: an empty field"),
            ("7\tfever\t\"No FEVER\tNegated\r\n", "x.tsv:2: a quote is opened here and never closed"),
        ] {
            let error = read(&format!("{HEADER}{rows}")).unwrap_err();
            assert!(error.starts_with(problem) && !error.to_lowercase().contains("fever"), "{error}");
        }
        assert!(read("7\tfever\tFEVER\tAffirmed\n").unwrap_err().starts_with("x.tsv:1: another header"));
    }
}
