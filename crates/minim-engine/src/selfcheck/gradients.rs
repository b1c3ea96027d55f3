//! Gradients on a device beside those on the CPU: what a backward pass of the device's own gets wrong, logits don't show.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, FloatDType, Tensor};
use minim_adapters::peft::{self, AdapterConfig};
use minim_adapters::{Method, attach};
use minim_models::{Checkpoint, Classifier, HeadKind, TokenBatch, published_name};
use serde::Serialize;

use crate::Error;

/// One comparison.
#[derive(Debug, Serialize)]
pub struct GradientCheck {
    /// `seq` or `tok`
    pub head: &'static str,
    /// `full`, `lora` or `ia3`
    pub method: &'static str,
    /// `fp32` or `bf16`
    pub precision: &'static str,
    /// Gradients compared: one per trained parameter.
    pub gradients: usize,
    /// The largest difference of a gradient from the CPU's, as a share of that gradient's largest value there.
    pub max_relative_difference_from_cpu: f32,
    /// The share that is allowed.
    pub tolerance: f32,
    /// Whether it stays below.
    pub passed: bool,
}

/// A base of the fixtures and, but for full fine-tuning, the adapter that peft made for it.
pub(super) const CASES: [(&str, &str, Option<&str>); 6] = [
    ("seq", "full", None),
    ("tok", "full", None),
    ("seq", "lora", Some("lora-seq")),
    ("tok", "lora", Some("lora-tok")),
    ("seq", "ia3", Some("ia3-seq")),
    ("tok", "ia3", Some("ia3-tok")),
];

/// The gradients of one case on a device, by parameter.
pub(super) fn gradients(
    fixtures: &Path,
    (base, _, adapter): (&'static str, &'static str, Option<&'static str>),
    batch: &TokenBatch,
    dtype: FloatDType,
    device: &Device,
) -> Result<BTreeMap<String, Vec<f32>>, Error> {
    let (head, labels) = if base == "seq" { (HeadKind::Sequence, 3) } else { (HeadKind::Token, 5) };
    let autodiff = device.clone().autodiff();
    let checkpoint = Checkpoint::open(&fixtures.join(base))?;
    let loaded = checkpoint.classifier(head, labels, 0, &autodiff)?;
    let mut modules = checkpoint.config().head_modules();
    let mut model = match adapter {
        None => attach(loaded.model, &Method::Full, &modules, 0, published_name)?,
        Some(name) => {
            let folder = fixtures.join(name);
            let config = AdapterConfig::read(&folder)?;
            let method = config.method(&folder)?;
            modules.extend(config.modules_to_save.unwrap_or_default());
            let model = attach(loaded.model, &method, &modules, 0, published_name)?;
            peft::load(model, &method, &modules, published_name, &folder)?
        }
    };
    model.set_precision(dtype);
    let loss = loss(&model, &batch.clone().to_device(&autodiff));
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    let mut collect = Collect { gradients: &gradients, path: Vec::new(), found: BTreeMap::new() };
    model.visit(&mut collect);
    Ok(collect.found)
}

/// Cross-entropy against the first label, for every text or token: which label it is doesn't matter to a comparison.
fn loss(model: &Classifier, batch: &TokenBatch) -> Tensor<1> {
    match model.head() {
        HeadKind::Sequence => log_softmax(model.sequence_logits(batch), 1).narrow(1, 0, 1).mean().neg(),
        HeadKind::Token => {
            let log = log_softmax(model.token_logits(batch), 2).narrow(2, 0, 1).squeeze_dim::<2>(2);
            // Padding has no label.
            log.mask_fill(batch.mask.clone().bool_not(), 0.0).mean().neg()
        }
    }
}

struct Collect<'a> {
    gradients: &'a GradientsParams,
    path: Vec<String>,
    found: BTreeMap<String, Vec<f32>>,
}

impl ModuleVisitor for Collect<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.found.insert(self.path.join("."), gradient.into_data().iter::<f32>().collect());
        }
    }
}

/// The largest difference as a share of the reference's largest value; infinite if parameters differ or a value is not a number.
pub(super) fn relative_difference(found: &BTreeMap<String, Vec<f32>>, expected: &BTreeMap<String, Vec<f32>>) -> f32 {
    if !found.keys().eq(expected.keys()) {
        return f32::INFINITY;
    }
    // Where a gradient is zero but for rounding (a bias of the keys, which softmax ignores), a share of it means nothing.
    let scale = |values: &[f32]| values.iter().fold(1e-4_f32, |most, value| most.max(value.abs()));
    let pairs = found.iter().zip(expected.values()).map(|((_, found), expected)| (found, expected));
    pairs.fold(0.0, |worst, (found, expected)| {
        let rows = (std::slice::from_ref(found), std::slice::from_ref(expected));
        worst.max(super::furthest(rows.0, rows.1) / scale(expected))
    })
}
