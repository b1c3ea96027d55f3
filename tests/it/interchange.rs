//! Adapter folders: peft's (of bottleneck adapters, those of plain PyTorch) load here with its logits, ours are the same files again, and
//! merging changes no output.

use std::collections::BTreeMap;

use burn::module::Module;
use minim_adapters::peft::{self, AdapterConfig};
use minim_adapters::{LoraConfig, LoraStart, Merged, Method, Targets, attach, count, merge};
use minim_models::{Checkpoint, published_name};
use serde::Deserialize;

use crate::fixtures::{
    FAMILIES, Inputs, Published, adapted, attached, cpu, flat_logits, folder, furthest, head_of, json, tensors, values,
};

#[derive(Deserialize)]
struct Case {
    #[serde(flatten)]
    inputs: Inputs,
    base: Option<String>,
    adapter: Option<String>,
    logits: serde_json::Value,
}

fn flatten(value: &serde_json::Value, into: &mut Vec<f32>) {
    match value {
        serde_json::Value::Array(items) => items.iter().for_each(|item| flatten(item, into)),
        number => into.push(number.as_f64().unwrap() as f32),
    }
}

/// Those of every family, BERT's first.
fn cases() -> impl Iterator<Item = (String, String, Inputs, Vec<f32>)> {
    FAMILIES.into_iter().flat_map(|family| {
        let cases: BTreeMap<String, Case> = json(&format!("{family}gradients.json"));
        cases.into_values().filter_map(move |case| {
            let mut logits = Vec::new();
            flatten(&case.logits, &mut logits);
            Some((format!("{family}{}", case.base?), format!("{family}{}", case.adapter?), case.inputs, logits))
        })
    })
}

#[test]
fn adapters_saved_by_peft_give_its_logits_and_merge_without_changing_them() {
    let device = cpu();
    assert_eq!(cases().count(), 107);
    for (base, adapter, inputs, expected) in cases() {
        let (model, method, modules) = adapted(&base, Some(&adapter), &device);
        let batch = inputs.batch(&device);
        assert!(furthest(&values(flat_logits(&model, &batch)), &expected) < 1e-4, "{adapter}");
        if method.virtual_tokens() > 0 || matches!(method, Method::Bottleneck(_)) {
            assert!(merge(model).is_err(), "{adapter}: no weight can hold it");
            continue;
        }
        let plain = merge(model.clone()).unwrap();
        let total = count(&model, &method, &modules, published_name).total;
        assert_eq!(plain.num_params(), total, "{adapter}: the factors are gone");
        assert!(furthest(&values(flat_logits(&plain, &batch)), &expected) < 1e-4, "{adapter}, merged");
    }
}

#[test]
fn what_was_merged_is_unmerged_to_the_same_weights() {
    let device = cpu();
    for (base, adapter, inputs, expected) in cases() {
        let (model, method, _) = adapted(&base, Some(&adapter), &device);
        if method.virtual_tokens() > 0 || matches!(method, Method::Bottleneck(_)) {
            assert!(Merged::new(model).is_err(), "{adapter}: no weight can express it");
            continue;
        }
        let batch = inputs.batch(&device);
        let before = Published::values(&model);
        let merged = Merged::new(model).unwrap();
        assert!(furthest(&values(flat_logits(merged.model(), &batch)), &expected) < 1e-4, "{adapter}, merged");
        let plain = Published::values(merged.model());
        let unmerged = merged.unmerge();
        let after = Published::values(&unmerged);
        assert_eq!(before.len(), after.len(), "{adapter}");
        let mut moved = 0;
        for (name, before) in &before {
            assert_eq!(&after[name], before, "{adapter}: {name}");
            moved += usize::from(plain.get(name).is_some_and(|merged| furthest(merged, before) > 1e-3));
        }
        // LayerNorm tuning folds nothing: it trains what is there.
        assert_eq!(moved > 0, !adapter.contains("ln-"), "{adapter}: merging moved the weights");
        assert!(furthest(&values(flat_logits(&unmerged, &batch)), &expected) < 1e-4, "{adapter}, unmerged");
    }
}

