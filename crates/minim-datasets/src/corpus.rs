//! The trait of every reader.

use std::path::Path;

use crate::dataset::Splits;
use crate::error::Error;

/// A corpus on disk, read into typed examples.
pub trait Corpus {
    /// What one line, sentence or pair of it becomes.
    type Example;

    /// Reads the corpus from its folder.
    ///
    /// # Errors
    /// Anything missing, broken or contradictory, by file and line and without the data's text.
    fn read(&self, root: &Path) -> Result<Splits<Self::Example>, Error>;
}
