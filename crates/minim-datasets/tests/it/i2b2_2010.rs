//! Small releases of i2b2 2010, written here, with the hard cases of the format.

use std::fs;

use minim_datasets::{Corpus, Error, I2b2Concepts, I2b2Relations, Related, Splits, document, read};
use tempfile::TempDir;

use crate::i2b2_release::{lines, message, release, write};

const TRAINING: &str = "concept_assertion_relation_training_data";
const REFERENCE: &str = "reference_standard_for_test_data";

/// A release with one hard note, `record-2`, and notes that fill the other splits: `record-1` and `partner-8` validate.
fn hard(text: &str, con: &str, rel: &str) -> TempDir {
    let simple =
        ("Fever after aspirin .\n", "c=\"fever\" 1:0 1:0||t=\"problem\"\nc=\"aspirin\" 1:2 1:2||t=\"treatment\"\n");
    let simple_rel = "c=\"aspirin\" 1:2 1:2||r=\"TrCP\"||c=\"fever\" 1:0 1:0\n";
    let root = release(&[]);
    let note = |folders: [String; 3], name: &str, files: [&str; 3]| {
        for ((folder, ending), text) in folders.iter().zip(["txt", "con", "rel"]).zip(files) {
            write(root.path(), &[(&format!("{folder}/{name}.{ending}"), text)]);
        }
    };
    let training = |site: &str| ["txt", "concept", "rel"].map(|below| format!("{TRAINING}/{site}/{below}"));
    let test = || ["test_data".to_owned(), format!("{REFERENCE}/concepts"), format!("{REFERENCE}/rel")];
    let simple = [simple.0, simple.1, simple_rel];
    note(training("beth"), "record-1", simple);
    note(training("beth"), "record-2", [text, con, rel]);
    note(training("partners"), "partner-1", simple);
    note(training("partners"), "partner-8", simple);
    note(test(), "0001", simple);
    note(test(), "0002", simple);
    root
}

/// The sentences of the hard note.
fn tagged(text: &str, con: &str) -> Vec<String> {
    let root = hard(text, con, "");
    let splits = I2b2Concepts::default().read(root.path()).unwrap();
    let of_note = splits.train.iter().filter(|sentence| document(&sentence.id) == Some("record-2"));
    lines(&splits, &of_note.cloned().collect::<Vec<_>>())
}

/// The pairs of the hard note as `id label head | tail`.
fn related(text: &str, con: &str, rel: &str) -> Vec<String> {
    let root = hard(text, con, rel);
    let splits = I2b2Relations::default().read(root.path()).unwrap();
    let of_note = splits.train.iter().filter(|pair| document(&pair.id) == Some("record-2"));
    of_note.map(|pair| pair_line(&splits, pair)).collect()
}

fn pair_line(splits: &Splits<Related>, pair: &Related) -> String {
    let [head, tail] = [&pair.head, &pair.tail].map(|mention| {
        let mention = mention.as_ref().unwrap();
        format!("{} {}", mention.kind, &pair.text[mention.start..mention.end])
    });
    format!("{} {} {head} | {tail}", pair.id, splits.labels.name(pair.label))
}

#[test]
fn both_hospitals_train_and_notes_are_split_whole() {
    let root = hard("No fever .\n\nWell .", "c=\"fever\" 1:1 1:1||t=\"problem\"\n", "");
    let splits = I2b2Concepts::default().read(root.path()).unwrap();
    assert_eq!(splits.labels.names()[..3], ["O", "B-problem", "I-problem"]);
    assert_eq!(
        lines(&splits, &splits.train),
        [
            "record-2#1: No fever/B-problem .",
            "record-2#3: Well .",
            "partner-1#1: Fever/B-problem after aspirin/B-treatment ."
        ]
    );
    let ids: Vec<_> = splits.validation.iter().map(|sentence| sentence.id.as_str()).collect();
    assert_eq!(ids, ["record-1#1", "partner-8#1"]);
    // The same notes validate for the relations.
    let relations = I2b2Relations::default().read(root.path()).unwrap();
    let ids: Vec<_> = relations.validation.iter().map(|pair| pair.id.as_str()).collect();
    assert_eq!(ids, ["record-1#1.2-1", "partner-8#1.2-1"]);
    assert_eq!((splits.test.len(), relations.test.len()), (2, 2));
    assert_eq!(read("i2b2-2010-concepts", root.path()).unwrap(), splits.into());
    assert_eq!(read("i2b2-2010-relations", root.path()).unwrap(), relations.into());
}

