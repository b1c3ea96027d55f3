//! The twins of MIMIC-III and MIMIC-IV: the tables that the recipe reads, in their raw form.
//!
//! The tables are written as they are made up, admission by admission, so that they may be of any size. Of the quirks of the real
//! tables they have: names and dates masked in the manner of each release, quotes and line ends within fields, categories that end
//! in a space, notes without an admission or of one that is not in the table, admissions without a note, newborns, addenda (before
//! and after their report in the file), repeated notes, notes marked as errors, empty notes, missing sections, `[]`, notes in CRLF, letters
//! beyond ASCII, patients with several stays, stays that end before they begin, and notes that tell the outcome.

use std::path::Path;

use super::card::SyntheticCard;
use super::draw::Draw;
use super::grammar::Grammar;
use super::mimic_admission::{Admission, Pool};
use super::mimic_tables::Tables;
use super::{ENTITIES, Error, PEOPLE, save};
use crate::document_split::split_of;
use crate::mimic::{Mimic, Outcome, Release};

pub(super) const GRAMMAR: &[&str] = &[PEOPLE, ENTITIES, include_str!("mortality.txt"), include_str!("mimic.txt")];

/// Other notes for each summary, unless a caller asks for as many as the real table has.
const OTHERS: usize = 4;

/// Writes the twin of the tables of a release.
pub(super) fn write(recipe: Mimic, out: &Path, size: usize, seed: u64) -> Result<(), Error> {
    write_tables(recipe, out, size, seed, OTHERS)
}

/// Writes the twin of MIMIC-III's tables with so many other notes for each discharge summary; the real table has 34, and with
/// them, and 73,000 admissions, about four gigabytes.
///
/// # Errors
/// [`Error::Write`] for a file that cannot be written.
pub fn write_noteevents(out: &Path, admissions: usize, seed: u64, others: usize) -> Result<(), Error> {
    write_tables(Mimic::ALL[0], out, admissions, seed, others)
}

fn write_tables(recipe: Mimic, out: &Path, size: usize, seed: u64, others: usize) -> Result<(), Error> {
    let mut tables = Tables::create(recipe.release, out)?;
    let grammar = Grammar::read(GRAMMAR);
    let pool = Pool::fill(&grammar, seed);
    let mut found = [[0; 3]; 2];
    let mut patient = first_patient(recipe.release);
    let mut people = Vec::with_capacity(size);
    for place in 0..size {
        let mut draw = Draw::stream(seed, &format!("{}/{place}", recipe.release.corpus()));
        if place > 0 && !draw.chance(20) {
            patient += draw.between(1, 3) as u64;
        }
        let admission = Admission::draw(recipe.release, place, patient, &grammar, &mut draw);
        let split = split_of(recipe.release.corpus(), &patient.to_string()) as usize;
        found[0][split] += usize::from(admission.example && !admission.told);
        found[1][split] += usize::from(admission.example && !admission.stay.died() && admission.hours >= 0);
        tables.admission(&admission)?;
        admission.summaries(&grammar, &pool, &mut draw, &mut tables)?;
        people.push((patient, admission.number, admission.day));
    }
    if recipe.release == Release::Three {
        for (place, (patient, number, day)) in people.iter().enumerate() {
            let mut draw = Draw::stream(seed, &format!("mimic3/others/{place}"));
            for _ in 0..draw.between(others / 2, others + others.div_ceil(2)) {
                tables.other(&pool, &mut draw, *patient, *number, *day)?;
            }
        }
        write_lists(out, &people)?;
    }
    tables.finish()?;
    write_card(recipe, out, size, seed, found[usize::from(recipe.outcome == Outcome::LengthOfStay)])
}

fn first_patient(release: Release) -> u64 {
    match release {
        Release::Three => 3,
        Release::Four => 10_000_032,
    }
}

/// The lists of patients that the study's own variant needs, one line for each admission.
fn write_lists(out: &Path, people: &[(u64, u64, i64)]) -> Result<(), Error> {
    let mut lists = ["SUBJECT_ID\n"; 3].map(str::to_owned);
    for (patient, ..) in people {
        lists[split_of("mimic3", &patient.to_string()) as usize].push_str(&format!("{patient}\n"));
    }
    for (name, list) in ["mimic_train.csv", "mimic_val.csv", "mimic_test.csv"].iter().zip(&lists) {
        save(&out.join(name), list)?;
    }
    Ok(())
}

/// The card that stands beside the tables, in the form of [`Card`](crate::Card).
fn write_card(recipe: Mimic, out: &Path, size: usize, seed: u64, found: [usize; 3]) -> Result<(), Error> {
    let name = recipe.name();
    let [train, validation, test] = found;
    let labels = recipe.labels();
    let labels: Vec<&str> = labels.names().iter().map(String::as_str).collect();
    let card = SyntheticCard {
        name,
        reader: name,
        task: "sequence-classification",
        source: format!(", as the tables that {name} reads; no patient, no other corpus."),
        command: name,
        size,
        seed,
        splits: format!(
            "{size} admissions, split by patient as the reader splits; those that it leaves out are not counted below."
        ),
        labels: &labels,
        flaw: Some("The outcome follows from what the text says, by a rule: real outcomes do not."),
        expected: &[("train", train), ("validation", validation), ("test", test)],
    };
    save(&out.join("card.toml"), &card.text())
}
