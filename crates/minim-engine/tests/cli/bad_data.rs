//! Data that cannot be read: the error names file and line and what was expected, and never shows the text.

use crate::scratch::{CANARY, Scratch};
use crate::tasks::{RELATIONS, TEST, TEXTS, TinyTask, WORDS};

const FULL: &str = r#"name = "full", kind = "full""#;

/// A task's files, in a folder where nothing is trained yet.
fn written(task: TinyTask) -> Scratch {
    let scratch = Scratch::new();
    task.write(&scratch, FULL);
    scratch
}

/// `minim train` must refuse the file with `content`, saying all of `says`.
#[track_caller]
fn refuses(task: TinyTask, file: &str, content: impl AsRef<[u8]>, says: &[&str]) {
    let scratch = written(task);
    scratch.write(file, content);
    scratch.refused_saying(&format!("train {}.toml --out out", task.name), says);
    assert!(scratch.files("out").is_empty(), "nothing is written for data that is refused");
}

/// The task's own file with its line `number` (from 1) put in another way.
fn with_line(task: TinyTask, file: &str, number: usize, line: &str) -> String {
    let text = written(task).read(file);
    let mut lines: Vec<&str> = text.lines().collect();
    lines[number - 1] = line;
    lines.join("\n") + "\n"
}

#[test]
fn texts_that_cannot_be_read_are_refused() {
    let place = "texts/valid.csv";
    let broken = |number, line: &str| with_line(TEXTS, place, number, line);
    refuses(TEXTS, place, "", &["texts/valid.csv: no example", "header id,text,label"]);
    refuses(TEXTS, place, "id,text,label\n", &["texts/valid.csv: no example"]);
    let line = format!("a,\"{CANARY} goes on in the next row,absent");
    refuses(TEXTS, place, broken(4, &line), &["texts/valid.csv:4: ", "goes on after its closing quote", "in quotes"]);
    let line = format!("a,\"{CANARY} is in the last row,absent");
    refuses(TEXTS, place, broken(TEST + 1, &line), &["texts/valid.csv:10: ", "never closed", "in quotes"]);
    let line = format!("a,{CANARY} \"quoted\" in the middle,absent");
    refuses(TEXTS, place, broken(3, &line), &["texts/valid.csv:3: ", "a quote inside a field"]);
    let line = format!("a,{CANARY}, {CANARY} again,absent");
    refuses(TEXTS, place, broken(5, &line), &["texts/valid.csv:5: ", "fields in this row: 4", "expected 3"]);
    let line = format!("a,{CANARY},unlikely");
    let says = ["texts/valid.csv:6: label `unlikely` is outside the label set", "absent, possible, present"];
    refuses(TEXTS, place, broken(6, &line), &says);
    let line = format!("a,absent,the {CANARY} stands in the wrong column");
    refuses(TEXTS, place, broken(6, &line), &["texts/valid.csv:6: label (not shown: "]);
    let line = format!("test-0,{CANARY},absent");
    refuses(TEXTS, place, broken(2, &line), &["test-0", "texts/valid.csv:2", "texts/test.csv:2"]);
    let line = format!("a,the patient has {CANARY},absent");
    refuses(TEXTS, place, broken(1, &line), &["texts/valid.csv:1: ", "header", "id, text, label"]);
    let mut bytes = written(TEXTS).read(place).into_bytes();
    let second = bytes.iter().position(|&byte| byte == b'\n').unwrap() + 1;
    bytes[second] = 0xff;
    refuses(TEXTS, place, bytes, &["texts/valid.csv:2: not valid UTF-8"]);
}

#[test]
fn texts_in_the_label_column_are_not_listed_as_known_labels() {
    let scratch = written(TEXTS);
    for split in ["train", "valid", "test"] {
        let row = |index: usize| format!("{split}-{index},absent,the {CANARY} of {split} on day {index}\n");
        let rows: String = (0..6).map(row).collect();
        scratch.write(&format!("texts/{split}.csv"), format!("id,text,label\n{rows}"));
    }
    scratch.refused_saying("train texts.toml --out out", &["texts/valid.csv:2: label (not shown: "]);
}

#[test]
fn words_that_cannot_be_read_are_refused() {
    let place = "words/dev.txt.conll";
    let broken = |number, line: &str| with_line(WORDS, place, number, line);
    refuses(WORDS, place, "\n\n", &["words/dev.txt.conll: no example", "a word and its tag"]);
    refuses(WORDS, place, broken(2, CANARY), &["words/dev.txt.conll:2: ", "filled columns: 1", "a word and its tag"]);
    let swapped = format!("O\t{CANARY}");
    refuses(WORDS, place, broken(2, &swapped), &["words/dev.txt.conll:2: ", "expected O, B-<type> or I-<type>"]);
    let tag = format!("{CANARY}\tB-Gene");
    let says = ["words/dev.txt.conll:2: label `B-Gene` is outside the label set", "B-Disease, B-Drug"];
    refuses(WORDS, place, broken(2, &tag), &says);
}

