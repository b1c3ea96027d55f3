//! Two-column CoNLL: one `word tag` a line, a blank line between sentences, tags in BIO.
//!
//! The columns stand apart by one tab, or by spaces where a line has no tab. A line whose first column is `-DOCSTART-` begins
//! a document, which a second column may name. The last sentence counts whether or not a blank line follows it. An `I-` tag
//! may open an entity: whether that scores is the metric's business.

use crate::bio::check_tag;
use crate::error::Error;
use crate::example::Tagged;
use crate::format::{Format, Origin};
use crate::record::{Labelling, Name, Record};

/// The format.
pub(crate) const FORMAT: Format<Tagged> =
    Format { expected: "lines of a word and its tag, with a blank line between sentences", parse };

const EXPECTED: &str = "a word and its tag, apart by one tab or by spaces";
const DOCUMENT_START: &str = "-DOCSTART-";

/// The sentences of a file, with ids `<stem>-<n>`; after a document start `<document>#<n>`, where a document without a name is
/// `<stem>-doc-<m>`.
///
/// # Errors
/// A line that has not two columns, or a tag that is not `O`, `B-<type>` or `I-<type>`.
fn parse(origin: Origin<'_>, text: &str, labelling: Labelling) -> Result<Vec<Record<Tagged>>, Error> {
    let mut reader =
        Reader { stem: origin.stem, document: None, documents: 0, sentences: 0, open: Vec::new(), records: Vec::new() };
    for (line, content) in text.lines().enumerate().map(|(index, line)| (index + 1, line)) {
        let columns = columns(content);
        if content.trim().is_empty() {
            reader.end_sentence();
        } else if columns.first() == Some(&DOCUMENT_START) {
            reader.begin_document(&columns);
        } else {
            let (word, tag) = word_and_tag(&columns, labelling).ok_or_else(|| {
                let count = columns.iter().filter(|column| !column.is_empty()).count();
                origin.malformed(line, format!("filled columns: {count}"), EXPECTED)
            })?;
            if labelling == Labelling::Required {
                check_tag(origin, line, tag)?;
            }
            reader.open.push((line, word.to_owned(), tag.to_owned()));
        }
    }
    reader.end_sentence();
    Ok(reader.finish(labelling))
}

fn columns(line: &str) -> Vec<&str> {
    if line.contains('\t') {
        line.split('\t').collect()
    } else {
        line.split(' ').filter(|column| !column.is_empty()).collect()
    }
}

fn word_and_tag<'a>(columns: &[&'a str], labelling: Labelling) -> Option<(&'a str, &'a str)> {
    let (word, tag) = match (columns, labelling) {
        (&[word, tag], _) => (word, tag),
        (&[word], Labelling::Ignored) => (word, "O"),
        _ => return None,
    };
    (!word.is_empty() && !tag.is_empty()).then_some((word, tag))
}

struct Reader<'a> {
    stem: &'a str,
    document: Option<String>,
    documents: usize,
    sentences: usize,
    /// Line, word and tag of the sentence being read.
    open: Vec<(usize, String, String)>,
    records: Vec<Record<Tagged>>,
}

impl Reader<'_> {
    fn begin_document(&mut self, columns: &[&str]) {
        self.end_sentence();
        self.documents += 1;
        self.sentences = 0;
        self.document = Some(match columns {
            // CoNLL-2003 fills the other columns with placeholders.
            [_, name] if !matches!(*name, "" | "O" | "-X-") => (*name).to_owned(),
            _ => format!("{}-doc-{}", self.stem, self.documents),
        });
    }

    fn end_sentence(&mut self) {
        let Some(&(line, ..)) = self.open.first() else {
            return;
        };
        self.sentences += 1;
        let id = match &self.document {
            Some(document) => format!("{document}#{}", self.sentences),
            None => format!("{}-{}", self.stem, self.sentences),
        };
        let mut words = Vec::with_capacity(self.open.len());
        let mut names = Vec::with_capacity(self.open.len());
        for (line, word, tag) in self.open.drain(..) {
            words.push(word);
            names.push(Name { line, text: tag });
        }
        let tags = vec![0; words.len()];
        self.records.push(Record { line, names, example: Tagged { id, words, tags } });
    }

    fn finish(self, labelling: Labelling) -> Vec<Record<Tagged>> {
        let mut records = self.records;
        if labelling == Labelling::Ignored {
            records.iter_mut().for_each(|record| record.names.clear());
        }
        records
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(text: &str) -> Result<Vec<Record<Tagged>>, String> {
        let origin = Origin { path: Path::new("x.conll"), stem: "train" };
        parse(origin, text, Labelling::Required).map_err(|error| error.to_string())
    }

    fn summary(text: &str) -> Vec<(String, String, String)> {
        let tags =
            |record: &Record<Tagged>| record.names.iter().map(|name| name.text.as_str()).collect::<Vec<_>>().join(" ");
        let records = read(text).unwrap();
        records.iter().map(|r| (r.example.id.clone(), r.example.words.join(" "), tags(r))).collect()
    }

    fn sentence(id: &str, words: &str, tags: &str) -> (String, String, String) {
        (id.to_owned(), words.to_owned(), tags.to_owned())
    }

    #[test]
    fn the_last_sentence_needs_no_blank_line() {
        let expected = [sentence("train-1", "No fever", "O B-x"), sentence("train-2", "Well .", "O O")];
        for text in [
            "No\tO\nfever\tB-x\n\nWell\tO\n.\tO",
            "No O\r\nfever  B-x\r\n\r\n\r\nWell O\r\n. O\r\n",
            "\n\nNo O\nfever B-x\n \nWell O\n. O\n\n\n",
        ] {
            assert_eq!(summary(text), expected);
        }
    }

    #[test]
    fn document_starts_name_the_document() {
        let text = "a O\n\n-DOCSTART- -X- -X- O\n\nb O\n\nc O\n-DOCSTART- record-13\nd O\n\n-DOCSTART-\ne O\n";
        let ids: Vec<_> = summary(text).into_iter().map(|(id, ..)| id).collect();
        assert_eq!(ids, ["train-1", "train-doc-1#1", "train-doc-1#2", "record-13#1", "train-doc-3#1"]);
    }

    #[test]
    fn a_word_between_tabs_keeps_its_spaces() {
        assert_eq!(summary("1 1/2\tO\n"), [sentence("train-1", "1 1/2", "O")]);
    }

    #[test]
    fn lines_with_other_than_two_columns_are_refused() {
        for (text, problem) in [
            ("a O\nfever\n", "x.conll:2: filled columns: 1"),
            ("a O\n\nfever\tx\tO\n", "x.conll:3: filled columns: 3"),
            ("a b O\n", "x.conll:1: filled columns: 3"),
            ("\tO\n", "x.conll:1: filled columns: 1"),
            ("fever\t\n", "x.conll:1: filled columns: 1"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(problem) && !error.contains("fever") && error.contains(EXPECTED), "{error}");
        }
    }

    #[test]
    fn what_is_no_tag_is_refused_unseen() {
        let error = read("O fever\n").unwrap_err();
        assert!(error.starts_with("x.conll:1: a tag that is no BIO tag") && !error.contains("fever"), "{error}");
    }

    #[test]
    fn without_labels_one_column_is_enough() {
        let origin = Origin { path: Path::new("x.conll"), stem: "input" };
        let records = parse(origin, "No\nfever\tB-y\n", Labelling::Ignored).unwrap();
        let words = vec!["No".into(), "fever".into()];
        assert_eq!(records[0].example, Tagged { id: "input-1".into(), words, tags: vec![0, 0] });
        assert!(records[0].names.is_empty());
    }
}
