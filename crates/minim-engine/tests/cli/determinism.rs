//! One seed gives one result on the CPU: scores, losses and trained weights to the last bit, dropout included.

use minim_experiment::{CurvePoint, Record};

use crate::scratch::Scratch;
use crate::tasks::{TEXTS, TinyTask, WORDS};

const METHODS: [&str; 3] = [
    r#"name = "full", kind = "full""#,
    r#"name = "lora", kind = "lora", dropout = 0.1"#,
    r#"name = "ia3", kind = "ia3""#,
];

/// Writes a task whose model has dropout; its fixture has none.
fn written(task: TinyTask, method: &str) -> Scratch {
    let scratch = Scratch::new();
    task.write(&scratch, method);
    scratch.edit(&format!("{}/config.json", task.model), |config| {
        let with = config.replace("\"hidden_dropout_prob\": 0.0", "\"hidden_dropout_prob\": 0.1");
        with.replace("\"attention_probs_dropout_prob\": 0.0", "\"attention_probs_dropout_prob\": 0.1")
    });
    scratch
}

fn train(scratch: &Scratch, task: TinyTask, out: &str) -> Record {
    scratch.done(&format!("train {}.toml --out {out} --device cpu", task.name));
    scratch.record(out)
}

/// A curve without its clock.
fn timeless(curve: &[CurvePoint]) -> Vec<CurvePoint> {
    curve.iter().map(|point| CurvePoint { wall_s: 0.0, ..point.clone() }).collect()
}

fn losses(record: &Record) -> Vec<Option<f64>> {
    record.curve.iter().map(|point| point.train_loss).collect()
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    for task in [TEXTS, WORDS] {
        for method in METHODS {
            let scratch = written(task, method);
            let (one, two) = (train(&scratch, task, "one"), train(&scratch, task, "two"));
            let place = format!("{} {method}", task.name);
            assert_eq!(one.run_id, two.run_id, "{place}");
            assert_eq!(one.scores, two.scores, "{place}");
            assert_eq!(one.per_label, two.per_label, "{place}");
            assert_eq!(timeless(&one.curve), timeless(&two.curve), "{place}");
            let kept = |out: &str| scratch.files(&format!("{out}/{}", one.run_id));
            assert!(kept("one").keys().any(|name| name.ends_with(".safetensors")), "{place}");
            assert_eq!(kept("one"), kept("two"), "{place}");

            scratch.edit(&format!("{}.toml", task.name), |plan| plan.replace("seeds = [1]", "seeds = [2]"));
            let other = train(&scratch, task, "other");
            assert_ne!(other.run_id, one.run_id, "{place}");
            assert!(losses(&one).iter().zip(losses(&other)).all(|(one, other)| *one != other), "{place}");
        }
    }
}

#[test]
fn dropout_acts_in_training() {
    for (with, without) in [
        (r#"name = "a", kind = "lora", dropout = 0.1"#, r#"name = "a", kind = "lora", dropout = 0.0"#),
        (r#"name = "a", kind = "ia3""#, r#"name = "a", kind = "ia3""#),
    ] {
        let dropped = train(&written(TEXTS, with), TEXTS, "out");
        let scratch = Scratch::new();
        TEXTS.write(&scratch, without);
        let plain = train(&scratch, TEXTS, "out");
        assert_ne!(losses(&dropped)[0], losses(&plain)[0], "{with}");
    }
}
