//! Prefix tuning. Li and Liang 2021, arXiv 2101.00190, sections 4.2 and 4.3.

use burn::module::{Module, Param};
use burn::tensor::activation::tanh;
use burn::tensor::{Device, Tensor};

use crate::parameter::lazy;
use crate::prompt_tuning::check_sizes;
use crate::{Draw, Error, Linear};

/// How to attach prefix tuning. The model's shape stands here, as in peft's files: a prefix reaches into every layer.
#[derive(Debug, Clone, PartialEq)]
pub struct PrefixTuningConfig {
    /// Number of keys, and of values, before those of a text in every layer.
    pub virtual_tokens: usize,
    /// The model's layers.
    pub layers: usize,
    /// Heads of keys and values in a layer.
    pub heads: usize,
    /// Of all heads' keys together: heads times the size of a head.
    pub width: usize,
    /// Width inside of the two layers that the prefix is made by in training (peft's `prefix_projection` with its `encoder_hidden_size`);
    /// none to train the prefix itself.
    pub projection: Option<usize>,
}

impl PrefixTuningConfig {
    /// A prefix of 20 without projection (peft has no default for its length; 20 is its documentation's) for a model of this shape.
    pub fn new(layers: usize, heads: usize, width: usize) -> Self {
        Self { virtual_tokens: 20, layers, heads, width, projection: None }
    }
}

/// `softmax(Q·[Pk; K]ᵀ / √d)·[Pv; V]` in every layer, with Pk and Pv of its own: n keys and values that every token of a text sees.
#[derive(Module, Debug)]
pub struct PrefixTuning {
    /// `[n, 2 · layers · width]`, the first layer's keys, its values, the second's keys; with a projection `[n, width]`. Drawn from a
    /// normal distribution of mean 0 and deviation 1, as in peft.
    pub embeddings: Param<Tensor<2>>,
    /// What makes the prefix out of the embeddings.
    pub projection: Option<Projection>,
    /// Of one layer's keys.
    pub width: usize,
}

/// `tanh(e·D + d)·U + u`. Both layers start as PyTorch's linear layers do.
#[derive(Module, Debug)]
pub struct Projection {
    /// `[width, hidden]`
    pub down: Linear,
    /// `[hidden, 2 · width]` for each layer of the model.
    pub up: Vec<Linear>,
}

impl PrefixTuningConfig {
    /// Checks the ranges of the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first one outside of its range.
    pub fn check(&self) -> Result<(), Error> {
        check_sizes(&[
            ("num_virtual_tokens", self.virtual_tokens),
            ("num_layers", self.layers),
            ("num_attention_heads", self.heads),
            ("token_dim", self.width),
            ("encoder_hidden_size", self.projection.unwrap_or(1)),
        ])
    }

    /// A prefix, drawn when it is first used; `plain` for one that is loaded, of which the projection is in no file.
    pub(crate) fn init(&self, plain: bool, seed: u64, device: &Device) -> PrefixTuning {
        let (n, width) = (self.virtual_tokens, self.width);
        let projection = self.projection.filter(|_| !plain).map(|hidden| {
            let name = |part: &str| format!("prompt_encoder.transform.{part}");
            Projection {
                down: Linear::drawn(width, hidden, hidden_bound(width), seed, &name("0"), device),
                up: (0..self.layers)
                    .map(|layer| {
                        let name = name(&format!("2.{layer}"));
                        Linear::drawn(hidden, 2 * width, hidden_bound(hidden), seed, &name, device)
                    })
                    .collect(),
            }
        });
        let columns = if projection.is_some() { width } else { 2 * self.layers * width };
        let mut draw = Draw::new(seed, "prompt_encoder.embedding");
        PrefixTuning {
            embeddings: lazy([n, columns], device, move || draw.normal(n * columns, 1.0)),
            projection,
            width,
        }
    }
}

/// How far PyTorch draws a linear layer's weights and biases.
pub(crate) fn hidden_bound(inputs: usize) -> f64 {
    1.0 / (inputs as f64).sqrt()
}

impl PrefixTuning {
    /// Number of keys, and of values.
    pub fn virtual_tokens(&self) -> usize {
        self.embeddings.lazy_shape()[0]
    }

    /// The keys and the values of one layer of the model, counted from 0. Made anew for each layer, so that a layer can be computed
    /// twice (gradient checkpointing).
    ///
    /// # Shapes
    /// - outputs: `[n, width]`
    pub fn layer(&self, layer: usize) -> [Tensor<2>; 2] {
        let both = match &self.projection {
            None => self.embeddings.val().narrow(1, 2 * layer * self.width, 2 * self.width),
            Some(projection) => projection.up[layer].forward(projection.inner(self.embeddings.val())),
        };
        [both.clone().narrow(1, 0, self.width), both.narrow(1, self.width, self.width)]
    }

    /// All layers' keys and values, `[n, 2 · layers · width]`.
    pub(crate) fn whole(&self) -> Tensor<2> {
        match &self.projection {
            None => self.embeddings.val(),
            Some(projection) => {
                let inner = projection.inner(self.embeddings.val());
                Tensor::cat(projection.up.iter().map(|up| up.forward(inner.clone())).collect(), 1)
            }
        }
    }
}

impl Projection {
    fn inner(&self, embeddings: Tensor<2>) -> Tensor<2> {
        tanh(self.down.forward(embeddings))
    }
}
