//! Every layout that checkpoints are published in, and what is said about what they lack.

use std::collections::BTreeMap;

use minim_models::{Backbone, Checkpoint, Error, HeadKind};
use serde::Deserialize;

use crate::fixtures::{FAMILIES, Inputs, cpu, folder, furthest, json, values};

#[derive(Deserialize)]
struct Expected {
    #[serde(flatten)]
    inputs: Inputs,
    last_hidden_state: Option<Vec<Vec<Vec<f32>>>>,
    pooler_output: Option<Vec<Vec<f32>>>,
    logits: Option<Vec<Vec<f32>>>,
}

#[test]
fn every_layout_gives_the_outputs_of_transformers() {
    let device = cpu();
    let of_bert =
        ["bare", "no-pooler", "mlm", "old-names", "bin", "bin-legacy", "bin-strided", "half/fp16", "half/bf16"];
    let families = std::fs::read_dir(folder("../models/layouts")).unwrap();
    let families = families.map(|entry| format!("../models/layouts/{}", entry.unwrap().file_name().display()));
    let names: Vec<String> = of_bert.map(String::from).into_iter().chain(families).collect();
    assert!(names.len() >= 9 + 14, "{names:?}");
    for name in names {
        let expected: Expected = json(&format!("{name}/expected.json"));
        let name = name.as_str();
        let labels = expected.logits.as_ref().map_or(2, |logits| logits[0].len());
        let checkpoint = Checkpoint::open(&folder(name)).unwrap();
        let loaded = checkpoint.classifier(HeadKind::Sequence, labels, 1, &device).unwrap();
        let batch = expected.inputs.batch(&device);
        let mut compared = 0;
        let hidden = loaded.model.backbone().forward(&batch);
        if let Some(rows) = expected.last_hidden_state {
            let rows: Vec<f32> = rows.into_iter().flatten().flatten().collect();
            assert!(furthest(&values(hidden.clone()), &rows) < 1e-4, "{name}: hidden states");
            compared += 1;
        }
        if let Some(rows) = expected.pooler_output {
            let rows: Vec<f32> = rows.into_iter().flatten().collect();
            let summary = loaded.model.backbone().summary(hidden, &batch);
            assert!(furthest(&values(summary), &rows) < 1e-4, "{name}: pooler");
            compared += 1;
        }
        if let Some(rows) = expected.logits {
            let rows: Vec<f32> = rows.into_iter().flatten().collect();
            assert!(furthest(&values(loaded.model.sequence_logits(&batch)), &rows) < 1e-4, "{name}: logits");
            assert!(loaded.fresh.is_empty(), "{name}: {:?}", loaded.fresh);
            compared += 1;
        }
        assert!(compared > 0, "{name}: nothing was compared");
    }
}

#[test]
fn a_missing_pooler_is_made_said_and_kept() {
    let device = cpu();
    for name in ["no-pooler", "mlm", "bin"] {
        let checkpoint = Checkpoint::open(&folder(name)).unwrap();
        let loaded = checkpoint.classifier(HeadKind::Sequence, 2, 1, &device).unwrap();
        assert!(loaded.fresh.iter().any(|module| module == "pooler"), "{name}");
        assert!(loaded.notes.iter().any(|note| note.contains("no pooler")), "{name}: {:?}", loaded.notes);
        assert!(loaded.modules_to_save().iter().any(|module| module == "pooler"), "{name}");
        // A token classifier has none, so nothing is missing.
        let token = checkpoint.classifier(HeadKind::Token, 2, 1, &device).unwrap();
        assert!(!token.modules_to_save().iter().any(|module| module == "pooler"), "{name}");
    }
    let with = Checkpoint::open(&folder("bare")).unwrap().classifier(HeadKind::Sequence, 2, 1, &device).unwrap();
    assert!(!with.fresh.iter().any(|module| module == "pooler"));
}

#[test]
fn a_checkpoint_that_does_not_fit_names_every_tensor() {
    let device = cpu();
    let temp = tempfile::tempdir().unwrap();
    let config = std::fs::read_to_string(folder("seq/config.json")).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&config).unwrap();
    json["num_hidden_layers"] = 3.into();
    json["intermediate_size"] = 60.into();
    std::fs::write(temp.path().join("config.json"), json.to_string()).unwrap();
    std::fs::copy(folder("seq/model.safetensors"), temp.path().join("model.safetensors")).unwrap();
    let open = || Checkpoint::open(temp.path()).unwrap().classifier(HeadKind::Sequence, 3, 1, &device);
    match open() {
        Err(Error::Mismatch { missing, misshapen, unused, .. }) => {
            assert!(missing.contains(&"bert.encoder.layer.2.attention.self.query.weight".to_string()));
            assert!(
                misshapen
                    .iter()
                    .any(|m| m.contains("bert.encoder.layer.1.intermediate.dense.weight") && m.contains("[52, 36]"))
            );
            assert!(unused.is_empty());
        }
        other => panic!("expected a mismatch, got {other:?}"),
    }
    json["num_hidden_layers"] = 1.into();
    json["intermediate_size"] = 52.into();
    std::fs::write(temp.path().join("config.json"), json.to_string()).unwrap();
    match open() {
        Err(Error::Mismatch { unused, missing, .. }) => {
            assert!(unused.contains(&"bert.encoder.layer.1.output.dense.bias".to_string()));
            assert!(missing.is_empty());
        }
        other => panic!("expected a mismatch, got {other:?}"),
    }
}

