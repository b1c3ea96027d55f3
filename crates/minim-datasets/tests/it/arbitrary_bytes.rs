//! No input makes a reader panic: any bytes, and bytes that almost are of the format.

use std::fs;

use minim_datasets::{Examples, Kind, LabelSet, read, read_file, read_file_unlabelled};
use proptest::prelude::*;

const FILES: [(&str, Kind); 7] = [
    ("x.csv", Kind::Sequence),
    ("x.jsonl", Kind::Sequence),
    ("x.conll", Kind::Tokens),
    ("x.tsv", Kind::Tokens),
    ("x.jsonl", Kind::Tokens),
    ("x.tsv", Kind::Relations),
    ("x.jsonl", Kind::Relations),
];

/// Pieces of every format, shuffled: more of them get past the first check than random bytes do.
fn almost() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "\"",
        "\"\"",
        ",",
        "\t",
        "\n",
        "\r\n",
        "\r",
        " ",
        "a",
        "é",
        "\u{a0}",
        "0",
        "O",
        "B-x",
        "-DOCSTART-",
        "#",
        ";",
        "-",
        "id,text,label\n",
        "index\tsentence\tlabel\n",
        "Report No.\tConcept\tSentence\tNegation\n",
        "{",
        "}",
        "[",
        "]",
        ":",
        "{\"words\": [\"a\"], \"tags\": [\"O\"]}\n",
        "{\"text\": \"éa\", \"label\": \"a\"}\n",
        "\u{feff}",
        "{\"text\": \"éa\", \"head\": {\"start\": 0, \"end\": 1, \"kind\": \"a\"}, \"tail\": {\"start\": 1, \"end\": ",
        "<document id=\"d\">",
        "</document>",
        "<sentence id=\"d.s\" text=\"éab\">",
        "</sentence>",
        "&amp;",
        "<",
        ">",
        "<entity id=\"e\" type=\"drug\" text=\"a\" charOffset=\"0-1\"/>",
        "<pair id=\"d.s.p\" e1=\"e\" e2=\"e\" ddi=\"true\"/>",
        "<entity id=\"f\" type=\"drug\" text=\"a\" charOffset=\"",
        "PK\u{3}\u{4}",
        "PK\u{5}\u{6}\0\0\0\0",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}

fn sound(examples: &Examples, labels: usize) {
    match examples {
        Examples::Sequence(examples) => assert!(examples.iter().all(|e| e.label < labels && !e.text.is_empty())),
        Examples::Tokens(examples) => {
            assert!(examples.iter().all(|e| e.words.len() == e.tags.len() && e.tags.iter().all(|&tag| tag < labels)));
        }
        Examples::Relations(examples) => {
            for example in examples {
                for mention in [&example.head, &example.tail].into_iter().flatten() {
                    assert!(!example.text[mention.start..mention.end].is_empty());
                }
            }
        }
    }
}

fn check_files(bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let labels = LabelSet::new(["a", "O", "B-x"].map(String::from).to_vec()).unwrap();
    for (name, kind) in FILES {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        if let Ok(examples) = read_file(&path, kind, &labels) {
            sound(&examples, labels.len());
        }
        if let Ok(examples) = read_file_unlabelled(&path, kind) {
            sound(&examples, 1);
        }
    }
}

fn check_corpora(bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str| fs::write(folder.path().join(name), bytes).unwrap();
    write("annotations.tsv");
    write("a.xml");
    let _ = read("negex", folder.path()).map(|dataset| assert!(dataset.sizes().test > 0));
    let _ = read("ddi-2013", folder.path()).map(|dataset| assert!(dataset.sizes().test > 0));
    write("train.zip");
    let _ = read("ddi-2013", folder.path()).map(|dataset| assert!(dataset.sizes().test > 0));
    for name in ["labels.json", "train.jsonl", "validation.jsonl", "test.jsonl"] {
        write(name);
    }
    let _ = read("jsonl", folder.path()).map(|dataset| assert!(dataset.sizes().test > 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check_files(&bytes);
        check_corpora(&bytes);
    }

    #[test]
    fn bytes_that_almost_are_of_the_format(bytes in almost()) {
        check_files(&bytes);
        check_corpora(&bytes);
    }

    /// What a writer of CSV quotes comes back as it was.
    #[test]
    fn quoted_fields_round_trip(texts in prop::collection::vec("[^\\s][\\PC\"\\n\\r,]{0,30}", 1..8)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        let rows = texts.iter().enumerate().map(|(n, text)| format!("{n},\"{}\",a\r\n", text.replace('"', "\"\"")));
        fs::write(&path, format!("id,text,label\r\n{}", rows.collect::<String>())).unwrap();
        let labels = LabelSet::new(vec!["a".into()]).unwrap();
        let Examples::Sequence(examples) = read_file(&path, Kind::Sequence, &labels).unwrap() else { panic!("another kind") };
        prop_assert_eq!(examples.into_iter().map(|example| example.text).collect::<Vec<_>>(), texts);
    }
}

/// A parser that recurses without a limit would run out of stack here.
#[test]
fn deep_nesting() {
    check_files("[".repeat(100_000).as_bytes());
    let nested = format!("<document id=\"d\">{}", "<sentence>".repeat(20_000));
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.xml"), nested).unwrap();
    assert!(read("ddi-2013", folder.path()).is_err());
}
