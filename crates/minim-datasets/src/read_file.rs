//! One file against a label set that is known already: what `minim evaluate` and `minim predict` are given.

use std::path::Path;

use crate::dataset::Kind;
use crate::error::Error;
use crate::example::{Example, Labelled, Related, Tagged};
use crate::format::{Format, Origin};
use crate::label_set::LabelSet;
use crate::record::{File, Labelling};
use crate::{conll, jsonl, prepared_csv, prepared_relations};

/// The examples of one file.
#[derive(Debug, Clone, PartialEq)]
pub enum Examples {
    /// Texts with one label.
    Sequence(Vec<Labelled>),
    /// Words with one tag each.
    Tokens(Vec<Tagged>),
    /// Pairs of mentions with one label.
    Relations(Vec<Related>),
}

impl Examples {
    /// The number of examples, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a file without an example is an error")]
    pub fn len(&self) -> usize {
        match self {
            Self::Sequence(examples) => examples.len(),
            Self::Tokens(examples) => examples.len(),
            Self::Relations(examples) => examples.len(),
        }
    }
}

/// Reads one file of labelled examples; its ending says the format, `.jsonl` for every kind and else `.csv` for texts, `.conll`
/// or `.tsv` (two columns) for words, `.tsv` for relations.
///
/// # Errors
/// The file is missing, empty or broken, has an ending of no format of this kind, or has a label outside the set.
pub fn read_file(path: &Path, kind: Kind, labels: &LabelSet) -> Result<Examples, Error> {
    read(path, kind, Some(labels))
}

/// Reads one file of examples as [`read_file`] does, but neither needs nor reads labels: every label is 0 and means nothing.
///
/// # Errors
/// Those of [`read_file`], but for the labels.
pub fn read_file_unlabelled(path: &Path, kind: Kind) -> Result<Examples, Error> {
    read(path, kind, None)
}

fn read(path: &Path, kind: Kind, labels: Option<&LabelSet>) -> Result<Examples, Error> {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    match (kind, ending.as_str()) {
        (Kind::Sequence, "csv") => examples(path, prepared_csv::FORMAT, labels).map(Examples::Sequence),
        (Kind::Sequence, "jsonl") => examples(path, jsonl::SEQUENCE, labels).map(Examples::Sequence),
        (Kind::Tokens, "conll" | "tsv") => examples(path, conll::FORMAT, labels).map(Examples::Tokens),
        (Kind::Tokens, "jsonl") => examples(path, jsonl::TOKENS, labels).map(Examples::Tokens),
        (Kind::Relations, "tsv") => examples(path, prepared_relations::FORMAT, labels).map(Examples::Relations),
        (Kind::Relations, "jsonl") => examples(path, jsonl::RELATIONS, labels).map(Examples::Relations),
        _ => {
            let endings = match kind {
                Kind::Sequence => ".csv or .jsonl",
                Kind::Tokens => ".conll, .tsv or .jsonl",
                Kind::Relations => ".tsv or .jsonl",
            };
            Err(Error::Ending { path: path.to_owned(), kind, endings })
        }
    }
}

fn examples<E: Example>(path: &Path, format: Format<E>, labels: Option<&LabelSet>) -> Result<Vec<E>, Error> {
    // `#` would make the file's name look like a document's.
    let stem = path.file_name().unwrap_or_default().to_string_lossy().replace('#', "-");
    let stem = stem.split('.').next().unwrap_or_default();
    let origin = Origin { path, stem };
    match labels {
        Some(labels) => format.read(origin, Labelling::Required).and_then(|file| file.resolve(labels)),
        None => format.read(origin, Labelling::Ignored).and_then(File::unlabelled),
    }
}
