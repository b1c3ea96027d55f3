//! What can be wrong with an experiment file or a result folder.

use std::path::PathBuf;

/// An unusable experiment file, or a result folder that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is not TOML.
    #[error("{}:{line}: {message}", file.display())]
    Toml {
        /// The experiment file.
        file: PathBuf,
        /// Line in it, from 1.
        line: usize,
        /// What the TOML parser expected.
        message: String,
    },
    /// A key that no experiment has.
    #[error("{}:{line}: unknown key `{key}` in {table}; the nearest known key is `{nearest}`", file.display())]
    UnknownKey {
        /// The experiment file.
        file: PathBuf,
        /// Line in it, from 1.
        line: usize,
        /// The key as written.
        key: String,
        /// Where it stands, as `[training]` or `the experiment`.
        table: String,
        /// The known key of that table that is spelt most like it.
        nearest: String,
    },
    /// A value that is missing, of the wrong type or out of its range.
    #[error("{}:{line}: {message}", file.display())]
    Invalid {
        /// The experiment file.
        file: PathBuf,
        /// Line in it, from 1.
        line: usize,
        /// Which key, and what was expected.
        message: String,
    },
    /// A file or folder that cannot be read or written.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried, as `read the experiment`.
        action: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A record file that is not a record.
    #[error("{}:{line}: not a run record of schema version {expected}: {message}", path.display(), expected = crate::SCHEMA_VERSION)]
    Record {
        /// The record file.
        path: PathBuf,
        /// Line in it, from 1.
        line: usize,
        /// What was expected.
        message: String,
    },
}
