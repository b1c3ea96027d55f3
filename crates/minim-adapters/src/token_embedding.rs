use burn::module::{Module, Param};
use burn::tensor::module::embedding;
use burn::tensor::{Device, FloatDType, Int, Tensor};

use crate::attached::Attached;
use crate::parameter::{like, zeros};
use crate::{Adapter, PrefixTuning};

/// A table of vectors by token id, which puts the virtual tokens of an [`Adapter`] on it, if there is one, before each text.
///
/// Named `TokenEmbedding` on purpose, as [`crate::Linear`] is: [`crate::attach`] knows the table that takes virtual tokens by
/// "Struct:TokenEmbedding" in burn's traversal.
#[derive(Module, Debug)]
pub struct TokenEmbedding {
    /// `[rows, width]`
    pub weight: Param<Tensor<2>>,
}

impl TokenEmbedding {
    /// A table of zeros that allocates nothing until it is used or loaded.
    pub fn new(rows: usize, width: usize, device: &Device) -> Self {
        Self { weight: zeros([rows, width], device) }
    }

    /// Looks ids up, behind as many [virtual tokens](Self::virtual_tokens) as there are.
    ///
    /// # Shapes
    /// - `ids`: `[batch, seq]`
    /// - output: `[batch, virtual + seq, width]`
    pub fn forward(&self, ids: Tensor<2, Int>, precision: FloatDType) -> Tensor<3> {
        let words = embedding(self.weight.base(), ids).cast(precision);
        let Some(prompt) = self.adapter().and_then(Adapter::prompt) else { return words };
        let ([rows, _, width], [tokens, _]) = (words.dims(), prompt.dims());
        let prompt = like(prompt, &words).unsqueeze::<3>().expand([rows, tokens, width]);
        Tensor::cat(vec![prompt, words], 1)
    }

    /// How many tokens stand before each text; a prefix's stand before its keys and values alone, and are none of these.
    pub fn virtual_tokens(&self) -> usize {
        self.adapter().map_or(0, Adapter::prompt_length)
    }

    /// The prefix of the layers' keys and values.
    pub fn prefix(&self) -> Option<&PrefixTuning> {
        match self.adapter() {
            Some(Adapter::Prefix(prefix)) => Some(prefix),
            _ => None,
        }
    }

    fn adapter(&self) -> Option<&Adapter> {
        self.weight.reparameterization::<Attached>()?.adapter.as_ref()
    }
}
