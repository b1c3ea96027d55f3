//! The MIMIC recipe: on tables by hand against what pandas makes of them, and on tables that are broken.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use minim_datasets::{Corpus, Error, Labelled, Mimic, Outcome, Release, Split, document, read};
use proptest::prelude::*;
use serde::Deserialize;
use tempfile::TempDir;

use crate::folder;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/mimic")
}

#[derive(Debug, PartialEq, Deserialize)]
struct Line {
    id: String,
    text: String,
    label: String,
}

/// Every step of the recipe, checked by another library: `tests/fixtures/mimic/peer.py` made the expected lines.
fn check_against_pandas(recipe: Mimic, tables: &str, expected: &str) {
    let root = fixtures().join(tables);
    let mut found: BTreeMap<&str, Vec<Line>> = BTreeMap::new();
    let labels = recipe.labels();
    let tally = recipe
        .prepare(&root, &mut |split, Labelled { id, text, text_pair, label }| {
            assert_eq!(text_pair, None);
            found.entry(split.name()).or_default().push(Line { id, text, label: labels.name(label).to_owned() });
            Ok::<(), Error>(())
        })
        .unwrap();
    for (split, count) in Split::ALL.into_iter().zip(tally.examples) {
        let path = root.join("expected").join(expected).join(format!("{}.jsonl", split.name()));
        let lines = fs::read_to_string(path).unwrap();
        let lines: Vec<Line> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), count);
        assert_eq!(found[split.name()], lines, "{tables} {expected}");
    }
}

#[test]
fn mimic_iii_is_read_as_pandas_does() {
    let [mortality, los, ..] = Mimic::ALL;
    check_against_pandas(mortality, "hard3", "mortality");
    check_against_pandas(los, "hard3", "los");
}

#[test]
fn the_variant_of_the_study_is_what_its_patterns_give() {
    let [mortality, los, ..] = Mimic::ALL.map(|recipe| Mimic { as_published: true, ..recipe });
    check_against_pandas(mortality, "hard3", "mortality-as-published");
    check_against_pandas(los, "hard3", "los-as-published");
}

#[test]
fn mimic_iv_is_read_as_pandas_does() {
    let [.., mortality, los] = Mimic::ALL;
    check_against_pandas(mortality, "hard4", "mortality");
    check_against_pandas(los, "hard4", "los");
}

/// The text of one admission of the hard tables, by a word that only its note has.
fn text_with(examples: &[Labelled], word: &str) -> String {
    let mut with = examples.iter().filter(|example| example.text.contains(word));
    let found = with.next().unwrap_or_else(|| panic!("no example with {word}"));
    assert_eq!(with.next(), None, "{word}");
    found.text.clone()
}

fn all(recipe: Mimic, tables: &str) -> Vec<Labelled> {
    let splits = recipe.read(&fixtures().join(tables)).unwrap();
    [splits.train, splits.validation, splits.test].concat()
}

/// What the comparison with pandas cannot say: that what both make of the hard cases is right.
#[test]
fn hard_cases_come_out_right() {
    for (recipe, tables) in [(Mimic::ALL[0], "hard3"), (Mimic::ALL[2], "hard4")] {
        let examples = all(recipe, tables);
        assert!(examples.iter().all(|example| !example.text.contains("never to be seen")), "the hospital course leaks");
        assert!(text_with(&examples, "8/10").contains("Pain \"8/10\", \"\"worst\"\". Then: none"));
        let returns = text_with(&examples, "In CRLF");
        assert!(
            returns.contains("PRESENT ILLNESS: Fell at home. In CRLF.\n\nMEDICAL HISTORY: gout\n\n")
                && !returns.contains('\r')
        );
        assert!(text_with(&examples, "Müller").contains("50 µg, Dr. Müller, 38 °C, ζ."));
        let report = text_with(&examples, "Report.");
        assert!(report.contains("ALLERGIES: penicillin"), "the addendum has what the report lacks: {report}");
        assert!(text_with(&examples, "Second in the file").starts_with("CHIEF COMPLAINT: fall\n"));
        assert!(text_with(&examples, "Later.").starts_with("CHIEF COMPLAINT: from the day before\n"));
        text_with(&examples, "Twice.");
        let first = text_with(&examples, "First.");
        assert!(first.starts_with("CHIEF COMPLAINT: fall\n") && first.ends_with("SOCIAL HISTORY: cook"), "{first}");
        text_with(&examples, "Of two admissions.");
        text_with(&examples, "Right chart.");
        for gone in
            ["Alone.", "Born.", "Wrong chart", "of a nurse", "Of nobody", "Of an unknown", "had died", "Time of Death"]
        {
            assert!(examples.iter().all(|example| !example.text.contains(gone)), "{tables} {gone}");
        }
        assert!(text_with(&examples, "gout, and more gout").starts_with("CHIEF COMPLAINT: \n\nPRESENT ILLNESS: \n\n"));
        assert!(examples.iter().all(|example| !example.text.contains("[]")));
        assert!(examples.iter().any(|example| example.text.ends_with("FAMILY HISTORY: gout\n\nSOCIAL HISTORY: ___")));
        assert!(text_with(&examples, "1. gout").contains("MEDICAL HISTORY: 1. gout 2. (more: gout)  X\n"));
        assert!(text_with(&examples, " warm\n").contains("PHYSICAL EXAM: ADMISSION PHYSICAL EXAM: warm\n\n"));
        text_with(&examples, "The patient's wife died. Kept the expired drugs.");
        assert!(text_with(&examples, "warm.,").contains("PHYSICAL EXAM: warm.,; cold\n"));
    }
}

