//! DoRA: weight-decomposed low-rank adaptation. Liu et al. 2024, arXiv 2402.09353, equation 5.
//!
//! `y = m ⊙ (x·W + s·(x·A)·B) / ‖W + s·A·B‖ + b`, with a norm for each output. As in section 4.3 of the paper and in peft the norm is
//! a constant to the backward pass. It comes from products of width r: neither the sum `W + s·A·B` nor a gradient of its size exists.

use burn::module::Param;
use burn::tensor::{Device, FloatDType, Tensor};
use minim_kernels::low_rank;

use crate::parameter::{lazy, like};
use crate::{Lora, Weight};

/// The magnitudes m, `[out]`: the norms of the base weight `[in, out]`. An update that is 0 at the start, or that was taken out of the base
/// weight, does not change them.
pub(crate) fn magnitude<const D: usize>(base: Param<Tensor<D>>, device: &Device) -> Param<Tensor<1>> {
    let shape = base.lazy_shape();
    let [inputs, outputs] = [shape[0], shape[D - 1]];
    lazy([outputs], device, move || {
        let weight = constant(base.base()).reshape([inputs, outputs]).cast(FloatDType::F32);
        weight.square().sum_dim(0).sqrt().into_data().iter::<f32>().collect()
    })
}

/// A tensor that is no part of a graph: burn's `detach` leaves a trained parameter one that is trained, and keeps for it what it multiplies.
pub(crate) fn constant<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    tensor.detach().set_require_grad(false)
}

impl Lora {
    /// `m / ‖W + s·A·B‖`, `[out]`, in the precision of the factors; `weight` comes without a graph.
    pub(crate) fn rescaling(&self, weight: Tensor<2>, magnitude: Tensor<1>) -> Tensor<1> {
        let (a, b) = (constant(self.a.val()), constant(self.b.val()));
        let weight = like(weight, &a);
        let outputs = weight.dims()[1];
        let transposed = a.clone().transpose();
        // ‖w + s·A·b‖² = ‖w‖² + 2s·b·(Aᵀw) + s²·b·(AᵀA·b), column by column.
        let mixed = (b.clone() * transposed.clone().matmul(weight.clone())).sum_dim(0) * (2.0 * self.scale);
        let update = (b.clone() * transposed.matmul(a).matmul(b)).sum_dim(0) * (self.scale * self.scale);
        let norm = (weight.square().sum_dim(0) + mixed + update).sqrt();
        magnitude / norm.reshape([outputs])
    }

    /// The layer with its rescaled update. Where dropout acts, peft lets it act on the base weight's part of the change too.
    pub(crate) fn forward_dora<const D: usize>(
        &self,
        x: Tensor<D>,
        weight: &Weight,
        bias: Option<Tensor<1>>,
        magnitude: Tensor<1>,
    ) -> Tensor<D> {
        let rescaling = like(self.rescaling(weight.detached(), magnitude), &x).unsqueeze::<D>();
        let base = weight.product(x.clone(), None);
        let y = match (self.dropout.rate_on(&x) > 0.0).then(|| self.dropout.forward(x.clone())) {
            None => low_rank(base, x, self.a.val(), self.b.val(), self.scale, 0.0) * rescaling,
            Some(dropped) => {
                let update = self.update(dropped.clone(), &base);
                base + weight.product(dropped, None) * (rescaling.clone() - 1.0) + update * rescaling
            }
        };
        match bias {
            None => y,
            Some(bias) => y + bias.unsqueeze::<D>(),
        }
    }
}