#[test]
fn what_a_pre_training_checkpoint_has_too_much_is_said() {
    let device = cpu();
    for (name, left_out, fresh) in [
        ("mlm", "pre-training head", vec!["classifier", "pooler"]),
        ("../models/layouts/roberta-bin", "language-modelling head", vec!["classifier"]),
        ("../models/layouts/distilbert-bin-legacy", "language-modelling head", vec!["pre_classifier", "classifier"]),
        ("../models/layouts/llama-sharded-bin", "language-modelling head", vec!["score"]),
        ("../models/layouts/mobilebert-pretraining-bin", "pre-training head", vec!["classifier"]),
        ("../models/layouts/modernbert-mlm", "decoder", vec!["classifier"]),
    ] {
        let loaded = Checkpoint::open(&folder(name)).unwrap().classifier(HeadKind::Sequence, 2, 1, &device).unwrap();
        assert!(loaded.notes.iter().any(|note| note.contains(left_out)), "{name}: {:?}", loaded.notes);
        assert_eq!(loaded.fresh, fresh, "{name}");
    }
}

/// What a checkpoint is held in is not what it is stored in: a frozen base may take half the memory.
#[test]
fn matrices_are_held_in_bf16_where_asked_and_logits_stay_near() {
    let device = cpu();
    for family in FAMILIES.iter().filter(|family| folder(&format!("{family}bf16.json")).is_file()) {
        let cases: serde_json::Value = json(&format!("{family}bf16.json"));
        let open = || Checkpoint::open(&folder(&format!("{family}seq"))).unwrap();
        let held = open().bf16().classifier(HeadKind::Sequence, 3, 1, &device).unwrap().model;
        for case in cases["seq"].as_array().unwrap() {
            let inputs: Inputs = serde_json::from_value(case.clone()).unwrap();
            let expected: Vec<Vec<f32>> = serde_json::from_value(case["logits_of_rounded_weights"].clone()).unwrap();
            let expected = expected.concat();
            let largest = expected.iter().fold(1.0_f32, |most, value| most.max(value.abs()));
            let found = values(held.sequence_logits(&inputs.batch(&device)));
            // The reference rounds biases, normalisations and the head as well: 2^-9 each.
            assert!(furthest(&found, &expected) < 0.03 * largest, "{family}: {}", furthest(&found, &expected));
        }
    }
}

/// What the hostile pickles make, if their code runs.
const MARKER: &str = "hostile-code-ran";

#[derive(Deserialize)]
struct Hostile {
    must: String,
}

/// Each file claims what it doesn't hold, or holds code: the error says so, nothing runs, nothing panics, little is allocated.
#[test]
fn hostile_files_end_in_an_error() {
    let device = cpu();
    let cases: BTreeMap<String, Hostile> = json("../models/hostile/cases.json");
    assert!(cases.len() >= 90, "{}", cases.len());
    let before = minim_efficiency::peak_memory_bytes().unwrap_or(0);
    let mut wrong: Vec<String> = Vec::new();
    for (name, case) in cases {
        let path = folder("../models/hostile").join(&name);
        let loaded = Checkpoint::open(&path)
            .and_then(|checkpoint| checkpoint.classifier(HeadKind::Sequence, 2, 1, &device).map(|_| ()));
        match (case.must.as_str(), loaded) {
            ("load", Ok(())) => {}
            ("load", Err(error)) => wrong.push(format!("{name}, a control, fails: {error}")),
            ("fail", Ok(())) => wrong.push(format!("{name} loads")),
            ("fail", Err(error)) => assert!(error.to_string().contains(&name), "{name}: {error}"),
            // Either is right, as long as it ends.
            ("survive", _) => {}
            (other, _) => panic!("{name} must {other}?"),
        }
        // What a pickle's code would have made, in the working folder.
        let made = std::fs::read_dir(".")
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains(MARKER));
        assert_eq!(made.count(), 0, "{name} ran code");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let grown = minim_efficiency::peak_memory_bytes().unwrap_or(0) - before;
    assert!(grown < 300 << 20, "{grown} bytes");
}
