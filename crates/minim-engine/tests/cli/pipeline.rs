//! Train, evaluate, predict and export, for each kind of task and each method.

use std::collections::BTreeMap;

use minim_experiment::{BasePrecision, Record, Status};
use serde_json::Value;

use crate::scratch::{Scratch, furthest, json_lines, numbers};
use crate::tasks::{RELATIONS, TEST, TEXTS, TRAIN, TinyTask, WORDS};

/// A method and what it trains beside the head.
struct Row {
    name: &'static str,
    settings: &'static str,
    /// Parameters that the adapter brings in, all of them trained but as many as `frozen`.
    adapter: u64,
    frozen: u64,
    /// Parameters of the base model that are trained, without a pooler's.
    tuned: u64,
    /// Those of a pooler.
    pooler: u64,
    /// Whether peft has files for it.
    to_peft: bool,
    /// Whether a model folder can hold it.
    to_merged: bool,
}

const LORA: u64 = 2 * 2 * 4 * (36 + 36);
const PLAIN: Row =
    Row { name: "", settings: "", adapter: 0, frozen: 0, tuned: 0, pooler: 0, to_peft: true, to_merged: true };

/// 2 layers of 36 with 52 inside; LoRA and VeRA on two matrices of each, IA3 on key, value and both outputs.
const METHODS: [Row; 19] = [
    Row { name: "full", settings: r#"name = "full", kind = "full""#, to_peft: false, ..PLAIN },
    Row { name: "lora", settings: r#"name = "lora", kind = "lora", rank = 4"#, adapter: LORA, ..PLAIN },
    Row { name: "ia3", settings: r#"name = "ia3", kind = "ia3""#, adapter: 2 * (36 + 36 + 36 + 52), ..PLAIN },
    Row { name: "head", settings: r#"name = "head", kind = "head""#, to_peft: false, ..PLAIN },
    Row {
        name: "dora",
        settings: r#"name = "dora", kind = "lora", rank = 4, use_dora = true, use_rslora = true, bias = "lora_only""#,
        adapter: LORA + 2 * 2 * 36,
        tuned: 2 * 2 * 36,
        ..PLAIN
    },
    Row {
        name: "fast and frozen",
        settings: r#"name = "fa", kind = "lora", rank = 4, freeze_a = true, lr_ratio = 4, rank_pattern = { "layer.1.*" = 8 }"#,
        adapter: 3 * LORA / 2,
        frozen: 3 * LORA / 4,
        ..PLAIN
    },
    Row {
        name: "pissa",
        settings: r#"name = "pissa", kind = "lora", rank = 4, init_lora_weights = "pissa", use_rslora = true"#,
        adapter: LORA,
        ..PLAIN
    },
    Row {
        name: "olora",
        settings: r#"name = "olora", kind = "lora", rank = 4, init_lora_weights = "olora", use_dora = true"#,
        adapter: LORA + 2 * 2 * 36,
        ..PLAIN
    },
    Row {
        name: "adalora",
        settings: r#"name = "adalora", kind = "adalora", init_r = 4, target_r = 2, tfinal = 1"#,
        adapter: 2 * 2 * 4 * (36 + 36 + 1),
        ..PLAIN
    },
    Row {
        name: "houlsby",
        settings: r#"name = "houlsby", kind = "bottleneck", bottleneck_size = 6"#,
        adapter: 2 * 2 * (2 * 6 * 36 + 6 + 36),
        to_peft: false,
        to_merged: false,
        ..PLAIN
    },
    Row {
        name: "pfeiffer",
        settings: r#"name = "pfeiffer", kind = "bottleneck", placement = "pfeiffer", bottleneck_size = 6"#,
        adapter: 2 * (2 * 6 * 36 + 6 + 36),
        to_peft: false,
        to_merged: false,
        ..PLAIN
    },
    Row { name: "vera", settings: r#"name = "vera", kind = "vera", rank = 16"#, adapter: 2 * 2 * (16 + 36), ..PLAIN },
    Row { name: "ln-tuning", settings: r#"name = "ln", kind = "ln-tuning""#, tuned: (1 + 2 * 2) * 2 * 36, ..PLAIN },
    Row {
        name: "bitfit",
        settings: r#"name = "bitfit", kind = "bitfit""#,
        tuned: 2 * (5 * 36 + 52 + 2 * 36) + 36,
        pooler: 36,
        ..PLAIN
    },
    Row {
        name: "prompt-tuning",
        settings: r#"name = "prompt", kind = "prompt-tuning", num_virtual_tokens = 5"#,
        adapter: 5 * 36,
        to_merged: false,
        ..PLAIN
    },
    Row {
        name: "prompt from a text",
        settings: r#"name = "text", kind = "prompt-tuning", prompt_tuning_init = "text", prompt_tuning_init_text = "is it there""#,
        adapter: 20 * 36,
        to_merged: false,
        ..PLAIN
    },
    Row {
        name: "prefix-tuning",
        settings: r#"name = "prefix", kind = "prefix-tuning", num_virtual_tokens = 5"#,
        adapter: 5 * 2 * 2 * 36,
        to_merged: false,
        ..PLAIN
    },
    Row {
        name: "projected prefix",
        settings: r#"name = "projected", kind = "prefix-tuning", num_virtual_tokens = 5, prefix_projection = true, encoder_hidden_size = 7"#,
        adapter: 5 * 36 + 37 * 7 + 8 * 2 * 2 * 36,
        to_merged: false,
        ..PLAIN
    },
    Row {
        name: "p-tuning",
        settings: r#"name = "p", kind = "p-tuning", num_virtual_tokens = 5, encoder = "lstm", encoder_hidden_size = 6, encoder_num_layers = 1"#,
        adapter: 5 * 36 + 2 * 4 * 6 * (36 + 6 + 2) + 13 * 12 + 13 * 36,
        to_merged: false,
        ..PLAIN
    },
];

#[test]
fn texts_go_through_every_command() {
    every_method(TEXTS);
}

#[test]
fn words_go_through_every_command() {
    every_method(WORDS);
}

#[test]
fn relations_go_through_every_command() {
    every_method(RELATIONS);
}

/// Whichever evaluation is kept, ranks are gone.
#[test]
fn adalora_takes_ranks_away_while_it_is_trained() {
    let scratch = Scratch::new();
    let method = r#"name = "adalora", kind = "adalora", init_r = 4, target_r = 1, tinit = 0, tfinal = 3"#;
    TEXTS.write(&scratch, method);
    scratch.done("train texts.toml --out out");
    let record = scratch.record("out");
    let kept = scratch.files(&format!("out/{}/trained", record.run_id));
    let file = &kept["adapter_model.safetensors"];
    let (length, rest) = file.split_at(8);
    let (header, data) = rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
    let header: BTreeMap<String, Value> = serde_json::from_slice(header).unwrap();
    let mut singular_values = Vec::new();
    for (_, entry) in header.iter().filter(|(name, _)| name.ends_with(".lora_E")) {
        let [begin, end] = [0, 1].map(|at| entry["data_offsets"][at].as_u64().unwrap() as usize);
        singular_values.extend(data[begin..end].chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())));
    }
    assert_eq!(singular_values.len(), 2 * 2 * 4);
    // After the steps 0 to 2 of nine, of which six allocate: 16 fall to 4 + 12·(4/6)³.
    let gone = singular_values.iter().filter(|&&value| value == 0.0).count();
    assert!((9..16).contains(&gone), "{singular_values:?}");

    TEXTS.write(&scratch, r#"name = "adalora", kind = "adalora", tinit = 5, tfinal = 4"#);
    scratch.refused_saying(
        "train texts.toml --out again",
        &["texts.toml: method adalora", "tinit + tfinal is 5 + 4 of 9 steps"],
    );
    assert!(scratch.files("again").is_empty(), "nothing is begun");
}

/// In few bits while it trains, evaluates and predicts; a merged model is the one that was trained, its weights made dense.
#[test]
fn a_base_in_few_bits_goes_through_every_command() {
    let mut sizes = Vec::new();
    for held in [BasePrecision::Fp32, BasePrecision::Bf16, BasePrecision::Int8, BasePrecision::Nf4] {
        let (scratch, task) = (Scratch::new(), TEXTS);
        task.write(&scratch, METHODS[1].settings);
        let name = serde_json::to_string(&held).unwrap();
        let plan = scratch.read("texts.toml").replace("epochs = 3", &format!("epochs = 3\nbase_precision = {name}"));
        scratch.write("texts.toml", plan);
        scratch.done("train texts.toml --out out");
        let record = scratch.record("out");
        let run = format!("out/{}", record.run_id);
        assert_eq!(record.run.training.base_precision, Some(held));
        assert_eq!(record.notes.iter().any(|note| note.contains("frozen linear weights")), held != BasePrecision::Fp32);
        check_record(&scratch, task, &record, &run);
        check_parameters(task, &record, &METHODS[1]);
        check_evaluation(&scratch, task, &record, &run);
        let predictions = check_predictions(&scratch, task, &record, &run);
        check_merged(&scratch, task, &run, &METHODS[1], &predictions);
        scratch.done(&format!("export --run {run} --to peft --out exported/peft"));
        sizes.push(record.cost.unwrap().base_memory_bytes.unwrap());
    }
    assert_eq!(sizes[0], 4 * TEXTS.total);
    assert!(sizes.windows(2).all(|pair| pair[1] < pair[0]), "{sizes:?}");
}

/// The other adapters on linear layers, and those that cannot be there.
#[test]
fn adalora_and_bottlenecks_stand_on_a_base_in_few_bits_and_pissa_does_not() {
    for (name, held) in
        [("adalora", "nf4"), ("houlsby", "int8"), ("pissa", "nf4"), ("olora", "int8"), ("pissa", "bf16")]
    {
        let row = METHODS.iter().find(|row| row.name == name).unwrap();
        let (scratch, task) = (Scratch::new(), TEXTS);
        task.write(&scratch, row.settings);
        scratch
            .edit("texts.toml", |plan| plan.replace("epochs = 3", &format!("epochs = 3\nbase_precision = \"{held}\"")));
        if row.settings.contains("init_lora_weights") && held != "bf16" {
            let says = [&format!("texts.toml: method {name}: init_lora_weights is {name}"), "int8 or nf4"];
            scratch.refused_saying("train texts.toml --out out", &says);
            assert!(scratch.files("out").is_empty(), "nothing is begun");
            continue;
        }
        scratch.done("train texts.toml --out out");
        let record = scratch.record("out");
        let run = format!("out/{}", record.run_id);
        check_parameters(task, &record, row);
        check_evaluation(&scratch, task, &record, &run);
        let predictions = check_predictions(&scratch, task, &record, &run);
        if row.to_merged {
            check_merged(&scratch, task, &run, row, &predictions);
        }
    }
}

fn every_method(task: TinyTask) {
    for row in METHODS {
        let scratch = Scratch::new();
        task.write(&scratch, row.settings);
        let said = scratch.done(&format!("train {}.toml --out out", task.name));
        let record = scratch.record("out");
        assert!(said.starts_with(&format!("{}: test {} ", record.run_id, task.select)), "{said}");
        let run = format!("out/{}", record.run_id);

        check_record(&scratch, task, &record, &run);
        check_parameters(task, &record, &row);
        check_evaluation(&scratch, task, &record, &run);
        let predictions = check_predictions(&scratch, task, &record, &run);
        check_exports(&scratch, task, &run, &row, &predictions);
        scratch.holds_no_text("out");
        if row.to_merged || row.to_peft {
            scratch.holds_no_text("exported");
        }
    }
}

fn check_record(scratch: &Scratch, task: TinyTask, record: &Record, run: &str) {
    assert_eq!((record.status, &record.error), (Status::Finished, &None));
    assert_eq!((record.seed, record.run.seed), (1, 1));
    for scores in [&record.scores.validation, &record.scores.test] {
        assert!(scores.contains_key(task.select), "{scores:?}");
        assert!(scores.values().all(|score| (0.0..=1.0).contains(score)), "{scores:?}");
    }
    let data = record.data.as_ref().unwrap();
    assert_eq!((data.train, data.validation, data.test), (TRAIN, TEST, TEST));
    assert_eq!(data.labels, task.labels);
    assert!(!record.per_label.is_empty());

    let steps_per_epoch = TRAIN / 8;
    let points: Vec<(usize, f64)> = record.curve.iter().map(|point| (point.step, point.epoch)).collect();
    assert_eq!(points, [1, 2, 3].map(|epoch| (epoch * steps_per_epoch, epoch as f64)));
    assert!(record.curve.iter().all(|point| point.train_loss.is_some_and(|loss| loss.is_finite() && loss > 0.0)));
    let best = record.curve.iter().map(|point| point.validation[task.select]).fold(0.0, f64::max);
    assert_eq!(record.scores.validation[task.select], best, "the best evaluation is the one that is kept");

    let cost = record.cost.as_ref().unwrap();
    let parts = cost.load_s + cost.train_s + cost.evaluate_s;
    assert!(cost.train_s > 0.0 && cost.evaluate_s > 0.0 && parts <= cost.total_s, "{cost:?}");
    assert!(cost.best_s.is_some_and(|best| best > 0.0 && best <= cost.train_s), "{cost:?}");
    let rates =
        [cost.train_tokens_per_s, cost.train_examples_per_s, cost.evaluate_tokens_per_s, cost.evaluate_examples_per_s];
    assert!(rates.iter().all(|rate| rate.is_some_and(|rate| rate.is_finite() && rate > 0.0)), "{cost:?}");
    let bytes = |folder: &str| scratch.files(folder).values().map(|bytes| bytes.len() as u64).sum::<u64>();
    assert_eq!((cost.kept_bytes, cost.base_bytes), (bytes(&format!("{run}/trained")), bytes(task.model)));
    assert!(record.versions.is_some() && record.hardware.is_some());
}

fn check_parameters(task: TinyTask, record: &Record, row: &Row) {
    let (counts, name) = (record.parameters.unwrap(), row.name);
    assert_eq!((counts.total, counts.head, counts.adapter), (task.total, task.head_parameters, row.adapter), "{name}");
    // Token classifiers have no pooler.
    let pooler = if task.head.contains("token-cls") { 0 } else { row.pooler };
    let beside_head = row.adapter - row.frozen + row.tuned + pooler;
    let trainable = if name == "full" { task.total } else { beside_head + task.head_parameters };
    assert_eq!(counts.trainable, trainable, "{name}");
}

fn check_evaluation(scratch: &Scratch, task: TinyTask, record: &Record, run: &str) {
    let printed = scratch.done(&format!("evaluate --run {run} --data {}", task.test_file));
    let report: Value = serde_json::from_str(&printed).unwrap();
    let scores: BTreeMap<String, f64> = serde_json::from_value(report["scores"].clone()).unwrap();
    assert_eq!(scores, record.scores.test, "to the last bit");
    assert_eq!(report["per_label"], serde_json::to_value(&record.per_label).unwrap());
    assert_eq!(report["examples"], TEST);
}

/// Returns the lines that were written.
fn check_predictions(scratch: &Scratch, task: TinyTask, record: &Record, run: &str) -> Vec<Value> {
    scratch.done(&format!("predict --run {run} --input {} --output out/predictions.jsonl", task.test_file));
    let lines = json_lines(&scratch.read("out/predictions.jsonl"));
    assert_eq!(lines.len(), TEST);
    for (index, line) in lines.iter().enumerate() {
        assert_eq!(line["id"], (task.test_ids)(index), "in the file's order");
        match line["tags"].as_array() {
            Some(tags) => assert!(tags.iter().all(|tag| task.labels.contains(&tag.as_str().unwrap()))),
            None => {
                let probabilities: BTreeMap<String, f64> =
                    serde_json::from_value(line["probabilities"].clone()).unwrap();
                assert_eq!(probabilities.keys().collect::<Vec<_>>(), task.labels);
                assert!((probabilities.values().sum::<f64>() - 1.0).abs() < 1e-6);
                let likeliest = probabilities.iter().max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0;
                assert_eq!(line["label"], **likeliest);
            }
        }
    }
    if let Some(&accuracy) = record.scores.test.get("accuracy") {
        let right = lines.iter().enumerate().filter(|(index, line)| line["label"] == task.labels[index % 3]).count();
        assert_eq!(right as f64 / TEST as f64, accuracy);
    }
    lines
}

fn logits(scratch: &Scratch, task: TinyTask, model: &str, adapter: &str) -> Vec<Value> {
    scratch.write("in.jsonl", task.test_inputs());
    let printed = scratch.done(&format!(
        "logits --model {model} {adapter} {} --max-length {} --input in.jsonl",
        task.head, task.max_length
    ));
    json_lines(&printed)
}

fn all(lines: &[Value]) -> Vec<f64> {
    lines.iter().flat_map(numbers).collect()
}

/// Returns the logits of the merged model; of what can't be merged, those of the adapter.
fn check_merged(scratch: &Scratch, task: TinyTask, run: &str, row: &Row, predictions: &[Value]) -> Vec<Value> {
    let to_merged = format!("export --to merged --out exported/merged --run {run}");
    let merged = if row.to_merged {
        scratch.done(&to_merged);
        logits(scratch, task, "exported/merged", "")
    } else {
        scratch.refused_saying(&to_merged, &["no part of any weight", "keep the adapter beside its base model"]);
        assert!(scratch.files("exported/merged").is_empty());
        logits(scratch, task, task.model, &format!("--adapter {run}/trained"))
    };
    assert!(furthest(&all(&merged), &all(&logits(scratch, task, task.model, ""))) > 1e-3, "training changed something");
    if predictions.iter().all(|line| line["tags"].is_null()) {
        let probabilities: Vec<f64> = merged.iter().flat_map(|line| softmax(&numbers(line))).collect();
        let predicted: Vec<f64> = predictions.iter().flat_map(|line| numbers(&line["probabilities"])).collect();
        assert!(furthest(&probabilities, &predicted) < 1e-4, "the exported model predicts as the run does");
    }
    merged
}

fn check_exports(scratch: &Scratch, task: TinyTask, run: &str, row: &Row, predictions: &[Value]) {
    let merged = check_merged(scratch, task, run, row, predictions);
    let export = format!("export --run {run} --to peft --out exported/peft");
    if row.to_peft {
        scratch.done(&export);
        let adapted = logits(scratch, task, task.model, "--adapter exported/peft");
        assert!(furthest(&all(&adapted), &all(&merged)) < 1e-4, "the adapter on its base model is the merged model");
    } else {
        let says =
            if row.to_merged { ["no peft adapter", "--to merged"] } else { ["peft has no bottleneck", "trained/"] };
        scratch.refused_saying(&export, &says);
        assert!(scratch.files("exported/peft").is_empty());
    }
}

fn softmax(logits: &[f64]) -> Vec<f64> {
    let total: f64 = logits.iter().map(|logit| logit.exp()).sum();
    logits.iter().map(|logit| logit.exp() / total).collect()
}
