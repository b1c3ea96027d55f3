//! Gradients of every trained parameter within 1e-4 relative of torch's and peft's, and of no other parameter.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use minim_adapters::peft::{self, AdapterConfig};
use minim_adapters::{LoraConfig, Method, count};
use minim_engine::{optimizer, recompute};
use minim_models::{Checkpoint, Classifier, HeadKind, published_name};
use serde::Deserialize;

use crate::fixtures::{
    FAMILIES, Inputs, Published, attached, cpu, cross_entropy, flat_logits, flat_logits_of, folder, furthest,
    in_training, json, penalised, places, tensors, values, with_dropout,
};

#[derive(Deserialize)]
struct Case {
    #[serde(flatten)]
    inputs: Inputs,
    labels: Labels,
    loss: f32,
    trainable: usize,
    base: Option<String>,
    adapter: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Labels {
    Sequence(Vec<i64>),
    Token(Vec<Vec<i64>>),
}

#[test]
fn gradients_equal_those_of_peft() {
    assert_eq!(check_all(false), 125, "a fixture without a test");
}

/// The device's generator is the process's: tests that seed it wait for each other.
static GENERATOR: Mutex<()> = Mutex::new(());

/// What is computed twice must come out as it did the first time.
#[test]
fn gradient_checkpointing_leaves_gradients_as_they_are() {
    let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    assert_eq!(check_all(true), 125, "a fixture without a test");
}

/// With dropout: the masks of the second computation are those of the first, or the slope along the gradient is another one.
#[test]
fn gradient_checkpointing_drops_the_same_twice() {
    let _alone = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    let copy = with_dropout(&folder("seq"), 0.1);
    let device = cpu().autodiff();
    let cases: BTreeMap<String, Case> = json("gradients.json");
    let case = cases.values().find(|case| matches!(case.labels, Labels::Sequence(_))).unwrap();
    let Labels::Sequence(labels) = &case.labels else { unreachable!() };
    let batch = case.inputs.batch(&device);
    let model = Checkpoint::open(copy.path()).unwrap().classifier(HeadKind::Sequence, 3, 0, &device).unwrap().model;
    let at = |model: &Classifier| {
        recompute(model, &batch, 7, |hidden| cross_entropy(flat_logits_of(model, hidden, &batch), labels))
    };
    let (loss, gradients) = at(&model);
    let mut square = SquaredNorm { gradients: &gradients, sum: 0.0 };
    model.visit(&mut square);
    let expected = square.sum;
    let step = 1e-3 / expected.sqrt();
    let moved = |sign: f64| {
        f64::from(values(at(&model.clone().map(&mut Along { gradients: &gradients, step: sign * step })).0)[0])
    };
    let slope = (moved(1.0) - moved(-1.0)) / (2.0 * step);
    assert!((slope / expected - 1.0).abs() < 0.02, "slope {slope}, gradient's square {expected}");
    assert_eq!(values(loss), values(at(&model).0), "a step is decided by its number");
}

struct SquaredNorm<'a> {
    gradients: &'a GradientsParams,
    sum: f64,
}

impl ModuleVisitor for SquaredNorm<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.gradients.get::<D>(param.id).unwrap();
        self.sum += values(gradient).iter().map(|&v| f64::from(v).powi(2)).sum::<f64>();
    }
}

struct Along<'a> {
    gradients: &'a GradientsParams,
    step: f64,
}

impl ModuleMapper for Along<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let gradient = self.gradients.get::<D>(param.id).unwrap();
        param.map(|tensor| Tensor::from_inner(tensor.inner() + gradient * self.step).require_grad())
    }
}

