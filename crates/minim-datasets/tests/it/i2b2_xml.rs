//! Small releases of i2b2 2012 and 2014, written here, with the hard cases of the format.

use std::path::Path;

use minim_datasets::{Corpus, Error, I2b2Events, I2b2Phi, Tagged, document, read};
use tempfile::TempDir;

use crate::i2b2_release::{entities, lines, message, release, write};

const EVENTS: [&str; 2] =
    ["2012-07-15.original-annotation.release", "2012-08-08.test-data.event-timex-groundtruth/xml"];
const PHI: [&str; 3] = ["training-PHI-Gold-Set1", "training-PHI-Gold-Set2", "testing-PHI-Gold-fixed"];

fn xml(note: &str, tags: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<Root>\n<TEXT><![CDATA[{note}]]></TEXT>\n<TAGS>\n{tags}\n</TAGS>\n</Root>\n"
    )
}

fn event(start: usize, end: usize, text: &str, kind: &str) -> String {
    format!("<EVENT id=\"E1\" start=\"{start}\" end=\"{end}\" text=\"{text}\" modality=\"FACTUAL\" type=\"{kind}\" />")
}

fn phi(start: usize, end: usize, text: &str, kind: &str) -> String {
    format!("<NAME id=\"P1\" start=\"{start}\" end=\"{end}\" text=\"{text}\" TYPE=\"{kind}\" comment=\"\" />")
}

/// A release of 2012 with the hard note as training note 1; note 2 validates.
fn events(hard: &str) -> TempDir {
    let simple = xml("\nFever .\n", &event(1, 6, "Fever", "PROBLEM"));
    let [training, test] = EVENTS;
    release(&[
        (&format!("{training}/1.xml"), hard),
        (&format!("{training}/1.xml.extent"), "fever"),
        (&format!("{training}/2.xml"), &simple),
        (&format!("{test}/1.xml"), &simple),
    ])
}

/// A release of 2014 with the hard record; patient 109 validates.
fn records(name: &str, hard: &str) -> TempDir {
    let simple = xml("\nDr. Fever .\n", &phi(5, 10, "Fever", "DOCTOR"));
    let [one, two, test] = PHI;
    release(&[
        (&format!("{one}/{name}.xml"), hard),
        (&format!("{two}/109-01.xml"), &simple),
        (&format!("{test}/110-01.xml"), &simple),
    ])
}

fn tagged_events(note: &str, tags: &[String]) -> Vec<String> {
    let root = events(&xml(note, &tags.join("\n")));
    let splits = I2b2Events::default().read(root.path()).unwrap();
    lines(&splits, &splits.train)
}

fn error(name: &str, root: &Path) -> String {
    message(&read(name, root).unwrap_err(), root)
}

#[test]
fn events_are_read_and_times_are_not() {
    let tags = [
        event(1, 9, "Admitted", "OCCURRENCE"),
        "<TIMEX3 id=\"T0\" start=\"10\" end=\"20\" text=\"2010-01-02\" type=\"DATE\" val=\"\" mod=\"NA\" />".to_owned(),
        event(26, 31, "fever", "problem"),
        "<TLINK id=\"TL0\" fromID=\"E1\" toID=\"T0\" type=\"BEFORE\" />".to_owned(),
        "<SECTIME id=\"S0\" start=\"10\" end=\"20\" text=\"2010-01-02\" type=\"ADMISSION\" />".to_owned(),
    ];
    let root = events(&xml("\nAdmitted 2010-01-02\nwith fever.\n", &tags.join("\n")));
    let splits = I2b2Events::default().read(root.path()).unwrap();
    assert_eq!(
        lines(&splits, &splits.train),
        [
            "train-1#4: Admitted/B-OCCURRENCE 2010 - 01 - 02",
            // The word does not end where the tag does: it ends there in any text.
            "train-1#5: with fever/B-PROBLEM ."
        ]
    );
    assert_eq!(lines(&splits, &splits.validation), ["train-2#4: Fever/B-PROBLEM ."]);
    assert_eq!(lines(&splits, &splits.test), ["test-1#4: Fever/B-PROBLEM ."]);
    assert_eq!(read("i2b2-2012-events", root.path()).unwrap(), splits.into());
}

#[test]
fn tags_that_cut_words_touch_overlap_or_go_over_lines() {
    let note = "\nrefever/chills ct mri scan\nhigh\nfever now\n";
    let tags = [
        event(3, 8, "fever", "PROBLEM"),
        event(9, 15, "chills", "PROBLEM"),
        event(16, 18, "ct", "TEST"),
        event(19, 27, "mri scan", "TEST"),
        event(19, 22, "mri", "TREATMENT"),
        event(28, 38, "high fever", "PROBLEM"),
    ];
    assert_eq!(
        tagged_events(note, &tags),
        [
            "train-1#4: re fever/B-PROBLEM / chills/B-PROBLEM ct/B-TEST mri/B-TEST scan/I-TEST",
            "train-1#5: high/B-PROBLEM fever/I-PROBLEM now"
        ]
    );
    let root = events(&xml(note, &tags.join("\n")));
    let (_, counts) = I2b2Events::default().read_noting(root.path()).unwrap();
    assert_eq!((counts.annotations, counts.overlapping, counts.over_lines), (8, 1, 1));
}

