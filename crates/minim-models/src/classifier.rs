use burn::module::Module;
use burn::nn::{Dropout, DropoutConfig};
use burn::tensor::{Device, FloatDType, Tensor};
use minim_adapters::Linear;

use crate::{Backbone, Model, TokenBatch};

/// What a head classifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadKind {
    /// One label per text, or pair of texts.
    Sequence,
    /// One label per token.
    Token,
}

impl HeadKind {
    /// peft's `task_type`.
    pub fn peft_task_type(self) -> &'static str {
        match self {
            HeadKind::Sequence => "SEQ_CLS",
            HeadKind::Token => "TOKEN_CLS",
        }
    }

    /// The class that transformers loads such a model with.
    pub fn architecture(self) -> &'static str {
        match self {
            HeadKind::Sequence => "BertForSequenceClassification",
            HeadKind::Token => "BertForTokenClassification",
        }
    }
}

/// A backbone with a classification head: transformers' `BertForSequenceClassification` and `BertForTokenClassification`.
#[derive(Module, Debug)]
pub struct Classifier {
    backbone: Model,
    dropout: Dropout,
    classifier: Linear,
    #[module(skip)]
    head: HeadKind,
}

impl Classifier {
    pub(crate) fn new(
        backbone: Model,
        head: HeadKind,
        hidden: usize,
        labels: usize,
        dropout: f64,
        device: &Device,
    ) -> Self {
        Self {
            backbone,
            dropout: DropoutConfig::new(dropout).init(),
            classifier: Linear::new(hidden, labels, true, device),
            head,
        }
    }

    /// What the head classifies.
    pub fn head(&self) -> HeadKind {
        self.head
    }

    /// Logits of a [`HeadKind::Sequence`] head.
    ///
    /// # Shapes
    /// - output: `[batch, labels]`
    pub fn sequence_logits(&self, batch: &TokenBatch) -> Tensor<2> {
        let hidden = self.backbone.forward(batch);
        let summary = self.backbone.summary(hidden, batch);
        exact(self.classifier.forward(self.dropout.forward(summary)))
    }

    /// Logits of a [`HeadKind::Token`] head.
    ///
    /// # Shapes
    /// - output: `[batch, seq, labels]`
    pub fn token_logits(&self, batch: &TokenBatch) -> Tensor<3> {
        exact(self.classifier.forward(self.dropout.forward(self.backbone.forward(batch))))
    }

    /// The precision of activations; parameters keep theirs, and logits are fp32 always.
    pub fn set_precision(&mut self, precision: FloatDType) {
        self.backbone.set_precision(precision);
    }

    /// The backbone, for a caller with a head of its own.
    pub fn backbone(&self) -> &Model {
        &self.backbone
    }
}

/// Logits as fp32: a loss and a probability need the bits.
fn exact<const D: usize>(logits: Tensor<D>) -> Tensor<D> {
    if FloatDType::from(logits.dtype()) == FloatDType::F32 { logits } else { logits.cast(FloatDType::F32) }
}
