//! Memory stays flat while training.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Device;
use minim_adapters::{LoraConfig, Method, Resident, Restriction, attach};
use minim_efficiency::resident_bytes;
use minim_engine::optimizer;
use minim_models::{Checkpoint, Classifier, HeadKind, TokenBatch, published_name};
use serde::Deserialize;

use crate::fixtures::{Inputs, adapted, cpu, cross_entropy, flat_logits, json, values};

#[derive(Deserialize)]
struct Batches {
    seq: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    #[serde(flatten)]
    inputs: Inputs,
    labels: Vec<i64>,
}

/// A test of memory runs in a process of its own, so that no other's is counted: it starts itself again with this set.
const ALONE: &str = "MINIM_MEMORY_TEST_ALONE";

/// Whether this is that process; else it is started and waited for.
fn is_alone(test: &str) -> bool {
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("memory::{test}"), "--nocapture", "--test-threads=1"])
        .env(ALONE, "1")
        .status()
        .unwrap();
    assert!(status.success());
    false
}

#[test]
fn step_1000_needs_no_more_memory_than_step_100() {
    if !is_alone("step_1000_needs_no_more_memory_than_step_100") {
        return;
    }
    let batches: Batches = json("batches.json");
    let device = cpu().autodiff();
    for adapter in [None, Some("lora-seq")] {
        let (mut model, ..) = adapted("seq", adapter, &device);
        let mut optimizer = optimizer(&model, 0.01, 1.0);
        let mut at_100 = 0;
        for step in 1..=1000 {
            let batch = &batches.seq[step % batches.seq.len()];
            let loss = cross_entropy(flat_logits(&model, &batch.inputs.batch(&device)), &batch.labels);
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = optimizer.step(1e-4, model, gradients);
            if step == 100 {
                at_100 = resident_bytes().unwrap_or(0);
            }
        }
        let at_1000 = resident_bytes().unwrap_or(0);
        assert!(
            at_1000 as f64 <= at_100 as f64 * 1.05,
            "{adapter:?}: {at_100} bytes at step 100, {at_1000} at step 1000"
        );
    }
}

/// A BERT of 12 layers with random weights.
fn twelve_layers(hidden: usize, device: &Device) -> Classifier {
    let mut config: serde_json::Value = json("seq/config.json");
    for (key, value) in [("num_hidden_layers", 12), ("hidden_size", hidden), ("intermediate_size", 4 * hidden)] {
        config[key] = value.into();
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    Checkpoint::open(folder.path()).unwrap().fresh_classifier(HeadKind::Sequence, 3, 0, device).model
}

/// LoRA on every linear layer of an encoder's layer, or on those of some layers.
fn with_lora(model: Classifier, layers: Vec<usize>) -> Classifier {
    let restriction = Restriction { layers, ..Restriction::default() };
    let targets = ["query", "key", "value", "dense"].map(String::from).to_vec();
    let lora = LoraConfig { targets: targets.into(), restriction, ..LoraConfig::default() };
    attach(model, &Method::Lora(lora), &["classifier".into()], 0, published_name).unwrap()
}

fn batch(rows: usize, length: u32, device: &Device) -> TokenBatch {
    let (ids, types): (Vec<u32>, Vec<u32>) = ((1..=length).collect(), vec![0; length as usize]);
    TokenBatch::new(&vec![&ids[..]; rows], &vec![&types[..]; rows], 0, device)
}

/// What the backward pass needs of a layer below all trained ones is nothing, so the forward pass keeps nothing of it.
#[test]
fn backward_stops_at_the_lowest_trained_layer() {
    if !is_alone("backward_stops_at_the_lowest_trained_layer") {
        return;
    }
    let device = cpu().autodiff();
    let base = twelve_layers(192, &device);
    let [last, all] = [vec![11], vec![]].map(|layers| with_lora(base.clone(), layers).train());
    let (small, large) = (batch(1, 2, &device), batch(32, 48, &device));
    // Every lazy parameter is there after this.
    for model in [&last, &all] {
        drop(values(model.sequence_logits(&small)));
    }
    let before = resident_bytes().unwrap();
    let kept = |model: &Classifier| {
        let logits = model.sequence_logits(&large);
        drop(values(logits.clone()));
        let after = resident_bytes().unwrap();
        drop(GradientsParams::from_grads(logits.sum().backward(), model));
        after.saturating_sub(before)
    };
    let (of_last, of_all) = (kept(&last), kept(&all));
    assert!(of_last * 4 < of_all, "{of_last} bytes are kept for the last layer, {of_all} for all 12");
}

/// Adapted copies of a model share what their method freezes.
#[test]
fn eight_adapters_need_no_eight_bases() {
    if !is_alone("eight_adapters_need_no_eight_bases") {
        return;
    }
    let device = cpu();
    let base = twelve_layers(384, &device);
    let small = batch(1, 2, &device);
    drop(values(base.sequence_logits(&small)));
    let mut models = Resident::new(base);
    let before = resident_bytes().unwrap();
    for name in 0..8 {
        models.insert(name.to_string(), with_lora(models.base().clone(), Vec::new()));
        drop(values(models.get(Some(&name.to_string())).unwrap().sequence_logits(&small)));
    }
    let (grown, bytes) = (resident_bytes().unwrap() - before, 4 * models.base().num_params() as u64);
    assert!(bytes > 80 << 20 && grown < bytes, "eight adapters took {grown} bytes, one base {bytes}");
}
