//! Prepared CoNLL files, as the study's scripts write them for the i2b2 corpora.
//!
//! `train.txt.conll`, `dev.txt.conll` and `test.txt.conll` (the middle one also `valid` or `validation`, all also without
//! `.txt`), two columns as the `conll` format here has them. The label set is the list in `labels.json` if that file is
//! there, else the tags of the training file, sorted. Card: `prepared-conll`.

use std::path::Path;

use crate::conll;
use crate::corpus::Corpus;
use crate::dataset::Splits;
use crate::error::Error;
use crate::example::Tagged;
use crate::record::labels_file;
use crate::source::SplitFiles;

const FILES: SplitFiles = SplitFiles {
    train: &["train.txt.conll", "train.conll"],
    validation: &[
        "dev.txt.conll",
        "valid.txt.conll",
        "validation.txt.conll",
        "dev.conll",
        "valid.conll",
        "validation.conll",
    ],
    test: &["test.txt.conll", "test.conll"],
};

/// The reader of `prepared-conll`.
#[derive(Debug, Clone, Copy)]
pub struct PreparedConll;

impl Corpus for PreparedConll {
    type Example = Tagged;

    fn read(&self, root: &Path) -> Result<Splits<Tagged>, Error> {
        conll::FORMAT.read_splits(root, FILES, labels_file(root)?)
    }
}
