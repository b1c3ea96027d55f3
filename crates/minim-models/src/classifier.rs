use burn::module::Module;
use burn::tensor::{FloatDType, Tensor};

use crate::{Backbone, Head, Model, Stages, TokenBatch};

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
}

/// A backbone with a classification head: transformers' `…ForSequenceClassification` and `…ForTokenClassification`.
#[derive(Module, Debug)]
pub struct Classifier {
    backbone: Model,
    head: Head,
    #[module(skip)]
    kind: HeadKind,
}

impl Classifier {
    pub(crate) fn new(backbone: Model, head: Head, kind: HeadKind) -> Self {
        Self { backbone, head, kind }
    }

    /// What the head classifies.
    pub fn head(&self) -> HeadKind {
        self.kind
    }

    pub(crate) fn head_module(&self) -> &Head {
        &self.head
    }

    /// The forward pass up to the head, step by step. For a head that looks at the first position alone the last step computes that one, in the
    /// families that can.
    pub fn stages(&self, batch: &TokenBatch) -> Stages<'_> {
        let stages = self.backbone.stages(batch);
        match self.kind {
            HeadKind::Sequence => stages.for_first(),
            HeadKind::Token => stages,
        }
    }

    /// The hidden states that the head looks at.
    ///
    /// # Shapes
    /// - output: `[batch, virtual + seq, hidden]`, or `[batch, 1, hidden]` as [`Classifier::stages`] says
    pub fn hidden(&self, batch: &TokenBatch) -> Tensor<3> {
        self.stages(batch).run()
    }

    /// Logits of a [`HeadKind::Sequence`] head.
    ///
    /// # Shapes
    /// - output: `[batch, labels]`
    pub fn sequence_logits(&self, batch: &TokenBatch) -> Tensor<2> {
        self.sequence_logits_of(self.hidden(batch), batch)
    }

    /// The same from the hidden states of [`Classifier::hidden`], or from the backbone's, `[batch, virtual + seq, hidden]`.
    pub fn sequence_logits_of(&self, hidden: Tensor<3>, batch: &TokenBatch) -> Tensor<2> {
        exact(self.head.forward(self.backbone.summary(hidden, batch)))
    }

    /// Logits of a [`HeadKind::Token`] head.
    ///
    /// # Shapes
    /// - output: `[batch, seq, labels]`
    pub fn token_logits(&self, batch: &TokenBatch) -> Tensor<3> {
        self.token_logits_of(self.backbone.forward(batch))
    }

    /// The same from the backbone's hidden states, `[batch, virtual + seq, hidden]`: virtual tokens have no labels.
    pub fn token_logits_of(&self, hidden: Tensor<3>) -> Tensor<3> {
        let ahead = self.backbone.tokens().virtual_tokens();
        let hidden = match ahead {
            0 => hidden,
            _ => {
                let behind = hidden.dims()[1] - ahead;
                hidden.narrow(1, ahead, behind)
            }
        };
        exact(self.head.forward(hidden))
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