#[test]
fn a_patient_with_two_stays_is_in_one_split() {
    for (recipe, tables) in Mimic::ALL.into_iter().zip(["hard3", "hard3", "hard4", "hard4"]) {
        let splits = recipe.read(&fixtures().join(tables)).unwrap();
        let mut split_of = BTreeMap::new();
        let mut again = 0;
        for (split, examples) in [&splits.train, &splits.validation, &splits.test].into_iter().enumerate() {
            for example in examples {
                let patient = document(&example.id).unwrap().to_owned();
                match split_of.insert(patient, split) {
                    None => {}
                    Some(first) => {
                        assert_eq!(first, split, "{}", example.id);
                        again += 1;
                    }
                }
            }
        }
        assert!(again >= 3, "{tables}: {again}");
    }
}

const ADMISSIONS: &str = "SUBJECT_ID,HADM_ID,ADMITTIME,DISCHTIME,ADMISSION_TYPE,HOSPITAL_EXPIRE_FLAG\n\
                          1,11,2130-01-01 00:00:00,2130-01-05 00:00:00,EMERGENCY,0\n";
const HEADER: &str = "ROW_ID,SUBJECT_ID,HADM_ID,CHARTDATE,CATEGORY,DESCRIPTION,ISERROR,TEXT\n";
const ROW: &str = "1,1,11,2130-01-05,Discharge summary,Report,,\"Chief Complaint:\nfever\n\nX:\"\n";

