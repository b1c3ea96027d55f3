//! The twin of MedNLI: three files of JSON lines, a premise and a hypothesis each.
//!
//! The rule: a premise says of a finding that it is there now, was there once or was there in the family, or of one of these that
//! it is not so. A hypothesis of the same time and person follows or is contradicted, as both affirm or deny alike; one of
//! another time or person, or of another finding, is neither. Each premise comes with one hypothesis of each label, and every
//! kind of premise and of hypothesis goes with each label equally often: either sentence alone tells nothing, and the words of
//! both tell no more as long as they are only added up.

use std::collections::HashSet;
use std::iter;
use std::path::Path;

use serde::Serialize;

use super::draw::Draw;
use super::grammar::Grammar;
use super::icd9_triage::{card, sizes};
use super::{ENTITIES, Error, PEOPLE, REPEATS, save};
use crate::mednli::LABELS;

pub(super) const GRAMMAR: &[&str] = &[PEOPLE, ENTITIES, include_str!("mortality.txt"), include_str!("mednli.txt")];

/// Pairs of the release's three files.
const SIZES: [usize; 3] = [11_232, 1_395, 1_422];

const SYSTEMS: [&str; 7] = ["respiratory", "circulatory", "renal", "hepatic", "neurologic", "infectious", "bleeding"];

/// Of which time and person a sentence speaks.
const SCOPES: [&str; 3] = ["now", "past", "family"];

/// Percent of the neutral hypotheses that are about another finding.
const OTHER_FINDING: usize = 30;

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
    let mut seen = HashSet::new();
    // Train comes last, so that asking for more of it leaves the others as they are.
    for (file, split, size) in [
        ("mli_test_v1.jsonl", "test", sizes[2]),
        ("mli_dev_v1.jsonl", "validation", sizes[1]),
        ("mli_train_v1.jsonl", "train", sizes[0]),
    ] {
        let mut draw = Draw::stream(seed, &format!("mednli/{split}"));
        let mut text = String::new();
        let mut made = 0;
        while made < size {
            // No premise stands twice, let alone in two splits.
            let premise = iter::repeat_with(|| Premise::draw(&grammar, &mut draw))
                .take(REPEATS)
                .find(|premise| seen.insert(premise.text.clone()));
            let premise = premise.ok_or(Error::Exhausted { name: "mednli", split, made, wanted: size })?;
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

/// What is said of a finding: of which time and person, and whether it is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Claim {
    /// An index into [`SCOPES`].
    scope: usize,
    affirmed: bool,
}

impl Claim {
    fn draw(draw: &mut Draw) -> Self {
        Self { scope: draw.below(SCOPES.len()), affirmed: draw.chance(50) }
    }

    /// The list of sentences that say it.
    fn list(self, sentence: &str) -> String {
        format!("{sentence}.{}.{}", SCOPES[self.scope], if self.affirmed { "yes" } else { "no" })
    }

    /// What a hypothesis about the same finding says to have this label.
    fn judged(self, draw: &mut Draw, label: &str) -> Self {
        match label {
            "entailment" => self,
            "contradiction" => Self { affirmed: !self.affirmed, ..self },
            _ => Self {
                scope: (self.scope + draw.between(1, SCOPES.len() - 1)) % SCOPES.len(),
                affirmed: draw.chance(50),
            },
        }
    }
}

/// A premise, and what it says of which finding.
struct Premise {
    text: String,
    claim: Claim,
    finding: &'static str,
}

impl Premise {
    fn draw(grammar: &Grammar, draw: &mut Draw) -> Self {
        let (claim, finding) = (Claim::draw(draw), finding(grammar, draw));
        let mut sentences = vec![say(grammar, draw, &claim.list("premise"), finding)];
        for _ in 0..draw.between(0, 2) {
            sentences.push(grammar.draw(draw, "premise.aside"));
        }
        draw.shuffle(&mut sentences);
        let parting = if draw.chance(50) { ", " } else { ". " };
        Self { text: format!("{}.", sentences.join(parting)), claim, finding }
    }

    fn hypothesis(&self, grammar: &Grammar, draw: &mut Draw, label: usize) -> String {
        let elsewhere = LABELS[label] == "neutral" && draw.chance(OTHER_FINDING);
        let (claim, finding) = if elsewhere {
            let other = iter::repeat_with(|| finding(grammar, draw)).find(|other| *other != self.finding);
            (Claim::draw(draw), other.unwrap_or_default())
        } else {
            (self.claim.judged(draw, LABELS[label]), self.finding)
        };
        let text = say(grammar, draw, &claim.list("hypothesis"), finding);
        let mut letters = text.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
    }
}

fn finding(grammar: &Grammar, draw: &mut Draw) -> &'static str {
    let severe = if draw.chance(50) { "severe" } else { "mild" };
    let system = SYSTEMS[draw.below(SYSTEMS.len())];
    grammar.pick(draw, &format!("{severe}.{system}"))
}

fn say(grammar: &Grammar, draw: &mut Draw, list: &str, finding: &str) -> String {
    let template = grammar.pick(draw, list);
    grammar.expand_with(draw, template, "list", finding)
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
