//! The twin of ICD-9 triage: three CSV files of a note, its team and the team's number.
//!
//! The rule: the note is for the team of the one finding that is asserted of the patient, now. Three findings, drawn as that one
//! is, are denied, long over, a relative's or only feared. All notes have the same cues, so that the words of a note without
//! their order say which teams it may be for and not which of them: what stands beside a finding decides. The asserted one mostly
//! stands first.

use std::path::Path;

use super::card::SyntheticCard;
use super::draw::Draw;
use super::grammar::Grammar;
use super::mimic_note::{prose, wrap};
use super::{ENTITIES, Error, PEOPLE, save};
use crate::icd9_triage::LABELS;

pub(super) const GRAMMAR: &[&str] =
    &[PEOPLE, ENTITIES, include_str!("mortality.txt"), include_str!("mimic.txt"), include_str!("icd9_triage.txt")];

/// Training rows of each team in the study.
const SHARES: [usize; 7] = [213, 4981, 417, 744, 1788, 197, 1219];
/// Rows of the study's three files.
const SIZES: [usize; 3] = [9559, 3114, 3172];

/// Writes the twin.
pub(super) fn write(out: &Path, size: usize, seed: u64) -> Result<(), Error> {
    std::fs::create_dir_all(out).map_err(|source| Error::Write { path: out.to_owned(), source })?;
    let grammar = Grammar::read(GRAMMAR);
    let sizes = sizes(size, SIZES);
    for ((file, split), size) in
        [("train.csv", "train"), ("valid.csv", "validation"), ("test.csv", "test")].iter().zip(sizes)
    {
        let mut draw = Draw::stream(seed, &format!("icd9-triage/{split}"));
        let mut text = "text,triage-category,label\n".to_owned();
        for _ in 0..size {
            let (note, team) = note(&grammar, &mut draw);
            text.push_str(&format!("\"{}\",{},{team}\n", note.replace('"', "\"\""), LABELS[team]));
        }
        save(&out.join(file), &text)?;
    }
    save(&out.join("card.toml"), &card("icd9-triage", &LABELS, "rows", size, seed, sizes))
}

/// A size divided as three others are, with at least one in each.
pub(super) fn sizes(size: usize, like: [usize; 3]) -> [usize; 3] {
    let total: usize = like.iter().sum();
    let [validation, test] = [like[1], like[2]].map(|part| (size * part / total).max(1));
    [size.saturating_sub(validation + test).max(1), validation, test]
}

/// A note and its team.
fn note(grammar: &Grammar, draw: &mut Draw) -> (String, usize) {
    let mut teams: Vec<usize> = Vec::new();
    while teams.len() < 4 {
        let team = draw.weighted(&SHARES);
        if !teams.contains(&team) || draw.chance(15) {
            teams.push(team);
        }
    }
    let mut cues = ["triage.absent", "triage.past", "triage.family", "triage.feared"];
    draw.shuffle(&mut cues);
    cues[0] = "triage.present";
    let mut statements: Vec<String> = teams
        .iter()
        .zip(cues)
        .map(|(team, cue)| {
            let finding = grammar.pick(draw, &format!("team.{}", LABELS[*team]));
            let template = grammar.pick(draw, cue);
            grammar.expand_with(draw, template, "list", finding)
        })
        .collect();
    // Why somebody came often stands first.
    let first = usize::from(draw.chance(60));
    draw.shuffle(&mut statements[first..]);
    let mut sentences = vec![grammar.draw(draw, "triage.opening")];
    sentences.extend(statements);
    if draw.chance(50) {
        sentences.push(grammar.draw(draw, "triage.closing"));
    }
    let mut text = prose(&sentences);
    if draw.chance(10) {
        text.push_str(" Says it is \"not new\".");
    }
    (if draw.chance(40) { wrap(&text, 74) } else { text }, teams[0])
}

/// The card of a twin of three files.
pub(super) fn card(name: &str, labels: &[&str], what: &str, size: usize, seed: u64, sizes: [usize; 3]) -> String {
    let [train, validation, test] = sizes;
    SyntheticCard {
        name,
        reader: name,
        task: "sequence-classification",
        source: format!(", in the files of {name}; no patient, no other corpus."),
        command: name,
        size,
        seed,
        splits: format!(
            "{train} train, {validation} validation and {test} test {what}, in the proportions of the study."
        ),
        labels,
        flaw: None,
        expected: &[("train", train), ("validation", validation), ("test", test)],
    }
    .text()
}
