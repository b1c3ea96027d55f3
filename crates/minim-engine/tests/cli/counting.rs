//! `minim count` against the golden table.

use serde::Deserialize;
use serde_json::Value;

use crate::scratch::{Scratch, fixtures};

#[derive(Deserialize)]
struct Table {
    labels: usize,
    rank: usize,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    config: String,
    total: u64,
    head: u64,
    lora: Expected,
    ia3: Expected,
    full: Expected,
}

#[derive(Deserialize)]
struct Expected {
    targets: Option<Vec<String>>,
    adapter: u64,
    trainable: u64,
}

#[test]
fn counts_are_those_of_the_golden_table() {
    let scratch = Scratch::new();
    let text = std::fs::read_to_string(fixtures().join("configs/counts.json")).unwrap();
    let table: Table = serde_json::from_str(&text).unwrap();
    assert_eq!(table.rows.len(), 5);
    for row in table.rows {
        scratch.write(&row.config, std::fs::read(fixtures().join("configs").join(&row.config)).unwrap());
        let head = Expected { targets: None, adapter: 0, trainable: row.head };
        for (method, expected) in [("lora", row.lora), ("ia3", row.ia3), ("full", row.full), ("head", head)] {
            let targets =
                expected.targets.map(|targets| format!("--targets {}", targets.join(","))).unwrap_or_default();
            let printed = scratch.done(&format!(
                "count --config {} --task seq-cls --labels {} --adapter {method} --rank {} {targets} --format json",
                row.config, table.labels, table.rank
            ));
            let counts: Value = serde_json::from_str(&printed).unwrap();
            for (key, wanted) in [
                ("total", row.total),
                ("trainable", expected.trainable),
                ("adapter", expected.adapter),
                ("head", row.head),
            ] {
                assert_eq!(counts[key], wanted, "{} {method} {key}", row.config);
            }
            let (forward, training) = (&counts["flops"]["forward_per_token"], &counts["flops"]["training_per_token"]);
            assert!(forward.as_f64() > Some(0.0) && training.as_f64() > forward.as_f64(), "{} {method}", row.config);
        }
    }
}

#[test]
fn settings_that_no_model_has_are_refused() {
    let scratch = Scratch::new();
    let config = std::fs::read_to_string(fixtures().join("configs/bert-tiny.json")).unwrap();
    scratch.write("config.json", &config);
    scratch.write("gpt.json", config.replace("\"bert\"", "\"gpt2\""));
    scratch.write("half.json", &config[..config.len() / 2]);
    for (arguments, says) in [
        ("--config config.json --labels 2 --adapter lora --rank 0", &["rank is 0", "expected at least 1"][..]),
        ("--config config.json --labels 0 --adapter full", &["--labels 0", "expected at least 1"]),
        ("--config config.json --labels 2 --adapter ia3 --targets nothing", &["targets nothing", "query, value"]),
        ("--config gpt.json --labels 2 --adapter full", &["gpt.json", "gpt2", "expected bert"]),
        ("--config half.json --labels 2 --adapter full", &["half.json", "line "]),
        ("--config none.json --labels 2 --adapter full", &["none.json"]),
    ] {
        scratch.refused_saying(&format!("count --task seq-cls {arguments}"), says);
    }
}

#[test]
fn lengths_are_those_of_texts_that_nothing_cuts() {
    let scratch = Scratch::new();
    scratch.fixture("tokenizer-uncased");
    scratch.write("data/labels.json", r#"["no", "yes"]"#);
    // Whole words of the vocabulary: as many pieces, and two special ones.
    let line = |id: &str, words: usize| {
        format!("{{\"id\": \"{id}\", \"text\": \"{}\", \"label\": \"no\"}}\n", "the ".repeat(words).trim_end())
    };
    scratch.write("data/train.jsonl", line("a", 1) + &line("b", 700) + &line("c", 3));
    scratch.write("data/validation.jsonl", line("d", 2));
    scratch.write("data/test.jsonl", line("e", 4) + &line("f", 5));
    let printed = scratch.done("lengths --model tokenizer-uncased --data data --format json");
    let expected = serde_json::json!({
        "train": {"lengths": [3, 702, 5]}, "validation": {"lengths": [4]}, "test": {"lengths": [6, 7]}
    });
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), expected);
    let table = scratch.done("lengths --model tokenizer-uncased --data data");
    let row: Vec<&str> = table.lines().find(|line| line.contains("train")).unwrap().split_whitespace().collect();
    assert_eq!(row, ["train", "3", "5", "702", "702"]);
    scratch.refused_saying("lengths --model tokenizer-uncased --data nowhere", &["nowhere"]);
    scratch.refused_saying("lengths --model nowhere --data data", &["nowhere"]);
}
