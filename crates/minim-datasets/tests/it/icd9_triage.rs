//! ICD-9 triage: files by hand, and the synthetic twin.

use std::fs;

use minim_datasets::synthetic::write_archive;
use minim_datasets::{Corpus, Error, Icd9Triage, Sizes, card, card_in, read};

use crate::folder;
use crate::mimic_twins::Words;

const HEADER: &str = "text,triage-category,label\n";

#[test]
fn files_by_hand_are_read_whole() {
    let files = folder(&[
        ("train.csv", &format!("{HEADER}\"chest pain,\r\n\"\"8/10\"\", µg\",Cardiology,1\r\nbirth,Obstetrics,4\r\n")),
        ("validation.csv", ",text,triage-category,label\n0,cough,Respiratory,6\n"),
        ("test.csv", &format!("{HEADER}od,acute medicine,0\n")),
    ]);
    let splits = Icd9Triage.read(files.path()).unwrap();
    assert_eq!(splits.sizes(), Sizes { train: 2, validation: 1, test: 1 });
    assert_eq!(splits.train[0].text, "chest pain,\r\n\"8/10\", µg");
    let names: Vec<_> = [&splits.train[0], &splits.train[1], &splits.validation[0], &splits.test[0]]
        .map(|example| (example.id.as_str(), splits.labels.name(example.label)))
        .to_vec();
    assert_eq!(
        names,
        [
            ("train-2", "Cardiology"),
            ("train-4", "Obstetrics"),
            ("validation-2", "Respiratory"),
            ("test-2", "AcuteMedicine"),
        ]
    );
}

#[test]
fn a_team_that_nobody_knows_and_a_broken_quote() {
    let good = format!("{HEADER}a,Oncology,5\n");
    for (bad, expected) in [
        ("fever,Surgery,7\n", "test.csv:2: label `Surgery` is outside the label set: AcuteMedicine, Cardiology"),
        ("\"fever,Oncology,5\n", "test.csv:2: a quote is opened here and never closed"),
    ] {
        let files = folder(&[("train.csv", &good), ("valid.csv", &good), ("test.csv", &format!("{HEADER}{bad}"))]);
        let error = read("icd9-triage", files.path()).unwrap_err();
        assert!(matches!(error, Error::UnknownLabel { .. } | Error::Malformed { .. }));
        let error = error.to_string().replace(&format!("{}/", files.path().display()), "");
        assert!(error.starts_with(expected) && !error.contains("fever"), "{error}");
    }
}

#[test]
fn the_twin_has_the_shares_of_the_study_and_words_alone_do_not_tell_the_team() {
    let files = tempfile::tempdir().unwrap();
    write_archive("icd9-triage", files.path(), 4000, 3).unwrap();
    let written = card_in(files.path()).unwrap().unwrap();
    assert!(written.synthetic && written.labels == card("icd9-triage").unwrap().labels);
    let splits = Icd9Triage.read(files.path()).unwrap();
    let sizes = splits.sizes();
    let expected = &written.expected;
    assert_eq!(
        [Some(sizes.train), Some(sizes.validation), Some(sizes.test)],
        [expected.train, expected.validation, expected.test]
    );
    for (label, rows) in [213.0, 4981.0, 417.0, 744.0, 1788.0, 197.0, 1219.0].into_iter().enumerate() {
        let found = splits.train.iter().filter(|example| example.label == label).count() as f64;
        assert!((found / sizes.train as f64 - rows / 9559.0).abs() < 0.03, "{label}");
    }
    let words = Words::fit(7, splits.train.iter().map(|example| (example.text.as_str(), example.label)));
    let right = splits.test.iter().filter(|example| words.predict(&example.text) == example.label).count();
    let accuracy = right as f64 / sizes.test as f64;
    assert!((0.4..0.65).contains(&accuracy), "{accuracy}");
    assert!(fs::read_to_string(files.path().join("train.csv")).unwrap().contains("\"\"not new\"\""));
}