/// What is wrong with such tables, which all speak of fever, without the folder's path.
fn error(admissions: &str, notes: &str) -> String {
    let folder = folder(&[("ADMISSIONS.csv", admissions), ("NOTEEVENTS.csv", notes)]);
    let error = read("mimic3-mortality", folder.path()).unwrap_err().to_string();
    assert!(!error.contains("fever") && !error.contains('\n'), "{error}");
    error.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn broken_notes_are_named_by_line_and_without_their_text() {
    let check = |notes: &str, expected: &str| {
        let found = error(ADMISSIONS, notes);
        assert!(found.starts_with(expected), "{found}");
    };
    let notes = |row: &str| format!("{HEADER}{ROW}{row}");
    check(
        &notes("2,1,11,2130-01-05,Discharge summary,Report,,\"fever\n3,1\n"),
        "NOTEEVENTS.csv:6: a quote is opened here",
    );
    check(&notes("2,1,11,2130-01-05,Radiology,Report,,\"no \"fever\"\"\n"), "NOTEEVENTS.csv:6: a quoted field goes on");
    check(&notes("2,1,11,2130-01-05,Radiology,Report,,no \"fever\"\n"), "NOTEEVENTS.csv:6: a quote inside a field");
    check(&notes("2,1,11,fever\n"), "NOTEEVENTS.csv:6: fields in this row: 4; expected 8 as in the header");
    check(
        &notes("2,1,fever,2130-01-05,Discharge summary,Report,,a\n"),
        "NOTEEVENTS.csv:6: a HADM_ID that is no number",
    );
    check(&notes("2,1,11,fever,Discharge summary,Report,,a\n"), "NOTEEVENTS.csv:6: another form of date");
    check(
        &HEADER.replace("TEXT", "fever"),
        "NOTEEVENTS.csv:1: no TEXT column; expected a header with the columns HADM_ID",
    );
    check(&HEADER.replace("ROW_ID", "text"), "NOTEEVENTS.csv:1: column 8 is a second TEXT column");
    check("", "NOTEEVENTS.csv: no example in it");
    check(HEADER, "NOTEEVENTS.csv: no example in it; expected discharge summaries of enough patients");
}

#[test]
fn broken_admissions_are_named_by_line() {
    let check = |row: &str, expected: &str| {
        let found = error(&format!("{ADMISSIONS}{row}\n"), HEADER);
        assert!(found.starts_with(expected), "{found}");
    };
    check("2,11,,,EMERGENCY,0", "ADMISSIONS.csv:3: id `11` again, first at ");
    check("2,12,,,EMERGENCY,fever", "ADMISSIONS.csv:3: a HOSPITAL_EXPIRE_FLAG that is no number");
    check("2,12,,,EMERGENCY,2", "ADMISSIONS.csv:3: a HOSPITAL_EXPIRE_FLAG that is neither 0 nor 1");
    check("2,,,,EMERGENCY,0", "ADMISSIONS.csv:3: no HADM_ID");
    check("2,12,fever,,EMERGENCY,0", "ADMISSIONS.csv:3: another form of ADMITTIME");
    check("2,12", "ADMISSIONS.csv:3: fields in this row: 2");
}

#[test]
fn wrong_bytes_have_their_line() {
    let folder = folder(&[("admissions.csv", ADMISSIONS)]);
    let notes = [HEADER.as_bytes(), b"1,1,11,2130-01-05,Discharge summary,Report,,\"a\nb\n\xff\"\n"].concat();
    fs::write(folder.path().join("noteevents.csv"), notes).unwrap();
    let error = read("mimic3-los", folder.path()).unwrap_err();
    assert!(matches!(error, Error::NotUtf8 { line: 4, .. }), "{error}");
}

/// Hard tables in a new folder, under other names.
fn copied(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in files {
        let to = folder.path().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(fixtures().join(from), to).unwrap();
    }
    folder
}

#[test]
fn tables_are_found_under_each_of_their_names() {
    let expected = all(Mimic::ALL[0], "hard3");
    let read = |folder: &TempDir| {
        let splits = Mimic::ALL[0].read(folder.path()).unwrap();
        [splits.train, splits.validation, splits.test].concat()
    };
    let small = copied(&[("hard3/NOTEEVENTS.csv", "noteevents.csv"), ("hard3/ADMISSIONS.csv", "admissions.csv")]);
    assert_eq!(read(&small), expected);
    // Where both lie there, the unpacked table is read; the other is of another corpus.
    fs::copy(fixtures().join("hard4/note/discharge.csv.gz"), small.path().join("NOTEEVENTS.csv.gz")).unwrap();
    assert_eq!(read(&small), expected);
    let flat = copied(&[
        ("hard4/note/discharge.csv.gz", "DISCHARGE.csv.gz"),
        ("hard4/hosp/admissions.csv.gz", "admissions.csv.gz"),
    ]);
    let splits = Mimic::ALL[2].read(flat.path()).unwrap();
    assert_eq!([splits.train, splits.validation, splits.test].concat(), all(Mimic::ALL[2], "hard4"));
}

#[test]
fn a_truncated_archive_is_an_error() {
    let folder = copied(&[
        ("hard4/note/discharge.csv.gz", "discharge.csv.gz"),
        ("hard4/hosp/admissions.csv.gz", "admissions.csv.gz"),
    ]);
    let path = folder.path().join("discharge.csv.gz");
    let whole = fs::read(&path).unwrap();
    for length in [5, whole.len() / 3, whole.len() - 3] {
        fs::write(&path, &whole[..length]).unwrap();
        let error = read("mimic4-mortality", folder.path()).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error}");
    }
    fs::write(&path, "not packed at all").unwrap();
    assert!(matches!(read("mimic4-mortality", folder.path()), Err(Error::Io { .. })));
}

#[test]
fn the_variant_of_the_study_needs_its_lists() {
    let folder = copied(&[("hard3/NOTEEVENTS.csv", "NOTEEVENTS.csv"), ("hard3/ADMISSIONS.csv", "ADMISSIONS.csv")]);
    let recipe = Mimic { release: Release::Three, outcome: Outcome::Mortality, as_published: true };
    let error = recipe.read(folder.path()).unwrap_err().to_string();
    assert!(error.contains("mimic_train.csv: not found; expected the study's list of patients"), "{error}");
}

