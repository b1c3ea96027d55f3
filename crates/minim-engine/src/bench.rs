//! Times optimiser steps of a model shape on random weights and random text: what a method costs, without a corpus or a checkpoint.

use std::path::Path;

use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::GradientsParams;
use burn::tensor::{Device, FloatDType, Int, Tensor, TensorData};
use minim_adapters::{Counts, Draw, Method, count};
use minim_efficiency::{Stopwatch, peak_memory_bytes, resident_bytes};
use minim_experiment::BasePrecision;
use minim_models::{Config, HeadKind, TokenBatch, initialise, published_name};
use serde::Serialize;

use crate::device::reserved_bytes;
use crate::method::check_length;
use crate::{Error, attach_in, clip, optimizer, recompute};

/// Labels of the head: of no weight beside the backbone.
const LABELS: usize = 2;
const SEED: u64 = 12;
const LEARNING_RATE: f64 = 1e-4;

/// The size of what is timed.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Texts per step.
    pub batch_size: usize,
    /// Pieces per text; no padding.
    pub length: usize,
    /// Steps that are timed.
    pub steps: usize,
    /// Steps before them: the first ones allocate.
    pub warm_up: usize,
    /// Whether activations are in bf16.
    pub bf16: bool,
    /// How the frozen base is held; fp32 for full fine-tuning, which has none.
    pub base: BasePrecision,
    /// Whether each layer is computed again in the backward pass instead of kept.
    pub gradient_checkpointing: bool,
    /// The model cut to so many layers.
    pub layers: Option<usize>,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Median seconds of a step: forward, backward, clipping of gradients, AdamW.
    pub step_s: f64,
    /// The fastest step.
    pub fastest_step_s: f64,
    /// Median seconds of a forward pass without autodiff and dropout, for the same batch.
    pub forward_s: f64,
    /// Pieces per second of a median step.
    pub tokens_per_s: f64,
    /// Highest resident memory of the process, in bytes.
    pub peak_memory_bytes: Option<u64>,
    /// What the model takes without what the adapter brings in, in bytes.
    pub base_memory_bytes: u64,
    /// Resident memory before the first step, model and adapter loaded, in bytes.
    pub model_memory_bytes: Option<u64>,
    /// Highest memory that the device's pool has reserved, in bytes; none on the CPU.
    pub peak_device_memory_bytes: Option<u64>,
    /// Parameters in all, the adapter's apart.
    pub total: usize,
    /// Parameters that are trained.
    pub trainable: usize,
    /// Loss of the first step.
    pub first_loss: f64,
    /// Loss of the last step, on the same texts: it falls, or the steps did nothing.
    pub loss: f64,
}

/// Times `load` on the model of a `config.json` with a sequence-classification head.
///
/// # Errors
/// [`Error::Model`] and [`Error::Adapter`] for what cannot be built (full fine-tuning of a base in 8 or 4 bits), [`Error::Input`] for a load of nothing or one longer than the model's
/// positions, [`Error::NotFinite`] if the loss is.
pub fn bench(
    config: &Path,
    method: impl FnOnce(&Config) -> Method,
    load: Load,
    device: &Device,
) -> Result<Report, Error> {
    if load.batch_size == 0 || load.length == 0 || load.steps == 0 {
        return Err(Error::Input("--batch-size, --length and --steps: expected at least 1 each".into()));
    }
    let config = match load.layers {
        None => Config::read(config)?,
        Some(layers) => Config::read_cut(config, layers)?,
    };
    let method = method(&config);
    check_length(load.length, &method, &config, "--length")?;
    let modules = config.head_modules();
    let model = config.classifier(HeadKind::Sequence, LABELS, device);
    let model = initialise(model, config.initializer_range(), SEED, |_| true);
    let (mut model, base_memory_bytes) = attach_in(model, &method, &modules, SEED, load.base)?;
    let counts: Counts = count(&model, &method, &modules, published_name);
    if load.bf16 {
        model.set_precision(FloatDType::BF16);
    }
    let autodiff = device.clone().autodiff();
    let mut model = model.fork(&autodiff).train();
    let mut optimizer = optimizer(&model, 0.01, 1.0);
    let model_memory_bytes = resident_bytes();

    let (mut seconds, mut losses) = (Vec::with_capacity(load.steps), Vec::new());
    let (texts, targets) = batch(load, config.vocab_size(), &autodiff);
    for step in 0..load.warm_up + load.steps {
        sync(device)?;
        let clock = Stopwatch::start();
        let loss = |logits| {
            let loss = CrossEntropyLossConfig::new().init(&autodiff).forward(logits, targets.clone());
            match &method {
                Method::AdaLora(config) => config.penalised(&model, loss),
                _ => loss,
            }
        };
        let (value, gradients) = if load.gradient_checkpointing {
            recompute(&model, &texts, step as u64, |hidden| loss(model.sequence_logits_of(hidden, &texts)))
        } else {
            let value = loss(model.sequence_logits(&texts));
            let gradients = GradientsParams::from_grads(value.backward(), &model);
            (value, gradients)
        };
        let gradients = clip(&model, gradients, 1.0);
        model = optimizer.step(LEARNING_RATE, model, gradients);
        sync(device)?;
        if step >= load.warm_up {
            seconds.push(clock.seconds());
        }
        let loss = value.into_scalar::<f64>();
        if !loss.is_finite() {
            return Err(Error::NotFinite { step });
        }
        losses.push(loss);
    }
    let peak_memory_bytes = peak_memory_bytes();
    let peak_device_memory_bytes = reserved_bytes(device);

    let model = model.valid();
    let mut forward = Vec::with_capacity(load.steps);
    let (texts, _) = batch(load, config.vocab_size(), device);
    for step in 0..load.warm_up + load.steps {
        sync(device)?;
        let clock = Stopwatch::start();
        let logits = model.sequence_logits(&texts);
        sync(device)?;
        if step >= load.warm_up {
            forward.push(clock.seconds());
        }
        drop(logits);
    }
    let step_s = median(&mut seconds);
    Ok(Report {
        step_s,
        fastest_step_s: seconds[0],
        forward_s: median(&mut forward),
        tokens_per_s: (load.batch_size * load.length) as f64 / step_s,
        peak_memory_bytes,
        base_memory_bytes,
        model_memory_bytes,
        peak_device_memory_bytes,
        total: counts.total,
        trainable: counts.trainable,
        first_loss: losses[0],
        loss: losses[losses.len() - 1],
    })
}

/// Random pieces and labels.
fn batch(load: Load, vocabulary: usize, device: &Device) -> (TokenBatch, Tensor<1, Int>) {
    let mut draw = Draw::new(SEED, "bench");
    let unit = draw.uniform(load.batch_size * load.length, 0.5);
    let ids: Vec<u32> = unit.iter().map(|u| ((f64::from(*u) + 0.5) * (vocabulary - 1) as f64) as u32).collect();
    let rows: Vec<&[u32]> = ids.chunks(load.length).collect();
    let types = vec![0; load.length];
    let types: Vec<&[u32]> = rows.iter().map(|_| types.as_slice()).collect();
    let labels: Vec<i32> = (0..load.batch_size).map(|row| (row % LABELS) as i32).collect();
    let labels = TensorData::new(labels, [load.batch_size]);
    (TokenBatch::new(&rows, &types, 0, device), Tensor::from_data(labels, device))
}

/// A clock without it measures nothing: burn is asynchronous.
fn sync(device: &Device) -> Result<(), Error> {
    device.sync().map_err(|error| Error::Training(error.to_string()))
}

/// Sorts, and takes the middle one.
fn median(seconds: &mut [f64]) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}
