//! Prompts and prefixes on every family and both heads, also where peft fails: what is trained, that it learns, and that padding and
//! gradient checkpointing change nothing.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::optim::GradientsParams;
use minim_adapters::{
    EncoderKind, Method, PTuningConfig, PrefixTuningConfig, PromptInit, PromptTuningConfig, TokenEmbedding, count,
};
use minim_engine::{optimizer, recompute};
use minim_models::{Backbone, Classifier, Config, HeadKind, published_name};
use serde::Deserialize;

use crate::fixtures::{
    FAMILIES, Inputs, Published, adapted, attached, cpu, cross_entropy, flat_logits, flat_logits_of, folder, furthest,
    json, values,
};

#[derive(Deserialize, Clone)]
struct Case {
    #[serde(flatten)]
    inputs: Inputs,
    labels: serde_json::Value,
}

impl Case {
    /// The batch of the gradients' fixtures for a base model.
    fn of(family: &str, base: &str) -> Option<Self> {
        let mut cases: BTreeMap<String, Case> = json(&format!("{family}gradients.json"));
        cases.remove(&format!("full-{base}"))
    }

    fn labels(&self) -> Vec<i64> {
        match serde_json::from_value::<Vec<i64>>(self.labels.clone()) {
            Ok(labels) => labels,
            Err(_) => serde_json::from_value::<Vec<Vec<i64>>>(self.labels.clone()).unwrap().concat(),
        }
    }

    fn row(&self, row: usize, length: usize) -> Inputs {
        let cut = |rows: &[Vec<u32>]| vec![rows[row][..length].to_vec()];
        Inputs {
            input_ids: cut(&self.inputs.input_ids),
            token_type_ids: cut(&self.inputs.token_type_ids),
            attention_mask: cut(&self.inputs.attention_mask),
        }
    }
}

/// Each method with the parameters that it brings in, beside a table of this width and a prefix that fits.
fn methods(width: usize, fits: &PrefixTuningConfig) -> Vec<(Method, usize)> {
    let prefix = PrefixTuningConfig { virtual_tokens: 4, ..fits.clone() };
    let both = 2 * fits.layers * fits.width;
    let lstm = EncoderKind::Lstm { layers: 2, dropout: 0.0 };
    vec![
        (Method::PromptTuning(PromptTuningConfig { virtual_tokens: 3, init: PromptInit::SampleVocab }), 3 * width),
        (Method::PrefixTuning(prefix.clone()), 4 * both),
        (
            Method::PrefixTuning(PrefixTuningConfig { projection: Some(6), ..prefix }),
            4 * fits.width + (fits.width + 1) * 6 + (6 + 1) * both,
        ),
        (
            Method::PTuning(PTuningConfig { virtual_tokens: 3, hidden_size: None, encoder: EncoderKind::Mlp }),
            3 * width + 3 * (width + 1) * width,
        ),
        (
            Method::PTuning(PTuningConfig { virtual_tokens: 3, hidden_size: Some(5), encoder: lstm }),
            // Two directions, four gates, two biases each.
            3 * width + 2 * 4 * 5 * (width + 5 + 2) + 2 * 4 * 5 * (10 + 5 + 2) + (10 + 1) * 10 + (10 + 1) * width,
        ),
    ]
}

/// Every family, head and method, with the batch of its fixtures.
fn each(check: impl Fn(&str, Classifier, &Method, &[String], usize, &Case)) {
    let mut checked = 0;
    for family in FAMILIES {
        for base in ["seq", "tok"] {
            let Some(case) = Case::of(family, base) else { continue };
            let base = format!("{family}{base}");
            let config = Config::read(&folder(&base).join("config.json")).unwrap();
            let (plain, _) = attached(&base, &Method::Head, &cpu());
            let width = table(&plain).weight.lazy_shape()[1];
            for (method, brought_in) in methods(width, &config.prefix()) {
                let (model, modules) = attached(&base, &method, &cpu());
                check(&format!("{base} {method:?}"), model, &method, &modules, brought_in, &case);
                checked += 1;
            }
        }
    }
    // Variants of a family have sequences alone.
    assert_eq!(checked, (10 + 6) * 5);
}

fn table(model: &Classifier) -> &TokenEmbedding {
    model.backbone().tokens()
}

