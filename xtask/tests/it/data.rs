//! What the verbs write and say.

use std::fs;

use minim_datasets::synthetic::archive_names;
use minim_datasets::{published_names, read};

use crate::canaries::files;
use crate::{data, refused, succeeds};

#[test]
fn every_twin_is_written_checked_counted_and_prepared() {
    for name in archive_names() {
        let folder = tempfile::tempdir().unwrap();
        let (raw, out) = (folder.path().join("raw"), folder.path().join("out"));
        let folders = [("RAW", raw.as_path()), ("OUT", out.as_path())];
        let synth = succeeds(&format!("synth {name} --out RAW --size 60 --seed 3"), &folders);
        assert!(synth.starts_with(&format!("synthetic-{name}: ")) && synth.contains("all synthetic"), "{synth}");
        let check = succeeds(&format!("check {name} --raw RAW"), &folders);
        assert!(check.ends_with(&format!("synthetic-{name}: whole, as far as counts tell\n")), "{check}");
        let stats = succeeds(&format!("stats {name} --raw RAW"), &folders);
        assert!(stats.contains("words, 90th percentile") && stats.contains("longer than 480 words"), "{stats}");
        assert!(stats.ends_with("Lengths in pieces need a tokenizer: give its model folder with --model\n"), "{stats}");

        let prepare = succeeds(&format!("prepare {name} --raw RAW --out OUT"), &folders);
        let dataset = read(name, &raw).unwrap();
        assert!(read("jsonl", &out).unwrap() == dataset, "{name}");
        let sizes = dataset.sizes();
        let summary = format!(
            "{name}: {} train, {} validation and {} test examples: ",
            sizes.train, sizes.validation, sizes.test
        );
        assert!(prepare.starts_with(&summary), "{prepare}");
        assert_eq!(prepare.contains("discharge summaries"), name.starts_with("mimic"), "{prepare}");
        // What is prepared can be read, counted and checked by the card that went along.
        let check = succeeds("check jsonl --raw OUT", &folders);
        assert!(check.contains(&format!("synthetic-{name}: ")), "{check}");

        let published = format!("prepare {name} --raw RAW --out OUT --as-published");
        if published_names().any(|published| published == name) {
            succeeds(&published, &folders);
            assert!(read("jsonl", &out).unwrap() != dataset, "{name}");
        } else {
            let before = files(&out);
            let error = refused(&published, &folders);
            assert!(
                error.starts_with(&format!("`{name}` has no variant as published; those that have: i2b2")),
                "{error}"
            );
            assert!(files(&out) == before, "{name}");
        }
    }
}

#[test]
fn a_copy_that_lacks_examples_is_told_by_its_counts() {
    let folder = tempfile::tempdir().unwrap();
    let folders = [("RAW", folder.path())];
    succeeds("synth mednli --out RAW --size 40", &folders);
    let path = folder.path().join("mli_train_v1.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let (_, shorter) = text.split_once('\n').unwrap();
    fs::write(&path, shorter).unwrap();
    let ran = data("check mednli --raw RAW", &folders);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.out.lines().any(|line| line.starts_with("train ") && line.ends_with("DIFFERS")), "{}", ran.out);
    assert_eq!(ran.err, "error: 1 of 3 counts are not those of a whole copy of synthetic-mednli\n");

    // Without the twin's own card it is held against the real corpus.
    fs::remove_file(folder.path().join("card.toml")).unwrap();
    let ran = data("check mednli --raw RAW", &folders);
    assert_eq!((ran.code, ran.out.matches("DIFFERS").count()), (Some(1), 12), "{}", ran.out);
    assert!(ran.out.contains("11232"), "{}", ran.out);
    fs::write(&path, "{").unwrap();
    assert!(refused("check mednli --raw RAW", &folders).contains("mli_train_v1.jsonl:1: not JSON"));
}

#[test]
fn what_the_card_does_not_say_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, out) = (folder.path().join("raw"), folder.path().join("out"));
    let folders = [("RAW", raw.as_path()), ("OUT", out.as_path())];
    succeeds("synth mimic4-los --out RAW --size 60", &folders);
    fs::remove_file(raw.join("card.toml")).unwrap();
    let check = succeeds("check mimic4-los --raw RAW", &folders);
    assert!(
        check.ends_with(
            "The card of mimic4-los says nothing of the number of examples and of the number of each label: not \
             compared\nmimic4-los: nothing to compare with\n"
        ),
        "{check}"
    );
    succeeds("prepare mimic4-los --raw RAW --out OUT", &folders);
    assert!(succeeds("check jsonl --raw OUT", &folders).contains("nothing to compare with"));
}

