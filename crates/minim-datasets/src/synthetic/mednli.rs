//! The twin of MedNLI: three files of JSON lines, a premise and a hypothesis each.
//!
//! The rule: a premise asserts one finding, denies another, and says of a third that a relative had it or that it is feared. A
//! hypothesis says of one of them that the patient has it, or has not: of the first two this follows or is contradicted, of the
//! third neither. Each premise comes with one hypothesis of each label. As in the real corpus the hypothesis alone gives a little
//! away (two contradictions in three deny); the words of both sentences without their order tell no more than that.

use std::path::Path;

use serde::Serialize;

use super::draw::Draw;
use super::grammar::Grammar;
use super::icd9_triage::{card, sizes};
use super::{ENTITIES, Error, PEOPLE, save};
use crate::mednli::LABELS;

pub(super) const GRAMMAR: &[&str] = &[PEOPLE, ENTITIES, include_str!("mortality.txt"), include_str!("mednli.txt")];

/// Pairs of the release's three files.
const SIZES: [usize; 3] = [11_232, 1_395, 1_422];

const SYSTEMS: [&str; 7] = ["respiratory", "circulatory", "renal", "hepatic", "neurologic", "infectious", "bleeding"];

/// A line, with the keys of the release.
#[derive(Serialize)]
struct Pair<'a> {
    sentence1: &'a str,
    #[serde(rename = "pairID")]
    pair_id: String,
    sentence1_parse: String,
    sentence1_binary_parse: String,
    sentence2: &'a str,
    sentence2_parse: String,
    sentence2_binary_parse: String,
    gold_label: &'a str,
}

/// Writes the twin.
pub(super) fn write(out: &Path, size: usize, seed: u64) -> Result<(), Error> {
    std::fs::create_dir_all(out).map_err(|source| Error::Write { path: out.to_owned(), source })?;
    let grammar = Grammar::read(GRAMMAR);
    let sizes = sizes(size, SIZES);
    let files = ["mli_train_v1.jsonl", "mli_dev_v1.jsonl", "mli_test_v1.jsonl"];
    for ((file, split), size) in files.iter().zip(["train", "validation", "test"]).zip(sizes) {
        let mut draw = Draw::stream(seed, &format!("mednli/{split}"));
        let mut text = String::new();
        let mut made = 0;
        while made < size {
            let premise = Premise::draw(&grammar, &mut draw);
            let mut labels = [0, 1, 2];
            draw.shuffle(&mut labels);
            for label in labels.into_iter().take(size - made) {
                let hypothesis = premise.hypothesis(&grammar, &mut draw, label);
                text.push_str(&line(
                    &premise.text,
                    &hypothesis,
                    LABELS[label],
                    &format!("synthetic-{split}-{made:06}"),
                ));
                made += 1;
            }
            // As in SNLI, now and then the annotators do not agree.
            if draw.chance(1) {
                let hypothesis = premise.hypothesis(&grammar, &mut draw, 1);
                text.push_str(&line(&premise.text, &hypothesis, "-", &format!("synthetic-{split}-{made:06}-none")));
            }
        }
        save(&out.join(file), &text)?;
    }
    save(&out.join("card.toml"), &card("mednli", &LABELS, "pairs", size, seed, sizes))
}

/// A premise and its findings: asserted, denied, and neither.
struct Premise {
    text: String,
    findings: [&'static str; 3],
}

impl Premise {
    fn draw(grammar: &Grammar, draw: &mut Draw) -> Self {
        let mut findings: Vec<&'static str> = Vec::new();
        while findings.len() < 3 {
            let severe = if draw.chance(50) { "severe" } else { "mild" };
            let list = format!("{severe}.{}", SYSTEMS[draw.below(SYSTEMS.len())]);
            let finding = grammar.pick(draw, &list);
            if !findings.contains(&finding) {
                findings.push(finding);
            }
        }
        let findings = [findings[0], findings[1], findings[2]];
        let open = if draw.chance(50) { "family" } else { "possible" };
        let mut sentences: Vec<String> = ["present", "absent", open]
            .iter()
            .zip(findings)
            .map(|(list, finding)| {
                let template = grammar.pick(draw, list);
                grammar.expand_with(draw, template, "list", finding)
            })
            .collect();
        draw.shuffle(&mut sentences);
        let opening = if draw.chance(30) { grammar.draw(draw, "opening") + " " } else { String::new() };
        let parting = if draw.chance(50) { ", " } else { ". " };
        Self { text: format!("{opening}{}.", sentences.join(parting)), findings }
    }

    fn hypothesis(&self, grammar: &Grammar, draw: &mut Draw, label: usize) -> String {
        let asserts = draw.chance([35, 50, 65][label]);
        let finding = match (LABELS[label], asserts) {
            ("neutral", _) => self.findings[2],
            ("entailment", true) | ("contradiction", false) => self.findings[0],
            _ => self.findings[1],
        };
        let template = grammar.pick(draw, if asserts { "hypothesis.yes" } else { "hypothesis.no" });
        let text = grammar.expand_with(draw, template, "list", finding);
        let mut letters = text.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
    }
}

fn line(premise: &str, hypothesis: &str, label: &str, id: &str) -> String {
    let pair = Pair {
        sentence1: premise,
        pair_id: id.to_owned(),
        sentence1_parse: parse(premise),
        sentence1_binary_parse: binary_parse(premise),
        sentence2: hypothesis,
        sentence2_parse: parse(hypothesis),
        sentence2_binary_parse: binary_parse(hypothesis),
        gold_label: label,
    };
    // Strings alone always serialise.
    serde_json::to_string(&pair).expect("strings serialise") + "\n"
}

/// In the place of a parse: flat, every word of one class.
fn parse(sentence: &str) -> String {
    let words: Vec<String> = sentence.split(' ').map(|word| format!("(X {word})")).collect();
    format!("(ROOT (S {}))", words.join(" "))
}

/// In the place of a binary parse: branching to the right.
fn binary_parse(sentence: &str) -> String {
    let words: Vec<&str> = sentence.split(' ').collect();
    let (last, first) = words.split_last().map_or(("", &[][..]), |(last, first)| (*last, first));
    let open: String = first.iter().map(|word| format!("( {word} ")).collect();
    format!("{open}{last}{}", " )".repeat(first.len()))
}
