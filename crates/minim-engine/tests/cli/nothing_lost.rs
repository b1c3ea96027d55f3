//! What is written already survives a command that fails later.

use crate::scratch::{CANARY, Scratch};
use crate::tasks::TEXTS;

#[test]
fn a_run_that_is_refused_leaves_the_earlier_one_as_it_is() {
    for method in ["full", "lora"] {
        let scratch = Scratch::new();
        TEXTS.write(&scratch, &format!(r#"name = "{method}", kind = "{method}""#));
        scratch.done("train texts.toml --out out");
        let before = scratch.files("out");
        assert!(before.len() >= 4, "{:?}", before.keys());

        let data = scratch.read("texts/valid.csv");
        scratch.edit("texts/valid.csv", |text| text.replace(",possible\n", ",unlikely\n"));
        scratch.refused("train texts.toml --out out");
        scratch.write("texts/valid.csv", data);
        scratch.truncate("seq/model.safetensors");
        scratch.refused("train texts.toml --out out");
        scratch.remove("seq/model.safetensors");
        scratch.refused("train texts.toml --out out");
        assert_eq!(scratch.files("out"), before, "{method}");
    }
}

#[test]
fn predictions_and_exports_stay_when_the_next_ones_fail() {
    let scratch = Scratch::new();
    TEXTS.write(&scratch, r#"name = "ia3", kind = "ia3""#);
    scratch.done("train texts.toml --out out");
    let run = format!("out/{}", scratch.record("out").run_id);
    scratch.done(&format!("predict --run {run} --input texts/test.csv --output kept/predictions.jsonl"));
    scratch.done(&format!("export --run {run} --to peft --out kept/peft"));
    scratch.done(&format!("export --run {run} --to merged --out kept/merged"));
    let before = scratch.files("kept");

    scratch.write("broken.csv", format!("id,text\na,{CANARY}\nb,\"{CANARY}\n"));
    let says = ["broken.csv:3: "];
    scratch.refused_saying(&format!("predict --run {run} --input broken.csv --output kept/predictions.jsonl"), &says);
    scratch.truncate(&format!("{run}/trained/adapter_model.safetensors"));
    for target in ["peft", "merged"] {
        let export = format!("export --run {run} --to {target} --out kept/{target}");
        scratch.refused_saying(&export, &["trained/adapter_model.safetensors"]);
    }
    assert_eq!(scratch.files("kept"), before);
}

#[test]
fn lines_of_logits_before_a_broken_one_are_printed() {
    let scratch = Scratch::new();
    scratch.fixture("seq");
    scratch.write("in.jsonl", format!("{}{CANARY}\n", TEXTS.test_inputs()));
    let finished = scratch.minim("logits --model seq --task seq-cls --labels 3 --input in.jsonl");
    assert_eq!(finished.code, Some(2));
    assert_eq!(finished.stdout.lines().count(), crate::tasks::TEST);
}
