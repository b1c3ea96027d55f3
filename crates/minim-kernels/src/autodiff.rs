//! How an operation of this crate's own joins burn's autodiff.

use std::fmt::Debug;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend};
use burn::tensor::Tensor;

/// A backend whose tensors can be taken out of burn's [`Tensor`] and put back.
pub(crate) trait Home: Backend {
    /// The tensor, if it lies on this backend and has no autodiff.
    fn plain<const D: usize>(x: Tensor<D>) -> Option<FloatTensor<Self>>;

    /// The tensor, if it lies on this backend and has autodiff, without gradient checkpointing, which is another backend.
    fn differentiable<const D: usize>(x: Tensor<D>) -> Option<FloatTensor<Autodiff<Self>>>;

    fn lift<const D: usize>(x: FloatTensor<Self>) -> Tensor<D>;

    fn lift_differentiable<const D: usize>(x: FloatTensor<Autodiff<Self>>) -> Tensor<D>;

    /// Whether an [`Input`] can be made of a tensor.
    fn holds<const D: usize>(x: &Tensor<D>) -> bool {
        let x = x.clone();
        if x.is_autodiff() { Self::differentiable(x).is_some() } else { Self::plain(x).is_some() }
    }
}

/// Makes a backend a [`Home`].
macro_rules! home {
    ($backend:ty) => {
        impl crate::autodiff::Home for $backend {
            fn plain<const D: usize>(x: burn::tensor::Tensor<D>) -> Option<burn::backend::tensor::FloatTensor<Self>> {
                x.try_into_primitive::<Self>().ok()
            }

            fn differentiable<const D: usize>(
                x: burn::tensor::Tensor<D>,
            ) -> Option<burn::backend::tensor::FloatTensor<burn::backend::Autodiff<Self>>> {
                x.try_into_primitive::<burn::backend::Autodiff<Self>>().ok()
            }

            fn lift<const D: usize>(x: burn::backend::tensor::FloatTensor<Self>) -> burn::tensor::Tensor<D> {
                burn::tensor::Tensor::from_primitive::<Self>(x)
            }

            fn lift_differentiable<const D: usize>(
                x: burn::backend::tensor::FloatTensor<burn::backend::Autodiff<Self>>,
            ) -> burn::tensor::Tensor<D> {
                burn::tensor::Tensor::from_primitive::<burn::backend::Autodiff<Self>>(x)
            }
        }
    };
}
pub(crate) use home;

/// An operation on N tensors.
pub(crate) trait Operation<B: Home, const N: usize>: Clone + Debug + Send + Sync + 'static {
    /// What the backward pass needs of the forward pass.
    type Kept: Clone + Debug + Send + 'static;

    /// The output, and what [`Operation::backward`] needs to give the gradients that are `wanted`.
    fn forward(&self, inputs: [FloatTensor<B>; N], wanted: [bool; N]) -> (FloatTensor<B>, Self::Kept);

    /// The gradients of the inputs, of those at least that are `wanted`, from that of the output.
    fn backward(&self, kept: Self::Kept, gradient: FloatTensor<B>, wanted: [bool; N]) -> [Option<FloatTensor<B>>; N];
}

/// An input of an operation, whatever its rank.
pub(crate) enum Input<B: Home> {
    Plain(FloatTensor<B>),
    Differentiable(FloatTensor<Autodiff<B>>),
}

impl<B: Home, const D: usize> From<Tensor<D>> for Input<B> {
    fn from(x: Tensor<D>) -> Self {
        const WHERE: &str = "all tensors of an operation lie in the same place";
        match x.is_autodiff() {
            true => Input::Differentiable(B::differentiable(x).expect(WHERE)),
            false => Input::Plain(B::plain(x).expect(WHERE)),
        }
    }
}

impl<B: Home> Input<B> {
    fn differentiable(self) -> FloatTensor<Autodiff<B>> {
        match self {
            Input::Plain(x) => FloatTensor::<Autodiff<B>>::new(x),
            Input::Differentiable(x) => x,
        }
    }
}

#[derive(Debug)]
struct Step<O>(O);

impl<B: Home, O: Operation<B, N>, const N: usize> Backward<B, N> for Step<O> {
    type State = O::Kept;

    fn backward(self, ops: Ops<O::Kept, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<B>(&ops.node);
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let found = self.0.backward(ops.state, gradient, wanted);
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                gradients.register::<B>(parent.id, gradient);
            }
        }
    }
}

/// Runs an operation and tells autodiff, where it is on, how to go back.
pub(crate) fn run<B: Home, O: Operation<B, N>, const N: usize, const D: usize>(
    operation: O,
    inputs: [Input<B>; N],
) -> Tensor<D> {
    if inputs.iter().all(|input| matches!(input, Input::Plain(_))) {
        let inputs = inputs.map(|input| match input {
            Input::Plain(x) => x,
            Input::Differentiable(_) => unreachable!("all are plain"),
        });
        return B::lift(operation.forward(inputs, [false; N]).0);
    }
    let inputs = inputs.map(Input::differentiable);
    let wanted = inputs.each_ref().map(|input| input.is_tracked());
    let nodes = inputs.each_ref().map(|input| input.node());
    let (output, kept) = operation.forward(inputs.map(|input| input.into_primitive()), wanted);
    let output = match Step(operation).prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(kept, output),
        OpsKind::UnTracked(prep) => prep.finish(output),
    };
    B::lift_differentiable(output)
}