#[test]
fn what_is_trained_is_what_the_method_brings_in_and_the_head() {
    each(|name, model, method, modules, brought_in, case| {
        let counts = count(&model, method, modules, published_name);
        assert_eq!((counts.adapter, counts.trainable), (brought_in, brought_in + counts.head), "{name}");
        let device = cpu().autodiff();
        let model = model.fork(&device).train();
        let batch = case.inputs.batch(&device);
        let loss = cross_entropy(flat_logits(&model, &batch), &case.labels());
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        let found = Published::gradients(&model, &gradients);
        assert_eq!(found.values().map(Vec::len).sum::<usize>(), counts.trainable, "{name}");
        let of_prompt = |key: &&String| key.starts_with("prompt_");
        assert!(found.keys().filter(of_prompt).count() > 0 && found.keys().any(|key| !of_prompt(&key)), "{name}");
        for (key, gradient) in &found {
            assert!(gradient.iter().any(|&value| value != 0.0), "{name}: nothing reaches {key}");
        }

        let labels = case.labels();
        let (value, again) =
            recompute(&model, &batch, 1, |hidden| cross_entropy(flat_logits_of(&model, hidden, &batch), &labels));
        assert!((values(value)[0] - values(loss)[0]).abs() < 1e-5, "{name}");
        let again = Published::gradients(&model, &again);
        assert_eq!(again.len(), found.len(), "{name}");
        for (key, gradient) in found {
            let largest = gradient.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            assert!(furthest(&again[&key], &gradient) <= 1e-4 * largest.max(1e-4), "{name}: {key}, checkpointing");
        }
    });
}

#[test]
fn padding_does_not_change_a_row_behind_virtual_tokens() {
    let device = cpu();
    each(|name, model, _, _, _, case| {
        let together = values(flat_logits(&model, &case.inputs.batch(&device)));
        let rows = case.inputs.input_ids.len();
        for (row, length) in case.inputs.lengths().into_iter().enumerate() {
            let alone = values(flat_logits(&model, &case.row(row, length).batch(&device)));
            let expected = if model.head() == HeadKind::Token { length * 5 } else { 3 };
            assert_eq!(alone.len(), expected, "{name}: virtual tokens have no logits");
            let own = &together[row * together.len() / rows..][..alone.len()];
            assert!(furthest(&alone, own) < 2e-5, "{name}, row {row}: {}", furthest(&alone, own));
        }
    });
}

#[test]
fn virtual_tokens_learn() {
    each(|name, model, _, _, _, case| {
        let device = cpu().autodiff();
        let mut model = model.fork(&device).train();
        // The head alone would learn, too.
        let frozen = |key: &str| !key.starts_with("prompt_");
        let (batch, labels) = (case.inputs.batch(&device), case.labels());
        let mut optimizer = optimizer(&model, 0.0, 1.0);
        let before = Published::values(&model.valid());
        let mut losses = Vec::new();
        for _ in 0..12 {
            let loss = cross_entropy(flat_logits(&model, &batch), &labels);
            losses.push(values(loss.clone())[0]);
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = optimizer.step(1e-2, model, gradients);
        }
        assert!(losses[11] < 0.9 * losses[0], "{name}: {losses:?}");
        let after = Published::values(&model.valid());
        assert!(after.iter().any(|(key, values)| !frozen(key) && before[key] != *values), "{name}");
        let is_head = |key: &str| ["classifier.", "score."].iter().any(|part| key.contains(part));
        let changed = |key: &&String| before[*key] != after[*key];
        assert!(after.keys().filter(changed).all(|key| !frozen(key) || is_head(key)), "{name}: the base stays");
    });
}

#[test]
fn a_prompt_may_start_from_a_text() {
    let ids = vec![9, 11];
    let init = PromptInit::Text { text: "some words".into(), ids };
    let method = Method::PromptTuning(PromptTuningConfig { virtual_tokens: 3, init });
    let (model, _) = attached("seq", &method, &cpu());
    let found = &Published::values(&model)["prompt_embeddings"];
    let rows = values(table(&model).weight.base());
    let width = found.len() / 3;
    let row = |id: usize| &rows[id * width..][..width];
    assert_eq!(*found, [row(9), row(11), row(9)].concat());
}

/// peft forgets what made a prompt, and so does a file of ours: the prompt itself is what is trained from there.
#[test]
fn training_goes_on_from_what_an_encoder_made() {
    for (adapter, brought_in) in [("p-lstm-seq", 3 * 36), ("prefix-projected-seq", 3 * 2 * 2 * 36)] {
        let (model, method, modules) = adapted("seq", Some(adapter), &cpu());
        let counts = count(&model, &method, &modules, published_name);
        assert_eq!((counts.adapter, counts.trainable), (brought_in, brought_in + counts.head), "{adapter}");
        let (device, case) = (cpu().autodiff(), Case::of("", "seq").unwrap());
        let model = model.fork(&device).train();
        let loss = cross_entropy(flat_logits(&model, &case.inputs.batch(&device)), &case.labels());
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        let found = Published::gradients(&model, &gradients);
        assert_eq!(found["prompt_embeddings"].len(), brought_in, "{adapter}");
        let before = Published::values(&model.valid());
        let model = optimizer(&model, 0.0, 1.0).step(1e-2, model, gradients);
        assert_ne!(Published::values(&model.valid())["prompt_embeddings"], before["prompt_embeddings"], "{adapter}");
    }
}
