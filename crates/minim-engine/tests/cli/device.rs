//! A device that is not there.

use crate::scratch::Scratch;
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
