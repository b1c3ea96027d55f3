//! What can go wrong between an example and its score.

use std::path::PathBuf;

use minim_datasets::Kind;

/// An error of this crate; it names files, lines, example ids and labels, and never carries text of an example.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model folder holds no tokenizer.
    #[error("{}: no tokenizer here, expected `tokenizer.json`, or `vocab.txt` with `tokenizer_config.json`", folder.display())]
    NoTokenizer {
        /// The model folder.
        folder: PathBuf,
    },
    /// A tokenizer file cannot be read.
    #[error("{}: cannot be read", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A vocabulary is not UTF-8.
    #[error("{}:{line}: not valid UTF-8, expected one piece a line", file.display())]
    NotUtf8 {
        /// The file.
        file: PathBuf,
        /// 1-based line.
        line: usize,
    },
    /// A tokenizer file does not hold what its format asks for.
    #[error("{}: not a usable tokenizer: {what}", file.display())]
    TokenizerFile {
        /// The file.
        file: PathBuf,
        /// What the parser says.
        what: String,
    },
    /// A vocabulary lacks a special piece.
    #[error("{}: the vocabulary has no `{piece}`, which every text needs", file.display())]
    NoSpecialPiece {
        /// The vocabulary's file.
        file: PathBuf,
        /// The missing piece.
        piece: String,
    },
    /// Nothing says whether a vocabulary with upper-case pieces belongs to a lower-casing tokenizer.
    #[error("{}: missing beside a vocabulary with upper-case pieces, expected `do_lower_case` to be stated in it", file.display())]
    UnknownCasing {
        /// Where the configuration was looked for.
        file: PathBuf,
    },
    /// A piece was added to a vocabulary outside of `vocab.txt`.
    #[error("{}: adds piece {id} beside `vocab.txt`, expected a `tokenizer.json` for such a tokenizer", file.display())]
    AddedPiece {
        /// The file that adds it.
        file: PathBuf,
        /// Its id.
        id: u32,
    },
    /// The tokenizer gives ids that the model has no embedding for.
    #[error("{}: gives ids up to {}, but the model has only {model} embeddings", file.display(), tokenizer - 1)]
    VocabTooLarge {
        /// The tokenizer's file.
        file: PathBuf,
        /// One more than the tokenizer's largest id.
        tokenizer: usize,
        /// The model's vocabulary size.
        model: usize,
    },
    /// No piece of text fits into the maximum length.
    #[error("max_length is {max_length}, expected at least {least}: the special pieces take the rest")]
    MaxLength {
        /// What was asked for.
        max_length: usize,
        /// The least that leaves room for one piece.
        least: usize,
    },
    /// Windows that share so much that none brings anything new.
    #[error("windows share {overlap} pieces, expected fewer than the {room} pieces of text that each of them holds")]
    Overlap {
        /// Pieces that neighbours share.
        overlap: usize,
        /// Pieces of text in a window.
        room: usize,
    },
    /// Relations were to be read in windows.
    #[error(
        "relations are not read in windows: a long text is cut around its two mentions, which must be seen together"
    )]
    RelationWindows,
    /// A task got a set of labels that it cannot work with.
    #[error("{task} cannot use these labels: {what}")]
    Labels {
        /// The task's kind.
        task: Kind,
        /// What was expected.
        what: String,
    },
    /// A task got examples of another kind of task.
    #[error("{task} got examples of {found}")]
    ExampleKind {
        /// The task's kind.
        task: Kind,
        /// The examples' kind.
        found: Kind,
    },
    /// An example does not fit its task.
    #[error("example `{id}`: {what}")]
    Example {
        /// The example's id.
        id: String,
        /// What is wrong and what was expected.
        what: String,
    },
    /// The model gave a logit that is not a finite number.
    #[error("the model's logits for example {example} are not finite: training has diverged")]
    NotFinite {
        /// Index of the example.
        example: usize,
    },
    /// Logits could not be brought to the host.
    #[error("cannot read the logits from the device: {what}")]
    Device {
        /// What the backend says.
        what: String,
    },
    /// Predictions and examples do not belong together.
    #[error("cannot score: {what}")]
    Unmatched {
        /// What was expected.
        what: String,
    },
    /// A score cannot be computed.
    #[error("cannot score")]
    Metric(#[from] minim_metrics::Error),
}