#[test]
fn a_line_that_starts_with_a_space() {
    let con = "c=\"chest fever\" 2:3 2:4||t=\"problem\"\nc=\"ct\" 1:0 1:0||t=\"test\"\n";
    assert_eq!(
        tagged("Ct :\n There is chest fever .\n", con),
        ["record-2#1: Ct/B-test :", "record-2#2: There is chest/B-problem fever/I-problem ."]
    );
}

#[test]
fn a_concept_over_two_lines_joins_them() {
    let con = "c=\"a chest fever\" 1:1 2:0||t=\"problem\"\nc=\"aspirin\" 2:2 2:2||t=\"treatment\"\n\
               c=\"ct\" 1:0 1:0||t=\"test\"\nc=\"mri\" 3:0 3:0||t=\"test\"\n";
    let text = "Ct a chest\nfever needs aspirin .\nMri .\n";
    assert_eq!(
        tagged(text, con),
        [
            "record-2#1: Ct/B-test a/B-problem chest/I-problem fever/I-problem needs aspirin/B-treatment .",
            "record-2#3: Mri/B-test ."
        ]
    );
    let rel = "c=\"aspirin\" 2:2 2:2||r=\"TrAP\"||c=\"a chest fever\" 1:1 2:0\n";
    assert_eq!(
        related(text, con, rel),
        [
            "record-2#1.3-1 false test Ct | problem a chest fever",
            "record-2#1.2-1 TrAP treatment aspirin | problem a chest fever"
        ]
    );
}

#[test]
fn touching_and_overlapping_concepts() {
    let con = "c=\"head ct\" 1:0 1:1||t=\"test\"\nc=\"chest fever\" 1:2 1:3||t=\"problem\"\n\
               c=\"aspirin fever\" 2:1 2:2||t=\"problem\"\nc=\"aspirin\" 2:1 2:1||t=\"treatment\"\n\
               c=\"fever\" 3:0 3:0||t=\"problem\"\nc=\"fever\" 3:0 3:0||t=\"test\"\n";
    let text = "Head ct chest fever\nan aspirin fever\nfever\n";
    assert_eq!(
        tagged(text, con),
        [
            "record-2#1: Head/B-test ct/I-test chest/B-problem fever/I-problem",
            "record-2#2: an aspirin/B-problem fever/I-problem",
            "record-2#3: fever/B-problem"
        ]
    );
    let root = hard(text, con, "");
    let (_, counts) = I2b2Concepts::default().read_noting(root.path()).unwrap();
    assert_eq!((counts.documents, counts.annotations, counts.overlapping), (6, 16, 2));
    // A pair of the overlapping two is a candidate, a pair of the same words is none.
    let rel = "c=\"aspirin\" 2:1 2:1||r=\"TrCP\"||c=\"aspirin fever\" 2:1 2:2\n";
    assert_eq!(
        related(text, con, rel),
        [
            "record-2#1.1-2 false test Head ct | problem chest fever",
            "record-2#2.4-3 TrCP treatment aspirin | problem aspirin fever"
        ]
    );
}

#[test]
fn two_relations_on_one_pair_one_stated_twice_and_pairs_that_cannot_be_related() {
    let con = "c=\"chills\" 1:4 1:4||t=\"problem\"\nc=\"fever\" 1:2 1:2||t=\"problem\"\nc=\"aspirin\" 1:0 1:0||t=\"treatment\"\n\
               c=\"ct\" 1:6 1:6||t=\"test\"\n";
    let text = "Aspirin for fever , chills and ct .\n";
    let rel = "c=\"aspirin\" 1:0 1:0||r=\"TrAP\"||c=\"fever\" 1:2 1:2\n\
               c=\"aspirin\" 1:0 1:0||r=\"TrWP\"||c=\"fever\" 1:2 1:2\n\
               c=\"chills\" 1:4 1:4||r=\"PIP\"||c=\"fever\" 1:2 1:2\n\
               c=\"fever\" 1:2 1:2||r=\"PIP\"||c=\"chills\" 1:4 1:4\n";
    assert_eq!(
        related(text, con, rel),
        [
            "record-2#1.3-2 TrAP treatment Aspirin | problem fever",
            "record-2#1.3-2.2 TrWP treatment Aspirin | problem fever",
            "record-2#1.3-1 false treatment Aspirin | problem chills",
            // Of two problems the earlier is the head, whatever the file says.
            "record-2#1.2-1 PIP problem fever | problem chills",
            "record-2#1.4-2 false test ct | problem fever",
            "record-2#1.4-1 false test ct | problem chills",
        ]
    );
    let root = hard(text, con, rel);
    let (_, counts) = I2b2Relations::default().read_noting(root.path()).unwrap();
    assert_eq!((counts.relations, counts.further_relations, counts.relations_across_lines), (8, 1, 0));
}

