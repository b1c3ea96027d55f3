//! Adapter folders that do not fit the model or cannot be honoured.

use crate::scratch::Scratch;
use crate::tasks::TEXTS;

const LOGITS: &str = "logits --model seq --task seq-cls --labels 3 --input in.jsonl --adapter lora-seq";
const CONFIG: &str = "lora-seq/adapter_config.json";

fn scratch() -> Scratch {
    let scratch = Scratch::new();
    scratch.fixture("seq");
    scratch.fixture("lora-seq");
    scratch.write("in.jsonl", TEXTS.test_inputs());
    scratch.done(LOGITS);
    scratch
}

#[test]
fn an_adapter_of_another_shape_names_its_tensors() {
    let scratch = scratch();
    scratch.edit(CONFIG, |config| config.replace("\"r\": 4", "\"r\": 8"));
    let tensor = "base_model.model.bert.encoder.layer.0.attention.self.query.lora_A.weight";
    let says = format!("{tensor} is [4, 36], the model needs [8, 36]");
    scratch.refused_saying(LOGITS, &["lora-seq/adapter_model.safetensors", &says]);
}

#[test]
fn an_adapter_of_other_layers_names_what_is_missing_and_what_is_left() {
    let scratch = scratch();
    scratch.edit(CONFIG, |config| config.replace("\"value\"\n", "\"key\"\n"));
    let layer = "base_model.model.bert.encoder.layer.1.attention.self";
    let says = [
        format!("missing: {}.key.lora_A.weight", layer.replace("layer.1", "layer.0")),
        format!("{layer}.value.lora_B.weight"),
    ];
    scratch.refused_saying(LOGITS, &["lora-seq/adapter_model.safetensors", &says[0], "unused: ", &says[1]]);
}

#[test]
fn an_adapter_for_another_head_or_of_another_kind_is_refused() {
    for (from, to, says) in [
        ("\"SEQ_CLS\"", "\"TOKEN_CLS\"", &["lora-seq", "TOKEN_CLS", "SEQ_CLS"][..]),
        (
            "\"lora_bias\": false",
            "\"lora_bias\": true",
            &["lora-seq/adapter_config.json", "lora_bias = true", "expected false"],
        ),
        ("\"LORA\"", "\"LOKR\"", &["lora-seq/adapter_config.json", "LOKR", "expected LORA, ADALORA, IA3, VERA"]),
        (
            "\"init_lora_weights\": false",
            "\"init_lora_weights\": \"corda\"",
            &["init_lora_weights = \"corda\"", "path_initial_model"],
        ),
        ("\"use_dora\": false", "\"use_dora\": true", &["missing: ", "query.lora_magnitude_vector"]),
        ("\"r\": 4", "\"r\": 0", &["rank is 0", "expected at least 1"]),
        ("\"r\": 4", "\"r\": ", &["lora-seq/adapter_config.json", "line "]),
    ] {
        let scratch = scratch();
        scratch.edit(CONFIG, |config| config.replace(from, to));
        scratch.refused_saying(LOGITS, says);
    }
}

#[test]
fn a_prefix_of_another_model_and_texts_without_room_are_refused() {
    let scratch = scratch();
    scratch.fixture("prefix-seq");
    let prefix = LOGITS.replace("lora-seq", "prefix-seq");
    scratch.done(&prefix);
    let beside = ["max-length 62 and 3 virtual tokens exceed the model's 64 positions", "at most 61"];
    scratch.refused_saying(&format!("{prefix} --max-length 62"), &beside);
    scratch.edit("prefix-seq/adapter_config.json", |config| config.replace("\"num_layers\": 2", "\"num_layers\": 3"));
    scratch.refused_saying(&prefix, &["prefix-seq: a prefix for num_layers 3", "this model has 2, 3, 36"]);
    scratch.edit("prefix-seq/adapter_config.json", |config| config.replace("\"num_layers\": 3,", ""));
    scratch.refused_saying(&prefix, &["adapter_config.json", "num_layers is missing"]);
}

#[test]
fn a_truncated_or_missing_adapter_file_is_named() {
    let scratch = scratch();
    scratch.truncate("lora-seq/adapter_model.safetensors");
    scratch.refused_saying(LOGITS, &["lora-seq/adapter_model.safetensors"]);
    scratch.remove("lora-seq/adapter_model.safetensors");
    scratch.refused_saying(LOGITS, &["lora-seq/adapter_model.safetensors"]);
    scratch.remove(CONFIG);
    scratch.refused_saying(LOGITS, &["lora-seq/adapter_config.json"]);
}
