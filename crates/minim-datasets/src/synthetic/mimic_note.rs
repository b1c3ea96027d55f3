//! One discharge summary of the twins of MIMIC: a patient, the story that is told of them, and how a writer lays it out.
//!
//! The rule: none, one or two of a patient's organs fail now, the patient was frail before or not, and is to be operated on or
//! not. Two failing organs are fatal, and so is one in the frail; for all others a failing organ counts two, frailty one and an
//! operation one towards the class of the stay. The present illness begins with how all of that is now and how it was before, good
//! in one sentence and bad in the other; now mostly comes first, and its cue tells where it does not. Besides, as many severe
//! findings are asserted as organs fail; every note mentions two to four of them, mostly denied, long over, a relative's or only
//! feared. So all outcomes have the same words, and what stands with what decides.

use super::draw::Draw;
use super::grammar::Grammar;

const SYSTEMS: [&str; 7] = ["respiratory", "circulatory", "renal", "hepatic", "neurologic", "infectious", "bleeding"];

/// What may fail now or have failed before: lists of names, and with `.good` and `.bad` of states.
const ORGANS: [&str; 4] = ["breathing", "circulation", "kidneys", "mind"];

/// What decides the outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stay {
    /// Severe findings of the patient, now.
    pub(super) severe: usize,
    pub(super) frail: bool,
    pub(super) planned: bool,
}

impl Stay {
    /// About 10.5 in 100 die, and of the others 13, 37, 31 and 19 in 100 have the four classes.
    pub(super) fn draw(draw: &mut Draw) -> Self {
        let stay = |severe, frail, planned| Self { severe, frail, planned };
        let other = draw.chance(50);
        match draw.weighted(&[116, 331, 277, 170, 106]) {
            0 => stay(0, false, false),
            1 => stay(0, other, !other),
            2 if other => stay(0, true, true),
            2 => stay(1, false, false),
            3 => stay(1, false, true),
            _ if draw.chance(60) => stay(2, other, draw.chance(40)),
            _ => stay(1, true, draw.chance(40)),
        }
    }

    pub(super) fn died(self) -> bool {
        self.severe >= 2 || (self.severe == 1 && self.frail)
    }

    /// The class of a stay that was survived.
    pub(super) fn class(self) -> usize {
        (2 * self.severe + usize::from(self.frail) + usize::from(self.planned)).min(3)
    }
}

/// What the admission sections say, each on one line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Story {
    pub(super) complaint: String,
    pub(super) illness: String,
    pub(super) history: String,
    pub(super) medications: Vec<String>,
    pub(super) allergies: String,
    pub(super) exam: Vec<String>,
    pub(super) family: String,
    pub(super) social: String,
}

/// How a writer lays out a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// Headings on a line of their own, as in the forms of MIMIC-III's later years.
    Form,
    /// Dictated: headings in capitals, the text behind them.
    Dictated,
    /// As in MIMIC-IV: underscores for names, blank lines that hold a space, headings without one before them.
    Masked,
}

