//! Twenty optimiser steps equal to the Hugging Face Trainer's: AdamW, weight decay, linear warm-up and decay, clipping.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::optim::lr_scheduler::LrScheduler;
use minim_adapters::{Method, RankAllocator, StepGradients};
use minim_engine::{WarmUp, clip, global_norm, optimizer};
use minim_experiment::Schedule;
use serde::Deserialize;

use crate::fixtures::{
    Inputs, Published, cpu, cross_entropy, flat_logits, in_training, json, penalised, places, values,
};

#[derive(Deserialize)]
struct Curves {
    settings: Settings,
    runs: BTreeMap<String, Curve>,
}

#[derive(Deserialize)]
struct Settings {
    weight_decay: f64,
    warmup_steps: usize,
    max_steps: usize,
    max_grad_norm: f64,
}

#[derive(Deserialize)]
struct Curve {
    base: String,
    adapter: Option<String>,
    batches: String,
    weight_decay: Option<f64>,
    lr_ratio: Option<f64>,
    learning_rate: Vec<f64>,
    loss: Vec<f32>,
    grad_norm: Vec<f64>,
    loss_after: f32,
    norms_after: BTreeMap<String, f64>,
}

#[derive(Deserialize)]
struct Step {
    #[serde(flatten)]
    inputs: Inputs,
    labels: serde_json::Value,
}

impl Step {
    fn labels(&self) -> Vec<i64> {
        match serde_json::from_value::<Vec<i64>>(self.labels.clone()) {
            Ok(labels) => labels,
            Err(_) => serde_json::from_value::<Vec<Vec<i64>>>(self.labels.clone()).unwrap().concat(),
        }
    }
}

#[test]
fn twenty_steps_equal_those_of_the_trainer() {
    let curves: Curves = json("curves.json");
    let batches: BTreeMap<String, Vec<Step>> = json("batches.json");
    assert_eq!(curves.runs.len(), 25, "a fixture without a test");
    let Settings { weight_decay, warmup_steps, max_steps, max_grad_norm } = curves.settings;
    for (name, curve) in curves.runs {
        let device = cpu().autodiff();
        let (mut model, method, _) = in_training(&curve.base, curve.adapter.as_deref(), &device);
        let mut allocator = match &method {
            Method::AdaLora(config) => Some(RankAllocator::new(config.clone())),
            _ => None,
        };
        let peak = curve.learning_rate.iter().copied().fold(0.0, f64::max);
        let mut schedule = WarmUp::new(peak, warmup_steps as f64 / max_steps as f64, max_steps, Schedule::Linear);
        let (decay, lr_ratio) = (curve.weight_decay.unwrap_or(weight_decay), curve.lr_ratio.unwrap_or(1.0));
        let mut optimizer = optimizer(&model, decay, lr_ratio);
        let batches = &batches[&curve.batches];
        let loss_of = |model: &minim_models::Classifier, step: &Step| {
            let loss = cross_entropy(flat_logits(model, &step.inputs.batch(&device)), &step.labels());
            penalised(&method, model, loss)
        };
        for (step, batch) in batches.iter().enumerate() {
            let rate = schedule.step();
            assert!((rate - curve.learning_rate[step]).abs() < 1e-9, "{name}, step {step}: rate {rate}");
            let loss = loss_of(&model, batch);
            let found = values(loss.clone())[0];
            assert!((found - curve.loss[step]).abs() < 1e-3, "{name}, step {step}: {found} {}", curve.loss[step]);
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            let norm = global_norm(&model, &gradients);
            assert!((norm / curve.grad_norm[step] - 1.0).abs() < 1e-3, "{name}, step {step}: norm {norm}");
            let gradients = clip(&model, gradients, max_grad_norm);
            let of_step = StepGradients::new(&model, &gradients);
            model = optimizer.step(rate, model, gradients);
            if let Some(allocator) = &mut allocator {
                model = allocator.update(model, &of_step);
            }
        }
        let after = values(loss_of(&model, &batches[0]))[0];
        assert!((after - curve.loss_after).abs() < 1e-3, "{name}: {after} {}", curve.loss_after);
        let parameters = Published::values(&model.valid());
        for (key, expected) in curve.norms_after {
            // Rounding drives the keys' biases: their gradient is zero in exact arithmetic.
            if key.ends_with("key.bias") {
                continue;
            }
            let values = places(&key, &parameters).into_iter().flat_map(|place| parameters[&place].clone());
            let norm = values.map(|v| f64::from(v).powi(2)).sum::<f64>().sqrt();
            assert!((norm - expected).abs() < 1e-5 * expected.max(1.0) * 10.0, "{name}: {key}: {norm} {expected}");
        }
    }
}
