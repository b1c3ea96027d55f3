//! Nothing that a command writes or says holds text of the input, neither where it succeeds nor where it fails.
//!
//! [`Scratch::minim`] looks at standard output and standard error of each command; here every file is looked at, too, but for the data
//! itself, and with so much text that token ids are kept.

use minim_experiment::Record;

use crate::scratch::{CANARY, Scratch};
use crate::tasks::{RELATIONS, TEXTS, TinyTask, WORDS};

const LORA: &str = r#"name = "lora", kind = "lora""#;
const CACHE: &str = ".minim-cache";

/// A task whose training split holds more text than is tokenized anew each time.
fn written(task: TinyTask) -> Scratch {
    let scratch = Scratch::new();
    task.write(&scratch, LORA);
    scratch.edit(&format!("{}.toml", task.name), |plan| plan.replace("epochs = 3", "max_steps = 3"));
    let filler = |word: &str| format!("{CANARY}{word} ").repeat(20_000);
    match task.name {
        "texts" => scratch.edit(task.train_file, |text| {
            text + &(0..4).map(|at| format!("long-{at},{},absent\n", filler("text"))).collect::<String>()
        }),
        "words" => scratch.edit(task.train_file, |text| {
            let words = |at: usize| format!("{CANARY}word{at}\tO\n").repeat(18_000) + "\n";
            text + &(0..4).map(words).collect::<String>()
        }),
        _ => scratch.edit(task.train_file, |text| {
            let line = |at: usize| format!("{}\t@DRUG$ {} @DISEASE$\tcauses\n", at + 90, filler("relation"));
            text + &(0..4).map(line).collect::<String>()
        }),
    }
    scratch
}

/// Every file but the data holds no text, not even those with ids.
#[track_caller]
fn holds_none(scratch: &Scratch, task: TinyTask) {
    for (file, bytes) in scratch.files("") {
        let is_data = file.starts_with(&format!("{}/", task.name)) && !file.contains(CACHE) || file.starts_with("bad.");
        let holds = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
        assert!(is_data || !holds, "{file} holds text of an example");
    }
}

fn cached(scratch: &Scratch, task: TinyTask) -> Vec<String> {
    scratch.files(&format!("{}/{CACHE}", task.name)).into_keys().collect()
}

#[test]
fn no_file_and_no_line_holds_text_of_the_input() {
    for task in [TEXTS, WORDS, RELATIONS] {
        let scratch = written(task);
        let plan = format!("{}.toml", task.name);
        scratch.done(&format!("train {plan} --out out"));
        assert_eq!(cached(&scratch, task).len(), 1, "one split is large enough");
        let run = format!("out/{}", scratch.record("out").run_id);
        let data = task.test_file;
        scratch.done(&format!("evaluate --run {run} --data {data}"));
        scratch.done(&format!("compare --run {run} --run {run} --data {data}"));
        scratch.done(&format!("predict --run {run} --input {data} --output predictions.jsonl"));
        scratch.done(&format!("export --run {run} --to peft --out exported/peft"));
        scratch.done(&format!("export --run {run} --to merged --out exported/merged"));
        holds_none(&scratch, task);
        assert_eq!(cached(&scratch, task).len(), 1, "only training keeps ids");

        // What goes wrong: in the plan, in the data, in what was kept.
        let sound = scratch.read(&plan);
        for (from, to) in [
            ("max_length = ", "few_shot = 9000, max_length = "),
            ("max_length = ", "select = \"none\", max_length = "),
            ("learning_rate = 1e-2", "learning_rate = 1e30"),
            ("max_length = ", "train_limit = 1, max_length = 1"),
        ] {
            assert!(sound.contains(from), "{from}");
            scratch.write(&plan, sound.replace(from, to));
            scratch.minim(&format!("train {plan} --out bent"));
        }
        scratch.write(&plan, &sound);
        let good = scratch.read(task.train_file);
        for (number, bad) in [
            (2, format!("{CANARY}\n")),
            // Ids are shown, and labels that look like some: one word. This is none.
            (2, format!("a,{CANARY},the {CANARY} of today\n")),
            (2, format!("a\t{CANARY}\tthe {CANARY} of today\n")),
            (3, format!("\"{CANARY}\n")),
            (3, format!("{CANARY}\tB-{CANARY} {CANARY}\n")),
            (3, "\u{0}\n".to_owned()),
        ] {
            let lines = good.split_inclusive('\n').enumerate();
            let broken: String = lines.map(|(at, line)| if at + 1 == number { &bad } else { line }).collect();
            scratch.write(task.train_file, &broken);
            scratch.minim(&format!("train {plan} --out bent"));
            let bad_file = format!("bad.{}", data.rsplit('.').next().unwrap());
            scratch.write(&bad_file, &broken);
            scratch.minim(&format!("evaluate --run {run} --data {bad_file}"));
            scratch.minim(&format!("predict --run {run} --input {bad_file} --output predictions-of-bad.jsonl"));
        }
        scratch.write(task.train_file, good);
        scratch.truncate(&format!("{run}/trained/adapter_model.safetensors"));
        scratch.refused(&format!("evaluate --run {run} --data {data}"));
        holds_none(&scratch, task);
    }
}

fn outcome(scratch: &Scratch, out: &str) -> (Vec<Option<f64>>, minim_experiment::Metrics) {
    let Record { curve, scores, .. } = scratch.record(out);
    (curve.iter().map(|point| point.train_loss).collect(), scores.test)
}

#[test]
fn kept_ids_change_nothing_and_a_damaged_file_is_mended() {
    let scratch = written(WORDS);
    let train = |out: &str, more: &str| {
        let finished = scratch.minim(&format!("train words.toml --out {out} {more}"));
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        (outcome(&scratch, out), finished.stderr)
    };
    let (plain, said) = train("plain", "--no-cache");
    assert!(!said.contains("cache") && cached(&scratch, WORDS).is_empty(), "{said}");
    let (first, said) = train("first", "");
    assert!(!said.contains("from the cache"), "{said}");
    let files = cached(&scratch, WORDS);
    assert_eq!(files.len(), 1);
    let (second, said) = train("second", "");
    assert!(said.contains("train split: token ids from the cache"), "{said}");
    let file = format!("words/{CACHE}/{}", files[0]);
    let whole = std::fs::read(scratch.path(&file)).unwrap();
    scratch.truncate(&file);
    let (mended, said) = train("mended", "");
    assert!(said.contains(&file) && said.contains("damaged, written anew"), "{said}");
    assert_eq!(std::fs::read(scratch.path(&file)).unwrap(), whole);
    // Another seed's sample of the same data, or another length, is another file.
    scratch.edit("words.toml", |plan| plan.replace("max_length = 32", "max_length = 31"));
    train("longer", "");
    assert_eq!(cached(&scratch, WORDS).len(), 2);
    for other in [first, second, mended] {
        assert_eq!(other, plain);
    }
}

#[test]
fn where_ids_cannot_be_kept_training_goes_on() {
    let scratch = written(TEXTS);
    scratch.write(&format!("texts/{CACHE}"), "in the way");
    let finished = scratch.minim("train texts.toml --out out");
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(finished.stderr.contains("train split: token ids are not kept: "), "{}", finished.stderr);
    assert_eq!(scratch.read(&format!("texts/{CACHE}")), "in the way");
}
