use burn::tensor::Tensor;

/// A step from hidden states to hidden states, `[batch, seq, hidden]` both.
pub type Stage<'a> = Box<dyn Fn(Tensor<3>) -> Tensor<3> + 'a>;

/// The forward pass of one batch as steps, so that a caller may drop what a layer computed and compute it again (gradient checkpointing).
pub struct Stages<'a> {
    /// What the embeddings give, `[batch, seq, hidden]`.
    pub embedded: Tensor<3>,
    /// The layers in order; what all of them need (masks, rotations) is made once, before.
    pub layers: Vec<Stage<'a>>,
    /// A normalisation behind the last layer, in families that have one.
    pub last: Option<Stage<'a>>,
}

impl<'a> Stages<'a> {
    pub(crate) fn new<L>(
        embedded: Tensor<3>,
        layers: &'a [L],
        forward: impl Fn(&L, Tensor<3>) -> Tensor<3> + Clone + 'a,
    ) -> Self {
        let stage = |layer: &'a L| -> Stage<'a> {
            let forward = forward.clone();
            Box::new(move |hidden| forward(layer, hidden))
        };
        Self { embedded, layers: layers.iter().map(stage).collect(), last: None }
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
