//! `synthetic-mortality`: short admission notes with a binary outcome, for sequence classification.
//!
//! The rule: the outcome is 1 when a severe finding is asserted of the patient, now. A severe finding that is denied, long over,
//! a relative's, or only feared does not count. Severe and mild findings, and all the cues, occur in both classes; a third of
//! the notes with outcome 0 mention a severe finding, so that what decides is which cue stands with which finding. Vital signs and laboratory values lean towards the outcome without deciding it.

use super::draw::Draw;
use super::grammar::Grammar;

/// Label names, as they stand in the label column.
pub(super) const LABELS: [&str; 2] = ["0", "1"];

const SYSTEMS: [&str; 7] = ["respiratory", "circulatory", "renal", "hepatic", "neurologic", "infectious", "bleeding"];

/// Percent of the notes with outcome 1.
const POSITIVE: usize = 40;

/// How a note speaks of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Assertion {
    Present,
    Absent,
    Historical,
    Family,
    Possible,
}

impl Assertion {
    /// The list of sentences that speak so.
    fn list(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Absent => "absent",
            Self::Historical => "historical",
            Self::Family => "family",
            Self::Possible => "possible",
        }
    }
}

/// One finding and how the note speaks of it.
#[derive(Debug, Clone)]
struct Finding {
    text: &'static str,
    system: usize,
    severe: bool,
    assertion: Assertion,
}

/// A note and its outcome.
pub(super) struct Note {
    /// The text, one line.
    pub(super) text: String,
    /// 0 or 1.
    pub(super) label: usize,
}

/// The rule.
fn outcome(findings: &[Finding]) -> usize {
    usize::from(findings.iter().any(|finding| finding.severe && finding.assertion == Assertion::Present))
}

/// One labelled note.
pub(super) fn note(grammar: &Grammar, draw: &mut Draw) -> Note {
    let findings = few_findings(grammar, draw);
    let label = outcome(&findings);
    let text = write(grammar, draw, &findings, label, false);
    Note { text, label }
}

/// One unlabelled note for pre-training: it ends by restating what is active and what is not.
pub(super) fn restated(grammar: &Grammar, draw: &mut Draw) -> String {
    let findings = many_findings(grammar, draw);
    // With so many findings, measurements lean with two failing organ systems.
    let mut failing = [false; SYSTEMS.len()];
    for finding in findings.iter().filter(|finding| finding.severe && finding.assertion == Assertion::Present) {
        failing[finding.system] = true;
    }
    let grave = failing.iter().filter(|&&failing| failing).count() >= 2;
    write(grammar, draw, &findings, usize::from(grave), true)
}

/// The findings of a labelled note, all different: two of the patient's now, one or two that are not.
fn few_findings(grammar: &Grammar, draw: &mut Draw) -> Vec<Finding> {
    let mut systems: Vec<usize> = (0..SYSTEMS.len()).collect();
    draw.shuffle(&mut systems);
    let severe_total = draw.between(1, 2);
    let (present_severe, severe_total) = if draw.chance(POSITIVE) {
        (systems[..severe_total].to_vec(), severe_total)
    } else {
        // Enough that a severe word alone misleads, few enough that some hundred examples teach the rest.
        (Vec::new(), if draw.chance(35) { 1 } else { 0 })
    };
    let severe_elsewhere = severe_total - present_severe.len();
    let others = draw.between(1, 2).max(severe_elsewhere);
    mix(grammar, draw, &present_severe, 2, severe_elsewhere, others)
}