/// LoRA-FA is no setting of peft's files: what it trains has LoRA's gradients, and A has none.
#[test]
fn a_frozen_a_has_no_gradient_and_changes_no_other() {
    let cases: BTreeMap<String, Case> = json("gradients.json");
    let case = &cases["lora-seq"];
    let Labels::Sequence(labels) = &case.labels else { unreachable!() };
    let Method::Lora(config) = AdapterConfig::read(&folder("lora-seq")).unwrap().method(&folder("lora-seq")).unwrap()
    else {
        unreachable!()
    };
    let method = Method::Lora(LoraConfig { freeze_a: true, ..config });
    let (model, modules) = attached("seq", &method, &cpu());
    let model = peft::load(model, &method, &modules, published_name, &folder("lora-seq")).unwrap();
    let expected = tensors("lora-seq.gradients.safetensors");
    let of_a = |key: &str| key.contains(".lora_A.");
    let frozen: usize = expected.iter().filter(|(key, _)| of_a(key)).map(|(_, (_, values))| values.len()).sum();
    assert_eq!(count(&model, &method, &modules, published_name).trainable, case.trainable - frozen);
    let device = cpu().autodiff();
    let model = model.fork(&device).train();
    let loss = cross_entropy(flat_logits(&model, &case.inputs.batch(&device)), labels);
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    let found = Published::gradients(&model, &gradients);
    assert!(found.keys().all(|key| !of_a(key)));
    assert_eq!(found.len(), expected.keys().filter(|key| !of_a(key)).count());
    for (key, (_, expected)) in expected.iter().filter(|(key, _)| !of_a(key)) {
        let largest = expected.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        assert!(furthest(&found[&places(key, &found)[0]], expected) <= 1e-4 * largest, "{key}");
    }
}

fn check_all(checkpointing: bool) -> usize {
    let mut tested = 0;
    for family in FAMILIES {
        let cases: BTreeMap<String, Case> = json(&format!("{family}gradients.json"));
        tested += cases.len();
        check(family, cases, checkpointing);
    }
    tested
}

fn check(family: &str, cases: BTreeMap<String, Case>, checkpointing: bool) {
    for (name, case) in cases {
        let base = case.base.clone().unwrap_or_else(|| name.trim_start_matches("full-").to_string());
        let (base, adapter) = (format!("{family}{base}"), case.adapter.map(|adapter| format!("{family}{adapter}")));
        let name = format!("{family}{name}");
        let (model, method, modules) = match name.contains("bitfit-") {
            true => {
                let (model, modules) = attached(&base, &Method::BitFit, &cpu());
                (model, Method::BitFit, modules)
            }
            false => in_training(&base, adapter.as_deref(), &cpu()),
        };
        let device = cpu().autodiff();
        let model = model.fork(&device).train();
        assert_eq!(count(&model, &method, &modules, published_name).trainable, case.trainable, "{name}");
        // The fixtures were made without dropout in the adapter.
        let labels = match case.labels {
            Labels::Sequence(labels) => labels,
            Labels::Token(labels) => labels.into_iter().flatten().collect(),
        };
        let batch = case.inputs.batch(&device);
        let of = |logits| penalised(&method, &model, cross_entropy(logits, &labels));
        let (loss, gradients) = if checkpointing {
            recompute(&model, &batch, 1, |hidden| of(flat_logits_of(&model, hidden, &batch)))
        } else {
            let loss = of(flat_logits(&model, &batch));
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            (loss, gradients)
        };
        assert!((values(loss)[0] - case.loss).abs() < 1e-4, "{name}: loss");
        // Two moments of each trained tensor and nothing of a frozen one.
        let trained = gradients.len();
        let found = Published::gradients(&model, &gradients);
        let mut optimizer = optimizer(&model, 0.01, 1.0);
        drop(optimizer.step(1e-3, model.clone(), gradients));
        let state = format!("{:?}", optimizer.to_record());
        assert!(state.contains(&format!("num_tensors: {},", 2 * trained)), "{name}: {state}, {trained} trained");
        let expected = tensors(&format!("{name}.gradients.safetensors"));
        assert_eq!(
            found.len(),
            expected.keys().map(|key| places(key, &found).len()).sum::<usize>(),
            "{name}: as many gradients as trained parameters, frozen ones have none"
        );
        for (key, (_, expected)) in expected {
            let found = places(&key, &found).iter().flat_map(|place| found[place].clone()).collect::<Vec<_>>();
            let largest = expected.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
            // In exact arithmetic a softmax ignores a shift of the keys, so what is left there is rounding.
            let keys = ["key.bias", "k_lin.bias", "k_proj.bias"].iter().any(|bias| key.ends_with(bias));
            let allowed = if keys { 1e-5 } else { 1e-4 * largest };
            assert!(
                furthest(&found, &expected) <= allowed,
                "{name}: {key}: {} of {largest}",
                furthest(&found, &expected)
            );
        }
        assert!(model.num_params() >= case.trainable);
    }
}