#[test]
fn what_the_caller_says_ends_the_reading() {
    #[derive(Debug)]
    struct Full;
    impl From<Error> for Full {
        fn from(error: Error) -> Self {
            panic!("{error}");
        }
    }
    let mut seen = 0;
    let stopped = Mimic::ALL[0].prepare(&fixtures().join("hard3"), &mut |_, _| {
        seen += 1;
        if seen == 3 { Err(Full) } else { Ok(()) }
    });
    assert!(stopped.is_err());
    assert_eq!(seen, 3);
}

#[test]
fn the_tally_says_what_was_left_out() {
    let (splits, tally) = Mimic::ALL[1].read_noting(&fixtures().join("hard3")).unwrap();
    assert_eq!(tally.examples, [splits.train.len(), splits.validation.len(), splits.test.len()]);
    let text = tally.to_string();
    for part in ["50 notes, 40 of them discharge summaries", "1 of newborns", "2 repeated", "6 ended in death"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!text.contains("in no list"), "{text}");
}

/// Pieces of the tables, shuffled.
fn almost() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "\"",
        "\"\"",
        ",",
        "\n",
        "\r\n",
        "\u{feff}",
        "é",
        ":",
        "1",
        "11",
        "2130-01-05",
        "Discharge summary",
        "Report",
        "Chief Complaint:",
        "Physical Exam:",
        "Family history:",
        "\n\nX:",
        "pt has died",
        "[]",
        HEADER,
        ROW,
        ADMISSIONS,
        "note_id,subject_id,hadm_id,note_type,note_seq,charttime,storetime,text\n",
        ",1,11,DS,1,2130-01-05 00:00:00,,\"",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn check_tables(admissions: &[u8], notes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [("admissions.csv", admissions), ("noteevents.csv", notes), ("discharge.csv", notes)] {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    for name in ["mimic_train.csv", "mimic_val.csv", "mimic_test.csv"] {
        fs::write(folder.path().join(name), "SUBJECT_ID\n1\n").unwrap();
    }
    for recipe in Mimic::ALL {
        for as_published in [false, true] {
            let read = Mimic { as_published, ..recipe }.prepare(folder.path(), &mut |_, example| {
                assert!(example.text.starts_with("CHIEF COMPLAINT: ") && example.text.contains("\n\nSOCIAL HISTORY: "));
                Ok::<(), Error>(())
            });
            // One patient is never enough for three splits.
            assert!(read.is_err());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check_tables(&bytes, &bytes);
        check_tables(ADMISSIONS.as_bytes(), &[HEADER.as_bytes(), &bytes].concat());
    }

    #[test]
    fn tables_that_almost_are_some_are_read_or_refused(rows in almost()) {
        check_tables(ADMISSIONS.as_bytes(), rows.as_bytes());
        check_tables(ADMISSIONS.as_bytes(), format!("{HEADER}{ROW}{rows}").as_bytes());
        check_tables(rows.as_bytes(), HEADER.as_bytes());
    }

    /// Whatever stands in a section is found again, on one line.
    #[test]
    fn sections_round_trip(words in prop::collection::vec("[a-zé\"',;()\\[\\]µ-]{1,9}", 1..30), width in 1..9_usize) {
        let told = words.chunks(width).map(|line| line.join(" ")).collect::<Vec<_>>();
        prop_assume!(!told[0].starts_with("[]"));
        let note = format!("Chief Complaint:\n{}\n\nHospital Course:\nx", told.join("\n"));
        let mut admissions = ADMISSIONS.to_owned();
        let mut notes = HEADER.to_owned();
        for patient in 100..200 {
            admissions.push_str(&format!("{patient},{patient},2130-01-01 00:00:00,2130-01-05 00:00:00,URGENT,1\n"));
            let quoted = format!("{patient}\n{note}").replace('"', "\"\"");
            notes.push_str(&format!("1,{patient},{patient},2130-01-05,Discharge summary,Report,,\"{quoted}\"\n"));
        }
        let folder = folder(&[("ADMISSIONS.csv", &admissions), ("NOTEEVENTS.csv", &notes)]);
        let splits = Mimic::ALL[0].read(folder.path()).unwrap();
        prop_assert_eq!(splits.train.len() + splits.validation.len() + splits.test.len(), 100);
        let expected = format!("CHIEF COMPLAINT: {}\n\nPRESENT ILLNESS: \n", told.join(" "));
        prop_assert!(splits.test[0].text.starts_with(&expected), "{}", splits.test[0].text);
    }
}