#[test]
fn escapes_letters_beyond_ascii_and_line_ends() {
    let note = "\r\nMénière's \"x\" r&d\r\npt&apos;s &lt; 5 µg fever\r\n";
    let tags = [
        event(1, 10, "Ménière&apos;s", "PROBLEM"),
        event(11, 14, "&quot;x&quot;", "TEST"),
        event(15, 18, "r&amp;d", "TEST"),
        event(19, 28, "pt&apos;s", "OCCURRENCE"),
        event(29, 35, "&lt; 5", "TEST"),
        event(39, 44, "fever", "PROBLEM"),
    ];
    let expected = [
        "train-1#4: Ménière/B-PROBLEM '/I-PROBLEM s/I-PROBLEM \"/B-TEST x/I-TEST \"/I-TEST r/B-TEST &/I-TEST d/I-TEST",
        "train-1#5: pt/B-OCCURRENCE '/I-OCCURRENCE s/I-OCCURRENCE </B-TEST 5/I-TEST µg fever/B-PROBLEM",
    ];
    assert_eq!(tagged_events(note, &tags), expected);
}

#[test]
fn an_event_without_a_type_and_a_file_that_is_not_well_formed() {
    let tags = [
        event(1, 6, "fever", ""),
        event(9, 12, "r&d", "TEST"),
        "<EVENT id=\"E\" start=\"1\" end=\"6\" text=\"fever\" />".to_owned(),
        event(13, 15, "<5", "TEST"),
    ];
    let root = events(&xml("\nfever & r&d <5\n", &tags.join("\n")));
    let (splits, counts) = I2b2Events::default().read_noting(root.path()).unwrap();
    assert_eq!(lines(&splits, &splits.train), ["train-1#4: fever & r/B-TEST &/I-TEST d/I-TEST </B-TEST 5/I-TEST"]);
    assert_eq!((counts.untyped, counts.mended_files), (2, 1));
}

#[test]
fn wrong_events_are_named_by_file_and_line() {
    let folder = EVENTS[0];
    for (hard, expected) in [
        (xml("\nno fever\n", &event(1, 6, "fever", "PROBLEM")), "1.xml:7: another text than the tag's at 1 to 6 of 10"),
        (xml("\nfever", &event(2, 99, "fever", "PROBLEM")), "1.xml:6: another text than the tag's at 2 to 99 of 6"),
        (xml("\nfever", &event(6, 1, "fever", "PROBLEM")), "1.xml:6: another text than the tag's at 6 to 1"),
        (xml("\nfever", &event(1, 6, "fever", "SIGN")), "1.xml:6: label `SIGN` is outside the label set: PROBLEM"),
        (xml("\nfever", &event(1, 6, "fever", "my fever")), "1.xml:6: label (not shown: 8 characters) is outside"),
        (xml("\nfever", "<EVENT fever"), "1.xml:7: not well-formed at column"),
        ("<Root>fever</Root>".to_owned(), "1.xml:1: no <TEXT>"),
    ] {
        let found = error("i2b2-2012-events", events(&hard).path());
        assert!(found.starts_with(&format!("{folder}/{expected}")), "{found}\n{expected}");
    }
}

#[test]
fn unverified_test_tags_are_counted_and_many_are_an_error() {
    let note = format!("\n{}", "fever chills\n".repeat(120));
    let sound: Vec<String> = (0..120).map(|n| event(1 + 13 * n, 6 + 13 * n, "fever", "PROBLEM")).collect();
    let with = |changes: &[(usize, String)]| {
        let mut tags = sound.clone();
        changes.iter().for_each(|(place, tag)| tags[*place] = tag.clone());
        let root = events(&xml("\nfever\n", &event(1, 6, "fever", "PROBLEM")));
        write(root.path(), &[(&format!("{}/3.xml", EVENTS[1]), &xml(&note, &tags.join("\n")))]);
        root
    };
    // One is beside its words, one has other words than the note.
    let (moved, unverified) = (event(4, 9, "fever", "PROBLEM"), event(20, 26, "nausea", "PROBLEM"));
    let root = with(&[(0, moved), (1, unverified.clone())]);
    let (splits, counts) = I2b2Events::default().read_noting(root.path()).unwrap();
    assert_eq!((counts.moved, counts.unverified), (1, 1));
    let found = lines(&splits, &splits.test[1..3]);
    assert_eq!(found[0], "test-3#4: fever/B-PROBLEM chills");
    assert_eq!(found[1], "test-3#5: fever chills/B-PROBLEM");

    let root = with(&[(1, unverified.clone()), (2, unverified)]);
    let found = error("i2b2-2012-events", root.path());
    assert!(found.starts_with(&format!("{}/3.xml:127: another text than the tag's at 20 to 26", EVENTS[1])), "{found}");
}

