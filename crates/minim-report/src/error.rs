//! The one error type of this crate.

use std::path::PathBuf;

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The CSV writer refused a row.
    #[error("table.csv: {0}")]
    Csv(#[from] csv::Error),
    /// A file or folder of the report could not be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
}
