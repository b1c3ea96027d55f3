//! What is wrong with a folder is one line: where, what, what was expected; and no text of the data.

use minim_datasets::{Error, read};

use crate::folder;

/// Reads a folder that is wrong; the error without the folder's own path. The files' text has `fever`, which none may show.
fn error(name: &str, files: &[(&str, &str)]) -> String {
    let folder = folder(files);
    let error = read(name, folder.path()).unwrap_err().to_string();
    let error = error.replace(&format!("{}/", folder.path().display()), "");
    assert!(!error.contains("fever") && !error.contains('\n'), "{error}");
    error
}

const CSV: &str = "id,text,label\na,fever,0\n";

#[test]
fn a_missing_folder_or_file() {
    for name in minim_datasets::names() {
        let folder = folder(&[]);
        for root in [folder.path().join("nowhere"), folder.path().to_owned()] {
            let error = read(name, &root).unwrap_err();
            assert!(matches!(error, Error::Missing { .. } | Error::Empty { .. }), "{error}");
            assert!(error.to_string().contains("expected "), "{error}");
        }
    }
    assert_eq!(
        error("prepared-csv", &[("train.csv", CSV)]),
        "valid.csv: not found; expected the validation split in a file valid.csv or validation.csv"
    );
}

#[test]
fn a_folder_in_a_file_s_place() {
    let folder = folder(&[]);
    std::fs::create_dir(folder.path().join("annotations.tsv")).unwrap();
    assert!(matches!(read("negex", folder.path()), Err(Error::Io { .. })));
}

#[test]
fn an_empty_file() {
    for empty in ["", "\n", "\u{feff}", "id,text,label\n"] {
        assert_eq!(
            error("prepared-csv", &[("train.csv", CSV), ("valid.csv", empty), ("test.csv", CSV)]),
            "valid.csv: no example in it; expected a CSV file with the header id,text,label"
        );
    }
    let found = error("prepared-conll", &[("train.conll", "-DOCSTART-\n\n"), ("dev.conll", ""), ("test.conll", "")]);
    assert!(found.starts_with("train.conll: no example in it"), "{found}");
}

#[test]
fn a_label_outside_the_set() {
    let test = "id,text,label\nb,fever,0\nc,\"fe\nver\",0\nd,fever,unknown\n";
    assert_eq!(
        error(
            "prepared-csv",
            &[("train.csv", CSV), ("valid.csv", &CSV.replace('a', "v").replace("lvbel", "label")), ("test.csv", test)]
        ),
        "test.csv:5: label `unknown` is outside the label set: 0"
    );
    assert_eq!(
        error(
            "ncbi-disease",
            &[("train.tsv", "a\tO\nfever\tB-Disorder\n"), ("devel.tsv", "a\tO\n"), ("test.tsv", "a\tO\n")]
        ),
        "train.tsv:2: label `B-Disorder` is outside the label set: O, B-Disease, I-Disease"
    );
    // A note in the label's column is not shown.
    let swapped = "id,label,text\nb,no fever,0\n";
    assert_eq!(
        error("prepared-csv", &[("train.csv", CSV), ("valid.csv", swapped), ("test.csv", CSV)]).as_str(),
        "test.csv:2: id `a` again, first at train.csv:2; expected ids that differ"
    );
    assert_eq!(
        error(
            "prepared-csv",
            &[("train.csv", CSV), ("valid.csv", swapped), ("test.csv", "id,text,label\nc,fever,0\n")]
        ),
        "valid.csv:2: label (not shown: 8 characters) is outside the label set: 0"
    );
}

#[test]
fn ids_that_stand_twice() {
    let twice = "id,text,label\nb,fever,0\nb,fever,0\n";
    assert_eq!(
        error("prepared-csv", &[("train.csv", twice), ("valid.csv", CSV), ("test.csv", "id,text,label\nc,fever,0\n")]),
        "train.csv:3: id `b` again, first at train.csv:2; expected ids that differ"
    );
}

#[test]
fn a_document_in_two_splits() {
    let row = |id| format!("index\tsentence\tlabel\n{id}\tfever\tPIP\n");
    assert_eq!(
        error(
            "prepared-relations-tsv",
            &[("train.tsv", &row("rec-4#1")), ("dev.tsv", &row("rec-5#1")), ("test.tsv", &row("rec-4#2"))]
        ),
        "test.tsv:2: document `rec-4` is in the test split here and in the train split too; expected each document in one split"
    );
}

#[test]
fn bytes_that_are_no_text() {
    let folder = folder(&[("train.tsv", ""), ("devel.tsv", "a\tO\n"), ("test.tsv", "a\tO\n")]);
    std::fs::write(folder.path().join("train.tsv"), b"a\tO\n\nfever\xe9\tO\n").unwrap();
    let error = read("ncbi-disease", folder.path()).unwrap_err();
    assert!(matches!(error, Error::NotUtf8 { line: 3, .. }), "{error}");
}

#[test]
fn a_broken_quote() {
    let broken = "id,text,label\na,\"fever\n\nfever,0\nb,fever,0\n";
    let found = error("prepared-csv", &[("train.csv", broken), ("valid.csv", CSV), ("test.csv", CSV)]);
    assert!(found.starts_with("train.csv:2: a quote is opened here and never closed; expected"), "{found}");
}

#[test]
fn tags_of_another_length_than_their_words() {
    let good = r#"{"words": ["fever"], "tags": ["O"]}"#;
    let bad = r#"{"words": ["no", "fever"], "tags": ["O"]}"#;
    let files =
        [("train.jsonl", format!("{good}\n{bad}\n")), ("validation.jsonl", good.into()), ("test.jsonl", good.into())];
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    assert_eq!(error("jsonl", &files), "train.jsonl:2: words: 2, tags: 1; expected one tag per word");
}

#[test]
fn a_label_file_that_is_none() {
    for (labels, problem) in [
        ("[\"O\", \"O\"]", "labels.json:1: labels 0 and 1 have one name"),
        ("[]", "labels.json:1: it has no label"),
        ("{\"fever\": 1}", "labels.json:1: not such a list at column"),
        ("[\n\"O\",\n[]]", "labels.json:3: not such a list at column"),
        ("", "labels.json:1: not such a list at column"),
    ] {
        let files = [("labels.json", labels), ("train.conll", "a O"), ("dev.conll", "a O"), ("test.conll", "a O")];
        let found = error("prepared-conll", &files);
        assert!(found.starts_with(problem) && found.contains("expected a JSON list"), "{found}");
    }
}

#[test]
fn a_truncated_archive_and_xml_that_does_not_parse() {
    let found = error("ddi-2013", &[("train.zip", "PK\u{3}\u{4}fever")]);
    assert!(found.starts_with("train.zip: not a whole zip archive"), "{found}");
    let found = error("ddi-2013", &[("a.xml", "<document id=\"D1\">\n<sentence text=\"fever\n</document>")]);
    assert!(found.starts_with("a.xml:3: not well-formed at column"), "{found}");
}

#[test]
fn too_few_documents_to_split() {
    let header = "Report No.\tConcept\tSentence\tNegation\n";
    let found = error("negex", &[("annotations.tsv", &format!("{header}1\tfever\tFEVER\tAffirmed\n"))]);
    assert!(found.contains("no example in it; expected enough documents that one falls to the "), "{found}");
}
