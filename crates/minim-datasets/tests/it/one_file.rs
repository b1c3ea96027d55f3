//! One file against a known label set, with its labels and without.

use minim_datasets::{Error, Examples, Kind, LabelSet, read_file, read_file_unlabelled};

use crate::folder;

fn labels(names: &[&str]) -> LabelSet {
    LabelSet::new(names.iter().map(|&name| name.into()).collect()).unwrap()
}

#[test]
fn each_kind_in_each_of_its_formats() {
    let classes = labels(&["no", "yes"]);
    let tags = labels(&["O", "B-x"]);
    for (name, text, kind, labels) in [
        ("in.csv", "id,text,label\n1,a,yes\n", Kind::Sequence, &classes),
        ("in.jsonl", "{\"text\": \"a\", \"label\": \"yes\"}", Kind::Sequence, &classes),
        ("in.txt.conll", "a O\nb B-x\n", Kind::Tokens, &tags),
        ("in.TSV", "a\tO\nb\tB-x\n", Kind::Tokens, &tags),
        ("in.jsonl", "{\"words\": [\"a\", \"b\"], \"tags\": [\"O\", \"B-x\"]}", Kind::Tokens, &tags),
        ("in.tsv", "index\tsentence\tlabel\n1\ta\tyes\n", Kind::Relations, &classes),
        (
            "in.jsonl",
            "{\"text\": \"a\", \"head\": null, \"tail\": null, \"label\": \"yes\"}",
            Kind::Relations,
            &classes,
        ),
    ] {
        let files = folder(&[(name, text)]);
        let path = files.path().join(name);
        let summary = |examples: &Examples| match examples {
            Examples::Sequence(e) => (e[0].id.clone(), vec![e[0].label]),
            Examples::Tokens(e) => (e[0].id.clone(), e[0].tags.clone()),
            Examples::Relations(e) => (e[0].id.clone(), vec![e[0].label]),
        };
        let read = read_file(&path, kind, labels).unwrap();
        let id = if name == "in.csv" { "1" } else { "in-1" };
        let expected = if kind == Kind::Tokens { vec![0, 1] } else { vec![1] };
        assert_eq!((read.len(), summary(&read)), (1, (id.to_owned(), expected.clone())), "{name} {kind}");
        let unlabelled = read_file_unlabelled(&path, kind).unwrap();
        assert_eq!(summary(&unlabelled), (id.to_owned(), vec![0; expected.len()]), "{name} {kind}");
    }
}

#[test]
fn prediction_needs_no_labels_and_evaluation_does() {
    for (name, text, kind) in [
        ("in.csv", "id,text\n1,fever\n", Kind::Sequence),
        ("in.jsonl", "{\"text\": \"fever\"}", Kind::Sequence),
        ("in.conll", "fever\n", Kind::Tokens),
        ("in.jsonl", "{\"words\": [\"fever\"]}", Kind::Tokens),
        ("in.tsv", "index\tsentence\n1\tfever\n", Kind::Relations),
    ] {
        let files = folder(&[(name, text)]);
        let path = files.path().join(name);
        assert_eq!(read_file_unlabelled(&path, kind).unwrap().len(), 1, "{name} {kind}");
        let error = read_file(&path, kind, &labels(&["O"])).unwrap_err();
        assert!(matches!(error, Error::Malformed { line: 1, .. }) && !error.to_string().contains("fever"), "{error}");
    }
}

#[test]
fn a_foreign_ending_a_foreign_label_and_nothing_at_all() {
    let files = folder(&[
        ("in.csv", "id,text,label\n1,fever,maybe\n"),
        ("empty.csv", ""),
        ("twice.csv", "id,text\n1,a\n1,b\n"),
    ]);
    let read = |name: &str, kind| {
        let error = read_file(&files.path().join(name), kind, &labels(&["no", "yes"])).unwrap_err().to_string();
        error.replace(&format!("{}/", files.path().display()), "")
    };
    assert_eq!(read("in.csv", Kind::Tokens), "in.csv: not an ending of a ner file; expected .conll, .tsv or .jsonl");
    assert_eq!(read("in.csv", Kind::Sequence), "in.csv:2: label `maybe` is outside the label set: no, yes");
    assert!(read("empty.csv", Kind::Sequence).contains("no example in it"));
    assert!(read("gone.csv", Kind::Sequence).contains("not found; expected a CSV file"));
    let twice = read_file_unlabelled(&files.path().join("twice.csv"), Kind::Sequence).unwrap_err();
    assert!(matches!(twice, Error::DuplicateId { line: 3, first_line: 2, .. }), "{twice}");
}
