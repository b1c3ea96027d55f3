use burn::module::Module;
use burn::tensor::{FloatDType, Tensor};

use crate::TokenBatch;
use crate::bert::Bert;

/// A language model without a head.
pub trait Backbone {
    /// Hidden states of the last layer.
    ///
    /// # Shapes
    /// - output: `[batch, seq, hidden]`
    fn forward(&self, batch: &TokenBatch) -> Tensor<3>;

    /// One vector per text, by the family's own rule.
    ///
    /// # Shapes
    /// - `hidden`: `[batch, seq, hidden]`
    /// - output: `[batch, hidden]`
    fn summary(&self, hidden: Tensor<3>, batch: &TokenBatch) -> Tensor<2>;
}

/// Every family; the one place that knows them all.
#[derive(Module, Debug)]
pub enum Model {
    /// BERT and what is shaped like it.
    Bert(Bert),
}

impl Backbone for Model {
    fn forward(&self, batch: &TokenBatch) -> Tensor<3> {
        match self {
            Model::Bert(bert) => bert.forward(batch),
        }
    }

    fn summary(&self, hidden: Tensor<3>, batch: &TokenBatch) -> Tensor<2> {
        match self {
            Model::Bert(bert) => bert.summary(hidden, batch),
        }
    }
}

impl Model {
    /// The precision of activations; parameters keep theirs and are cast where they differ.
    pub fn set_precision(&mut self, precision: FloatDType) {
        match self {
            Model::Bert(bert) => bert.set_precision(precision),
        }
    }
}
