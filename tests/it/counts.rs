//! Parameter counts from a `config.json` alone, equal to the study's table and to transformers and peft.

use minim_adapters::{
    AdaLoraConfig, Bias, BottleneckConfig, Counts, EncoderKind, Ia3Config, LnTuningConfig, LoraConfig, LoraStart,
    Method, PTuningConfig, PrefixTuningConfig, PromptTuningConfig, Targets, VeraConfig,
};
use minim_engine::bottleneck;
use minim_engine::count::from_config;
use minim_experiment::Placement;
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
                    feedforward: task.ia3.feedforward.clone().unwrap_or_default().into(),
                    ..ia3
                };
            } else if row.config.contains("llama") || row.config.contains("smollm") {
                ia3 = Ia3Config {
                    targets: ["k_proj", "v_proj", "down_proj"].map(String::from).to_vec().into(),
                    feedforward: vec!["down_proj".into()].into(),
                    ..ia3
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

/// BERT-base with two labels: 12 layers of 768 with 3072 inside.
#[test]
fn counts_of_each_method_follow_its_formula() {
    let config = folder("../configs/bert-base-uncased.json");
    let count = |method: Method| from_config(&config, HeadKind::Sequence, 2, |_| method, &cpu()).unwrap();
    let (layers, width, inner) = (12, 768, 3072);
    let head = 2 * (width + 1);
    let lora = |config: LoraConfig| count(Method::Lora(config));
    // Query and value: two matrices a layer, each with A and B.
    let factors = layers * 2 * 8 * (width + width);
    // Query, key, value and attention's output; both layers of the feed-forward block; two normalisations; and those of embeddings and pooler.
    let biases = layers * (4 * width + inner + width + 2 * width) + width + width;
    let norms = (1 + 2 * layers) * 2 * width;
    // Beside A and B a singular value for each of twelve ranks.
    let adalora = layers * 2 * 12 * (width + width + 1);
    let plain = LoraConfig::default;
    let prefix = PrefixTuningConfig::new(layers, 12, width);
    let projected = PrefixTuningConfig { projection: Some(64), ..prefix.clone() };
    let projection = 20 * width + (width + 1) * 64 + (64 + 1) * 2 * layers * width;
    let mlp = 20 * width + 3 * (width + 1) * width;
    let lstm = PTuningConfig { encoder: EncoderKind::Lstm { layers: 2, dropout: 0.0 }, ..PTuningConfig::default() };
    // Two directions of two layers: four gates on inputs, on the state, and two biases; then two linear layers.
    let gates = 2 * 4 * width * (width + width + 2) + 2 * 4 * width * (2 * width + width + 2);
    let recurrent = 20 * width + gates + (2 * width + 1) * 2 * width + (2 * width + 1) * width;
    for (found, adapter, trained) in [
        (lora(plain()), factors, factors),
        (lora(LoraConfig { use_rslora: true, ..plain() }), factors, factors),
        (lora(LoraConfig { use_dora: true, ..plain() }), factors + layers * 2 * width, factors + layers * 2 * width),
        (lora(LoraConfig { start: LoraStart::Pissa, ..plain() }), factors, factors),
        (lora(LoraConfig { freeze_a: true, ..plain() }), factors, factors / 2),
        (lora(LoraConfig { bias: Bias::LoraOnly, ..plain() }), factors, factors + layers * 2 * width),
        (lora(LoraConfig { bias: Bias::All, ..plain() }), factors, factors + biases),
        (lora(LoraConfig { rank_pattern: [("query".into(), 4)].into(), ..plain() }), factors * 3 / 4, factors * 3 / 4),
        (
            lora(LoraConfig { targets: Targets::AllLinear, rank: 1, ..plain() }),
            layers * (4 * 2 * width + 2 * (width + inner)) + 2 * width,
            layers * (4 * 2 * width + 2 * (width + inner)) + 2 * width,
        ),
        (count(Method::Vera(VeraConfig::default())), layers * 2 * (256 + width), layers * 2 * (256 + width)),
        (count(Method::AdaLora(AdaLoraConfig::default())), adalora, adalora),
        (count(Method::LnTuning(LnTuningConfig::default())), 0, norms),
        (count(Method::BitFit), 0, biases),
        (count(Method::PromptTuning(PromptTuningConfig::default())), 20 * width, 20 * width),
        (count(Method::PrefixTuning(prefix)), 20 * 2 * layers * width, 20 * 2 * layers * width),
        (count(Method::PrefixTuning(projected)), projection, projection),
        (count(Method::PTuning(PTuningConfig::default())), mlp, mlp),
        (count(Method::PTuning(lstm)), recurrent, recurrent),
    ] {
        let total = count(Method::Full).total;
        assert_eq!(found, Counts { total, trainable: trained + head, adapter, head });
    }
}

/// Every family has normalisations by its own names, and none is left out: all vectors but biases of linear layers.
#[test]
fn layer_norm_tuning_finds_the_normalisations_of_every_family() {
    for (config, layers_norms, width) in [
        ("bert-tiny.json", 1 + 2 * 2, 2 * 128),
        ("roberta-base.json", 1 + 2 * 12, 2 * 768),
        ("distilbert-base-uncased.json", 1 + 2 * 6, 2 * 768),
        // Seven of the inner width in a layer, one of the outer, and one behind the embeddings.
        ("mobilebert-uncased.json", 2 * (512 + 24 * (7 * 128 + 512)), 1),
        // Root mean squares have no bias.
        ("tinyllama-1.1b.json", 1 + 2 * 22, 2048),
        // Nor have these; the first layer has no normalisation before attention.
        ("modernbert-base.json", 1 + 2 * 22 - 1 + 1, 768),
    ] {
        let path = folder("../configs").join(config);
        let method = |config: &minim_models::Config| Method::LnTuning(minim_engine::ln_tuning(&[], config));
        let counts = from_config(&path, HeadKind::Token, 2, method, &cpu()).unwrap();
        assert_eq!(counts.trainable - counts.head, layers_norms * width, "{config}");
    }
}

/// As many as transformers' modules of these sizes have, named here layer by layer.
#[test]
fn bitfit_trains_the_biases_of_every_family_that_has_some() {
    let block = 4 * 768 + 3072 + 768 + 2 * 768;
    // Two bottlenecks, query, key, value and attention's output; four feed-forward blocks; the way out; normalisations.
    let mobile = 2 * 128 + 4 * 128 + 4 * (512 + 128) + 512 + (7 * 128 + 512);
    for (config, biases) in [
        ("roberta-base.json", 12 * block + 768),
        ("distilbert-base-uncased.json", 6 * block + 768),
        ("mobilebert-uncased.json", 24 * mobile + 512 + 512),
    ] {
        let path = folder("../configs").join(config);
        let counts = from_config(&path, HeadKind::Token, 2, |_| Method::BitFit, &cpu()).unwrap();
        assert_eq!((counts.adapter, counts.trainable - counts.head), (0, biases), "{config}");
    }
    for config in ["modernbert-base.json", "tinyllama-1.1b.json"] {
        let path = folder("../configs").join(config);
        let none = from_config(&path, HeadKind::Token, 2, |_| Method::BitFit, &cpu()).unwrap_err().to_string();
        assert!(none.contains("no bias outside of its head"), "{config}: {none}");
    }
}

/// Both blocks of a layer in every family, and nothing else; the feed-forward block alone for Pfeiffer's.
#[test]
fn bottlenecks_stand_behind_the_blocks_of_every_family() {
    for (config, houlsby, pfeiffer, width) in [
        ("bert-tiny.json", 2 * 2, 2, 128),
        ("roberta-base.json", 2 * 12, 12, 768),
        ("distilbert-base-uncased.json", 2 * 6, 6, 768),
        // Four feed-forward blocks a layer, all in the narrow part.
        ("mobilebert-uncased.json", 5 * 24, 4 * 24, 128),
        ("tinyllama-1.1b.json", 2 * 22, 22, 2048),
        ("modernbert-base.json", 2 * 22, 22, 768),
    ] {
        for (placement, places) in [(Placement::Houlsby, houlsby), (Placement::Pfeiffer, pfeiffer)] {
            let path = folder("../configs").join(config);
            let method = |config: &minim_models::Config| {
                Method::Bottleneck(BottleneckConfig { size: 16, ..bottleneck(placement, &[], config) })
            };
            let counts = from_config(&path, HeadKind::Sequence, 2, method, &cpu()).unwrap();
            // Two projections and their biases.
            assert_eq!(counts.adapter, places * (2 * 16 * width + 16 + width), "{config}");
            assert_eq!(counts.trainable, counts.adapter + counts.head, "{config}");
        }
    }
}
