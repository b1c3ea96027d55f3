use std::fmt;

use serde::{Deserialize, Serialize};

/// One point of the loss curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Optimiser steps taken.
    pub step: usize,
    /// Passes over the training sequences, with the part of the current one.
    pub epoch: f64,
    /// Mean over the steps since the last point: nats per hidden piece.
    pub train_loss: f64,
    /// Over hidden pieces of held-out notes, the same at every point.
    pub validation_loss: Option<f64>,
    /// Of the last step.
    pub learning_rate: f64,
}

/// What a pre-training tells while it works; `{}` writes one line.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// The texts were read.
    Texts {
        /// Text files.
        files: usize,
        /// Notes in them.
        notes: usize,
    },
    /// A vocabulary was made.
    Vocabulary {
        /// Pieces.
        pieces: usize,
    },
    /// The texts were cut into sequences.
    Sequences {
        /// For training.
        training: usize,
        /// For the validation loss.
        validation: usize,
        /// Pieces of the training sequences.
        tokens: usize,
    },
    /// The model was made or loaded.
    Model {
        /// Trained parameters.
        parameters: usize,
        /// Optimiser steps taken before, if this resumes.
        step: usize,
        /// Optimiser steps in all.
        of: usize,
    },
    /// Something the user should know.
    Note(String),
    /// A point of the curve was reached.
    Step {
        /// The point.
        point: Point,
        /// Optimiser steps in all.
        of: usize,
        /// Pieces per second of training since the last point, padding not counted.
        tokens_per_s: f64,
    },
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Progress::Texts { files, notes } => write!(f, "{notes} notes in {files} file(s)"),
            Progress::Vocabulary { pieces } => write!(f, "a vocabulary of {pieces} pieces"),
            Progress::Sequences { training, validation, tokens } => {
                write!(f, "{training} training sequences with {tokens} pieces, {validation} validation sequences")
            }
            Progress::Model { parameters, step: 0, of } => write!(f, "{parameters} parameters, {of} steps"),
            Progress::Model { parameters, step, of } => {
                write!(f, "{parameters} parameters, resumed at step {step} of {of}")
            }
            Progress::Note(note) => write!(f, "note: {note}"),
            Progress::Step { point, of, tokens_per_s } => {
                write!(f, "step {:>6} of {of}  epoch {:>6.2}  loss {:.4}", point.step, point.epoch, point.train_loss)?;
                if let Some(loss) = point.validation_loss {
                    write!(f, "  validation {loss:.4}")?;
                }
                write!(f, "  {tokens_per_s:.0} tokens/s")
            }
        }
    }
}