#[test]
fn events_as_published() {
    let note = "\nfever. chills, r&apos;x\nhigh\nfever now\nend\n";
    let tags = [event(1, 6, "fever", "PROBLEM"), event(25, 35, "high fever", "PROBLEM"), event(25, 29, "high", "TEST")];
    let published = I2b2Events { as_published: true };
    let root = events(&xml(note, &tags.join("\n")));
    write(root.path(), &[(&format!("{}/2.xml", EVENTS[0]), &xml("\na\nb\n", ""))]);
    write(root.path(), &[(&format!("{}/1.xml", EVENTS[1]), &xml("\na\nb\n", ""))]);
    let splits = published.read(root.path()).unwrap();
    assert_eq!(
        lines(&splits, &splits.train),
        ["train-1#4: fever/B-PROBLEM . chills, r&apos;x", "train-1#5: high/B-TEST", "train-1#6: fever/I-PROBLEM now",]
    );
    assert_eq!((splits.validation.len(), splits.test.len()), (1, 1));
}

#[test]
fn the_folders_of_2012_as_people_have_them() {
    let note = xml("\nFever .\n", &event(1, 6, "Fever", "PROBLEM"));
    let older = xml("\nOlder fever\n", "");
    let root = release(&[
        ("x/2012-07-15.original-annotation.release/1.xml", &note),
        ("x/2012-07-15.original-annotation.release/2.xml", &note),
        ("x/2012-06-18.release/1.xml", &older),
        ("x/2012-08-08.test-data.event-timex-groundtruth/xml/3.xml", &note),
        ("x/2012-08-23.test-data.groundtruth/merged_xml/3.xml", &older),
    ]);
    let splits = I2b2Events::default().read(root.path()).unwrap();
    assert_eq!([splits.train.len(), splits.validation.len(), splits.test.len()], [1, 1, 1]);
    assert_eq!(splits.test[0].words, ["Fever", "."]);

    let other = release(&[
        ("training/1.xml", &note),
        ("training/2.xml", &note),
        ("ground_truth/merged_xml/3.xml", &note),
        ("ground_truth/unmerged_xml/3.xml", &older),
    ]);
    assert_eq!(I2b2Events::default().read(other.path()).unwrap(), splits);

    let none = release(&[("training/1.xml", &note)]);
    let found = error("i2b2-2012-events", none.path());
    assert!(
        found.starts_with("2012-08-08.test-data.event-timex-groundtruth: not found; expected .xml files"),
        "{found}"
    );
    let twice = release(&[("a/1.xml", &note), ("b/1.xml", &note), ("test/3.xml", &note)]);
    assert!(matches!(read("i2b2-2012-events", twice.path()), Err(Error::DuplicateId { .. })));
}

#[test]
fn identifying_details_are_read_whatever_their_element() {
    let note = "\nDr. Fever's 45yo\nRose Hill\nStreet 12, on 2/3/70\n";
    let tags = [
        phi(5, 10, "Fever", "DOCTOR"),
        "<AGE id=\"P2\" start=\"13\" end=\"15\" text=\"45\" TYPE=\"AGE\" comment=\"\" />".to_owned(),
        phi(18, 37, "Rose Hill Street 12", "STREET"),
        "<DATE id=\"P4\" start=\"42\" end=\"48\" text=\"2/3/70\" TYPE=\"DATE\" comment=\"\" />".to_owned(),
    ];
    let root = records("111-02", &xml(note, &tags.join("\n")));
    let splits = I2b2Phi::default().read(root.path()).unwrap();
    assert_eq!(splits.labels.len(), 47);
    assert_eq!(
        lines(&splits, &splits.train),
        [
            "111-02#4: Dr . Fever/B-DOCTOR ' s 45/B-AGE yo",
            "111-02#5: Rose/B-STREET Hill/I-STREET Street/I-STREET 12/I-STREET , on \
             2/B-DATE //I-DATE 3/I-DATE //I-DATE 70/I-DATE",
        ]
    );
    let expected = [("DOCTOR", "Fever"), ("AGE", "45"), ("STREET", "RoseHillStreet12"), ("DATE", "2/3/70")];
    assert_eq!(entities(&splits, &splits.train), expected.map(|(kind, text)| (kind.to_owned(), text.to_owned())));
    assert_eq!(read("i2b2-2014-phi", root.path()).unwrap(), splits.into());
}

