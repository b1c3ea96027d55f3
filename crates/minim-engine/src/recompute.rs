use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Gradients, Tensor};
use minim_models::{Classifier, TokenBatch};

/// No model has as many layers: the seeds of two steps never meet.
const LAYERS: u64 = 1 << 16;

/// A batch's loss and gradients with the activations of one layer at a time in memory (gradient checkpointing).
///
/// The forward pass keeps what enters each layer and forgets what is inside; the backward pass computes each layer again, from the last to the
/// lowest that has something to train. One more forward pass buys memory that no longer grows with layers times activations. `step` decides
/// the masks of dropout, which must fall the same way both times. Chen et al. 2016, arXiv 1604.06174.
///
/// `loss` takes the hidden states that the head looks at ([`Classifier::hidden`]) and gives `[1]`.
///
/// burn's own switch (`Device::gradient_checkpointing`) keeps every matrix product and recomputes the rest: docs/DESIGN.md has what it saved.
pub fn recompute(
    model: &Classifier,
    batch: &TokenBatch,
    step: u64,
    loss: impl FnOnce(Tensor<3>) -> Tensor<1>,
) -> (Tensor<1>, GradientsParams) {
    let device = batch.ids.device();
    let mut collected = Collected { gradients: None, params: GradientsParams::new() };
    let mut trained = Trained(0);
    model.visit(&mut trained);

    device.seed(seed_of(step, None));
    let stages = model.stages(batch);
    let mut inputs = Vec::with_capacity(stages.layers.len());
    let mut hidden = stages.embedded.clone().detach();
    for (place, layer) in stages.layers.iter().enumerate() {
        inputs.push(hidden.clone());
        device.seed(seed_of(step, Some(place)));
        let input = hidden.require_grad();
        hidden = layer(input.clone()).detach();
        forget(input);
    }

    let top = hidden.require_grad();
    let last = match &stages.last {
        Some(last) => last(top.clone()),
        None => top.clone(),
    };
    let value = loss(last);
    let mut gradients = value.backward();
    let mut gradient = top.grad_remove(&mut gradients);
    collected.take(gradients, model);

    for (place, layer) in stages.layers.iter().enumerate().rev() {
        // What all layers share is there with the first of them, and not whole before the last.
        if !stages.shared && collected.params.len() == trained.0 {
            break;
        }
        let (Some(above), Some(input)) = (gradient.take(), inputs.pop()) else { break };
        let input = input.require_grad();
        device.seed(seed_of(step, Some(place)));
        let mut gradients = dot(layer(input.clone()), above).backward();
        gradient = input.grad_remove(&mut gradients);
        collected.take(gradients, model);
    }
    if let Some(above) = gradient.filter(|_| collected.params.len() < trained.0) {
        // What is left to train is in the embeddings.
        collected.take(dot(stages.embedded, above).backward(), model);
    }
    (value.detach(), collected.params)
}

/// What the device's generator is seeded with before a layer of a step, or before what comes ahead of all layers.
pub(crate) fn seed_of(step: u64, layer: Option<usize>) -> u64 {
    let first = step.wrapping_mul(LAYERS);
    layer.map_or(first.wrapping_sub(1), |layer| first.wrapping_add(layer as u64))
}

/// Frees what was computed from `input` and is out of anybody's reach: burn-autodiff looks for that in backward passes only, so this is a tiny one.
fn forget(input: Tensor<3>) {
    drop(input.narrow(0, 0, 1).narrow(1, 0, 1).narrow(2, 0, 1).sum().backward());
}

/// The scalar whose gradient with respect to `output` is `gradient`.
fn dot(output: Tensor<3>, gradient: Tensor<3>) -> Tensor<1> {
    (output * gradient.autodiff()).sum()
}

struct Trained(usize);

impl ModuleVisitor for Trained {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0 += usize::from(param.is_require_grad());
    }
}

struct Collected {
    gradients: Option<Gradients>,
    params: GradientsParams,
}

impl Collected {
    fn take(&mut self, gradients: Gradients, model: &Classifier) {
        self.gradients = Some(gradients);
        model.visit(self);
        self.gradients = None;
    }
}

impl ModuleVisitor for Collected {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradients) = self.gradients.as_mut().filter(|_| param.is_require_grad()) else { return };
        let Some(gradient) = param.val().grad_remove(gradients) else { return };
        // A parameter that two stages share has two parts.
        let sum = match self.params.remove::<D>(param.id) {
            Some(other) => other + gradient,
            None => gradient,
        };
        self.params.register(param.id, sum);
    }
}