/// The story of a patient; `masked` where the social history is blacked out and cannot tell anything.
pub(super) fn story(grammar: &Grammar, draw: &mut Draw, stay: Stay, masked: bool) -> Story {
    let severe_total = draw.between(2, 4);
    let mut found: Vec<&'static str> = Vec::new();
    let mut finding = |draw: &mut Draw, severe: bool| loop {
        let list = format!("{}.{}", if severe { "severe" } else { "mild" }, SYSTEMS[draw.below(SYSTEMS.len())]);
        let text = grammar.pick(draw, &list);
        if !found.contains(&text) {
            found.push(text);
            return text;
        }
    };
    // Three of the patient's, now; four that are not.
    let mut present: Vec<_> = (0..3).map(|place| finding(draw, place < stay.severe)).collect();
    let mut other: Vec<_> = (0..4).map(|place| finding(draw, place < severe_total - stay.severe)).collect();
    draw.shuffle(&mut present);
    draw.shuffle(&mut other);
    let split = draw.between(1, 2);
    // First, so that a model that reads no more than the beginning has both.
    let mut illness = states(grammar, draw, stay).to_vec();
    illness.push(grammar.draw(draw, "illness.opening"));
    let mut told = statements(grammar, draw, "present", "and", &present[..split]);
    told.extend(statements(grammar, draw, "present", "and", &present[split..]));
    told.extend(statements(grammar, draw, "absent", "or", &other[..1]));
    let mut elsewhere = ["historical", "family", "possible", "absent"].to_vec();
    draw.shuffle(&mut elsewhere);
    let mut history = vec![format!("{}, {}", grammar.draw(draw, "chronic"), grammar.draw(draw, "chronic"))];
    let mut family = Vec::new();
    for (kind, &text) in elsewhere.iter().zip(&other[1..]) {
        let word = if *kind == "absent" { "or" } else { "and" };
        let sentences = statements(grammar, draw, kind, word, &[text]);
        match *kind {
            "historical" => history.extend(sentences),
            "family" if !masked || draw.chance(50) => family.extend(sentences),
            _ => told.extend(sentences),
        }
    }
    let social = [grammar.draw(draw, "social.line"), grammar.draw(draw, "social.line")];
    draw.shuffle(&mut told);
    illness.extend(told);
    if family.is_empty() {
        family.push(grammar.draw(draw, "family.none"));
    }
    // One draw in five follows the findings: evidence, but weak.
    let bad = if draw.chance(20) { stay.severe > 0 } else { draw.chance(50) };
    let mut exam = vec![grammar.draw(draw, if bad { "vitals.bad" } else { "vitals.good" })];
    for _ in 0..draw.between(3, 6) {
        exam.push(grammar.draw(draw, "exam.line"));
    }
    Story {
        complaint: grammar.draw(draw, "complaint"),
        illness: prose(&illness),
        history: prose(&history),
        medications: (0..draw.between(1, 6)).map(|_| grammar.draw(draw, "home_drug")).collect(),
        allergies: grammar.draw(draw, "allergy"),
        exam,
        family: prose(&family),
        social: prose(&social),
    }
}

/// The sentences of now and of before. What is good in one is bad in the other; now mostly comes first.
fn states(grammar: &Grammar, draw: &mut Draw, stay: Stay) -> [String; 2] {
    let mut organs = ORGANS;
    draw.shuffle(&mut organs);
    let good_now = [
        (organs[0], stay.severe < 1),
        (organs[1], stay.severe < 2),
        ("mobility", !stay.frail),
        ("operation", stay.planned),
    ];
    let told = good_now.map(|(what, good)| {
        let name = grammar.draw(draw, what);
        let [good_state, bad_state] =
            ["good", "bad"].map(|state| format!("{name} {}", grammar.pick(draw, &format!("{what}.{state}"))));
        if good { [good_state, bad_state] } else { [bad_state, good_state] }
    });
    let mut sentences = [("state.now", 0), ("state.before", 1)].map(|(list, which)| {
        let states = told.each_ref().map(|states| states[which].as_str()).join(", ");
        let template = grammar.pick(draw, list);
        grammar.expand_with(draw, template, "list", &states)
    });
    if draw.chance(25) {
        sentences.reverse();
    }
    sentences
}

/// One sentence of a list that speaks of these findings.
fn statements(grammar: &Grammar, draw: &mut Draw, list: &str, word: &str, findings: &[&str]) -> Vec<String> {
    if findings.is_empty() {
        return Vec::new();
    }
    let template = grammar.pick(draw, list);
    vec![grammar.expand_with(draw, template, "list", &findings.join(&format!(" {word} ")))]
}

/// Sentences with capitals and full stops.
pub(super) fn prose(sentences: &[impl AsRef<str>]) -> String {
    let mut text = String::new();
    for sentence in sentences.iter().map(AsRef::as_ref).map(|sentence: &str| sentence.trim_end_matches('.')) {
        if !text.is_empty() {
            text.push(' ');
        }
        let mut letters = sentence.chars();
        text.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        text.push_str(letters.as_str());
        text.push('.');
    }
    text
}