/// Offsets are too high by four behind one place of 180-03, and 188-05 has `&` where its tag has `and`.
#[test]
fn the_two_mistakes_of_the_release_and_no_others() {
    let shifted =
        xml("\nFever St\nDr. Hill\n", &[phi(1, 9, "Fever St", "STREET"), phi(18, 22, "Hill", "DOCTOR")].join("\n"));
    let and = xml("\nFever & Sons\n", &phi(1, 13, "Fever and Sons", "ORGANIZATION"));
    for (name, hard, found) in [("180-03", &shifted, vec!["FeverSt", "Hill"]), ("188-05", &and, vec!["Fever&Sons"])] {
        let root = records(name, hard);
        let splits = I2b2Phi::default().read(root.path()).unwrap();
        let texts: Vec<_> = entities(&splits, &splits.train).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, found);
        let other = error("i2b2-2014-phi", records("180-04", hard).path());
        assert!(other.starts_with(&format!("{}/180-04.xml:", PHI[0])), "{other}");
        assert!(other.contains("another text than the tag's at"), "{other}");
    }
}

#[test]
fn a_patient_is_on_one_side() {
    let simple = xml("\nDr. Fever .\n", &phi(5, 10, "Fever", "DOCTOR"));
    let root = records("111-01", &simple);
    // Patient 125 validates as 109 does; 112 trains.
    for name in ["112-01", "112-02", "125-01", "125-02"] {
        write(root.path(), &[(&format!("{}/{name}.xml", PHI[1]), &simple)]);
    }
    let splits = I2b2Phi::default().read(root.path()).unwrap();
    let names = |sentences: &[Tagged]| -> Vec<String> {
        sentences.iter().map(|sentence| document(&sentence.id).unwrap().to_owned()).collect()
    };
    assert_eq!(names(&splits.train), ["111-01", "112-01", "112-02"]);
    assert_eq!(names(&splits.validation), ["109-01", "125-01", "125-02"]);

    write(root.path(), &[(&format!("{}/112-03.xml", PHI[2]), &simple)]);
    let found = error("i2b2-2014-phi", root.path());
    assert!(found.contains("document `112` is in the"), "{found}");
}

#[test]
fn the_folders_of_2014_as_people_have_them() {
    let simple = xml("\nDr. Fever .\n", &phi(5, 10, "Fever", "DOCTOR"));
    let whole = || records("111-01", &simple);
    for folder in PHI {
        let root = whole();
        std::fs::remove_dir_all(root.path().join(folder)).unwrap();
        let found = error("i2b2-2014-phi", root.path());
        assert!(found.starts_with(&format!("{folder}: not found; expected .xml files, a part of")), "{found}");
    }
    let root = whole();
    write(
        root.path(),
        &[("testing-PHI-noTags/110-01.xml", "fever"), ("training-RiskFactors-Gold-Set1/111-01.xml", "")],
    );
    let splits = I2b2Phi::default().read(root.path()).unwrap();
    assert_eq!(I2b2Phi::default().read(whole().path()).unwrap(), splits);
    let other = release(&[("train/111-01.xml", &simple), ("train/109-01.xml", &simple), ("test/110-01.xml", &simple)]);
    assert_eq!(I2b2Phi::default().read(other.path()).unwrap(), splits);
}

#[test]
fn details_as_published() {
    let hard =
        xml("\nDr. O'Fever, 45yo\nend\n", &[phi(5, 12, "O&apos;Fever", "DOCTOR"), phi(14, 16, "45", "AGE")].join("\n"));
    let root = records("111-01", &hard);
    write(root.path(), &[(&format!("{}/109-01.xml", PHI[1]), &xml("\na\nb\n", ""))]);
    write(root.path(), &[(&format!("{}/110-01.xml", PHI[2]), &xml("\na\nb\n", ""))]);
    let splits = I2b2Phi { as_published: true }.read(root.path()).unwrap();
    assert_eq!(lines(&splits, &splits.train), ["111-01#4: Dr. O'Fever/B-DOCTOR , 45/B-AGE yo"]);
}

#[test]
fn wrong_details_are_named_by_file_and_line() {
    for (tags, expected) in [
        (
            "<NAME start=\"1\" end=\"6\" text=\"fever\" />".to_owned(),
            "`NAME` without TYPE; expected a TYPE in every tag",
        ),
        (phi(1, 6, "fever", "DISEASE"), "label `DISEASE` is outside the label set: AGE, BIOID"),
        (phi(2, 6, "fever", "DOCTOR"), "another text than the tag's at 2 to 6 of 7; expected the words of every tag"),
    ] {
        let root = records("111-01", &xml("\nfever\n", &tags));
        let found = error("i2b2-2014-phi", root.path());
        assert!(found.starts_with(&format!("{}/111-01.xml:7: {expected}", PHI[0])), "{found}\n{expected}");
    }
}