#[test]
fn an_adapter_written_here_has_the_tensors_of_the_one_read() {
    let device = cpu();
    for (base, adapter, inputs, _) in cases() {
        let (model, method, modules) = adapted(&base, Some(&adapter), &device);
        if method != method.saved() {
            // Written as another: below.
            continue;
        }
        let temp = tempfile::tempdir().unwrap();
        let (head, labels) = head_of(&base);
        let config = AdapterConfig::new(&method, head.peft_task_type(), Some("base".into()), &modules).unwrap();
        peft::save(&model, &method, &config, &modules, published_name, temp.path()).unwrap();
        let path = temp.path().join("adapter_model.safetensors");
        let mut expected = tensors(&format!("{adapter}/adapter_model.safetensors"));
        // With `bias = "all"` peft also writes the biases of its two copies of the head.
        expected.retain(|key, _| !key.contains(".original_module.") && !key.contains(".modules_to_save."));
        assert_eq!(tensors(path.to_str().unwrap()), expected, "{adapter}");

        // And back onto a fresh base model.
        let read = AdapterConfig::read(temp.path()).unwrap();
        assert_eq!(read.method(temp.path()).unwrap(), method);
        let loaded = Checkpoint::open(&folder(&base)).unwrap().classifier(head, labels, 0, &device).unwrap();
        let again = attach(loaded.model, &method, &modules, 7, published_name).unwrap();
        let again = peft::load(again, &method, &modules, published_name, temp.path()).unwrap();
        let probe = inputs.batch(&device);
        assert_eq!(values(flat_logits(&again, &probe)), values(flat_logits(&model, &probe)), "{adapter}");
    }
}

/// AdaLoRA may take all ranks of a layer away; peft's file then has tensors without numbers for it.
#[test]
fn a_layer_without_ranks_is_what_it_is_with_singular_values_of_zero() {
    let device = cpu();
    let module = "bert.encoder.layer.0.attention.self.query";
    let tensor = |factor: &str| format!("base_model.model.{module}.{factor}");
    let original = folder("adalora-allocated-seq");
    let text = std::fs::read_to_string(original.join("adapter_config.json")).unwrap();
    let all: BTreeMap<_, _> = tensors("adalora-allocated-seq/adapter_model.safetensors").into_iter().collect();
    let logits_of = |text: &str, tensors: &BTreeMap<String, (Vec<usize>, Vec<f32>)>| {
        let copy = tempfile::tempdir().unwrap();
        std::fs::write(copy.path().join("adapter_config.json"), text).unwrap();
        let path = copy.path().join("adapter_model.safetensors");
        peft::write_safetensors(&path, tensors, peft::Precision::F32).unwrap();
        let method = AdapterConfig::read(copy.path()).unwrap().method(copy.path()).unwrap();
        let (model, modules) = attached("seq", &method, &device);
        let model = peft::load(model, &method, &modules, published_name, copy.path()).unwrap();
        peft::save_trained(&model, &method, &modules, published_name, copy.path()).unwrap();
        assert_eq!(crate::fixtures::tensors(path.to_str().unwrap()), tensors.clone().into_iter().collect());
        values(flat_logits(&model, &cases().next().unwrap().2.batch(&device)))
    };
    let mut zeros = all.clone();
    zeros.get_mut(&tensor("lora_E")).unwrap().1.fill(0.0);
    let mut without = all.clone();
    for (factor, shape) in [("lora_A", [0, 36]), ("lora_B", [36, 0]), ("lora_E", [0, 1])] {
        without.insert(tensor(factor), (shape.to_vec(), Vec::new()));
    }
    let mut config: serde_json::Value = serde_json::from_str(&text).unwrap();
    config["rank_pattern"][format!("{module}.lora_E")] = vec![false; 6].into();
    let expected = logits_of(&text, &zeros);
    assert!(furthest(&expected, &logits_of(&text, &all)) > 1e-3);
    assert!(furthest(&logits_of(&config.to_string(), &without), &expected) < 1e-5);
}

