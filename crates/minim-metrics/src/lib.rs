//! Scores of classifiers and entity recognisers: pure functions of truth and prediction, in `f64`.
//!
//! - [`classification`]: accuracy, confusion counts, precision, recall and F1, per class and averaged.
//! - [`ranking`]: area under the ROC curve and average precision (AUPRC), binary and one-vs-rest; [`curve`]: their curves.
//! - [`operating_point`]: the threshold for a wished sensitivity or positive predictive value.
//! - [`calibration`]: Brier score, expected calibration error, calibration slope and intercept.
//! - [`entity`]: precision, recall and F1 of whole entities in BIO tags; [`entity_table`]: by type, with intervals.
//! - [`deidentification`]: what was left in the text, recall first.
//! - [`subgroup`]: the same scores by sex, age band or hospital.
//! - [`bootstrap`]: confidence intervals over documents or patients, and whether two runs differ.
//! - [`baseline`]: what always answering with the most frequent class would do.
//!
//! Every number equals the one of scikit-learn 1.9 (with `zero_division=0`) or, for entities, seqeval 1.2 (with
//! `mode="strict", scheme=IOB2`) to 1e-9, and every interval, on the same resamples, the one of SciPy 1.17; slope and
//! intercept, which are iterated for, to 1e-6. The crate's `tests` prove it on random and degenerate inputs. Where those
//! answer NaN there is [`Error::Undefined`] or `None` here; the exceptions stand at [`entity::EntityReport`],
//! [`curve::precision_recall`] and [`bootstrap::Interval`].
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
pub mod bootstrap;
pub mod calibration;
pub mod classification;
pub mod curve;
pub mod deidentification;
pub mod entity;
pub mod entity_table;
mod error;
pub mod operating_point;
mod quantile;
pub mod ranking;
mod scores;
pub mod subgroup;

pub use error::Error;
pub use scores::{Average, Scores};
