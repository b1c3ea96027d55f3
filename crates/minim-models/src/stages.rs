use burn::tensor::Tensor;

use crate::attention::{Past, View};

/// A step from hidden states to hidden states, `[batch, virtual + seq, hidden]` both.
pub type Stage<'a> = Box<dyn Fn(Tensor<3>) -> Tensor<3> + 'a>;

/// The forward pass of one batch as steps, so that a caller may drop what a layer computed and compute it again (gradient checkpointing).
pub struct Stages<'a> {
    /// What the embeddings give, `[batch, virtual + seq, hidden]`: behind virtual tokens, if there are any, each text.
    pub embedded: Tensor<3>,
    /// The layers in order; what all of them need (masks, rotations) is made once, before.
    pub layers: Vec<Stage<'a>>,
    /// A normalisation behind the last layer, in families that have one.
    pub last: Option<Stage<'a>>,
    /// Whether every layer has a part of the same trained parameters: a prefix.
    pub shared: bool,
}

impl<'a> Stages<'a> {
    pub(crate) fn new<L>(
        embedded: Tensor<3>,
        layers: &'a [L],
        past: Past<'a>,
        forward: impl Fn(&L, Tensor<3>, View<'_>) -> Tensor<3> + Clone + 'a,
    ) -> Self {
        let stage = |(number, layer): (usize, &'a L)| -> Stage<'a> {
            let forward = forward.clone();
            Box::new(move |hidden| forward(layer, hidden, past.of_layer(number)))
        };
        let layers = layers.iter().enumerate().map(stage).collect();
        Self { embedded, layers, last: None, shared: past.len() > 0 }
    }

    /// The hidden states behind the last step.
    pub fn run(self) -> Tensor<3> {
        let hidden = self.layers.iter().fold(self.embedded, |hidden, layer| layer(hidden));
        match self.last {
            Some(last) => last(hidden),
            None => hidden,
        }
    }
}
