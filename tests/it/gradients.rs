//! Gradients of every trained parameter within 1e-4 relative of torch's and peft's, and of no other parameter.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::optim::GradientsParams;
use minim_adapters::count;
use minim_engine::recompute;
use minim_models::published_name;
use serde::Deserialize;

use crate::fixtures::{
    FAMILIES, Inputs, Published, adapted, cpu, cross_entropy, flat_logits, flat_logits_of, furthest, json, tensors,
    values,
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
    assert_eq!(check_all(false), 53, "a fixture without a test");
}

/// What is computed twice must come out as it did the first time.
#[test]
fn gradient_checkpointing_leaves_gradients_as_they_are() {
    assert_eq!(check_all(true), 53, "a fixture without a test");
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
        let (model, method, modules) = adapted(&base, adapter.as_deref(), &cpu());
        let device = cpu().autodiff();
        let model = model.fork(&device).train();
        assert_eq!(count(&model, &method, &modules, published_name).trainable, case.trainable, "{name}");
        // The fixtures were made without dropout in the adapter.
        let labels = match case.labels {
            Labels::Sequence(labels) => labels,
            Labels::Token(labels) => labels.into_iter().flatten().collect(),
        };
        let batch = case.inputs.batch(&device);
        let (loss, gradients) = if checkpointing {
            recompute(&model, &batch, 1, |hidden| cross_entropy(flat_logits_of(&model, hidden, &batch), &labels))
        } else {
            let loss = cross_entropy(flat_logits(&model, &batch), &labels);
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            (loss, gradients)
        };
        assert!((values(loss)[0] - case.loss).abs() < 1e-4, "{name}: loss");
        let found = Published::gradients(&model, &gradients);
        let expected = tensors(&format!("{name}.gradients.safetensors"));
        assert_eq!(
            found.len(),
            expected.len(),
            "{name}: as many gradients as trained parameters, frozen ones have none"
        );
        for (key, (_, expected)) in expected {
            let key = key.trim_start_matches("base_model.model.");
            let found = &found[key];
            let largest = expected.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
            // In exact arithmetic a softmax ignores a shift of the keys, so what is left there is rounding.
            let keys = ["key.bias", "k_lin.bias", "k_proj.bias"].iter().any(|bias| key.ends_with(bias));
            let allowed = if keys { 1e-5 } else { 1e-4 * largest };
            assert!(
                furthest(found, &expected) <= allowed,
                "{name}: {key}: {} of {largest}",
                furthest(found, &expected)
            );
        }
        assert!(model.num_params() >= case.trainable);
    }
}
