//! A text of 100,000 words: cut, not refused, and quickly.

use minim_efficiency::Stopwatch;

use crate::scratch::{CANARY, Scratch};
use crate::tasks::{TEXTS, WORDS};

const WORD_COUNT: usize = 100_000;
/// Far above what it takes (well under a second), far below what work that grows with the square of the length would.
const SECONDS: f64 = 30.0;

fn words(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{CANARY}{index}")).collect()
}

#[test]
fn logits_of_a_long_text_are_those_of_its_beginning() {
    let scratch = Scratch::new();
    for (model, arguments, form) in [("seq", TEXTS.head, "text"), ("tok", WORDS.head, "words")] {
        scratch.fixture(model);
        let line = |count| match form {
            "text" => serde_json::json!({ "text": words(count).join(" ") }),
            _ => serde_json::json!({ "words": words(count) }),
        };
        scratch.write("in.jsonl", format!("{}\n{}\n", line(WORD_COUNT), line(64)));
        let clock = Stopwatch::start();
        let printed = scratch.done(&format!("logits --model {model} {arguments} --input in.jsonl"));
        assert!(clock.seconds() < SECONDS, "{model}: {} s", clock.seconds());
        let rows: Vec<&str> = printed.lines().collect();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0], rows[1], "{model}: 64 words are more than the model's 64 positions hold already");
    }
}

#[test]
fn a_long_text_can_be_trained_on_and_predicted_for() {
    let scratch = Scratch::new();
    TEXTS.write(&scratch, r#"name = "lora", kind = "lora""#);
    WORDS.write(&scratch, r#"name = "lora", kind = "lora""#);
    for file in [TEXTS.train_file, TEXTS.test_file] {
        scratch.edit(file, |text| text + &format!("{file}-long,{},absent\n", words(WORD_COUNT).join(" ")));
    }
    for file in [WORDS.train_file, WORDS.test_file] {
        scratch.edit(file, |text| text + &words(WORD_COUNT).join("\tO\n") + "\tB-Drug\n");
    }
    for task in [TEXTS, WORDS] {
        let out = format!("out-{}", task.name);
        let clock = Stopwatch::start();
        scratch.done(&format!("train {}.toml --out {out}", task.name));
        let run = format!("{out}/{}", scratch.record(&out).run_id);
        scratch.done(&format!("predict --run {run} --input {} --output {out}/predictions.jsonl", task.test_file));
        assert!(clock.seconds() < SECONDS, "{}: {} s", task.name, clock.seconds());
        scratch.holds_no_text(&out);
    }
    // Words that are cut off are predicted as outside and counted as missed.
    let predictions = scratch.read("out-words/predictions.jsonl");
    let last: serde_json::Value = serde_json::from_str(predictions.lines().last().unwrap()).unwrap();
    let tags = last["tags"].as_array().unwrap();
    assert_eq!(tags.len(), WORD_COUNT);
    assert_eq!(tags[WORD_COUNT - 1], "O");
    let record = scratch.record("out-words");
    assert!(record.scores.test["token_accuracy"] < 1.0);
    let drugs = record.per_label.iter().find(|row| row.label == "Drug").unwrap();
    assert_eq!(drugs.support, crate::tasks::TEST + 1, "the cut entity is still in the truth");
}
