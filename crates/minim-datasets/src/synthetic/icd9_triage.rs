//! The twin of ICD-9 triage: three CSV files of a note, its team and the team's number.
//!
//! The rule: the note is for the team of the one finding that is asserted of the patient, now. Three findings of other teams are
//! denied, long over, a relative's or only feared, and they are of the frequent teams as often as of the rare ones, so that a
//! word of a team says little about the note's team.

use std::path::Path;

use super::draw::Draw;
use super::grammar::Grammar;
use super::mimic_note::{prose, wrap};
use super::{ENTITIES, Error, PEOPLE, list, save};
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
    let mut sentences = Vec::new();
    let mut elsewhere = ["absent", "historical", "family", "possible"].to_vec();
    draw.shuffle(&mut elsewhere);
    for (place, team) in teams.iter().enumerate() {
        let finding = grammar.pick(draw, &format!("team.{}", LABELS[*team]));
        let kind = if place == 0 { "present" } else { elsewhere[place] };
        let template = grammar.pick(draw, kind);
        sentences.push(grammar.expand_with(draw, template, "list", finding));
    }
    draw.shuffle(&mut sentences);
    sentences.insert(0, grammar.draw(draw, "illness.opening"));
    if draw.chance(50) {
        sentences.push(grammar.draw(draw, "social.line"));
    }
    let vitals = if draw.chance(50) { "vitals.good" } else { "vitals.bad" };
    sentences.push(grammar.draw(draw, vitals));
    let mut text = prose(&sentences);
    if draw.chance(10) {
        text.push_str(" Says it is \"not new\".");
    }
    (if draw.chance(40) { wrap(&text, 74) } else { text }, teams[0])
}

/// A twin's card, in the form of [`Card`](crate::Card).
pub(super) fn card(name: &str, labels: &[&str], what: &str, size: usize, seed: u64, sizes: [usize; 3]) -> String {
    let [train, validation, test] = sizes;
    let labels = list(labels);
    format!(
        r#"name = "synthetic-{name}"
reader = "{name}"
task = "sequence-classification"
source = "Synthetic: written by this project from its own word lists and templates, in the files of {name}; no patient, no other corpus."
licence = "MIT OR Apache-2.0"
how_to_get = "cargo xtask data synth {name} --out DIR --size {size} --seed {seed}"
splits = "Seed {seed}: {train} train, {validation} validation and {test} test {what}, in the proportions of the study."
labels = {labels}
flaws = [
  "Synthetic: a score on it says nothing about clinical quality.",
  "Written from templates: a model can learn the templates.",
]
synthetic = true

[expected]
train = {train}
validation = {validation}
test = {test}
"#
    )
}
