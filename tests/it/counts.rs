//! Parameter counts from a `config.json` alone, equal to the study's table and to transformers and peft.

use minim_adapters::{Counts, Ia3Config, LoraConfig, Method};
use minim_engine::count::from_config;
use minim_models::HeadKind;
use serde::Deserialize;

use crate::fixtures::{cpu, folder};

#[derive(Deserialize)]
struct Table {
    labels: usize,
    rank: usize,
    rows: Vec<Row>,
    further: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    config: String,
    #[serde(flatten)]
    sequence: Task,
    token: Task,
}

#[derive(Deserialize)]
struct Task {
    total: usize,
    head: usize,
    /// ModernBERT's second part of the head, which peft leaves frozen unless told; minim trains it.
    #[serde(default)]
    head_block: usize,
    lora: Expected,
    ia3: Expected,
}

#[derive(Deserialize)]
struct Expected {
    targets: Option<Vec<String>>,
    feedforward: Option<Vec<String>>,
    adapter: usize,
}

#[test]
fn counts_equal_the_studys_table() {
    let configs = folder("../configs");
    let text = std::fs::read_to_string(configs.join("counts.json")).unwrap();
    let table: Table = serde_json::from_str(&text).unwrap();
    assert_eq!((table.rows.len(), table.further.len()), (5, 9));
    let before = minim_efficiency::peak_memory_bytes().unwrap_or(0);
    for row in table.rows.iter().chain(&table.further) {
        for (head, task) in [(HeadKind::Sequence, &row.sequence), (HeadKind::Token, &row.token)] {
            let count = |method: Method| -> Counts {
                from_config(&configs.join(&row.config), head, table.labels, |_| method, &cpu()).unwrap()
            };
            let lora = LoraConfig {
                rank: table.rank,
                targets: task.lora.targets.clone().unwrap().into(),
                ..LoraConfig::default()
            };
            let mut ia3 = Ia3Config::default();
            if let Some(targets) = &task.ia3.targets {
                ia3 = Ia3Config {
                    targets: targets.clone().into(),
                    feedforward: task.ia3.feedforward.clone().unwrap_or_default(),
                };
            } else if row.config.contains("llama") || row.config.contains("smollm") {
                ia3 = Ia3Config {
                    targets: ["k_proj", "v_proj", "down_proj"].map(String::from).to_vec().into(),
                    feedforward: vec!["down_proj".into()],
                };
            }
            let whole = task.head + task.head_block;
            for (method, adapter) in
                [(Method::Lora(lora), task.lora.adapter), (Method::Ia3(ia3), task.ia3.adapter), (Method::Head, 0)]
            {
                let name = format!("{} {head:?} {}", row.config, method.name());
                let expected = Counts { total: task.total, trainable: adapter + whole, adapter, head: whole };
                assert_eq!(count(method), expected, "{name}");
            }
            assert_eq!(count(Method::Full).trainable, task.total);
        }
    }
    let grown = minim_efficiency::peak_memory_bytes().unwrap_or(0) - before;
    // BERT-base alone would be 438 MB, Llama-2-7B 26 GB. Other tests of this binary run beside this one, hence the room.
    assert!(grown < 300 << 20, "counting allocated {grown} bytes");
}
