//! MedNLI: files by hand, and the synthetic twin.

use std::collections::HashSet;

use minim_datasets::synthetic::write_archive;
use minim_datasets::{Corpus, Error, MedNli, card, card_in, read};

use crate::folder;
use crate::mimic_twins::Words;

fn line(id: &str, label: &str) -> String {
    format!(
        "{{\"sentence1\": \"No fever, 50 µg given.\", \"pairID\": \"{id}\", \"sentence1_parse\": \"(ROOT (X fever))\", \
         \"sentence2\": \"The patient has fever.\", \"gold_label\": \"{label}\"}}\n"
    )
}

#[test]
fn both_sentences_are_kept_and_the_study_keeps_one() {
    let files = folder(&[
        ("mli_train_v1.jsonl", &(line("a", "contradiction") + &line("b", "-") + &line("c", "entailment"))),
        ("mli_dev_v1.jsonl", &line("d", "neutral")),
        ("mli_test_v1.jsonl", &line("e", "entailment").replace('\n', "\r\n")),
    ]);
    let splits = MedNli::default().read(files.path()).unwrap();
    assert_eq!(splits.labels.names(), ["contradiction", "neutral", "entailment"]);
    let train: Vec<_> = splits.train.iter().map(|example| (example.id.as_str(), example.label)).collect();
    assert_eq!(train, [("a", 0), ("c", 2)]);
    assert_eq!(splits.test[0].text, "No fever, 50 µg given.");
    assert_eq!(splits.test[0].text_pair.as_deref(), Some("The patient has fever."));
    let published = MedNli { as_published: true }.read(files.path()).unwrap();
    assert!(published.train.iter().chain(&published.test).all(|example| example.text_pair.is_none()));
    assert_eq!(published.train[0].text, splits.train[0].text);
}

#[test]
fn what_is_wrong_is_said_without_the_sentences() {
    for (test, expected) in [
        (line("x", "maybe"), "mli_test_v1.jsonl:1: label `maybe` is outside the label set"),
        (line("a", "neutral"), "mli_test_v1.jsonl:1: id `a` again, first at "),
        (line("x", "neutral").replace("sentence2", "fever"), "mli_test_v1.jsonl:1: a key is missing"),
        (line("x", "-"), "mli_test_v1.jsonl: no example in it"),
    ] {
        let files = folder(&[
            ("mli_train_v1.jsonl", &line("a", "neutral")),
            ("mli_dev_v1.jsonl", &line("b", "neutral")),
            ("mli_test_v1.jsonl", &test),
        ]);
        let error = read("mednli", files.path()).unwrap_err();
        assert!(!matches!(error, Error::Io { .. }));
        let error = error.to_string().replace(&format!("{}/", files.path().display()), "");
        assert!(error.starts_with(expected) && !error.contains("fever"), "{error}");
    }
}

#[test]
fn the_twin_is_balanced_and_words_alone_do_not_solve_it() {
    let files = tempfile::tempdir().unwrap();
    write_archive("mednli", files.path(), 4000, 3).unwrap();
    let written = card_in(files.path()).unwrap().unwrap();
    assert!(written.synthetic && written.labels == card("mednli").unwrap().labels);
    let splits = MedNli::default().read(files.path()).unwrap();
    let sizes = splits.sizes();
    assert_eq!((Some(sizes.train), Some(sizes.test)), (written.expected.train, written.expected.test));
    for label in 0..3 {
        let found = splits.train.iter().filter(|example| example.label == label).count() as f64;
        assert!((found / sizes.train as f64 - 1.0 / 3.0).abs() < 0.01, "{label}");
    }
    let premises: HashSet<_> = splits.train.iter().map(|example| example.text.as_str()).collect();
    assert!(premises.len() <= sizes.train / 3 + 1);
    assert!(splits.test.iter().all(|example| !premises.contains(example.text.as_str())));
    let marked = |text: &str, pair: &str| {
        let pair: String = pair.split(' ').map(|word| format!(" hypothesis_{word}")).collect();
        format!("{text}{pair}")
    };
    let texts = |examples: &[minim_datasets::Labelled]| -> Vec<(String, usize)> {
        let pair = |example: &minim_datasets::Labelled| example.text_pair.clone().unwrap();
        examples.iter().map(|example| (marked(&example.text, &pair(example)), example.label)).collect()
    };
    let (train, test) = (texts(&splits.train), texts(&splits.test));
    let words = Words::fit(3, train.iter().map(|(text, label)| (text.as_str(), *label)));
    let accuracy = test.iter().filter(|(text, label)| words.predict(text) == *label).count() as f64 / test.len() as f64;
    assert!((0.26..0.41).contains(&accuracy), "{accuracy}");
}
