use burn::module::{Module, Param};
use burn::tensor::module::embedding;
use burn::tensor::{Device, Int, Tensor};
use minim_adapters::zeros;

/// A table of vectors by position or type. Tokens have [`minim_adapters::TokenEmbedding`].
#[derive(Module, Debug)]
pub(crate) struct Embedding {
    /// `[rows, width]`
    pub(crate) weight: Param<Tensor<2>>,
}

impl Embedding {
    /// A table of zeros that allocates nothing until it is used or loaded.
    pub(crate) fn new(rows: usize, width: usize, device: &Device) -> Self {
        Self { weight: zeros([rows, width], device) }
    }

    /// # Shapes
    /// - `ids`: `[batch, seq]`
    /// - output: `[batch, seq, width]`
    pub(crate) fn forward(&self, ids: Tensor<2, Int>) -> Tensor<3> {
        embedding(self.weight.val(), ids)
    }
}
