//! From what a file says to examples: names become indices, and what no single line can tell is checked, namely that ids
//! differ and that documents keep to one split.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::dataset::Splits;
use crate::document_split::{Split, split_of};
use crate::error::{Error, listed, shown};
use crate::example::{Example, document};
use crate::label_set::LabelSet;
use crate::source;

/// Whether a file's labels are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Labelling {
    /// Every example needs its label.
    Required,
    /// Labels may be absent, and are not read where they are there.
    Ignored,
}

/// A label as a file has it.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    pub(crate) line: usize,
    pub(crate) text: String,
}

/// An example whose labels are still names; the indices within `example` mean nothing yet.
#[derive(Debug, Clone)]
pub(crate) struct Record<E> {
    pub(crate) line: usize,
    pub(crate) names: Vec<Name>,
    pub(crate) example: E,
}

/// The records of one file.
#[derive(Debug)]
pub(crate) struct File<E> {
    pub(crate) path: PathBuf,
    pub(crate) records: Vec<Record<E>>,
}

impl<E: Example> File<E> {
    /// The examples, their labels looked up.
    ///
    /// # Errors
    /// An id stands twice, or a label is outside the set.
    pub(crate) fn resolve(self, labels: &LabelSet) -> Result<Vec<E>, Error> {
        self.check_ids()?;
        self.into_examples(labels)
    }

    /// The examples with label 0 throughout.
    ///
    /// # Errors
    /// An id stands twice.
    pub(crate) fn unlabelled(self) -> Result<Vec<E>, Error> {
        self.check_ids()?;
        Ok(self.records.into_iter().map(|record| record.example).collect())
    }

    fn check_ids(&self) -> Result<(), Error> {
        let mut seen = HashMap::new();
        self.records.iter().try_for_each(|record| see_id(&mut seen, &self.path, record))
    }

    fn into_examples(self, labels: &LabelSet) -> Result<Vec<E>, Error> {
        let path = self.path;
        self.records.into_iter().map(|record| record.resolve(&path, labels)).collect()
    }
}

impl<E: Example> Record<E> {
    fn resolve(self, path: &Path, labels: &LabelSet) -> Result<E, Error> {
        let index = |name: &Name| {
            labels.index(&name.text).ok_or_else(|| Error::UnknownLabel {
                path: path.to_owned(),
                line: name.line,
                label: shown(&name.text),
                known: listed(labels),
            })
        };
        let indices = self.names.iter().map(index).collect::<Result<_, _>>()?;
        let mut example = self.example;
        example.set_labels(indices);
        Ok(example)
    }
}

type SeenIds<'a> = HashMap<&'a str, (&'a Path, usize)>;

fn see_id<'a, E: Example>(seen: &mut SeenIds<'a>, path: &'a Path, record: &'a Record<E>) -> Result<(), Error> {
    let id = record.example.id();
    match seen.insert(id, (path, record.line)) {
        None => Ok(()),
        Some((first_path, first_line)) => Err(Error::DuplicateId {
            path: path.to_owned(),
            line: record.line,
            id: shown(id),
            first_path: first_path.to_owned(),
            first_line,
        }),
    }
}

/// Makes a corpus of three files, in the order of [`Split::ALL`]; without a label set, that of the training file is taken.
///
/// # Errors
/// An id stands twice, a document is in two splits, or a label is outside the set.
pub(crate) fn assemble<E: Example>(labels: Option<LabelSet>, files: [File<E>; 3]) -> Result<Splits<E>, Error> {
    let mut ids = SeenIds::new();
    let mut documents: HashMap<&str, Split> = HashMap::new();
    for (file, split) in files.iter().zip(Split::ALL) {
        for record in &file.records {
            see_id(&mut ids, &file.path, record)?;
            let Some(document) = document(record.example.id()) else {
                continue;
            };
            let first = *documents.entry(document).or_insert(split);
            if first != split {
                return Err(Error::SharedDocument {
                    path: file.path.clone(),
                    line: record.line,
                    document: shown(document),
                    first: first.name(),
                    second: split.name(),
                });
            }
        }
    }
    let [train, validation, test] = files;
    let labels = match labels {
        Some(labels) => labels,
        None => LabelSet::sorted(train.records.iter().flat_map(|record| &record.names).map(|name| name.text.as_str()))?,
    };
    Ok(Splits {
        train: train.into_examples(&labels)?,
        validation: validation.into_examples(&labels)?,
        test: test.into_examples(&labels)?,
        labels,
    })
}

/// Makes a corpus of one body of records, split by document as [`split_of`] says.
///
/// # Errors
/// An id stands twice, a label is outside the set, or no document falls to one of the splits.
pub(crate) fn assemble_by_document<E: Example>(
    corpus: &str,
    labels: LabelSet,
    files: Vec<File<E>>,
    root: &Path,
) -> Result<Splits<E>, Error> {
    let mut ids = SeenIds::new();
    for file in &files {
        file.records.iter().try_for_each(|record| see_id(&mut ids, &file.path, record))?;
    }
    let mut splits = Splits { labels, train: Vec::new(), validation: Vec::new(), test: Vec::new() };
    for File { path, records } in files {
        for record in records {
            let id = record.example.id();
            let examples = match split_of(corpus, document(id).unwrap_or(id)) {
                Split::Train => &mut splits.train,
                Split::Validation => &mut splits.validation,
                Split::Test => &mut splits.test,
            };
            examples.push(record.resolve(&path, &splits.labels)?);
        }
    }
    for (split, examples) in Split::ALL.iter().zip([&splits.train, &splits.validation, &splits.test]) {
        if examples.is_empty() {
            let expected = format!("enough documents that one falls to the {} split", split.name());
            return Err(Error::Empty { path: root.to_owned(), expected });
        }
    }
    Ok(splits)
}

/// A label or an id in JSON: a string or a whole number.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum JsonName {
    Text(String),
    Number(i64),
}

impl From<JsonName> for String {
    fn from(name: JsonName) -> Self {
        match name {
            JsonName::Text(text) => text,
            JsonName::Number(number) => number.to_string(),
        }
    }
}

/// The label set of `labels.json` in a corpus's folder, or `None` if there is no such file.
///
/// # Errors
/// The file is there but is not a list of names.
pub(crate) fn labels_file(root: &Path) -> Result<Option<LabelSet>, Error> {
    let path = root.join("labels.json");
    if fs::symlink_metadata(&path).is_err() {
        return Ok(None);
    }
    const EXPECTED: &str = "a JSON list of the label names, each once";
    let text = source::read_text(&path, EXPECTED)?;
    let malformed =
        |line, problem| Error::Malformed { path: path.clone(), line, problem, expected: EXPECTED.to_owned() };
    let names: Vec<JsonName> = serde_json::from_str(&text)
        .map_err(|error| malformed(error.line().max(1), format!("not such a list at column {}", error.column())))?;
    match LabelSet::new(names.into_iter().map(String::from).collect()) {
        Err(Error::LabelSet { problem }) => Err(malformed(1, problem)),
        labels => labels.map(Some),
    }
}
