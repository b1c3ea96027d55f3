use burn::module::Module;
use burn::tensor::{FloatDType, Tensor};
use minim_adapters::TokenEmbedding;

use crate::bert::Bert;
use crate::distil_bert::DistilBert;
use crate::llama::Llama;
use crate::mobile_bert::MobileBert;
use crate::modern_bert::ModernBert;
use crate::roberta::Roberta;
use crate::{Stages, TokenBatch};

/// A language model without a head.
pub trait Backbone {
    /// The forward pass, step by step.
    fn stages(&self, batch: &TokenBatch) -> Stages<'_>;

    /// The table that tokens are looked up in, and that virtual tokens or a prefix sit on.
    fn tokens(&self) -> &TokenEmbedding;

    /// Hidden states of the last layer, those of virtual tokens included.
    ///
    /// # Shapes
    /// - output: `[batch, virtual + seq, hidden]`
    fn forward(&self, batch: &TokenBatch) -> Tensor<3> {
        self.stages(batch).run()
    }

    /// One vector per text, by the family's own rule, in which virtual tokens are tokens, as in peft: the first may be one.
    ///
    /// # Shapes
    /// - `hidden`: `[batch, virtual + seq, hidden]`
    /// - output: `[batch, hidden]`
    fn summary(&self, hidden: Tensor<3>, batch: &TokenBatch) -> Tensor<2>;

    /// The precision of activations; parameters keep theirs and are cast where they differ.
    fn set_precision(&mut self, precision: FloatDType);
}

/// Every family; the one place that knows them all.
#[derive(Module, Debug)]
pub enum Model {
    /// BERT and what is shaped like it.
    Bert(Bert),
    /// RoBERTa.
    Roberta(Roberta),
    /// DistilBERT.
    DistilBert(DistilBert),
    /// MobileBERT.
    MobileBert(MobileBert),
    /// Llama, and what has its shape: TinyLlama, SmolLM2.
    Llama(Llama),
    /// ModernBERT.
    ModernBert(ModernBert),
}

/// The same expression for whichever family it is.
macro_rules! each {
    ($model:expr, $family:ident => $body:expr) => {
        match $model {
            Model::Bert($family) => $body,
            Model::Roberta($family) => $body,
            Model::DistilBert($family) => $body,
            Model::MobileBert($family) => $body,
            Model::Llama($family) => $body,
            Model::ModernBert($family) => $body,
        }
    };
}

impl Backbone for Model {
    fn stages(&self, batch: &TokenBatch) -> Stages<'_> {
        each!(self, family => family.stages(batch))
    }

    fn tokens(&self) -> &TokenEmbedding {
        each!(self, family => family.tokens())
    }

    fn summary(&self, hidden: Tensor<3>, batch: &TokenBatch) -> Tensor<2> {
        each!(self, family => family.summary(hidden, batch))
    }

    fn set_precision(&mut self, precision: FloatDType) {
        each!(self, family => family.set_precision(precision));
    }
}
