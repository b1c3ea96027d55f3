//! Scaled dot-product attention. Vaswani et al. 2017, arXiv 1706.03762.

use burn::tensor::activation::softmax;
use burn::tensor::{Bool, FloatDType, Tensor};
use minim_adapters::Dropout;

use crate::TokenBatch;

/// `[batch, seq, heads * size]` as `[batch, heads, seq, size]`.
pub(crate) fn split_heads(x: Tensor<3>, heads: usize) -> Tensor<4> {
    let [batch, seq, width] = x.dims();
    x.reshape([batch, seq, heads, width / heads]).swap_dims(1, 2)
}

/// `softmax(query · keyᵀ / √size) · value` of every head, joined.
///
/// # Shapes
/// - `query`, `key`, `value`: `[batch, heads, seq, size]`
/// - `hide`: `[batch or 1, 1, seq or 1, seq]`, true where a query (third axis) must not look at a key (fourth)
/// - output: `[batch, seq, heads * size]`
pub(crate) fn attend(
    query: Tensor<4>,
    key: Tensor<4>,
    value: Tensor<4>,
    hide: Option<&Tensor<4, Bool>>,
    dropout: &Dropout,
) -> Tensor<3> {
    let ([batch, heads, seq, size], dtype) = (query.dims(), query.dtype());
    // The query is scaled, not the scores: the same to rounding, and fewer products.
    let mut scores = (query * (size as f64).powf(-0.5)).matmul(key.swap_dims(2, 3));
    if let Some(hide) = hide {
        // Far below any score, yet finite in bf16 too: softmax makes it exactly 0.
        scores = scores.mask_fill(hide.clone().expand([batch, heads, seq, seq]), -1e30);
    }
    // The sum of a row needs more bits than its terms; transformers takes the softmax in fp32 too.
    let weights = dropout.forward(softmax(scores.cast(FloatDType::F32), 3).cast(dtype));
    weights.matmul(value).swap_dims(1, 2).reshape([batch, seq, heads * size])
}

/// Where attention must not look because there is padding; none for a batch without.
///
/// # Shapes
/// - output: `[batch, 1, 1, seq]`
pub(crate) fn hide_padding(batch: &TokenBatch) -> Option<Tensor<4, Bool>> {
    let [rows, seq] = batch.dims();
    batch.padded.then(|| batch.mask.clone().bool_not().reshape([rows, 1, 1, seq]))
}
