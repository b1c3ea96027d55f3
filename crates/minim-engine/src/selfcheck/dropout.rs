//! Dropout on a device: whether gradients go where values went, and whether gradient checkpointing drops the same twice.

use std::path::Path;

use burn::module::{Module, ModuleMapper, Param};
use burn::optim::GradientsParams;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Tensor};
use minim_adapters::{Ia3Config, LoraConfig, Method};
use minim_experiment::BasePrecision;
use minim_models::{Classifier, Config, HeadKind, TokenBatch};
use serde::Serialize;

use super::gradients::{collected, relative_difference};
use crate::recompute::{recompute, seed_of};
use crate::{Error, attach_in};

/// One method, trained with dropout.
#[derive(Debug, Serialize)]
pub struct DropoutCheck {
    /// `full`, `lora` or `ia3`
    pub method: &'static str,
    /// How far the slope of the loss along its gradient, the masks held, is from the gradient's squared norm, as a share of it.
    pub slope_difference: f32,
    /// How far a parameter's gradient with gradient checkpointing is from that without, the masks held: the norm of the difference as a share of
    /// that gradient's.
    pub checkpointing_difference: f32,
    /// That parameter.
    pub furthest: String,
    /// The share that is allowed of both.
    pub tolerance: f32,
    /// Whether another step's masks give another loss: something is dropped.
    pub drops: bool,
    /// Whether all of this is as it should be.
    pub passed: bool,
}

/// So much of everything is dropped that a mask which is not the first one shows.
const RATE: f64 = 0.4;

/// So much the loss changes in either direction if it is a plane: little beside its curvature, much beside what a product of 10 bits of mantissa
/// leaves out.
const CHANGE: f64 = 0.03;

/// Any step: it decides the masks.
const STEP: u64 = 7;

/// The checks on a device, of a BERT of the fixtures' shape with random weights.
pub(super) fn checks(
    fixtures: &Path,
    batch: &TokenBatch,
    tolerance: f32,
    device: &Device,
) -> Result<Vec<DropoutCheck>, Error> {
    let file = fixtures.join("seq/config.json");
    let Config::Bert(mut config) = Config::read(&file)? else {
        return Err(Error::Input(format!("{}: expected a BERT", file.display())));
    };
    config.hidden_dropout_prob = RATE;
    config.attention_probs_dropout_prob = RATE;
    let config = Config::Bert(config);
    let device = device.clone().autodiff();
    let batch = batch.clone().to_device(&device);
    let lora = LoraConfig { dropout: RATE, ..LoraConfig::default() };
    let methods = [("full", Method::Full), ("lora", Method::Lora(lora)), ("ia3", Method::Ia3(Ia3Config::default()))];
    let check = |(name, method): (&'static str, Method)| {
        let model = config.classifier(HeadKind::Sequence, 3, &device);
        let model = minim_models::initialise(model, config.initializer_range(), 0, |_| true);
        let (model, _) = attach_in(model, &method, &config.head_modules(), 0, BasePrecision::Fp32)?;
        // Away from the start, where half of LoRA's gradients are 0.
        let (_, gradients) = whole(&model, &batch, STEP);
        let square = squared_norm(&model, &gradients);
        let model = model.map(&mut Along { gradients: &gradients, step: 0.5 / square.sqrt() });

        let (_, gradients) = whole(&model, &batch, STEP);
        let square = squared_norm(&model, &gradients);
        let step = CHANGE / square;
        let moved = |sign: f64| {
            let moved = model.clone().map(&mut Along { gradients: &gradients, step: sign * step });
            whole(&moved, &batch, STEP).0.into_scalar::<f64>()
        };
        let slope = (moved(1.0) - moved(-1.0)) / (2.0 * step);
        let slope_difference = (slope / square - 1.0).abs() as f32;

        let (_, again) = recompute(&model, &batch, STEP, |hidden| loss(&model, hidden, &batch));
        let (furthest, checkpointing_difference) =
            relative_difference(&collected(&model, &again), &collected(&model, &gradients));
        let of_step = |step| whole(&model, &batch, step).0.into_scalar::<f64>();
        let drops = (of_step(STEP) - of_step(STEP + 1)).abs() > CHANGE;
        let passed = slope_difference < tolerance && checkpointing_difference < tolerance && drops;
        Ok(DropoutCheck {
            method: name,
            slope_difference,
            checkpointing_difference,
            furthest,
            tolerance,
            drops,
            passed,
        })
    };
    methods.into_iter().map(check).collect()
}

/// Cross-entropy against the first label.
fn loss(model: &Classifier, hidden: Tensor<3>, batch: &TokenBatch) -> Tensor<1> {
    log_softmax(model.sequence_logits_of(hidden, batch), 1).narrow(1, 0, 1).mean().neg()
}

/// Loss and gradients in one graph, under the masks that [`recompute`] has in a step.
fn whole(model: &Classifier, batch: &TokenBatch, step: u64) -> (Tensor<1>, GradientsParams) {
    let device = batch.ids.device();
    device.seed(seed_of(step, None));
    let stages = model.stages(batch);
    let mut hidden = stages.embedded.clone();
    for (place, layer) in stages.layers.iter().enumerate() {
        device.seed(seed_of(step, Some(place)));
        hidden = layer(hidden);
    }
    if let Some(last) = &stages.last {
        hidden = last(hidden);
    }
    let loss = loss(model, hidden, batch);
    let gradients = GradientsParams::from_grads(loss.backward(), model);
    (loss.detach(), gradients)
}

fn squared_norm(model: &Classifier, gradients: &GradientsParams) -> f64 {
    collected(model, gradients).values().flatten().map(|&value| f64::from(value).powi(2)).sum()
}

/// Moves what is trained along its gradient.
struct Along<'a> {
    gradients: &'a GradientsParams,
    step: f64,
}

impl ModuleMapper for Along<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.gradients.get::<D>(param.id) {
            Some(gradient) => {
                param.map(|tensor| Tensor::from_inner(tensor.inner() + gradient * self.step).require_grad())
            }
            None => param,
        }
    }
}
