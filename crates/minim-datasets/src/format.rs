//! A file format as the readers share it: what a file of it looks like, and how its text becomes records.

use std::path::Path;

use crate::dataset::Splits;
use crate::document_split::Split;
use crate::error::Error;
use crate::example::Example;
use crate::label_set::LabelSet;
use crate::record::{File, Labelling, Record, assemble};
use crate::source::{SplitFiles, read_text};

/// Where a text comes from, for errors and ids.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) path: &'a Path,
    /// What starts the ids of examples that have no id of their own: the split's name, or the file's.
    pub(crate) stem: &'a str,
}

impl Origin<'_> {
    pub(crate) fn malformed(&self, line: usize, problem: impl Into<String>, expected: impl Into<String>) -> Error {
        Error::Malformed { path: self.path.to_owned(), line, problem: problem.into(), expected: expected.into() }
    }
}

/// Reads the text of a whole file.
type Parse<E> = fn(Origin<'_>, &str, Labelling) -> Result<Vec<Record<E>>, Error>;

/// One file format of examples `E`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Format<E> {
    /// What a file of this format is, for the error where there is none.
    pub(crate) expected: &'static str,
    /// Reads the text of a whole file.
    pub(crate) parse: Parse<E>,
}

impl<E: Example> Format<E> {
    /// Reads one file.
    pub(crate) fn read(&self, origin: Origin<'_>, labelling: Labelling) -> Result<File<E>, Error> {
        let text = read_text(origin.path, self.expected)?;
        let records = (self.parse)(origin, &text, labelling)?;
        if records.is_empty() {
            return Err(Error::Empty { path: origin.path.to_owned(), expected: self.expected.to_owned() });
        }
        Ok(File { path: origin.path.to_owned(), records })
    }

    /// Reads a corpus of three files; without a label set, that of the training file is taken.
    pub(crate) fn read_splits(
        &self,
        root: &Path,
        files: SplitFiles,
        labels: Option<LabelSet>,
    ) -> Result<Splits<E>, Error> {
        let paths = files.find(root)?;
        let read = |split: Split| {
            let origin = Origin { path: &paths[split as usize], stem: split.name() };
            self.read(origin, Labelling::Required)
        };
        assemble(labels, [read(Split::Train)?, read(Split::Validation)?, read(Split::Test)?])
    }
}
