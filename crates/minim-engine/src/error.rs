use std::path::{Path, PathBuf};

/// What can go wrong in a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The experiment can't be read.
    #[error(transparent)]
    Experiment(#[from] minim_experiment::Error),
    /// The data can't be read.
    #[error(transparent)]
    Dataset(#[from] minim_datasets::Error),
    /// Examples can't be encoded or scored.
    #[error(transparent)]
    Task(#[from] minim_tasks::Error),
    /// The model folder can't be read or written.
    #[error(transparent)]
    Model(#[from] minim_models::Error),
    /// The adapter can't be attached, read or written.
    #[error(transparent)]
    Adapter(#[from] minim_adapters::Error),
    /// Something given doesn't fit.
    #[error("{0}")]
    Input(String),
    /// A file can't be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The loss stopped being a number.
    #[error("the training loss is not finite at step {step}; try a lower learning rate")]
    NotFinite {
        /// Optimiser steps taken.
        step: usize,
    },
    /// burn-train gave up.
    #[error("training stopped: {0}")]
    Training(String),
}

impl Error {
    /// 2 for what the user can mend in the input, 1 for a run that failed.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::NotFinite { .. } | Error::Training(_) | Error::Task(minim_tasks::Error::NotFinite { .. }) => 1,
            _ => 2,
        }
    }

    /// Attaches a path to a system error.
    pub fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Error + use<> {
        let path = path.to_path_buf();
        move |source| Error::Io { path, source }
    }
}
