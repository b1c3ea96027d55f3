//! Intervals of scores, and two runs compared on one file.

use serde_json::Value;

use crate::scratch::{CANARY, Scratch};
use crate::tasks::{RELATIONS, TEST, TEXTS, WORDS};

/// Trains a run by `method` in `out` and returns its folder.
fn train(scratch: &Scratch, name: &str, method: &str, out: &str) -> String {
    let plan = scratch.read(&format!("{name}.toml"));
    let line = plan.lines().find(|line| line.starts_with("method")).unwrap();
    scratch.write(&format!("{out}.toml"), plan.replace(line, &format!("method = [{{ {method} }}]")));
    scratch.done(&format!("train {out}.toml --out {out}"));
    format!("{out}/{}", scratch.record(out).run_id)
}

#[test]
fn two_runs_are_compared_by_documents() {
    for task in [TEXTS, WORDS, RELATIONS] {
        let scratch = Scratch::new();
        task.write(&scratch, r#"name = "full", kind = "full""#);
        let full = train(&scratch, task.name, r#"name = "full", kind = "full""#, "full");
        let head = train(&scratch, task.name, r#"name = "head", kind = "head", learning_rate = 1e-6"#, "head");
        let json = |command: &str| -> Value {
            let printed = scratch.done(&format!("{command} --data {}", task.test_file));
            serde_json::from_str(&printed).unwrap()
        };
        let found = json(&format!("compare --run {full} --run {head}"));
        let (first, second) = (scratch.record("full"), scratch.record("head"));
        let score = |record: &minim_experiment::Record| record.scores.test[task.select];
        assert_eq!(found["metric"], task.select);
        assert_eq!((found["first"].as_f64(), found["second"].as_f64()), (Some(score(&first)), Some(score(&second))));
        assert_eq!(found["interval"]["point"].as_f64(), Some(score(&first) - score(&second)));
        assert_eq!((&found["examples"], &found["documents"]), (&TEST.into(), &TEST.into()));
        let number = |value: &Value| value.as_f64().unwrap();
        assert!(number(&found["interval"]["low"]) <= number(&found["interval"]["high"]));
        assert!((0.0..=1.0).contains(&number(&found["p_value"])));

        let same = json(&format!("compare --run {full} --run {full}"));
        assert_eq!((number(&same["interval"]["low"]), number(&same["interval"]["high"])), (0.0, 0.0));
        assert_eq!(number(&same["p_value"]), 1.0);

        let report = json(&format!("evaluate --run {full}"));
        assert_eq!(report["interval"], serde_json::to_value(&first.scores.test_interval).unwrap());
        let interval = first.scores.test_interval.as_ref().unwrap();
        assert_eq!((interval.metric.as_str(), interval.documents, interval.seed), (task.select, TEST, 0));
        assert!(interval.low <= score(&first) && score(&first) <= interval.high, "{}", task.name);
    }
}

#[test]
fn runs_of_different_tasks_are_not_compared() {
    let scratch = Scratch::new();
    let mut runs = Vec::new();
    for task in [TEXTS, RELATIONS] {
        task.write(&scratch, r#"name = "head", kind = "head""#);
        runs.push(train(&scratch, task.name, r#"name = "head", kind = "head""#, &format!("out-{}", task.name)));
    }
    let [texts, relations] = &runs[..] else { panic!("two runs") };
    let compare =
        |first: &str, second: &str| format!("compare --run {first} --run {second} --data {}", TEXTS.test_file);
    scratch.refused_saying(&compare(texts, relations), &["not the same kind of task", "expected two runs of one task"]);
    scratch.refused_saying(&format!("compare --run {texts} --data {}", TEXTS.test_file), &["1 given, expected two"]);
    scratch.edit("out-texts.toml", |plan| plan.replace("max_length", "select = \"accuracy\", max_length"));
    let other = train(&scratch, "out-texts", r#"name = "head", kind = "head""#, "other");
    scratch.refused_saying(&compare(texts, &other), &["not the same score in `select`"]);
    scratch.write("texts/test.csv", format!("id,text,label\na,{CANARY},unlikely\n"));
    scratch.refused_saying(&compare(texts, texts), &["texts/test.csv:2: label `unlikely`"]);
}

/// What was missed comes first, before any F1.
#[test]
fn a_deidentifier_is_judged_by_its_recall() {
    let scratch = Scratch::new();
    WORDS.write(&scratch, r#"name = "full", kind = "full""#);
    scratch.edit("words.toml", |plan| plan.replace("max_length", "report = \"deidentification\", max_length"));
    let said = scratch.done("train words.toml --out out");
    let (recall, f1) = (said.find("test entity_recall ").unwrap(), said.find("test entity_f1 ").unwrap());
    assert!(recall < f1, "{said}");
    let run = format!("out/{}", scratch.record("out").run_id);
    let printed = scratch.done(&format!("evaluate --run {run} --data {}", WORDS.test_file));
    assert!(printed.find("\"recall\"").unwrap() < printed.find("f1\"").unwrap(), "{printed}");
    let report: Value = serde_json::from_str(&printed).unwrap();
    let all = &report["deidentification"]["all"];
    assert_eq!(all["support"], 2 * TEST);
    assert_eq!(all["recall"], report["scores"]["entity_recall"]);
    assert_eq!(all["f1"], report["scores"]["entity_f1"]);
    assert_eq!(report["deidentification"]["per_type"].as_array().unwrap().len(), 2);
}
