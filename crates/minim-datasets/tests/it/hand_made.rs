//! Small folders, written here, read in full.

use minim_datasets::{
    Corpus, Dataset, Kind, Labelled, PreparedConll, PreparedCsv, PreparedRelations, Sizes, document, read,
};

use crate::folder;

#[test]
fn mortality_files_with_quotes_line_ends_and_a_byte_order_mark() {
    let header = "\"id\",\"text\",\"hospital_expire_flag\"\r\n";
    let files = folder(&[
        (
            "train.csv",
            &format!(
                "\u{feff}{header}\"1\",\"CHIEF COMPLAINT: fall\n\n\"\"µ-opioids\"\", none\",\"1\"\r\n\"2\",\"b\",\"0\"\r\n"
            ),
        ),
        ("valid.csv", &format!("{header}\"3\",\"c\",\"0\"\r\n")),
        ("test.csv", &format!("{header}\"4\",\"d\",\"1\"")),
    ]);
    let splits = PreparedCsv.read(files.path()).unwrap();
    assert_eq!(splits.labels.names(), ["0", "1"]);
    let text = "CHIEF COMPLAINT: fall\n\n\"µ-opioids\", none".to_owned();
    assert_eq!(splits.train[0], Labelled { id: "1".into(), text, text_pair: None, label: 1 });
    assert_eq!((splits.train[1].label, splits.test[0].label), (0, 1));
    let dataset = Dataset::from(splits);
    assert_eq!((dataset.kind(), dataset.sizes()), (Kind::Sequence, Sizes { train: 2, validation: 1, test: 1 }));
}

#[test]
fn numeric_labels_are_in_the_order_of_their_values() {
    let rows: String = (0..12).rev().map(|n| format!("{n},text,{n}\n")).collect();
    let files = folder(&[
        ("train.csv", &format!("id,text,los_label\n{rows}")),
        ("validation.csv", "id,text,los_label\na,text,10\n"),
        ("test.csv", "id,text,los_label\nb,text,9\n"),
    ]);
    let splits = PreparedCsv.read(files.path()).unwrap();
    assert_eq!((splits.validation[0].label, splits.test[0].label), (10, 9));
}

#[test]
fn a_label_file_fixes_the_order() {
    let files = folder(&[
        ("labels.json", r#"["O", "B-x", "I-x", "B-y"]"#),
        ("train.conll", "No O\nfever B-x\n"),
        ("dev.conll", "a B-y"),
        ("test.conll", "a I-x\n\n"),
    ]);
    let splits = PreparedConll.read(files.path()).unwrap();
    assert_eq!(splits.train[0].tags, [0, 1]);
    assert_eq!((splits.validation[0].tags[0], splits.test[0].tags[0]), (3, 2));
}

#[test]
fn conll_documents_reach_the_ids() {
    let files = folder(&[
        ("train.txt.conll", "-DOCSTART- rec-1\n\na O\n\nb B-x\n\n-DOCSTART- rec-2\nc O\n"),
        ("valid.txt.conll", "-DOCSTART- -X- O\n\na O\n"),
        ("test.txt.conll", "a\tO\nÄrztin\tB-x"),
    ]);
    let splits = PreparedConll.read(files.path()).unwrap();
    let ids: Vec<_> = splits.train.iter().map(|e| e.id.as_str()).collect();
    assert_eq!(ids, ["rec-1#1", "rec-1#2", "rec-2#1"]);
    assert_eq!(document(&splits.validation[0].id), Some("validation-doc-1"));
    assert_eq!(document(&splits.test[0].id), None);
    assert_eq!(splits.test[0].words, ["a", "Ärztin"]);
    assert_eq!(splits.labels.names(), ["B-x", "O"]);
}

#[test]
fn relation_files_may_number_their_rows_alike() {
    let header = "index\tsentence\tlabel\n";
    let files = folder(&[
        ("train.tsv", &format!("{header}0\t@problem$ of @test$\tTeRP\n1\t@problem$ , @problem$\tfalse\n")),
        ("dev.tsv", &format!("{header}0\t@problem$ @problem$\tfalse\n")),
        ("test.tsv", &format!("{header}0\t@problem$ @test$\tTeRP\n")),
    ]);
    let splits = PreparedRelations.read(files.path()).unwrap();
    assert_eq!(splits.labels.names(), ["TeRP", "false"]);
    assert_eq!((splits.train[0].id.as_str(), splits.validation[0].id.as_str()), ("train-0", "validation-0"));
    assert_eq!((splits.test[0].label, &splits.test[0].head), (0, &None));
}

#[test]
fn json_lines_of_each_kind() {
    let mentions = r#""head": {"start": 0, "end": 1, "kind": "a"}, "tail": {"start": 2, "end": 3, "kind": "b"}"#;
    for (line, kind, labels) in [
        (r#"{"text": "é x", "label": "yes"}"#.to_owned(), Kind::Sequence, r#"["no", "yes"]"#),
        (r#"{"words": ["é", "x"], "tags": ["O", "B-a"]}"#.to_owned(), Kind::Tokens, r#"["O", "B-a"]"#),
        (format!(r#"{{"text": "é x", {mentions}, "label": "yes"}}"#), Kind::Relations, r#"["no", "yes"]"#),
    ] {
        let files = folder(&[
            ("labels.json", labels),
            ("train.jsonl", &line),
            ("validation.jsonl", &format!("\n{line}\n")),
            ("test.jsonl", &format!("{line}\r\n")),
        ]);
        let dataset = read("jsonl", files.path()).unwrap();
        assert_eq!((dataset.kind(), dataset.sizes().test, dataset.labels().len()), (kind, 1, 2));
        if let Dataset::Relations(splits) = dataset {
            let tail = splits.test[0].tail.as_ref().unwrap();
            assert_eq!((tail.start, tail.end, splits.test[0].label), (3, 4, 1));
        }
    }
}

#[test]
fn ddi_documents_are_split_whole() {
    let sentence = |document: usize, n: usize| {
        format!(
            "<sentence id=\"D{document}.s{n}\" text=\"éa bb cc\"><entity id=\"x\" charOffset=\"0-1\" type=\"drug\" text=\"éa\"/>\
             <entity id=\"y\" charOffset=\"3-4;6-7\" type=\"group\" text=\"bb cc\"/>\
             <pair id=\"D{document}.s{n}.p0\" e1=\"x\" e2=\"y\" ddi=\"true\" type=\"int\"/></sentence>"
        )
    };
    let texts: Vec<_> = (0..30)
        .map(|d| (format!("{d}.xml"), format!("<document id=\"D{d}\">{}{}</document>", sentence(d, 0), sentence(d, 1))))
        .collect();
    let files: Vec<_> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let Dataset::Relations(splits) = read("ddi-2013", folder(&files).path()).unwrap() else { panic!("another kind") };
    assert_eq!(splits.sizes().train + splits.sizes().validation + splits.sizes().test, 60);
    for split in [&splits.train, &splits.validation, &splits.test] {
        for pair in split.chunks(2) {
            assert_eq!(document(&pair[0].id), document(&pair[1].id));
        }
    }
    let tail = splits.train[0].tail.as_ref().unwrap();
    assert_eq!(&splits.train[0].text[tail.start..tail.end], "bb");
    assert_eq!(splits.labels.name(splits.train[0].label), "int");
}