/// The findings of a note for pre-training, all different: more of everything, so that a short text teaches much.
fn many_findings(grammar: &Grammar, draw: &mut Draw) -> Vec<Finding> {
    let mut systems: Vec<usize> = (0..SYSTEMS.len()).collect();
    draw.shuffle(&mut systems);
    let severe_total = draw.between(3, 4);
    let (present_severe, severe_total) = if draw.chance(26) {
        (systems[..draw.between(2, 3)].to_vec(), severe_total)
    } else {
        match draw.weighted(&[50, 18, 7, 25]) {
            0 => (Vec::new(), severe_total),
            1 => (vec![systems[0]], severe_total),
            2 => (vec![systems[0], systems[0]], severe_total),
            _ => (Vec::new(), draw.below(2)),
        }
    };
    let severe_elsewhere = severe_total.saturating_sub(present_severe.len());
    let others = draw.between(3, 4).max(severe_elsewhere);
    mix(grammar, draw, &present_severe, 3, severe_elsewhere, others)
}

/// `present_total` findings that are the patient's now, severe ones in the systems of `present_severe`, and `others` that are not, of which
/// `severe_elsewhere` are severe.
fn mix(
    grammar: &Grammar,
    draw: &mut Draw,
    present_severe: &[usize],
    present_total: usize,
    severe_elsewhere: usize,
    others: usize,
) -> Vec<Finding> {
    let mut assertions = vec![Assertion::Absent];
    while assertions.len() < others {
        assertions.push(match draw.weighted(&[40, 20, 25, 15]) {
            0 => Assertion::Absent,
            1 => Assertion::Historical,
            2 => Assertion::Family,
            _ => Assertion::Possible,
        });
    }
    draw.shuffle(&mut assertions);

    let mut found: Vec<Finding> = Vec::new();
    for place in 0..present_total {
        let severe = place < present_severe.len();
        let system = present_severe.get(place).copied().unwrap_or_else(|| draw.below(SYSTEMS.len()));
        found.push(finding(grammar, draw, &found, system, severe, Assertion::Present));
    }
    for (place, assertion) in assertions.into_iter().enumerate() {
        let system = draw.below(SYSTEMS.len());
        found.push(finding(grammar, draw, &found, system, place < severe_elsewhere, assertion));
    }
    draw.shuffle(&mut found);
    found
}

/// A finding that the note does not have yet.
fn finding(
    grammar: &Grammar,
    draw: &mut Draw,
    taken: &[Finding],
    system: usize,
    severe: bool,
    assertion: Assertion,
) -> Finding {
    let list = format!("{}.{}", if severe { "severe" } else { "mild" }, SYSTEMS[system]);
    loop {
        let text = grammar.pick(draw, &list);
        if taken.iter().all(|other| other.text != text) {
            return Finding { text, system, severe, assertion };
        }
    }
}

/// The note's text: opening, history and family, present illness, measurements, plan.
fn write(grammar: &Grammar, draw: &mut Draw, findings: &[Finding], label: usize, restate: bool) -> String {
    let mut sentences = vec![grammar.draw(draw, "opening")];
    let mut illness = statements(grammar, draw, findings, Assertion::Present);
    illness.extend(statements(grammar, draw, findings, Assertion::Absent));
    draw.shuffle(&mut illness);
    let mut past = statements(grammar, draw, findings, Assertion::Historical);
    past.extend(statements(grammar, draw, findings, Assertion::Family));
    if draw.chance(35) {
        past.push(grammar.draw(draw, "history"));
    }
    draw.shuffle(&mut past);
    if draw.chance(50) {
        sentences.extend(illness);
        sentences.extend(past);
    } else {
        sentences.extend(past);
        sentences.extend(illness);
    }

    // Two draws in three follow the outcome: evidence, but weak.
    for kind in ["vitals", "labs"] {
        if draw.chance(35) {
            let bad = if draw.chance(66) { label == 1 } else { draw.chance(50) };
            let list = format!("{kind}.{}", if bad { "bad" } else { "good" });
            sentences.push(grammar.draw(draw, &list));
        }
    }
    sentences.extend(statements(grammar, draw, findings, Assertion::Possible));
    if draw.chance(45) {
        sentences.push(grammar.draw(draw, "plan"));
    }
    if restate {
        let (active, other): (Vec<&Finding>, Vec<&Finding>) =
            findings.iter().partition(|finding| finding.assertion == Assertion::Present);
        for (list, group) in [("impression.active", active), ("impression.other", other)] {
            let joined = group.iter().map(|finding| finding.text).collect::<Vec<_>>().join(", ");
            let template = grammar.pick(draw, list);
            sentences.push(grammar.expand_with(draw, template, "list", &joined));
        }
    }
    sentences.join(" ")
}

