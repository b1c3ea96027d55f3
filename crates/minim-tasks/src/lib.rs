//! Examples to batches, losses, predictions and scores, for the three kinds of clinical language task.
//!
//! [`Task`] is a closed enum with one file a task: [`SequenceClassification`], [`TokenClassification`],
//! [`RelationExtraction`]. A run goes through it in this order:
//!
//! 1. [`Tokenizer::from_folder`], [`Tokenizer::check_vocab`] against the model;
//! 2. [`Task::encode_all`] once for each split, or [`Cache::encode_all`], after [`limit`] and [`subsample_negatives`] for the training split;
//! 3. [`training_batches`] over the windows ([`Place::all`]) for each epoch (or [`evaluation_batches`]), [`Task::collate`] for each batch;
//! 4. [`Task::loss`] on the logits of the model, or [`Task::predictions`] and in the end [`Task::score`].
//!
//! Nothing here names a backend or draws from a random generator that the caller did not give.

mod batch;
mod cache;
mod decode;
mod error;
mod example_slice;
mod loss;
mod pool;
mod relation;
mod sample;
mod schedule;
mod scores;
mod sequence;
mod statistic;
mod task;
mod token;
mod tokenizer;

pub use batch::{Batch, EncodedExample, IGNORED, Place};
pub use cache::{Cache, Origin};
pub use decode::{Prediction, Predictions};
pub use error::Error;
pub use example_slice::ExampleSlice;
pub use pool::Pool;
pub use relation::RelationExtraction;
pub use sample::{limit, subsample_negatives};
pub use schedule::{evaluation_batches, training_batches};
pub use scores::{LabelScore, Scores};
pub use sequence::SequenceClassification;
pub use task::Task;
pub use token::TokenClassification;
pub use tokenizer::{Encoded, Tokenizer};
