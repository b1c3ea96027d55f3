//! Gradients on a device beside those on the CPU: what a backward pass of the device's own gets wrong, logits don't show.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, FloatDType, Tensor};
use minim_adapters::Method;
use minim_adapters::peft::{self, AdapterConfig};
use minim_experiment::BasePrecision;
use minim_models::{Checkpoint, Classifier, HeadKind, TokenBatch, published_name};
use serde::Serialize;

use crate::{Error, attach_in, attach_kept_in};

/// One comparison.
#[derive(Debug, Serialize)]
pub struct GradientCheck {
    /// `seq` or `tok`
    pub head: &'static str,
    /// `full`, or the adapter's method.
    pub method: &'static str,
    /// What the frozen base is held in, here and on the CPU.
    pub base: BasePrecision,
    /// `fp32` or `bf16`
    pub precision: &'static str,
    /// Gradients compared: one per trained parameter.
    pub gradients: usize,
    /// The largest difference of a parameter's gradient from the CPU's, its norm as a share of that gradient's.
    pub max_relative_difference_from_cpu: f32,
    /// That parameter.
    pub furthest: String,
    /// The share that is allowed.
    pub tolerance: f32,
    /// Whether it stays below.
    pub passed: bool,
}

/// A base of the fixtures, what it is held in, and what is trained of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) head: &'static str,
    pub(super) method: &'static str,
    trained: Trained,
    pub(super) base: BasePrecision,
}

