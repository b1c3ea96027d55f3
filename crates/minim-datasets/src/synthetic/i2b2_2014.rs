//! The synthetic twin of i2b2 2014: several records of each patient, with all that identifies a person tagged in XML.
//!
//! A patient's name, age and record number recur through the records. Surnames are also words, cities and diseases, and numbers are
//! also doses and results, so that the context decides. The quirks: tags that cut words (`45yo`, `Brown's`, `5/12/60/fever`),
//! tags over two lines, letters beyond ASCII, `\r\n`, and the two mistakes of the release in their records, 180-03 (offsets
//! four too high behind one place) and 188-05 (`and` in the tag for `&` in the record).

use std::path::Path;

use super::annotated::{Composer, Line, Mention};
use super::draw::Draw;
use super::grammar::Grammar;
use super::i2b2::{NOTICE, Twin, parts, write_card, write_file};
use super::i2b2_xml::{NoteText, Style, Tag, file};
use super::{ENTITIES, Error, PEOPLE};
use crate::document_split::Split;
use crate::i2b2_2014::{CORPUS, KINDS};
use crate::official_parts::training_split_of;

pub(super) const GRAMMAR: &[&str] = &[PEOPLE, ENTITIES, include_str!("i2b2_2014.txt")];

/// Records of the two parts of the release.
const RELEASE: [usize; 2] = [790, 514];

/// The patients of the release's mistakes; they come first.
const FLAWED: [usize; 2] = [180, 188];

/// Lists of rare lines, and in how many records of a hundred each stands.
const RARE: [(&str, usize); 7] = [
    ("rare.FAX", 3),
    ("rare.DEVICE", 3),
    ("rare.LOCATION-OTHER", 3),
    ("rare.EMAIL", 2),
    ("rare.URL", 1),
    ("rare.HEALTHPLAN", 1),
    ("rare.BIOID", 1),
];

/// The lists of a section's lines, and how many it has at least and at most.
const SECTIONS: [(&str, usize, usize); 4] = [("present", 3, 6), ("course", 4, 10), ("social", 1, 4), ("course", 2, 6)];

/// Who the records are of.
struct Patient {
    number: usize,
    surname: String,
    given: String,
    age: String,
    record_number: String,
    hospital: String,
    doctor: String,
}

/// A record: its file, and what it was meant to say.
struct Record {
    file: String,
    /// Kind and words, without spaces, of every tag.
    #[cfg_attr(not(test), expect(dead_code, reason = "what the tests hold the reader against"))]
    meant: Vec<(&'static str, String)>,
}

/// The lists that records begin with.
#[cfg(test)]
pub(super) fn lists() -> Vec<&'static str> {
    let sections = SECTIONS.iter().map(|(list, ..)| *list);
    let of_patients = ["SURNAME", "GIVEN", "AGE", "MEDICALRECORD", "HOSPITAL", "DOCTOR"];
    let rare = RARE.iter().map(|(list, _)| *list);
    sections.chain(rare).chain(of_patients).chain(["header", "closing", "section"]).collect()
}

/// Writes the archive.
pub(super) fn write(out: &Path, size: usize, seed: u64) -> Result<(), Error> {
    let grammar = Grammar::read(GRAMMAR);
    let documents = parts(size, RELEASE[0], RELEASE[1]);
    for (part, wanted) in documents.into_iter().enumerate() {
        let mut written = 0;
        for number in patients(part) {
            // Two patients at the least, so that one can validate.
            let records = records_of(seed, number).min(wanted.div_ceil(2)).min(wanted - written);
            let patient = Patient::new(&grammar, seed, number);
            for record_number in 1..=records {
                let folder = match part {
                    0 if written * 3 < wanted * 2 => "training-PHI-Gold-Set1",
                    0 => "training-PHI-Gold-Set2",
                    _ => "testing-PHI-Gold-fixed",
                };
                let record = record(&grammar, seed, &patient, record_number);
                write_file(&out.join(folder).join(format!("{number}-{record_number:02}.xml")), &record.file)?;
                written += 1;
            }
            if written == wanted {
                break;
            }
        }
    }
    write_card(out, &Twin { name: CORPUS, documents, size, seed })
}

