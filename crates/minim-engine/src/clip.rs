use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

/// The Euclidean norm of all gradients together.
pub fn global_norm<M: Module>(model: &M, gradients: &GradientsParams) -> f64 {
    let mut norm = SumOfSquares { gradients, sums: Vec::new() };
    model.visit(&mut norm);
    match norm.sums.is_empty() {
        true => 0.0,
        false => Tensor::cat(norm.sums, 0).sum().sqrt().into_scalar::<f64>(),
    }
}

/// Scales all gradients so that their global norm is at most `max` (PyTorch's `clip_grad_norm_`); `max` 0 leaves them alone.
pub fn clip<M: Module>(model: &M, mut gradients: GradientsParams, max: f64) -> GradientsParams {
    if max == 0.0 {
        return gradients;
    }
    // 1e-6 as in PyTorch.
    let factor = max / (global_norm(model, &gradients) + 1e-6);
    if factor < 1.0 {
        model.visit(&mut Scale { gradients: &mut gradients, factor });
    }
    gradients
}

struct SumOfSquares<'a> {
    gradients: &'a GradientsParams,
    sums: Vec<Tensor<1>>,
}

impl ModuleVisitor for SumOfSquares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.sums.push(gradient.square().sum());
        }
    }
}

struct Scale<'a> {
    gradients: &'a mut GradientsParams,
    factor: f64,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients.register(param.id, gradient * self.factor);
        }
    }
}