#[test]
fn relations_across_lines_are_counted() {
    let con = "c=\"aspirin\" 1:0 1:0||t=\"treatment\"\nc=\"fever\" 2:0 2:0||t=\"problem\"\n";
    let rel = "c=\"aspirin\" 1:0 1:0||r=\"TrAP\"||c=\"fever\" 2:0 2:0\n";
    let root = hard("Aspirin\nfever\n", con, rel);
    let (splits, counts) = I2b2Relations::default().read_noting(root.path()).unwrap();
    assert_eq!((counts.relations, counts.relations_across_lines, splits.train.len()), (6, 1, 1));
}

#[test]
fn line_ends_letters_beyond_ascii_escapes_and_a_byte_order_mark() {
    let text = "\u{feff}Ménière &apos;s fever &lt; 38 °C\r\n\r\nR &amp; D &quot; ct &quot;\r\n";
    let con =
        "c=\"ménière &apos;s fever\" 1:0 1:2||t=\"problem\"||a=\"present\"\r\nc=\"r & d\" 3:0 3:2||t=\"test\"\r\n";
    assert_eq!(
        tagged(text, con),
        [
            "record-2#1: Ménière/B-problem 's/I-problem fever/I-problem < 38 °C",
            "record-2#3: R/B-test &/I-test D/I-test \" ct \""
        ]
    );
    let con = format!("{con}c=\"38 °c\" 1:4 1:5||t=\"test\"\n");
    assert_eq!(related(text, &con, ""), ["record-2#1.3-1 false test 38 °C | problem Ménière 's fever"]);
}

#[test]
fn wrong_annotations_are_named_by_file_and_line() {
    let text = "No fever here\n";
    let good = "c=\"fever\" 1:1 1:1||t=\"problem\"\n";
    let con = format!("{TRAINING}/beth/concept/record-2.con");
    let rel = format!("{TRAINING}/beth/rel/record-2.rel");
    for (con_text, rel_text, expected) in [
        (
            "c=\"fever\" 1:2 1:2||t=\"problem\"\n",
            "",
            format!("{con}:1: other words at 1:2 1:2; expected the annotation's"),
        ),
        ("\nc=\"fever\" 9:1 9:1||t=\"problem\"\n", "", format!("{con}:2: a place from line 9 to line 9 of 2 lines")),
        ("c=\"fever\" 1:1||t=\"problem\"\n", "", format!("{con}:1: a line of another form")),
        ("c=\"fever\" 1:1 1:1||t=\"sign\"\n", "", format!("{con}:1: label `sign` is outside the label set: problem")),
        (good, "c=\"fever\" 1:1 1:1||r=\"TrAP\"\n", format!("{rel}:1: a line of another form")),
        (good, "c=\"fever\" 1:1 1:1||r=\"TrXP\"||c=\"fever\" 1:1 1:1\n", format!("{rel}:1: label `TrXP` is outside")),
        (
            good,
            "c=\"no\" 1:0 1:0||r=\"PIP\"||c=\"fever\" 1:1 1:1\n",
            format!("{rel}:1: a mention at 1:0 1:0; expected a concept"),
        ),
    ] {
        let root = hard(text, con_text, rel_text);
        let found = message(&read("i2b2-2010-relations", root.path()).unwrap_err(), root.path());
        assert!(found.starts_with(&expected), "{found}\n{expected}");
    }
}