/// PiSSA and OLoRA: the factors start as peft's do, the layers' outputs as they were, and what is saved is peft's conversion to a plain LoRA
/// beside the untouched base model. Signs are free, so products are compared.
#[test]
fn factors_taken_out_of_the_base_are_saved_as_plain_lora() {
    let device = cpu();
    for (base, name) in [("seq", "pissa-seq"), ("tok", "olora-tok")] {
        let plain = format!("{}-plain-{base}", name.trim_end_matches(&format!("-{base}")));
        let expected = tensors(&format!("{plain}/adapter_model.safetensors"));
        let (model, method, modules) = adapted(base, Some(name), &device);
        let temp = tempfile::tempdir().unwrap();
        let config = AdapterConfig::new(&method, "SEQ_CLS", None, &modules).unwrap();
        peft::save(&model, &method, &config, &modules, published_name, temp.path()).unwrap();
        let path = temp.path().join("adapter_model.safetensors");
        let found = tensors(path.to_str().unwrap());
        assert_eq!(found.len(), expected.len());
        let read = AdapterConfig::read(temp.path()).unwrap().method(temp.path()).unwrap();
        assert_eq!(read, AdapterConfig::read(&folder(&plain)).unwrap().method(&folder(&plain)).unwrap());
        assert_eq!(read, method.saved());
        for (key, (shape, values)) in &expected {
            let Some(key_of_b) = key.contains(".lora_A.").then(|| key.replace(".lora_A.", ".lora_B.")) else {
                assert_eq!(&found[key].0, shape, "{key}");
                assert!(key.contains(".lora_B.") || &found[key].1 == values, "{key}");
                continue;
            };
            let (found, expected) = ([&found[key], &found[&key_of_b]], [&expected[key], &expected[&key_of_b]]);
            assert_eq!(&found[0].0, shape, "{key}");
            // What was trained, and what it started from.
            for half in [0, 1] {
                let (found, expected) = (product(found, half), product(expected, half));
                let largest = expected.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
                assert!(furthest(&found, &expected) < 1e-5 * largest, "{key}, half {half}");
            }
        }

        let probe = cases().next().unwrap().2.batch(&device);
        let again = peft::load(attached(base, &read, &device).0, &read, &modules, published_name, temp.path()).unwrap();
        assert!(furthest(&values(flat_logits(&again, &probe)), &values(flat_logits(&model, &probe))) < 1e-4, "{name}");

        let untouched = attached(base, &Method::Head, &device).0;
        let fresh = attached(base, &method, &device).0;
        assert!(furthest(&values(flat_logits(&fresh, &probe)), &values(flat_logits(&untouched, &probe))) < 1e-4);
    }
}

/// `B·A` of one half of the rank, `[out, in]`.
fn product([a, b]: [&(Vec<usize>, Vec<f32>); 2], half: usize) -> Vec<f32> {
    let (rank, inputs) = (a.0[0] / 2, a.0[1]);
    let rows = b.1.chunks_exact(2 * rank).flat_map(|row| {
        (0..inputs).map(move |i| (half * rank..(half + 1) * rank).map(|r| row[r] * a.1[r * inputs + i]).sum::<f32>())
    });
    rows.collect()
}

/// From about the largest singular values, by iterations on a random subspace: other factors, the same outputs.
#[test]
fn pissa_by_iterations_starts_at_the_outputs_of_the_base() {
    let device = cpu();
    let probe = cases().next().unwrap().2.batch(&device);
    let untouched = values(flat_logits(&attached("seq", &Method::Head, &device).0, &probe));
    let config = LoraConfig { rank: 40, start: LoraStart::PissaNiter(4), ..LoraConfig::default() };
    for method in [
        Method::Lora(LoraConfig { rank: 3, ..config.clone() }),
        // Wider than the layers, so that nothing is left of their weights.
        Method::Lora(LoraConfig { use_dora: true, use_rslora: true, ..config }),
    ] {
        let (model, modules) = attached("seq", &method, &device);
        assert!(furthest(&values(flat_logits(&model, &probe)), &untouched) < 1e-4);
        let temp = tempfile::tempdir().unwrap();
        let saved = AdapterConfig::new(&method, "SEQ_CLS", None, &modules).unwrap();
        peft::save(&model, &method, &saved, &modules, published_name, temp.path()).unwrap();
        let (again, _) = attached("seq", &method.saved(), &device);
        let again = peft::load(again, &method.saved(), &modules, published_name, temp.path()).unwrap();
        assert!(furthest(&values(flat_logits(&again, &probe)), &untouched) < 1e-4);
    }
}

#[test]
fn an_adapter_of_another_shape_names_its_tensors() {
    let device = cpu();
    let (base, _, modules) = adapted("seq", None, &device);
    let config = AdapterConfig::read(&folder("lora-wide-seq")).unwrap();
    let method = config.method(&folder("lora-wide-seq")).unwrap();
    let model = attach(base, &method, &modules, 0, published_name).unwrap();
    match peft::load(model, &method, &modules, published_name, &folder("lora-seq")) {
        Err(minim_adapters::Error::Mismatch { missing, misshapen, unused, .. }) => {
            assert!(missing.iter().any(|name| name.ends_with("intermediate.dense.lora_A.weight")));
            assert!(misshapen.iter().any(|name| name.contains("query.lora_A.weight") && name.contains("[4, 36]")));
            assert!(unused.is_empty());
        }
        other => panic!("expected a mismatch, got {:?}", other.map(|_| ())),
    }
}

