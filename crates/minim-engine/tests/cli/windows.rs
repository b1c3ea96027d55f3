//! Long texts in overlapping windows: nothing changes where no text is long, and nothing is lost where one is.

use minim_experiment::Record;
use serde_json::Value;

use crate::scratch::{CANARY, Scratch, furthest, json_lines, numbers};
use crate::tasks::{TEST, TEXTS, TRAIN, TinyTask, WORDS};

const FULL: &str = r#"name = "full", kind = "full""#;
/// Pieces of text in a window of 32, and how many of them two windows share.
const ROOM: usize = 30;
const STRIDE: usize = 8;

fn in_windows(scratch: &Scratch, task: TinyTask, more: &str) {
    scratch.edit(&format!("{}.toml", task.name), |plan| {
        plan.replace("max_length = 32", &format!("max_length = 32, long = \"windows\", stride = {STRIDE}{more}"))
    });
}

fn trained(scratch: &Scratch, task: TinyTask) -> (Record, String) {
    scratch.done(&format!("train {}.toml --out out", task.name));
    let record = scratch.record("out");
    let run = format!("out/{}", record.run_id);
    scratch.holds_no_text("out");
    (record, run)
}

#[test]
fn where_no_text_is_long_windows_change_nothing() {
    for task in [TEXTS, WORDS] {
        let [cut, windows] = [false, true].map(|windows| {
            let scratch = Scratch::new();
            task.write(&scratch, FULL);
            // So that every text fits.
            scratch.edit(&format!("{}.toml", task.name), |plan| plan.replace("max_length = 32", "max_length = 64"));
            if windows {
                let plan = format!("{}.toml", task.name);
                scratch.edit(&plan, |plan| plan.replace("max_length = 64", "max_length = 64, long = \"windows\""));
            }
            let (record, run) = trained(&scratch, task);
            assert_eq!(record.data.as_ref().unwrap().truncated.map(|cut| (cut.train, cut.test)), Some((0, 0)));
            assert!(!record.notes.iter().any(|note| note.contains("windows")), "{:?}", record.notes);
            scratch.done(&format!("predict --run {run} --input {} --output predictions.jsonl", task.test_file));
            let losses: Vec<Option<f64>> = record.curve.iter().map(|point| point.train_loss).collect();
            let weights = scratch.files(&format!("{run}/trained"));
            (record.run_id, losses, record.scores, weights, scratch.read("predictions.jsonl"))
        });
        assert_ne!(cut.0, windows.0, "the setting is part of the run");
        assert_eq!((cut.1, cut.2, cut.3, cut.4), (windows.1, windows.2, windows.3, windows.4), "{}", task.name);
    }
}

/// `count` words of one piece each.
fn words(count: usize) -> Vec<&'static str> {
    ["the", "pain", "of", "chest", "and", "no", "fever"].into_iter().cycle().take(count).collect()
}

