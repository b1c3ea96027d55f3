//! The NCBI disease corpus: disease names in PubMed abstracts, as BIO-tagged sentences.
//!
//! Doğan, Leaman and Lu, "NCBI disease corpus: a resource for disease name recognition and concept normalization", Journal of
//! Biomedical Informatics 47 (2014). Files `train.tsv`, `devel.tsv` and `test.tsv` of `word<TAB>tag`, with the split of its
//! makers. They do not say which abstract a sentence is from, so that ids name no document. Card: `ncbi-disease`.

use std::path::Path;

use crate::conll;
use crate::corpus::Corpus;
use crate::dataset::Splits;
use crate::error::Error;
use crate::example::Tagged;
use crate::label_set::LabelSet;
use crate::source::SplitFiles;

/// Its tags.
pub(crate) const LABELS: [&str; 3] = ["O", "B-Disease", "I-Disease"];

const FILES: SplitFiles = SplitFiles { train: &["train.tsv"], validation: &["devel.tsv"], test: &["test.tsv"] };

/// The reader of `ncbi-disease`.
#[derive(Debug, Clone, Copy)]
pub struct NcbiDisease;

impl Corpus for NcbiDisease {
    type Example = Tagged;

    fn read(&self, root: &Path) -> Result<Splits<Tagged>, Error> {
        conll::FORMAT.read_splits(root, FILES, Some(LabelSet::fixed(&LABELS)))
    }
}