#[test]
fn relations_that_cannot_be_read_are_refused() {
    let place = "relations/dev.tsv";
    let broken = |number, line: &str| with_line(RELATIONS, place, number, line);
    let line = format!("1\tthe {CANARY} @DRUG$\tcures");
    let says = ["relations/dev.tsv:3: label `cures` is outside the label set", "causes, none, treats"];
    refuses(RELATIONS, place, broken(3, &line), &says);
    let line = format!("1\tthe {CANARY} @DRUG$");
    refuses(RELATIONS, place, broken(3, &line), &["relations/dev.tsv:3: ", "fields in this row: 2", "expected 3"]);
    let line = format!("1\tthe {CANARY} @DRUG$\tcauses");
    refuses(RELATIONS, place, broken(1, &line), &["relations/dev.tsv:1: ", "index, sentence, label"]);
    let scratch = written(RELATIONS);
    scratch.edit("relations.toml", |plan| plan.replace("\"none\"", "\"false\""));
    scratch.refused_saying("train relations.toml --out out", &["negative label `false`"]);
}

#[test]
fn json_lines_that_cannot_be_read_are_refused() {
    let words = |split: &str, bad: &str| {
        let good = format!(r#"{{"words": ["No", "{CANARY}", "today"], "tags": ["O", "B-Disease", "O"]}}"#);
        let rest = r#"{"words": ["aspirin", "dose", "renal", "day"], "tags": ["B-Drug", "I-Drug", "I-Disease", "O"]}"#;
        let bad = if split == "validation" { bad } else { "" };
        format!("{good}\n{rest}\n{bad}\n")
    };
    for (bad, says) in [
        (
            format!(r#"{{"words": ["{CANARY}", "fever"], "tags": ["O"]}}"#),
            &["words: 2, tags: 1", "one tag per word"][..],
        ),
        (format!(r#"{{"words": ["{CANARY}"], "tags": ["B-Gene"]}}"#), &["label `B-Gene` is outside the label set"]),
        (format!(r#"{{"words": ["{CANARY}"]}}"#), &["no tags", "one tag per word"]),
        (format!(r#"{{"words": "{CANARY}", "tags": ["O"]}}"#), &["expected lines of"]),
        (format!(r#"{{"words": ["{CANARY}"], "tags": ["O"], "{CANARY}": 1}}"#), &["expected lines of"]),
        (format!("{CANARY} is no JSON"), &["not JSON", "expected lines of"]),
    ] {
        let scratch = written(WORDS);
        scratch.edit("words.toml", |plan| {
            plan.replace("prepared-conll", "jsonl").replace("data = \"words\"", "data = \"lines\"")
        });
        for split in ["train", "validation", "test"] {
            scratch.write(&format!("lines/{split}.jsonl"), words(split, &bad));
        }
        scratch.refused_saying("train words.toml --out out", &[says, &["lines/validation.jsonl:3: "]].concat());
        assert!(scratch.files("out").is_empty());
    }
}

#[test]
fn a_line_of_logits_that_is_no_input_is_named_and_not_shown() {
    let scratch = Scratch::new();
    scratch.fixture("seq");
    let logits = "logits --model seq --task seq-cls --labels 3 --input in.jsonl";
    for bad in [
        format!("{CANARY} is no JSON"),
        format!(r#"{{"text": "{CANARY}"#),
        format!(r#"{{"text": ["{CANARY}"]}}"#),
        format!(r#"{{"note": "{CANARY}"}}"#),
        format!(r#""{CANARY}""#),
    ] {
        scratch.write("in.jsonl", format!("{{\"text\": \"{CANARY}\"}}\n\n{bad}\n"));
        scratch.refused_saying(logits, &["in.jsonl:3: expected {\"text\": ..}", "{\"words\": [..]}"]);
    }
    scratch.write("in.jsonl", b"{\"text\": \"\xff\"}\n");
    scratch.refused_saying(logits, &["in.jsonl:1: ", "can't be read"]);
}

#[test]
fn a_file_for_a_trained_run_is_checked_too() {
    let scratch = written(TEXTS);
    scratch.done("train texts.toml --out out");
    let run = format!("out/{}", scratch.record("out").run_id);
    let evaluate = |file: &str| format!("evaluate --run {run} --data {file}");
    let predict = |file: &str| format!("predict --run {run} --input {file} --output predictions.jsonl");

    scratch.write("label.csv", format!("id,text,label\na,{CANARY},absent\nb,{CANARY},unlikely\n"));
    scratch.refused_saying(
        &evaluate("label.csv"),
        &["label.csv:3: label `unlikely` is outside", "absent, possible, present"],
    );
    scratch.write("quote.csv", format!("id,text,label\na,\"{CANARY}\" more,absent\n"));
    scratch.write("empty.csv", "");
    scratch.write("texts.tsv", format!("id\ttext\na\t{CANARY}\n"));
    for command in [&evaluate as &dyn Fn(&str) -> String, &predict] {
        scratch.refused_saying(&command("quote.csv"), &["quote.csv:2: ", "closing quote"]);
        scratch.refused_saying(&command("empty.csv"), &["empty.csv: no example"]);
        scratch.refused_saying(&command("none.csv"), &["none.csv: not found"]);
        scratch.refused_saying(&command("texts.tsv"), &["texts.tsv: ", ".csv or .jsonl"]);
    }
    scratch.refused_saying("evaluate --run out --data texts/test.csv", &["out: no run.toml", "RUN-ID"]);
    assert!(!scratch.path("predictions.jsonl").exists());

    // Labels are not read by predict, so a wrong one does not matter.
    scratch.done(&predict("label.csv"));
    scratch.truncate(&format!("{run}/trained/model.safetensors"));
    scratch.refused_saying(&evaluate("texts/test.csv"), &["trained/model.safetensors", "truncated"]);
    scratch.write(&format!("{run}/state.json"), "{}");
    scratch.refused_saying(&evaluate("texts/test.csv"), &["state.json", "labels"]);
}