/// Pools what `minim logits` says of each window, cut by hand, and compares it with what `minim predict` says of the whole text.
#[test]
fn the_logits_of_a_texts_windows_are_pooled() {
    for pool in ["mean", "max"] {
        let scratch = Scratch::new();
        TEXTS.write(&scratch, FULL);
        in_windows(&scratch, TEXTS, &format!(", pool = \"{pool}\""));
        for file in [TEXTS.train_file, TEXTS.test_file] {
            scratch.edit(file, |text| text + &format!("{file}-long,{},absent\n", words(100).join(" ")));
        }
        let (record, run) = trained(&scratch, TEXTS);
        let cut = record.data.as_ref().unwrap().truncated.unwrap();
        assert_eq!((cut.train, cut.validation, cut.test), (0, 0, 0));
        // Windows at 0, 22, 44, 66 and 88 of the long text; two of the others are longer than 30 pieces as well, or more.
        let note = record.notes.iter().find(|note| note.contains("windows of 32 pieces that share 8")).unwrap();
        let counted: usize = note.split(" as ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!(counted >= TRAIN + 5, "{note}");
        assert_eq!(record.data.as_ref().unwrap().train, TRAIN + 1, "texts are counted, not windows");

        scratch.done(&format!("predict --run {run} --input {} --output predictions.jsonl", TEXTS.test_file));
        let predictions = json_lines(&scratch.read("predictions.jsonl"));
        assert_eq!(predictions.len(), TEST + 1);
        let probabilities = numbers(&predictions[TEST]["probabilities"]);

        scratch.done(&format!("export --run {run} --to merged --out merged"));
        let starts = (0..5).map(|window| window * (ROOM - STRIDE));
        let lines = starts.map(|start| {
            let end = (start + ROOM).min(100);
            format!("{}\n", serde_json::json!({ "text": words(100)[start..end].join(" ") }))
        });
        scratch.write("in.jsonl", lines.collect::<String>());
        let printed = scratch.done(&format!("logits --model merged {} --max-length 32 --input in.jsonl", TEXTS.head));
        let rows: Vec<Vec<f64>> = json_lines(&printed).iter().map(numbers).collect();
        assert_eq!(rows.len(), 5);
        let pooled: Vec<f64> = (0..3)
            .map(|label| {
                let logits = rows.iter().map(|row| row[label]);
                if pool == "mean" { logits.sum::<f64>() / 5.0 } else { logits.fold(f64::MIN, f64::max) }
            })
            .collect();
        let total: f64 = pooled.iter().map(|logit| logit.exp()).sum();
        let expected: Vec<f64> = pooled.iter().map(|logit| logit.exp() / total).collect();
        assert!(furthest(&probabilities, &expected) < 1e-4, "{pool}: {probabilities:?} {expected:?}");
        let printed = scratch.done(&format!("evaluate --run {run} --data {}", TEXTS.test_file));
        let report: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(serde_json::to_value(&record.scores.test).unwrap(), report["scores"]);
        assert_eq!((&report["truncated"], &report["examples"]), (&0.into(), &(TEST + 1).into()));
    }
}

/// All words are drugs but those of one sentence, which is soon learnt: what is not called a drug was not read.
#[test]
fn no_word_of_a_long_document_is_lost() {
    let scratch = Scratch::new();
    WORDS.write(&scratch, FULL);
    let all = "The\tO\naspirin\tB-Drug\ndose\tI-Drug\nrenal\tB-Disease\nfailure\tI-Disease\n\n".to_owned();
    let drugs = |count: usize| words(count).iter().map(|word| format!("{word}\tB-Drug\n")).collect::<String>() + "\n";
    let long = format!("{CANARY}\tB-Drug\n{}", drugs(500));
    for (file, count) in [("train.txt.conll", 60), ("dev.txt.conll", 3), ("test.txt.conll", 3)] {
        let text: String = (0..count).map(|index| drugs(5 + index % 7)).collect();
        scratch.write(&format!("words/{file}"), all.clone() + &text + &long);
    }
    let tags = |scratch: &Scratch| {
        let (record, run) = trained(scratch, WORDS);
        scratch.done(&format!("predict --run {run} --input {} --output predictions.jsonl", WORDS.test_file));
        let last = json_lines(&scratch.read("predictions.jsonl")).pop().unwrap();
        let tags: Vec<String> = serde_json::from_value(last["tags"].clone()).unwrap();
        assert_eq!(tags.len(), 501);
        (record, tags.iter().filter(|tag| *tag == "B-Drug").count())
    };
    let (record, found) = tags(&scratch);
    assert_eq!(record.data.unwrap().truncated.map(|cut| (cut.train, cut.validation, cut.test)), Some((1, 1, 1)));
    assert!(found <= ROOM, "{found} words found in a text cut to {ROOM} pieces");

    std::fs::remove_dir_all(scratch.path("out")).unwrap();
    in_windows(&scratch, WORDS, "");
    let (record, found) = tags(&scratch);
    assert_eq!(record.data.unwrap().truncated.map(|cut| (cut.train, cut.validation, cut.test)), Some((0, 0, 0)));
    assert_eq!(found, 501);
    assert!(record.scores.test["entity_recall"] > 0.99, "{:?}", record.scores.test);
}

#[test]
fn windows_that_cannot_be_are_refused() {
    let scratch = Scratch::new();
    TEXTS.write(&scratch, FULL);
    let sound = scratch.read("texts.toml");
    for (settings, says) in [
        ("long = \"windows\", stride = 30", &["broken.toml:4: ", "`stride`", "at most max_length - 3 = 29"][..]),
        ("long = \"window\"", &["broken.toml:4: ", "\"window\" is not known", "\"windows\""]),
        ("stride = 3", &["broken.toml:4: ", "needs `long = \"windows\"`"]),
        ("long = \"windows\", pool = \"sum\"", &["broken.toml:4: ", "\"sum\" is not known", "mean, max"]),
        ("few_shot = 4, train_limit = 9", &["broken.toml:4: ", "`few_shot`", "`train_limit`"]),
        ("report = \"deidentification\"", &["broken.toml:4: ", "only tasks of kind \"ner\""]),
    ] {
        scratch.write("broken.toml", sound.replace("max_length = 32", &format!("max_length = 32, {settings}")));
        scratch.refused_saying("train broken.toml --out out", says);
    }
    assert!(scratch.files("out").is_empty());
}
