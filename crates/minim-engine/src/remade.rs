use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, DispatchKindConversion, DispatchTensor, TensorMetadata};
use burn::tensor::{DType, Tensor};
use minim_adapters::Quantised;

/// `y = x·W` for a frozen W in few bits. burn's own product would keep the dense W until the backward pass, one of each layer; this one keeps
/// the codes, and makes W again for `dx = dy·Wᵀ`.
#[derive(Debug)]
struct Remade;

impl<B: Backend> Backward<B, 1> for Remade
where
    DispatchTensor: DispatchKindConversion<B>,
{
    type State = Quantised;

    fn backward(self, ops: Ops<Quantised, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        unary::<B, _>(ops.parents, ops.node, gradients, |gradient| {
            let weight = dense::<B>(&ops.state, gradient.dtype());
            B::float_matmul(gradient, B::float_transpose(weight))
        });
    }
}

/// The product of a tensor on the backend `B` with autodiff.
///
/// # Shapes
/// - `x`: `[rows, in]`
/// - output: `[rows, out]`
pub(crate) fn product<B: Backend>(x: FloatTensor<Autodiff<B>>, weight: Quantised) -> FloatTensor<Autodiff<B>>
where
    DispatchTensor: DispatchKindConversion<B>,
{
    let node = x.node();
    let x = x.into_primitive();
    let weight_of = |weight: &Quantised| dense::<B>(weight, x.dtype());
    match Remade.prepare::<NoCheckpointing>([node]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => {
            let dense = weight_of(&weight);
            prep.finish(weight, B::float_matmul(x, dense))
        }
        OpsKind::UnTracked(prep) => {
            let dense = weight_of(&weight);
            prep.finish(B::float_matmul(x, dense))
        }
    }
}

fn dense<B: Backend>(weight: &Quantised, dtype: DType) -> FloatTensor<B>
where
    DispatchTensor: DispatchKindConversion<B>,
{
    let weight: Tensor<2> = weight.dense(dtype);
    weight.try_into_primitive::<B>().expect("a weight lies where its layer's input lies")
}