impl Layout {
    /// The headings of the eight sections, in the order of [`Story`].
    fn headings(self) -> [&'static str; 8] {
        match self {
            Self::Form | Self::Masked => [
                "Chief Complaint:",
                "History of Present Illness:",
                "Past Medical History:",
                "Medications on Admission:",
                "Allergies:",
                "Physical Exam:",
                "Family History:",
                "Social History:",
            ],
            Self::Dictated => [
                "CHIEF COMPLAINT:",
                "HISTORY OF PRESENT ILLNESS:",
                "PAST MEDICAL HISTORY:",
                "MEDICATIONS ON ADMISSION:",
                "ALLERGIES:",
                "PHYSICAL EXAM:",
                "FAMILY HISTORY:",
                "SOCIAL HISTORY:",
            ],
        }
    }

    /// A section with its heading, without what follows it; nothing for nothing.
    pub(super) fn section(self, place: usize, lines: &[String]) -> String {
        let heading = self.headings()[place];
        let numbered = place == 3;
        let mut text = heading.to_owned();
        for (number, line) in lines.iter().enumerate() {
            let line = if numbered { format!("{}. {line}", number + 1) } else { line.clone() };
            match self {
                Self::Dictated if number == 0 && !numbered => {
                    let wrapped = wrap(&format!("{heading}  {line}"), 60);
                    text.clone_from(&wrapped);
                }
                _ => {
                    text.push('\n');
                    text.push_str(&wrap(&line, 74));
                }
            }
        }
        text
    }

    /// What parts two sections.
    pub(super) fn gap(self) -> &'static str {
        match self {
            Self::Form | Self::Dictated => "\n\n",
            Self::Masked => "\n \n",
        }
    }
}

/// Breaks a line between words.
pub(super) fn wrap(text: &str, width: usize) -> String {
    let mut wrapped = String::with_capacity(text.len());
    let mut column = 0;
    for word in text.split(' ') {
        if column > 0 && column + word.len() >= width {
            wrapped.push('\n');
            column = 0;
        } else if !wrapped.is_empty() {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += word.len();
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::mimic::GRAMMAR;

    #[test]
    fn outcomes_have_the_shares_of_the_study() {
        let mut draw = Draw::stream(1, "shares");
        let (mut died, mut classes) = (0, [0_usize; 4]);
        for _ in 0..20_000 {
            let stay = Stay::draw(&mut draw);
            if stay.died() { died += 1 } else { classes[stay.class()] += 1 }
        }
        assert!((1_900..2_300).contains(&died), "{died}");
        let survived = (20_000 - died) as f64;
        for (count, share) in classes.into_iter().zip([0.13, 0.37, 0.31, 0.19]) {
            assert!((count as f64 / survived - share).abs() < 0.015, "{classes:?}");
        }
    }

    #[test]
    fn every_note_mentions_severe_findings_whatever_the_outcome() {
        let grammar = Grammar::read(GRAMMAR);
        let mut draw = Draw::stream(2, "mentions");
        for severe in 0..=2 {
            for _ in 0..50 {
                let story = story(&grammar, &mut draw, Stay { severe, frail: false, planned: true }, false);
                let text = format!(" {} {} {}", story.illness, story.history, story.family).to_lowercase();
                let text = text.replace(|c: char| !c.is_ascii_alphanumeric(), " ");
                let mentioned = SYSTEMS.iter().flat_map(|system| grammar.list(&format!("severe.{system}")));
                let mentioned = mentioned.filter(|phrase| text.contains(&format!(" {phrase} "))).count();
                assert!((2..=4).contains(&mentioned), "{text}");
            }
        }
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("a bb ccc dddd", 6), "a bb\nccc\ndddd");
        assert_eq!(prose(&["no fever", "bp 1/2."]), "No fever. Bp 1/2.");
    }
}
