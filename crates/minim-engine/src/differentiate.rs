use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor};

/// A model as one that is trained, and the device that its batches must be on.
///
/// With `gradient_checkpointing` burn keeps the results of what is dear to compute (matrix products) and computes the rest (activations, sums,
/// scalings) again in the backward pass: less memory, the same gradients.
pub fn differentiate<M: Module>(model: M, device: &Device, gradient_checkpointing: bool) -> (M, Device) {
    let autodiff = device.clone().autodiff();
    let autodiff = if gradient_checkpointing { autodiff.gradient_checkpointing() } else { autodiff };
    // `train` gives parameters the default strategy whatever their device says, and burn refuses an operation on tensors of two strategies.
    let model = model.fork(&autodiff).train().map(&mut SameStrategy { device: autodiff.clone() });
    (model, autodiff)
}

struct SameStrategy {
    device: Device,
}

impl ModuleMapper for SameStrategy {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.device.gradient_checkpointing_strategy() {
            None => param,
            Some(strategy) => param.map(|tensor| tensor.with_gradient_checkpointing_strategy(strategy)),
        }
    }
}
