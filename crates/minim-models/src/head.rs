use burn::module::Module;
use burn::tensor::activation::{relu, tanh};
use burn::tensor::{Device, Tensor};
use minim_adapters::{Dropout, Linear};

use crate::modern_bert::ModernBertHead;

/// From a text's summary, or from every token's hidden state, to logits. Field names are transformers' names.
#[derive(Module, Debug)]
pub enum Head {
    /// Dropout and one layer: `classifier`.
    Plain(PlainHead),
    /// RoBERTa's for sequences: `classifier.dense`, tanh, `classifier.out_proj`.
    TwoLayer(TwoLayerHead),
    /// DistilBERT's for sequences: `pre_classifier`, ReLU, `classifier`.
    PreClassifier(PreClassifierHead),
    /// Llama's: `score`.
    Score(ScoreHead),
    /// ModernBERT's: `head.dense`, activation, `head.norm`, `classifier`.
    ModernBert(ModernBertHead),
}

impl Head {
    /// The head with what another one has between the backbone and the labels: ModernBERT's `head`, which checkpoints hold.
    pub(crate) fn with_block_of(self, other: &Self) -> Self {
        match (self, other) {
            (Head::ModernBert(head), Head::ModernBert(other)) => Head::ModernBert(head.with_block_of(other)),
            (head, _) => head,
        }
    }

    /// # Shapes
    /// - `x`: `[.., hidden]`
    /// - output: `[.., labels]`
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Head::Plain(head) => head.classifier.forward(head.dropout.forward(x)),
            Head::TwoLayer(head) => head.forward(x),
            Head::PreClassifier(head) => {
                let x = relu(head.pre_classifier.forward(x));
                head.classifier.forward(head.dropout.forward(x))
            }
            Head::Score(head) => head.score.forward(head.dropout.forward(x)),
            Head::ModernBert(head) => head.forward(x),
        }
    }
}

/// See [`Head::Plain`].
#[derive(Module, Debug)]
pub struct PlainHead {
    dropout: Dropout,
    classifier: Linear,
}

impl PlainHead {
    pub(crate) fn new(hidden: usize, labels: usize, dropout: f64, device: &Device) -> Self {
        Self { dropout: Dropout::new(dropout), classifier: Linear::new(hidden, labels, true, device) }
    }
}

/// See [`Head::TwoLayer`].
#[derive(Module, Debug)]
pub struct TwoLayerHead {
    dropout: Dropout,
    classifier: TwoLayers,
}

#[derive(Module, Debug)]
struct TwoLayers {
    dense: Linear,
    out_proj: Linear,
}

impl TwoLayerHead {
    pub(crate) fn new(hidden: usize, labels: usize, dropout: f64, device: &Device) -> Self {
        let classifier = TwoLayers {
            dense: Linear::new(hidden, hidden, true, device),
            out_proj: Linear::new(hidden, labels, true, device),
        };
        Self { dropout: Dropout::new(dropout), classifier }
    }

    fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let x = tanh(self.classifier.dense.forward(self.dropout.forward(x)));
        self.classifier.out_proj.forward(self.dropout.forward(x))
    }
}

/// See [`Head::PreClassifier`].
#[derive(Module, Debug)]
pub struct PreClassifierHead {
    pre_classifier: Linear,
    dropout: Dropout,
    classifier: Linear,
}

impl PreClassifierHead {
    pub(crate) fn new(hidden: usize, labels: usize, dropout: f64, device: &Device) -> Self {
        Self {
            pre_classifier: Linear::new(hidden, hidden, true, device),
            dropout: Dropout::new(dropout),
            classifier: Linear::new(hidden, labels, true, device),
        }
    }
}

/// See [`Head::Score`].
#[derive(Module, Debug)]
pub struct ScoreHead {
    dropout: Dropout,
    score: Linear,
}

impl ScoreHead {
    /// transformers gives the sequence head neither bias nor dropout, the token head both.
    pub(crate) fn new(hidden: usize, labels: usize, bias: bool, dropout: f64, device: &Device) -> Self {
        Self { dropout: Dropout::new(dropout), score: Linear::new(hidden, labels, bias, device) }
    }
}