/// The patients of a part, without end: even numbers train, odd ones test. The first two of the training part are one that
/// trains and one that validates, whatever the size; those with the mistakes follow.
fn patients(part: usize) -> Box<dyn Iterator<Item = usize>> {
    const FIRST: usize = 210;
    if part == 1 {
        return Box::new((FIRST + 1..).step_by(2));
    }
    let first_in = |split: Split| {
        let mut numbers = (FIRST..).step_by(2);
        numbers.find(|number| training_split_of(CORPUS, &number.to_string()) == split).unwrap_or(FIRST)
    };
    let first = [first_in(Split::Train), first_in(Split::Validation)];
    let others = (FIRST..).step_by(2).filter(move |number| !first.contains(number));
    Box::new(first.into_iter().chain(FLAWED).chain(others))
}

fn records_of(seed: u64, number: usize) -> usize {
    let mut draw = Draw::stream(seed, &format!("{CORPUS}/{number}/records"));
    if FLAWED.contains(&number) { 5 } else { draw.between(2, 5) }
}

impl Patient {
    fn new(grammar: &Grammar, seed: u64, number: usize) -> Self {
        let draw = &mut Draw::stream(seed, &format!("{CORPUS}/{number}"));
        let mut value = |list: &str| grammar.draw(draw, list);
        Self {
            number,
            surname: value("SURNAME"),
            given: value("GIVEN"),
            age: value("AGE"),
            record_number: value("MEDICALRECORD"),
            hospital: value("HOSPITAL"),
            doctor: value("DOCTOR"),
        }
    }
}

fn record(grammar: &Grammar, seed: u64, patient: &Patient, number: usize) -> Record {
    let draw = &mut Draw::stream(seed, &format!("{CORPUS}/{}-{number:02}", patient.number));
    let slots: Vec<(&str, &str)> =
        KINDS.iter().map(|&kind| (kind, kind)).chain([("PATIENT_FULL", "PATIENT"), ("PATIENT_AGE", "AGE")]).collect();
    let composer = Composer { grammar, kinds: &KINDS, slots: &slots };
    let style = Style {
        root: "deIdi2b2",
        id: Some("P"),
        raw_ampersands: false,
        line_end: if draw.chance(10) { "\r\n" } else { "\n" },
    };
    let full = match draw.below(3) {
        0 => format!("{}, {}", patient.surname.to_uppercase(), patient.given.to_uppercase()),
        1 => format!("{}, {}", patient.surname, patient.given),
        _ => format!("{} {}", patient.given, patient.surname),
    };
    let line = |draw: &mut Draw, list: &str, own: usize| {
        let (own_hospital, own_doctor) = (draw.chance(60), draw.chance(own));
        let value = |slot: &str| match slot {
            "PATIENT" => Some(patient.surname.clone()),
            "PATIENT_FULL" => Some(full.clone()),
            "PATIENT_AGE" => Some(patient.age.clone()),
            "MEDICALRECORD" => Some(patient.record_number.clone()),
            "HOSPITAL" if own_hospital => Some(patient.hospital.clone()),
            "DOCTOR" if own_doctor => Some(patient.doctor.clone()),
            _ => None,
        };
        let mut line = composer.line(draw, list, &value);
        line.capitalize();
        line
    };
    let plain = |text: &str| Line { text: text.to_owned(), mentions: Vec::new() };

    let mut lines = vec![plain(NOTICE)];
    lines.extend((0..draw.between(2, 5)).map(|_| line(draw, "header", 70)));
    // From this line on, offsets are too high.
    let shifted = (patient.number == FLAWED[0] && number == 3).then_some(lines.len());
    if shifted.is_some() {
        lines.push(stated("0808 Effingham Street", "STREET", 0..21));
    }
    for (list, fewest, most) in SECTIONS {
        lines.push(plain(&grammar.draw(draw, "section")));
        for _ in 0..draw.between(fewest, most) {
            let mut paragraph = line(draw, list, 20);
            while draw.chance(45) {
                paragraph.append(line(draw, list, 20));
            }
            lines.push(paragraph);
        }
        lines.push(plain(""));
    }
    if patient.number == FLAWED[1] && number == 5 {
        lines.push(stated("Retired from Johnson & Johnson.", "ORGANIZATION", 13..30));
    }
    for (list, percent) in RARE {
        if draw.chance(percent) {
            lines.push(line(draw, list, 0));
        }
    }
    lines.extend((0..draw.between(1, 4)).map(|_| line(draw, "closing", 70)));

    let mut note = NoteText { text: "\n\n\n".to_owned() };
    let (mut tags, mut meant) = (Vec::new(), Vec::new());
    for (place, mut line) in lines.into_iter().enumerate() {
        if draw.chance(2) {
            let place = draw.below(line.mentions.len());
            line.break_inside(place);
        }
        let at = note.push(&line);
        for Mention { kind, start, end, .. } in line.mentions {
            let words = &line.text[start..end];
            meant.push((kind, words.split_whitespace().collect()));
            tags.push(Tag {
                element: element(kind),
                start: at + start,
                end: at + end,
                off_by: if shifted.is_some_and(|first| place >= first) { 4 } else { 0 },
                text: (words == "Johnson & Johnson").then(|| words.replace('&', "and")),
                attributes: format!(" TYPE=\"{kind}\" comment=\"\""),
            });
        }
    }
    Record { file: file(&note.text, &tags, style), meant }
}

