//! Model folders that cannot be loaded.

use crate::scratch::Scratch;
use crate::tasks::TEXTS;

const LOGITS: &str = "logits --model seq --task seq-cls --labels 3 --input in.jsonl";
const TRAIN: &str = "train texts.toml --out out";

fn scratch() -> Scratch {
    let scratch = Scratch::new();
    TEXTS.write(&scratch, r#"name = "full", kind = "full""#);
    scratch.write("in.jsonl", TEXTS.test_inputs());
    scratch
}

fn refused_by_both(scratch: &Scratch, says: &[&str]) {
    for command in [LOGITS, TRAIN] {
        scratch.refused_saying(command, says);
    }
    assert!(scratch.files("out").is_empty());
}

#[test]
fn without_weights_both_names_are_asked_for() {
    let scratch = scratch();
    scratch.remove("seq/model.safetensors");
    refused_by_both(&scratch, &["seq: no weights", "expected model.safetensors or pytorch_model.bin"]);
}

#[test]
fn a_truncated_safetensors_file_is_named() {
    let scratch = scratch();
    scratch.truncate("seq/model.safetensors");
    refused_by_both(&scratch, &["seq/model.safetensors", "truncated"]);
    scratch.write("seq/model.safetensors", "");
    refused_by_both(&scratch, &["seq/model.safetensors", "truncated"]);
}

#[test]
fn a_truncated_pytorch_file_is_named_in_both_of_its_formats() {
    for layout in ["bin", "bin-legacy"] {
        let scratch = scratch();
        scratch.fixture(layout);
        scratch.truncate(&format!("{layout}/pytorch_model.bin"));
        scratch.remove("seq/model.safetensors");
        std::fs::copy(scratch.path(&format!("{layout}/pytorch_model.bin")), scratch.path("seq/pytorch_model.bin"))
            .unwrap();
        refused_by_both(&scratch, &["seq/pytorch_model.bin", "truncated"]);
    }
}

#[test]
fn weights_of_another_shape_are_named_with_both_shapes() {
    let scratch = scratch();
    let says = ["seq/model.safetensors", "classifier.weight is [3, 36], the model needs [5, 36]"];
    scratch.refused_saying("logits --model seq --task seq-cls --labels 5 --input in.jsonl", &says);
    scratch.edit("seq/config.json", |config| config.replace("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"));
    let missing = "missing: bert.encoder.layer.2.attention.self.query.weight, ";
    refused_by_both(&scratch, &["seq/model.safetensors", missing]);
    scratch.edit("seq/config.json", |config| config.replace("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 1"));
    refused_by_both(&scratch, &["seq/model.safetensors", "unused: bert.encoder.layer.1."]);
}

#[test]
fn a_folder_without_configuration_or_tokenizer_is_named() {
    let scratch = scratch();
    scratch.remove("seq/tokenizer.json");
    refused_by_both(&scratch, &["seq: no tokenizer", "`tokenizer.json`", "`vocab.txt`"]);
    scratch.edit("seq/config.json", |config| config[..config.len() / 2].to_owned());
    refused_by_both(&scratch, &["seq/config.json", "line "]);
    scratch.remove("seq/config.json");
    refused_by_both(&scratch, &["seq/config.json"]);
}

#[test]
fn limits_of_the_command_line_are_checked() {
    let scratch = scratch();
    for (arguments, says) in [
        ("--labels 0", &["--labels 0", "expected at least 1"][..]),
        ("--labels 3 --max-length 65 --input in.jsonl", &["--max-length", "65", "the model's 64 positions"]),
        ("--labels 3 --max-length 2 --input in.jsonl", &["max_length is 2", "expected at least 3"]),
        ("--labels 3 --input none.jsonl", &["none.jsonl"]),
    ] {
        scratch.refused_saying(&format!("logits --model seq --task seq-cls {arguments}"), says);
    }
}