#[derive(Debug, Clone, Copy)]
enum Trained {
    Full,
    Head,
    BitFit,
    /// The adapter in a folder that peft made.
    Folder(&'static str),
    /// Such an adapter at its own start, where something makes it that no folder holds.
    Fresh(&'static str),
}

const fn case(head: &'static str, method: &'static str, adapter: &'static str) -> Case {
    Case { head, method, trained: Trained::Folder(adapter), base: BasePrecision::Fp32 }
}

impl Case {
    const fn of(head: &'static str, method: &'static str, trained: Trained) -> Self {
        Self { head, method, trained, base: BasePrecision::Fp32 }
    }

    const fn on(self, base: BasePrecision) -> Self {
        Self { base, ..self }
    }
}

const LORA: Case = case("seq", "lora", "lora-seq");
const IA3: Case = case("tok", "ia3", "ia3-tok");

pub(super) const CASES: [Case; 24] = [
    Case::of("seq", "full", Trained::Full),
    Case::of("tok", "full", Trained::Full),
    Case::of("seq", "head", Trained::Head),
    Case::of("tok", "bitfit", Trained::BitFit),
    Case::of("seq", "p-tuning with its encoder", Trained::Fresh("p-lstm-seq")),
    Case::of("seq", "prefix-tuning with its projection", Trained::Fresh("prefix-projected-seq")),
    case("seq", "dora", "dora-seq").on(BasePrecision::Nf4),
    LORA,
    case("tok", "lora", "lora-tok"),
    case("seq", "ia3", "ia3-seq"),
    IA3,
    case("seq", "dora", "dora-seq"),
    case("tok", "vera", "vera-tok"),
    case("seq", "adalora", "adalora-seq"),
    case("tok", "ln-tuning", "ln-tok"),
    case("seq", "houlsby", "houlsby-seq"),
    case("tok", "prompt-tuning", "prompt-tok"),
    case("tok", "prefix-tuning", "prefix-tok"),
    case("seq", "p-tuning", "p-lstm-seq"),
    LORA.on(BasePrecision::Bf16),
    LORA.on(BasePrecision::Int8),
    LORA.on(BasePrecision::Nf4),
    IA3.on(BasePrecision::Int8),
    IA3.on(BasePrecision::Nf4),
];

/// The gradients of one case on a device, by parameter.
pub(super) fn gradients(
    fixtures: &Path,
    case: Case,
    batch: &TokenBatch,
    dtype: FloatDType,
    device: &Device,
) -> Result<BTreeMap<String, Vec<f32>>, Error> {
    let (head, labels) = if case.head == "seq" { (HeadKind::Sequence, 3) } else { (HeadKind::Token, 5) };
    let autodiff = device.clone().autodiff();
    let checkpoint = Checkpoint::open(&fixtures.join(case.head))?;
    let loaded = checkpoint.classifier(head, labels, 0, &autodiff)?;
    let mut modules = checkpoint.config().head_modules();
    let attached = |method: &Method, modules: &[String]| attach_in(loaded.model.clone(), method, modules, 0, case.base);
    let (mut model, _) = match case.trained {
        Trained::Full => attached(&Method::Full, &modules)?,
        Trained::Head => attached(&Method::Head, &modules)?,
        Trained::BitFit => attached(&Method::BitFit, &modules)?,
        Trained::Fresh(name) => {
            let folder = fixtures.join(name);
            attached(&AdapterConfig::read(&folder)?.method(&folder)?, &modules)?
        }
        Trained::Folder(name) => {
            let folder = fixtures.join(name);
            let config = AdapterConfig::read(&folder)?;
            let method = config.method(&folder)?;
            modules.extend(config.modules_to_save.unwrap_or_default());
            let (model, bytes) = attach_kept_in(loaded.model, &method, &modules, case.base)?;
            (peft::load(model, &method, &modules, published_name, &folder)?, bytes)
        }
    };
    model.set_precision(dtype);
    let loss = loss(&model, &batch.clone().to_device(&autodiff));
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    Ok(collected(&model, &gradients))
}

/// Gradients by parameter.
pub(super) fn collected(model: &Classifier, gradients: &GradientsParams) -> BTreeMap<String, Vec<f32>> {
    let mut collect = Collect { gradients, path: Vec::new(), found: BTreeMap::new() };
    model.visit(&mut collect);
    collect.found
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

/// The parameter whose gradient is furthest from the reference's, and how far: the norm of the difference as a share of the reference's norm.
/// Infinite if parameters differ or a value is not a number.
pub(super) fn relative_difference(
    found: &BTreeMap<String, Vec<f32>>,
    expected: &BTreeMap<String, Vec<f32>>,
) -> (String, f32) {
    if !found.keys().eq(expected.keys()) {
        return ("parameters differ".into(), f32::INFINITY);
    }
    let squares = |values: &[f32]| values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>();
    let whole = expected.values().map(|values| squares(values)).sum::<f64>().sqrt();
    let pairs = found.iter().zip(expected.values());
    let shares = pairs.map(|((name, found), expected)| {
        if found.len() != expected.len() || found.iter().any(|value| value.is_nan()) {
            return (name, f64::INFINITY);
        }
        let apart: f64 = found.iter().zip(expected).map(|(f, e)| (f64::from(*f) - f64::from(*e)).powi(2)).sum();
        // Where a gradient is zero but for rounding (a bias of the keys, which softmax ignores), a share of it means nothing.
        (name, apart.sqrt() / squares(expected).sqrt().max(SMALLEST_SHARE * whole).max(f64::MIN_POSITIVE))
    });
    let worst = shares.max_by(|a, b| a.1.total_cmp(&b.1));
    worst.map_or(("no gradients".into(), f32::INFINITY), |(name, share)| (name.clone(), share as f32))
}

/// The smallest share of the norm of all gradients that one parameter's is taken for.
const SMALLEST_SHARE: f64 = 1e-2;

#[cfg(test)]
mod tests {
    use super::*;

    fn gradients(values: &[(&str, &[f32])]) -> BTreeMap<String, Vec<f32>> {
        values.iter().map(|(name, values)| (name.to_string(), values.to_vec())).collect()
    }

    #[test]
    fn the_furthest_gradient_is_found_and_rounding_around_zero_is_none() {
        let expected = gradients(&[("a", &[3.0, 4.0]), ("b", &[1.0, 0.0]), ("zero", &[1e-9])]);
        let found = gradients(&[("a", &[3.0, 4.1]), ("b", &[1.0, 0.1]), ("zero", &[1e-4])]);
        let (name, share) = relative_difference(&found, &expected);
        assert_eq!(name, "b");
        assert!((share - 0.1).abs() < 1e-6, "{share}");
        assert_eq!(relative_difference(&expected, &expected).1, 0.0);
        for wrong in [
            gradients(&[("a", &[3.0, 4.0])]),
            gradients(&[("a", &[3.0, f32::NAN]), ("b", &[1.0, 0.0]), ("zero", &[0.0])]),
        ] {
            assert_eq!(relative_difference(&wrong, &expected).1, f32::INFINITY);
        }
    }
}