/// A line with one mention.
fn stated(text: &str, kind: &'static str, range: std::ops::Range<usize>) -> Line {
    let mention = Mention { kind, start: range.start, end: range.end, negated: false };
    Line { text: text.to_owned(), mentions: vec![mention] }
}

/// The element that the guideline gives a type.
fn element(kind: &str) -> &'static str {
    match kind {
        "PATIENT" | "DOCTOR" | "USERNAME" => "NAME",
        "PROFESSION" => "PROFESSION",
        "AGE" => "AGE",
        "DATE" => "DATE",
        "PHONE" | "FAX" | "EMAIL" | "URL" => "CONTACT",
        "MEDICALRECORD" | "HEALTHPLAN" | "DEVICE" | "BIOID" | "IDNUM" => "ID",
        _ => "LOCATION",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::I2b2Phi;
    use crate::synthetic::i2b2_xml::written_and_read;

    #[test]
    fn the_reader_finds_what_was_meant() {
        let (documents, counts) = written_and_read(write, |root| I2b2Phi::default().read_noting(root));
        let grammar = Grammar::read(GRAMMAR);
        let mut meant = 0;
        for (name, found) in &documents {
            let (number, record_number) = name.split_once('-').unwrap();
            let patient = Patient::new(&grammar, 5, number.parse().unwrap());
            let record = record(&grammar, 5, &patient, record_number.parse().unwrap());
            let expected: Vec<_> = record.meant.iter().map(|(kind, text)| ((*kind).to_owned(), text.clone())).collect();
            assert!(*found == expected, "{name}: {} of {}", found.len(), expected.len());
            meant += expected.len();
        }
        assert_eq!((counts.documents, counts.annotations), (documents.len(), meant));
        assert_eq!((counts.overlapping, counts.unverified), (0, 0));
        assert!(counts.over_lines > 0 && counts.moved > 1, "{counts}");
        assert!(documents.contains_key("180-03") && documents.contains_key("188-05"));
    }

    #[test]
    fn types_have_about_the_shares_of_the_corpus() {
        let grammar = Grammar::read(GRAMMAR);
        let records = (210..410).flat_map(|number| {
            let patient = Patient::new(&grammar, 1, number);
            record(&grammar, 1, &patient, 1).meant
        });
        let meant: Vec<_> = records.collect();
        let share = |kind: &str| meant.iter().filter(|(found, _)| *found == kind).count() as f64 / meant.len() as f64;
        for (kind, range) in [
            ("DATE", 0.30..0.50),
            ("DOCTOR", 0.12..0.24),
            ("HOSPITAL", 0.05..0.14),
            ("PATIENT", 0.05..0.12),
            ("AGE", 0.04..0.11),
            ("MEDICALRECORD", 0.01..0.06),
            ("CITY", 0.01..0.07),
        ] {
            assert!(range.contains(&share(kind)), "{kind}: {}", share(kind));
        }
        for kind in KINDS {
            assert!(share(kind) > 0.0, "{kind}");
        }
    }
}
