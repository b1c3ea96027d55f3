//! How a pass joins burn's autodiff.

use std::fmt::Debug;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Flex};
use burn::tensor::Tensor;

/// An operation on N tensors.
pub(super) trait Operation<const N: usize>: Clone + Debug + Send + Sync + 'static {
    /// What the backward pass needs of the forward pass.
    type Kept: Clone + Debug + Send + 'static;

    /// The output, and what [`Operation::backward`] needs to give the gradients that are `wanted`.
    fn forward(&self, inputs: [FlexTensor; N], wanted: [bool; N]) -> (FlexTensor, Self::Kept);

    /// The gradients of the inputs, of those at least that are `wanted`, from that of the output.
    fn backward(&self, kept: Self::Kept, gradient: FlexTensor, wanted: [bool; N]) -> [Option<FlexTensor>; N];
}

/// An input of an operation, whatever its rank.
pub(super) enum Input {
    Plain(FlexTensor),
    Differentiable(FloatTensor<Autodiff<Flex>>),
}

impl<const D: usize> From<Tensor<D>> for Input {
    fn from(x: Tensor<D>) -> Self {
        const WHERE: &str = "all tensors of an operation lie in the same place";
        match x.is_autodiff() {
            true => Input::Differentiable(x.try_into_primitive::<Autodiff<Flex>>().expect(WHERE)),
            false => Input::Plain(x.try_into_primitive::<Flex>().expect(WHERE)),
        }
    }
}

impl Input {
    fn differentiable(self) -> FloatTensor<Autodiff<Flex>> {
        match self {
            Input::Plain(x) => FloatTensor::<Autodiff<Flex>>::new(x),
            Input::Differentiable(x) => x,
        }
    }
}

#[derive(Debug)]
struct Step<O>(O);

impl<O: Operation<N>, const N: usize> Backward<Flex, N> for Step<O> {
    type State = O::Kept;

    fn backward(self, ops: Ops<O::Kept, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = gradients.consume::<Flex>(&ops.node);
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let found = self.0.backward(ops.state, gradient, wanted);
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                gradients.register::<Flex>(parent.id, gradient);
            }
        }
    }
}

/// Runs an operation and tells autodiff, where it is on, how to go back.
pub(super) fn run<O: Operation<N>, const N: usize, const D: usize>(operation: O, inputs: [Input; N]) -> Tensor<D> {
    if inputs.iter().all(|input| matches!(input, Input::Plain(_))) {
        let inputs = inputs.map(|input| match input {
            Input::Plain(x) => x,
            Input::Differentiable(_) => unreachable!("all are plain"),
        });
        return Tensor::from_primitive::<Flex>(operation.forward(inputs, [false; N]).0);
    }
    let inputs = inputs.map(Input::differentiable);
    let wanted = inputs.each_ref().map(|input| input.is_tracked());
    let nodes = inputs.each_ref().map(|input| input.node());
    let (output, kept) = operation.forward(inputs.map(|input| input.into_primitive()), wanted);
    let output = match Step(operation).prepare::<NoCheckpointing>(nodes).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(kept, output),
        OpsKind::UnTracked(prep) => prep.finish(output),
    };
    Tensor::from_primitive::<Autodiff<Flex>>(output)
}
