//! Parameter counts from a `config.json` alone, equal to the study's table.

use minim_adapters::{Ia3Config, LoraConfig, Method};
use minim_engine::count::from_config;
use minim_models::HeadKind;
use serde::Deserialize;

use crate::fixtures::{cpu, folder};

#[derive(Deserialize)]
struct Table {
    labels: usize,
    rank: usize,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    config: String,
    total: usize,
    head: usize,
    lora: Expected,
    ia3: Expected,
}

#[derive(Deserialize)]
struct Expected {
    targets: Option<Vec<String>>,
    adapter: usize,
    trainable: usize,
}

#[test]
fn counts_equal_the_studys_table() {
    let configs = folder("../configs");
    let text = std::fs::read_to_string(configs.join("counts.json")).unwrap();
    let table: Table = serde_json::from_str(&text).unwrap();
    assert_eq!(table.rows.len(), 5);
    let before = minim_efficiency::peak_memory_bytes().unwrap_or(0);
    for row in &table.rows {
        let count = |method: &Method| {
            from_config(&configs.join(&row.config), HeadKind::Sequence, table.labels, method, &cpu()).unwrap()
        };
        let lora =
            LoraConfig { rank: table.rank, targets: row.lora.targets.clone().unwrap().into(), ..LoraConfig::default() };
        for (method, expected) in [(Method::Lora(lora), &row.lora), (Method::Ia3(Ia3Config::default()), &row.ia3)] {
            let counts = count(&method);
            assert_eq!(counts.total, row.total, "{}", row.config);
            assert_eq!(counts.head, row.head, "{}", row.config);
            assert_eq!(counts.adapter, expected.adapter, "{} {}", row.config, method.name());
            assert_eq!(counts.trainable, expected.trainable, "{} {}", row.config, method.name());
        }
        assert_eq!(count(&Method::Full).trainable, row.total);
        let head = count(&Method::Head);
        assert_eq!((head.trainable, head.adapter), (row.head, 0));
    }
    let grown = minim_efficiency::peak_memory_bytes().unwrap_or(0) - before;
    // BERT-base alone would be 438 MB. Other tests of this binary run beside this one, hence the room.
    assert!(grown < 300 << 20, "counting allocated {grown} bytes");
}
