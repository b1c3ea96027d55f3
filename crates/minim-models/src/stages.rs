use burn::tensor::Tensor;

use crate::attention::{Past, View};

/// A step from hidden states to hidden states, `[batch, virtual + seq, hidden]` both, or from these to `[batch, 1, hidden]` as the last step of
/// [`crate::Classifier::stages`].
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
    /// The last layer for the first position alone: to `[batch, 1, hidden]`.
    pub(crate) first: Option<Stage<'a>>,
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
        Self { embedded, layers, last: None, shared: past.len() > 0, first: None }
    }

    /// The same, knowing how the last of `layers` computes one position: `forward` is told which hidden states ask, and all that they look at.
    pub(crate) fn asking<L>(
        embedded: Tensor<3>,
        layers: &'a [L],
        past: Past<'a>,
        forward: impl Fn(&L, Tensor<3>, Tensor<3>, View<'_>) -> Tensor<3> + Clone + 'a,
    ) -> Self {
        let all = forward.clone();
        let stages =
            Self::new(embedded, layers, past, move |layer, hidden, view| all(layer, hidden.clone(), hidden, view));
        let first = layers.last().map(|layer| -> Stage<'a> {
            let view = past.of_layer(layers.len() - 1);
            Box::new(move |hidden: Tensor<3>| forward(layer, hidden.clone().narrow(1, 0, 1), hidden, view))
        });
        Self { first, ..stages }
    }

    /// The same for a head that looks at the first position alone, `[batch, 1, hidden]` at the end: the last layer computes no other, where it
    /// knows how.
    pub(crate) fn for_first(mut self) -> Self {
        if let Some(first) = self.first.take() {
            self.layers.pop();
            self.layers.push(first);
        }
        self
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
