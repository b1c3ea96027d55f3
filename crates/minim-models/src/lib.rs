//! A Hugging Face model folder in, a burn backbone with a head out; and back.
//!
//! [`Checkpoint::open`] reads `config.json` and finds the weights; [`Checkpoint::classifier`] builds the model that the configuration
//! names and loads it strictly: a missing, unused or misshapen tensor is an error that names it. [`Config::classifier`] builds the
//! same model without weights, and without allocating, for counting.
//!
//! One file per architecture: [`bert`], [`roberta`], [`distil_bert`], [`mobile_bert`], [`llama`], [`modern_bert`]. A closed enum, [`Model`], dispatches; nothing downstream is generic over the model.

mod activation;
mod attention;
mod batch;
pub mod bert;
mod checkpoint;
mod classifier;
mod config;
pub mod distil_bert;
mod embedding;
mod error;
mod family;
mod fresh;
mod head;
mod layer_norm;
pub mod llama;
mod masked_lm;
pub mod mobile_bert;
mod model;
pub mod modern_bert;
mod names;
mod options;
pub mod roberta;
mod rotary;
mod stages;

pub use activation::Activation;
pub use batch::TokenBatch;
pub use checkpoint::{Checkpoint, Loaded, save};
pub use classifier::{Classifier, HeadKind};
pub use config::{Config, DefaultTargets};
pub use error::Error;
pub use fresh::initialise;
pub use head::Head;
pub use masked_lm::MaskedLm;
pub use model::{Backbone, Model};
pub use names::published_name;
pub use stages::{Stage, Stages};
