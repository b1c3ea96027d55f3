//! Scores of classifiers and entity recognisers: pure functions of truth and prediction, in `f64`.
//!
//! - [`classification`]: accuracy, confusion counts, precision, recall and F1, per class and averaged.
//! - [`ranking`]: area under the ROC curve and average precision, binary and one-vs-rest.
//! - [`entity`]: precision, recall and F1 of whole entities in BIO tags.
//! - [`baseline`]: what always answering with the most frequent class would do.
//!
//! Every number equals the one of scikit-learn 1.9 (with `zero_division=0`) or, for entities, seqeval 1.2 (with
//! `mode="strict", scheme=IOB2`) to 1e-9; `tests/parity.rs` proves it on random and degenerate inputs. Where they
//! answer NaN there is [`Error::Undefined`] here; the one exception stands at [`entity::EntityReport`].
//!
//! A relation extractor is scored by micro-F1 over every label but the negative one:
//!
//! ```
//! use minim_metrics::classification::{Average, Labels, accuracy, f1};
//!
//! // 0 = no relation, 1 = effect, 2 = mechanism
//! let truth = [0, 0, 1, 2, 1, 0];
//! let predicted = [0, 1, 1, 2, 0, 0];
//! assert_eq!(accuracy(&truth, &predicted)?, 4.0 / 6.0);
//! let micro = f1(&truth, &predicted, 3, Average::Micro, Labels::Except(0))?;
//! assert!((micro - 2.0 / 3.0).abs() < 1e-12);
//! # Ok::<(), minim_metrics::Error>(())
//! ```

pub mod baseline;
pub mod classification;
pub mod entity;
mod error;
pub mod ranking;
mod scores;

pub use error::Error;
pub use scores::{Average, Scores};
