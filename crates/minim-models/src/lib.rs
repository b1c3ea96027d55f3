//! A Hugging Face model folder in, a burn backbone with a head out; and back.
//!
//! [`Checkpoint::open`] reads `config.json` and finds the weights; [`Checkpoint::classifier`] builds the model that the configuration
//! names and loads it strictly: a missing, unused or misshapen tensor is an error that names it. [`Config::classifier`] builds the
//! same model without weights, and without allocating, for counting.
//!
//! One file per architecture: [`bert`]. A closed enum, [`Model`], dispatches; nothing downstream is generic over the model.

mod batch;
pub mod bert;
mod checkpoint;
mod classifier;
mod config;
mod error;
mod fresh;
mod masked_lm;
mod model;
mod names;

pub use batch::TokenBatch;
pub use checkpoint::{Checkpoint, Loaded, save};
pub use classifier::{Classifier, HeadKind};
pub use config::Config;
pub use error::Error;
pub use fresh::initialise;
pub use masked_lm::MaskedLm;
pub use model::{Backbone, Model};
pub use names::published_name;