/// The sentences that speak of the findings with one assertion, one or two findings in each.
fn statements(grammar: &Grammar, draw: &mut Draw, findings: &[Finding], assertion: Assertion) -> Vec<String> {
    let texts: Vec<&str> =
        findings.iter().filter(|finding| finding.assertion == assertion).map(|finding| finding.text).collect();
    let word = if assertion == Assertion::Absent { "or" } else { "and" };
    let mut rest = texts.as_slice();
    let mut sentences = Vec::new();
    while !rest.is_empty() {
        let (group, tail) = rest.split_at(draw.between(1, 2).min(rest.len()));
        let template = grammar.pick(draw, assertion.list());
        let list = group.join(&format!(" {word} "));
        let mut sentence = grammar.expand_with(draw, template, "list", &list);
        sentence.push('.');
        sentences.push(sentence);
        rest = tail;
    }
    sentences
}

#[cfg(test)]
mod tests {
    use super::{Assertion, Draw, Finding, Grammar, SYSTEMS, note, outcome};
    use crate::synthetic::MORTALITY;

    fn finding(system: usize, severe: bool, assertion: Assertion) -> Finding {
        Finding { text: "", system, severe, assertion }
    }

    #[test]
    fn a_severe_finding_of_now_decides() {
        let mild = finding(1, false, Assertion::Present);
        assert_eq!(outcome(&[finding(0, true, Assertion::Present), mild.clone()]), 1);
        for assertion in [Assertion::Absent, Assertion::Historical, Assertion::Family, Assertion::Possible] {
            assert_eq!(outcome(&[mild.clone(), finding(0, true, assertion)]), 0);
        }
    }

    /// Words that say, in a sentence of the grammar, that its findings are not the patient's or not of now.
    const CUES: [&str; 24] = [
        "no",
        "not",
        "denies",
        "without",
        "negative",
        "excluded",
        "never",
        "free",
        "history",
        "h/o",
        "remote",
        "prior",
        "s/p",
        "old",
        "past",
        "previous",
        "monitor",
        "return",
        "risk",
        "counselled",
        "call",
        "precautions",
        "watch",
        "prevent",
    ];

    /// Whether whole words of a sentence are this phrase.
    fn says(sentence: &str, phrase: &str) -> bool {
        sentence.contains(&format!(" {phrase} "))
    }

    /// The outcome as a reader tells it from the text alone: severe phrases in sentences without such a word.
    fn read(grammar: &Grammar, text: &str) -> usize {
        let mut failing = false;
        for sentence in text.split(". ") {
            let sentence = format!(" {} ", sentence.replace(['.', ',', ':'], " "));
            let somebody_else = grammar.list("relative").iter().any(|relative| says(&sentence, relative));
            if somebody_else || sentence.split(' ').any(|word| CUES.contains(&word)) {
                continue;
            }
            for system in SYSTEMS {
                let list = format!("severe.{system}");
                failing |= grammar.list(&list).iter().any(|phrase| says(&sentence, phrase));
            }
        }
        usize::from(failing)
    }

    #[test]
    fn the_outcome_can_be_read_from_the_text() {
        let grammar = Grammar::read(MORTALITY);
        let mut draw = Draw::stream(3, "reader");
        let mut outcomes = [0_usize; 2];
        for place in 0..2000 {
            let note = note(&grammar, &mut draw);
            assert_eq!(read(&grammar, &note.text), note.label, "note {place}");
            outcomes[note.label] += 1;
        }
        assert!((700..900).contains(&outcomes[1]), "{outcomes:?}");
    }
}
