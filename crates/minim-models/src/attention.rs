//! Scaled dot-product attention. Vaswani et al. 2017, arXiv 1706.03762.

use burn::tensor::activation::softmax;
use burn::tensor::{Bool, FloatDType, Int, Tensor};
use minim_adapters::{Dropout, PrefixTuning};

use crate::TokenBatch;

/// `[batch, seq, heads * size]` as `[batch, heads, seq, size]`.
pub(crate) fn split_heads(x: Tensor<3>, heads: usize) -> Tensor<4> {
    let [batch, seq, width] = x.dims();
    x.reshape([batch, seq, heads, width / heads]).swap_dims(1, 2)
}

/// `softmax(query · keyᵀ / √size) · value` of every head, joined.
///
/// # Shapes
/// - `query`: `[batch, heads, seq, size]`
/// - `key`, `value`: `[batch, heads, keys, size]`
/// - `hide`: `[batch or 1, 1, seq or 1, keys]`, true where a query (third axis) must not look at a key (fourth)
/// - output: `[batch, seq, heads * size]`
pub(crate) fn attend(
    query: Tensor<4>,
    key: Tensor<4>,
    value: Tensor<4>,
    hide: Option<&Tensor<4, Bool>>,
    dropout: &Dropout,
) -> Tensor<3> {
    let ([batch, heads, seq, size], dtype) = (query.dims(), query.dtype());
    let keys = key.dims()[2];
    // The query is scaled, not the scores: the same to rounding, and fewer products.
    let mut scores = (query * (size as f64).powf(-0.5)).matmul(key.swap_dims(2, 3));
    if let Some(hide) = hide {
        // Far below any score, yet finite in bf16 too: softmax makes it exactly 0.
        scores = scores.mask_fill(hide.clone().expand([batch, heads, seq, keys]), -1e30);
    }
    // The sum of a row needs more bits than its terms; transformers takes the softmax in fp32 too.
    let weights = dropout.forward(softmax(scores.cast(FloatDType::F32), 3).cast(dtype));
    weights.matmul(value).swap_dims(1, 2).reshape([batch, seq, heads * size])
}

/// The keys and values that stand before those of each text, if there are any: prefix tuning's.
#[derive(Clone, Copy)]
pub(crate) struct Past<'a>(pub(crate) Option<&'a PrefixTuning>);

impl<'a> Past<'a> {
    /// How many there are in each layer. They count as tokens that came before: the text's positions begin behind them.
    pub(crate) fn len(self) -> usize {
        self.0.map_or(0, PrefixTuning::virtual_tokens)
    }

    /// The positions of the tokens of `seen`, the batch behind its virtual tokens.
    ///
    /// # Shapes
    /// - output: `[1, virtual + seq]`
    pub(crate) fn positions(self, seen: &TokenBatch) -> Tensor<2, Int> {
        let (first, [_, seq]) = (self.len() as i64, seen.dims());
        Tensor::<1, Int>::arange(first..first + seq as i64, &seen.ids.device()).unsqueeze()
    }

    /// The same mask for queries that see what stands before the text, too: all of them see all of it.
    ///
    /// # Shapes
    /// - `hide`: `[batch or 1, 1, seq or 1, seq]`
    /// - output: `[batch or 1, 1, seq or 1, past + seq]`
    pub(crate) fn unhidden(self, hide: Option<Tensor<4, Bool>>) -> Option<Tensor<4, Bool>> {
        if self.0.is_none() {
            return hide;
        }
        hide.map(|hide| {
            let [rows, _, queries, _] = hide.dims();
            let shown = Tensor::<4, Bool>::full([rows, 1, queries, self.len()], false, &hide.device());
            Tensor::cat(vec![shown, hide], 3)
        })
    }

    pub(crate) fn of_layer(self, layer: usize) -> View<'a> {
        View { hide: None, prefix: self.0, layer }
    }
}

/// What the tokens of one layer look at.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    /// As [`attend`] takes it.
    pub(crate) hide: Option<&'a Tensor<4, Bool>>,
    prefix: Option<&'a PrefixTuning>,
    layer: usize,
}

impl<'a> View<'a> {
    /// The same without what `hide` hides.
    pub(crate) fn hiding(self, hide: Option<&'a Tensor<4, Bool>>) -> Self {
        Self { hide, ..self }
    }

    /// Keys and values behind those that stand before them.
    ///
    /// # Shapes
    /// - `key`, `value`: `[batch, heads, seq, size]`
    /// - outputs: `[batch, heads, past + seq, size]`
    pub(crate) fn precede(self, key: Tensor<4>, value: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
        let Some(prefix) = self.prefix else { return (key, value) };
        let [batch, heads, _, size] = key.dims();
        let dtype = key.dtype();
        let before = |past: Tensor<2>, own: Tensor<4>| {
            let past = split_heads(past.cast(dtype).unsqueeze::<3>(), heads);
            let past = past.expand([batch, heads, prefix.virtual_tokens(), size]);
            Tensor::cat(vec![past, own], 2)
        };
        let [keys, values] = prefix.layer(self.layer);
        (before(keys, key), before(values, value))
    }
}

/// Where attention must not look because there is padding; none for a batch without.
///
/// # Shapes
/// - output: `[batch, 1, 1, seq]`
pub(crate) fn hide_padding(batch: &TokenBatch) -> Option<Tensor<4, Bool>> {
    let [rows, seq] = batch.dims();
    batch.padded.then(|| batch.mask.clone().bool_not().reshape([rows, 1, 1, seq]))
}
