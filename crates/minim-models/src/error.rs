use std::path::PathBuf;

/// What can go wrong while reading or writing a model folder.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file can't be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file is there, but is not what it should be.
    #[error("{path}: {reason}", path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong and what was expected.
        reason: String,
    },
    /// The folder has no weight file.
    #[error("{path}: no weights; expected model.safetensors or pytorch_model.bin", path = path.display())]
    NoWeights {
        /// The folder.
        path: PathBuf,
    },
    /// Tensors of the checkpoint and of the model differ.
    #[error("{path}: checkpoint does not fit the model:{}", list(missing, unused, misshapen), path = path.display())]
    Mismatch {
        /// The weight file.
        path: PathBuf,
        /// Parameters of the model that the file lacks.
        missing: Vec<String>,
        /// Tensors of the file that the model has no place for.
        unused: Vec<String>,
        /// Tensors whose shapes differ, with both shapes.
        misshapen: Vec<String>,
    },
}

fn list(missing: &[String], unused: &[String], misshapen: &[String]) -> String {
    [("missing", missing), ("unused", unused), ("misshapen", misshapen)]
        .iter()
        .filter(|(_, names)| !names.is_empty())
        .map(|(what, names)| format!(" {what}: {}", names.join(", ")))
        .collect::<Vec<_>>()
        .join(";")
}
