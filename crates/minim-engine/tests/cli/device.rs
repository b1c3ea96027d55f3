//! A device that is not there, and what `minim selfcheck` says of one that is.

use serde_json::Value;

use crate::scratch::{Scratch, files, fixtures};
use crate::tasks::TEXTS;

#[test]
fn cuda_where_there_is_none_is_refused_before_anything_is_written() {
    let scratch = Scratch::new();
    TEXTS.write(&scratch, r#"name = "full", kind = "full""#);
    scratch.write("in.jsonl", TEXTS.test_inputs());
    let mut devices = vec!["cuda:99"];
    if minim_engine::device::Choice::Cuda(0).open().is_err() {
        devices.push("cuda:0");
    }
    for device in devices {
        for command in [
            "train texts.toml --out out",
            "logits --model seq --task seq-cls --labels 3 --input in.jsonl",
            "evaluate --run out/run --data texts/test.csv",
        ] {
            let says = [format!("no device {device}: "), "--device cpu always works".to_owned()];
            scratch.refused_saying(&format!("{command} --device {device}"), &[&says[0], &says[1]]);
        }
    }
    assert!(scratch.files("out").is_empty());
}

#[test]
fn a_device_of_another_name_is_refused_with_those_there_are() {
    let scratch = Scratch::new();
    let finished = scratch.minim("evaluate --run out --data x.csv --device gpu");
    assert_eq!(finished.code, Some(2));
    assert!(finished.stderr.contains("gpu: expected auto, cpu or cuda:N"), "{}", finished.stderr);
}

#[test]
fn a_selfcheck_says_what_it_compared_and_fails_on_what_differs() {
    let scratch = Scratch::new();
    scratch.refused_saying("selfcheck --fixtures nowhere --device cpu", &["nowhere"]);
    for (file, bytes) in files(&fixtures().join("bert")) {
        scratch.write(&format!("bert/{file}"), bytes);
    }
    let report = |text: &str| -> Value { serde_json::from_str(text).unwrap() };
    let rows = |report: &Value| ["checks", "gradients", "dropout"].map(|kind| report[kind].as_array().unwrap().clone());
    let found = report(&scratch.done("selfcheck --fixtures bert --out out --device cpu"));
    let kinds = rows(&found);
    assert_eq!(kinds.each_ref().map(Vec::len), [2, 24, 3]);
    assert!(kinds.iter().flatten().all(|row| row["passed"] == true), "{found}");
    assert_eq!(report(&scratch.read("out/selfcheck.json")), found);

    // One logit of transformers' that is another.
    scratch.edit("bert/logits.json", |text| {
        let mut logits = report(&text);
        let logit = &mut logits["seq"][0]["logits"][0][0];
        *logit = (logit.as_f64().unwrap() + 1.0).into();
        logits.to_string()
    });
    let finished = scratch.minim("selfcheck --fixtures bert --device cpu");
    assert_eq!(finished.code, Some(1), "{}", finished.stderr);
    let failed: Vec<Value> =
        rows(&report(&finished.stdout)).into_iter().flatten().filter(|row| row["passed"] == false).collect();
    let [row] = &failed[..] else { panic!("one row fails: {failed:?}") };
    assert_eq!((&row["head"], &row["precision"]), (&"seq".into(), &"fp32".into()));
}
