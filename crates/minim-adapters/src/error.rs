use std::path::PathBuf;

/// What can go wrong with adapters and their files.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting is outside of its range.
    #[error("{setting} is {found}; expected {expected}")]
    Setting {
        /// The setting's name, as in an experiment file.
        setting: &'static str,
        /// What was given.
        found: String,
        /// What would do.
        expected: &'static str,
    },
    /// No module of the model has a name that the targets match.
    #[error("no {what} matches the targets {targets}; this model has {available}")]
    NoTarget {
        /// What was looked for: linear layers or normalisations.
        what: &'static str,
        /// The targets as given.
        targets: String,
        /// Last name components of the modules of that kind.
        available: String,
    },
    /// An adapter was asked for that nobody put there.
    #[error("no adapter is named {name}; there are: {known}")]
    NoAdapter {
        /// The name asked for.
        name: String,
        /// The names that are there.
        known: String,
    },
    /// Adapters that can't be combined.
    #[error("{folder}: {reason}", folder = folder.display())]
    Uncombinable {
        /// The adapter's folder.
        folder: PathBuf,
        /// What it has that the others lack, or lacks.
        reason: String,
    },
    /// The model has no table that virtual tokens could go on.
    #[error("{method} needs a model whose tokens are looked up in a TokenEmbedding; this one has none")]
    NoTokens {
        /// The method.
        method: &'static str,
    },
    /// There is no bias to train.
    #[error("this model has no bias outside of its head: BitFit would train the head alone; use the method head")]
    NoBias,
    /// The layer is burn's own, and what the method does to its output is in no weight.
    #[error(
        "{method} acts on what {layer} puts out, and this is a burn::nn::Linear, whose weight alone can change; make it a minim_adapters::Linear"
    )]
    OutOfReach {
        /// The method.
        method: &'static str,
        /// The layer.
        layer: String,
    },
    /// Something was attached before.
    #[error("this model has adapters or weights in few bits already; expected the base model, without either")]
    Adapted,
    /// A prompt or a prefix is to be loaded beside weights in few bits, and something makes the one that is there.
    #[error("{method} on weights in few bits was attached for training; expected what attach_kept makes")]
    NotKept {
        /// The method.
        method: &'static str,
    },
    /// An adapter that no weight can express.
    #[error("{what} are no part of any weight, so they can't be merged; keep the adapter beside its base model")]
    NotMergeable {
        /// What can't be merged.
        what: &'static str,
    },
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
    /// Tensors of an adapter file and of the model differ.
    #[error("{path}: adapter does not fit the model:{}", list(missing, unused, misshapen), path = path.display())]
    Mismatch {
        /// The adapter's weight file.
        path: PathBuf,
        /// Trained tensors of the model that the file lacks.
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