#[test]
fn bad_requests_end_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, none, file) = (folder.path().join("raw"), folder.path().join("none"), folder.path().join("file"));
    fs::write(&file, "mine").unwrap();
    let folders = [("RAW", raw.as_path()), ("NONE", none.as_path()), ("FILE", file.as_path()), ("HERE", folder.path())];
    succeeds("synth mednli --out RAW --size 40", &folders);
    for verb in ["check mednli --raw NONE", "stats mednli --raw NONE", "prepare mednli --raw NONE --out NONE"] {
        assert!(
            refused(verb, &folders).contains("none: not found; expected a folder with mli_train_v1.jsonl"),
            "{verb}"
        );
    }
    for verb in ["check medmli --raw RAW", "stats medmli --raw RAW", "prepare medmli --raw RAW --out NONE"] {
        assert!(refused(verb, &folders).starts_with("unknown dataset `medmli` (did you mean `mednli`?)"), "{verb}");
    }
    let error = refused("synth medmli --out NONE", &folders);
    assert!(error.ends_with("is `mednli`"), "{error}");
    assert!(refused("synth mednli --out RAW", &folders).contains("not empty"));
    assert!(refused("prepare mednli --raw RAW --out FILE", &folders).contains("file: cannot be written"));
    assert!(refused("prepare mednli --raw RAW --out HERE", &folders).contains("holds other files"));
    assert!(refused("prepare mednli --raw RAW --out RAW", &folders).contains("the same folder as --raw"));
    assert!(refused("stats mednli --raw RAW --model NONE", &folders).contains("none: not found; expected a model"));
    assert!(refused("stats mednli --raw RAW --model RAW --binary NONE", &folders).contains("expected a minim"));
    assert!(!none.exists() && fs::read_to_string(&file).unwrap() == "mine");
}

#[test]
fn names_come_with_their_licence() {
    let list = succeeds("list", &[]);
    for name in minim_datasets::card_names() {
        let (_, behind) =
            list.split_once(&format!("\n{name} (")).or_else(|| list.split_once(&format!("{name} ("))).unwrap();
        assert!(behind.lines().nth(2).unwrap().starts_with("  licence: "), "{name}");
    }
    assert!(list.contains("\njsonl (any)\n"));
}

#[cfg(unix)]
#[test]
fn pieces_are_asked_of_minim_and_the_texts_do_not_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (raw, bin) = (folder.path().join("raw"), crate::minim(folder.path()));
    let folders = [("RAW", raw.as_path()), ("BIN", bin.as_path()), ("MODEL", folder.path())];
    succeeds("synth mednli --out RAW --size 300", &folders);
    let stats = succeeds("stats mednli --raw RAW --model MODEL --binary BIN", &folders);
    let line =
        |name: &str| stats.lines().find(|line| line.starts_with(name)).unwrap().split_whitespace().collect::<Vec<_>>();
    let sizes: Vec<usize> = line("examples")[1..].iter().map(|size| size.parse().unwrap()).collect();
    let longest: Vec<usize> = line("pieces, longest")[2..].iter().map(|length| length.parse().unwrap()).collect();
    assert_eq!(longest, sizes, "{stats}");
    assert!(!stats.contains("need a tokenizer"), "{stats}");
    let called = fs::read_to_string(folder.path().join("called.txt")).unwrap();
    let texts = std::path::Path::new(called.split_whitespace().nth(4).unwrap());
    assert!(texts.file_name().unwrap().to_string_lossy().starts_with("minim-stats-") && !texts.exists(), "{called}");

    // A minim that fails, one that prints something else, and one that lacks an example.
    for (program, problem) in [
        ("echo 'error: no tokenizer' >&2; exit 2", "lengths: no tokenizer"),
        ("echo hello", "printed no lengths"),
        ("echo '{\"train\":{\"lengths\":[3]}}'", "1 lengths for"),
    ] {
        fs::write(&bin, format!("#!/bin/sh\necho \"$5\" > {}/called.txt\n{program}\n", folder.path().display()))
            .unwrap();
        let ran = data("stats mednli --raw RAW --model MODEL --binary BIN", &folders);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{}", ran.err);
        assert!(ran.err.contains(problem), "{}", ran.err);
        let texts = fs::read_to_string(folder.path().join("called.txt")).unwrap();
        assert!(!std::path::Path::new(texts.trim()).exists(), "{program}");
    }
}