/// What a release lacks is named, with the place where it should be.
#[test]
fn missing_pieces_are_named() {
    let remove = |what: &str, name: &str| {
        let root = hard("No fever\n", "c=\"fever\" 1:1 1:1||t=\"problem\"\n", "");
        let path = root.path().join(what);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap()
        } else {
            fs::remove_file(path).unwrap()
        }
        message(&read(name, root.path()).unwrap_err(), root.path())
    };
    for (what, name, expected) in [
        (TRAINING, "i2b2-2010-concepts", format!("{TRAINING}: not found; expected the training part")),
        (
            &format!("{TRAINING}/partners"),
            "i2b2-2010-concepts",
            format!("{TRAINING}/partners: not found; expected the notes of the"),
        ),
        (&format!("{TRAINING}/beth"), "i2b2-2010-concepts", format!("{TRAINING}/beth: not found")),
        (
            REFERENCE,
            "i2b2-2010-concepts",
            format!("{REFERENCE}/concepts: not found; expected the .con files of the test"),
        ),
        (
            "test_data",
            "i2b2-2010-concepts",
            "test_data/0001.txt: not found; expected the text of the concepts in".to_owned(),
        ),
        ("test_data/0002.txt", "i2b2-2010-relations", "test_data/0002.txt: not found".to_owned()),
        (
            &format!("{REFERENCE}/concepts/0002.con"),
            "i2b2-2010-relations",
            "test_data/0002.con: not found; expected its".to_owned(),
        ),
        (
            &format!("{REFERENCE}/rel"),
            "i2b2-2010-relations",
            format!("{REFERENCE}/rel/0001.rel: not found; expected the rel"),
        ),
        (
            &format!("{TRAINING}/beth/txt/record-2.txt"),
            "i2b2-2010-concepts",
            format!("{TRAINING}/beth/txt/record-2.txt: not found"),
        ),
        (
            &format!("{TRAINING}/beth/rel/record-2.rel"),
            "i2b2-2010-relations",
            format!("{TRAINING}/beth/rel/record-2.rel: not found"),
        ),
    ] {
        let found = remove(what, name);
        assert!(found.starts_with(&expected), "{found}\n{expected}");
    }
    // Relations are not needed for concepts.
    let root = hard("No fever\n", "c=\"fever\" 1:1 1:1||t=\"problem\"\n", "");
    fs::remove_dir_all(root.path().join(REFERENCE).join("rel")).unwrap();
    assert!(read("i2b2-2010-concepts", root.path()).is_ok());
}

/// As people unpack it: below more folders, with hidden and other files about, with copies that other tools made.
#[test]
fn layouts_that_people_have() {
    let con = "c=\"fever\" 1:1 1:1||t=\"problem\"\n";
    let plain = hard("No fever\n", con, "");
    let nested = release(&[]);
    let below = nested.path().join("i2b2 2010").join("Concepts, assertions");
    fs::create_dir_all(&below).unwrap();
    for part in [TRAINING, REFERENCE, "test_data"] {
        fs::rename(plain.path().join(part), below.join(part)).unwrap();
    }
    write(
        &below,
        &[
            ("test_data/README.txt", "not a note"),
            (&format!("{TRAINING}/beth/txt/._record-1.txt"), "junk"),
            (&format!("{TRAINING}/merged/concept/record-1.con"), "not even read"),
            (&format!("{TRAINING}/partners/unannotated/other.txt"), "no concepts"),
            (&format!("{REFERENCE}/txt/0001.txt"), "Fever after aspirin .\n"),
        ],
    );
    let found = I2b2Concepts::default().read(nested.path()).unwrap();
    assert_eq!(found, I2b2Concepts::default().read(hard("No fever\n", con, "").path()).unwrap());

    // A copy that differs is another matter.
    write(&below, &[(&format!("{REFERENCE}/txt/0001.txt"), "Another fever .\n")]);
    let error = I2b2Concepts::default().read(nested.path()).unwrap_err();
    assert!(matches!(error, Error::DuplicateId { .. }), "{error}");
}

#[test]
fn one_training_folder_without_hospitals() {
    let con = "c=\"fever\" 1:0 1:0||t=\"problem\"\n";
    let root = release(&[
        ("train/txt/record-1.txt", "Fever\n"),
        ("train/concept/record-1.con", con),
        ("train/txt/record-2.txt", "Fever\n"),
        ("train/concept/record-2.con", con),
        ("test/txt/0001.txt", "Fever\n"),
        ("test/concept/0001.con", con),
    ]);
    let splits = I2b2Concepts::default().read(root.path()).unwrap();
    assert_eq!([splits.train.len(), splits.validation.len(), splits.test.len()], [1, 1, 1]);
}