#[test]
fn all_linear_means_the_layers_that_peft_writes_for_it() {
    let device = cpu();
    let name = folder("all-linear-seq");
    let (expected, by_name, modules) = adapted("seq", Some("all-linear-seq"), &device);
    let Method::Lora(mut config) = by_name else { unreachable!() };
    assert!(matches!(config.targets, Targets::Names(_)));
    config.targets = Targets::AllLinear;
    let method = Method::Lora(config);
    let (model, _) = attached("seq", &method, &device);
    let model = peft::load(model, &method, &modules, published_name, &name).unwrap();
    let probe = cases().next().unwrap().2.batch(&device);
    assert_eq!(values(flat_logits(&model, &probe)), values(flat_logits(&expected, &probe)));
}

#[test]
fn a_file_of_vera_without_its_matrices_is_refused_by_their_names() {
    let device = cpu();
    let copy = tempfile::tempdir().unwrap();
    let path = copy.path().join("adapter_model.safetensors");
    let mut kept: BTreeMap<_, _> = tensors("vera-seq/adapter_model.safetensors").into_iter().collect();
    kept.retain(|key, _| !key.starts_with("base_model.vera_"));
    peft::write_safetensors(&path, &kept, peft::Precision::F32).unwrap();
    let method = AdapterConfig::read(&folder("vera-seq")).unwrap().method(&folder("vera-seq")).unwrap();
    let (model, modules) = attached("seq", &method, &device);
    match peft::load(model, &method, &modules, published_name, copy.path()) {
        Err(minim_adapters::Error::Mismatch { missing, misshapen, unused, .. }) => {
            assert_eq!(missing, ["base_model.vera_A", "base_model.vera_B"]);
            assert!(misshapen.is_empty() && unused.is_empty());
        }
        other => panic!("expected a mismatch, got {:?}", other.map(|_| ())),
    }
}

/// peft has no file for it but the biases of a LoRA that adds nothing, which trains on as BitFit.
#[test]
fn bitfit_is_the_bias_of_a_lora_that_adds_nothing() {
    let device = cpu();
    for (base, name, first) in [
        ("seq", "bias-all-seq", "bert.encoder.layer.0.attention.self.query"),
        ("../models/distilbert/seq", "", "distilbert.transformer.layer.0.attention.q_lin"),
    ] {
        let inputs = cases().find(|(of, ..)| of == base).unwrap().2.batch(&device);
        let (bitfit, modules) = attached(base, &Method::BitFit, &device);
        let mut moved = bitfit.map(&mut MovedBiases(Vec::new()));
        let temp = tempfile::tempdir().unwrap();
        let config = AdapterConfig::new(&Method::BitFit, "SEQ_CLS", None, &modules).unwrap();
        peft::save(&moved, &Method::BitFit, &config, &modules, published_name, temp.path()).unwrap();
        let read = AdapterConfig::read(temp.path()).unwrap();
        assert_eq!(read.other["bias"], "all");
        let as_lora = read.method(temp.path()).unwrap();
        assert!(
            matches!(&as_lora, Method::Lora(lora) if lora.rank == 1 && lora.targets == Targets::Names(vec![first.into()]))
        );
        for method in [&as_lora, &Method::BitFit] {
            let (model, _) = attached(base, method, &device);
            let model = peft::load(model, method, &modules, published_name, temp.path()).unwrap();
            assert_eq!(values(flat_logits(&model, &inputs)), values(flat_logits(&moved, &inputs)), "{}", method.name());
            moved = model;
        }
        if !name.is_empty() {
            let refused = peft::load(
                attached(base, &Method::BitFit, &device).0,
                &Method::BitFit,
                &modules,
                published_name,
                &folder(name),
            );
            assert!(refused.unwrap_err().to_string().contains("has a LoRA that adds something"));
        }
    }
    let (llama, method) = (crate::fixtures::loaded("../models/llama/seq", &device), Method::BitFit);
    let refused = attach(llama, &method, &["score".into()], 0, published_name).unwrap_err().to_string();
    assert!(refused.contains("no bias outside of its head"), "{refused}");
}

/// Adds 0.25 to every bias that is trained.
struct MovedBiases(Vec<String>);

impl burn::module::ModuleMapper for MovedBiases {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.0.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.0.pop();
    }

    fn map_float<const D: usize>(
        &mut self,
        param: burn::module::Param<burn::tensor::Tensor<D>>,
    ) -> burn::module::Param<burn::tensor::Tensor<D>> {
        if published_name(&self.0.join(".")).ends_with(".bias") { param.map(|bias| bias + 0.25) } else { param }
    }
}

#[test]
fn nothing_is_attached_twice() {
    let device = cpu();
    let (adapted, method, modules) = adapted("seq", Some("lora-seq"), &device);
    let again = attach(adapted, &method, &modules, 0, published_name).unwrap_err();
    assert!(matches!(again, minim_adapters::Error::Adapted), "{again}");
}