#[test]
fn concepts_as_published() {
    let con = "c=\"fever\" 1:0 1:0||t=\"problem\"\n";
    let root = hard("Fever\n", con, "");
    let folder = format!("{TRAINING}/partners");
    let text = "Pt &apos;s chest\nfever today\nfever\nWell .\n";
    let con = "c=\"chest fever\" 1:2 2:0||t=\"problem\"\nc=\"pt &apos;s chest\" 1:0 1:2||t=\"test\"\nc=\"fever\" 3:0 3:0||t=\"problem\"\n\
               c=\"fever\" 3:0 3:0||t=\"test\"\n";
    write(
        root.path(),
        &[(&format!("{folder}/txt/partner-1.txt"), text), (&format!("{folder}/concept/partner-1.con"), con)],
    );
    write(
        root.path(),
        &[(&format!("{folder}/txt/partner-8.txt"), text), (&format!("{folder}/concept/partner-8.con"), con)],
    );
    let published = I2b2Concepts { as_published: true };
    let splits = published.read(root.path()).unwrap();
    // Partners only, the last sentence gone, lines as they are, escapes kept, the later concept over the earlier.
    assert_eq!(
        lines(&splits, &splits.train),
        [
            "partner-1#1: Pt/B-test &apos;s/I-test chest/I-test",
            "partner-1#2: fever/I-problem today",
            "partner-1#3: fever/B-test"
        ]
    );
    assert_eq!((splits.validation.len(), splits.test.len()), (3, 1));
    assert_eq!(published.read(root.path()).unwrap(), splits);
}

#[test]
fn relations_as_published() {
    // The .con file does not keep the order of the text.
    let con = "c=\"fever\" 1:2 1:2||t=\"problem\"\nc=\"aspirin\" 1:0 1:0||t=\"treatment\"\nc=\"ct\" 1:4 1:4||t=\"test\"\n\
               c=\"ct scan\" 1:4 1:5||t=\"test\"\n";
    let rel = "c=\"aspirin\" 1:0 1:0||r=\"TrAP\"||c=\"fever\" 1:2 1:2\nc=\"aspirin\" 1:0 1:0||r=\"TrWP\"||c=\"fever\" 1:2 1:2\n";
    let root = hard("Aspirin for fever &amp; ct scan\n", con, rel);
    for number in 10..30 {
        let note = format!("{number:04}");
        write(
            root.path(),
            &[
                (&format!("test_data/{note}.txt"), "Fever fever\n"),
                (
                    &format!("{REFERENCE}/concepts/{note}.con"),
                    "c=\"fever\" 1:0 1:0||t=\"problem\"\nc=\"fever\" 1:1 1:1||t=\"problem\"\n",
                ),
                (&format!("{REFERENCE}/rel/{note}.rel"), ""),
            ],
        );
    }
    let splits = I2b2Relations { as_published: true }.read(root.path()).unwrap();
    assert!(splits.train.iter().chain(&splits.test).all(|pair| pair.head.is_none() && document(&pair.id).is_none()));
    let rows = splits.train.iter().filter(|pair| pair.id.starts_with("record-2"));
    let rows: Vec<_> = rows.map(|pair| format!("{} {}", splits.labels.name(pair.label), pair.text)).collect();
    assert_eq!(
        rows,
        [
            "TrWP @problem$ for @treatment$ &amp; ct scan",
            "TrAP @problem$ for @treatment$ &amp; ct scan",
            "false Aspirin for @problem$ &amp; @test$ scan",
            "false Aspirin for @problem$ &amp; @test$",
            "false @treatment$ for fever &amp; @test$ scan",
            "false @treatment$ for fever &amp; @test$",
            "false Aspirin for fever &amp; @test-test$",
        ]
    );
    // Every training note trains, and the rows of the test part are halved.
    assert_eq!(splits.train.len(), 10);
    assert_eq!(splits.validation.len() + splits.test.len(), 22);
    assert!(splits.validation.len() > 4 && splits.test.len() > 4);
}
