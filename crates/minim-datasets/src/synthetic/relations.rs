//! `synthetic-relations`: sentences with two marked mentions, for relation extraction.
//!
//! A sentence is one or two clauses; a clause states relations between its mentions (treatment applied to, or causing, a
//! problem; test revealing a problem; problem indicating a problem). One pair of mentions is marked: in the study's form
//! the two are replaced by `@problem$`, `@test$` or `@treatment$`, the other mentions stay as they are. A pair that no clause
//! relates, because it is denied or because its mentions belong to different statements, is `false`. Label names are those of
//! i2b2-2010; unlike there, a denied relation is `false`.

use super::draw::Draw;
use super::grammar::{Grammar, Piece, pieces, tidy};

/// Label names; the last is the negative class.
pub(super) const LABELS: [&str; 5] = ["PIP", "TeRP", "TrAP", "TrCP", "false"];

/// Percent of each label, in the order of [`LABELS`].
const SHARES: [usize; 5] = [10, 12, 12, 11, 55];

const KINDS: [&str; 3] = ["problem", "test", "treatment"];

/// A run of the sentence.
enum Part {
    Text(String),
    /// A mention: its kind, an index into [`KINDS`], and its words.
    Mention(usize, String),
}

/// Mentions by their place among the mentions, with the label between them.
struct Relation {
    first: usize,
    second: usize,
    label: usize,
}

/// A sentence with all its relations.
struct Sentence {
    parts: Vec<Part>,
    mentions: usize,
    relations: Vec<Relation>,
}

/// A marked sentence.
pub(super) struct Marked {
    /// The sentence with the pair replaced by its markers.
    pub(super) text: String,
    /// Index into [`LABELS`].
    pub(super) label: usize,
}

/// Words of the shortest marked sentence: shorter ones are soon all written.
const SHORTEST: usize = 8;

/// One marked sentence; its label is drawn first, by the task's shares.
pub(super) fn marked(grammar: &Grammar, draw: &mut Draw) -> Marked {
    let label = draw.weighted(&SHARES);
    loop {
        let sentence = sentence(grammar, draw);
        let pairs: Vec<(usize, usize)> = sentence
            .candidates()
            .into_iter()
            .filter(|&(first, second)| sentence.label(first, second) == label)
            .collect();
        if let Some(&pair) = pairs.get(draw.below(pairs.len())) {
            let text = sentence.render(Some(pair));
            if text.split(' ').count() >= SHORTEST {
                return Marked { text, label };
            }
        }
    }
}

/// Sentences for pre-training: one, and half of the time a stated relation once more in other words. In one case of three
/// the mentions of that relation are replaced by their markers throughout, so that a model knows the markers as words.
pub(super) fn restated(grammar: &Grammar, draw: &mut Draw) -> String {
    let sentence = sentence(grammar, draw);
    let Some(relation) = sentence.relations.get(draw.below(sentence.relations.len())) else {
        let pairs = sentence.candidates();
        let pair = pairs.get(draw.below(pairs.len())).copied().filter(|_| draw.chance(33));
        return sentence.render(pair);
    };
    let pair = draw.chance(33).then_some((relation.first, relation.second));
    let mut text = sentence.render(pair);
    if draw.chance(50) {
        let kinds = [relation.first, relation.second].map(|place| sentence.mention(place));
        let again = paraphrase(grammar, draw, relation.label, kinds, pair.is_some());
        text.push(' ');
        text.push_str(&again);
    }
    text
}

impl Sentence {
    /// Pairs whose kinds could be related: a treatment or a test with a problem, or two problems.
    fn candidates(&self) -> Vec<(usize, usize)> {
        let kinds: Vec<usize> = (0..self.mentions).map(|place| self.mention(place).0).collect();
        let mut pairs = Vec::new();
        for second in 0..kinds.len() {
            for first in 0..second {
                if kinds[first] == 0 || kinds[second] == 0 {
                    pairs.push((first, second));
                }
            }
        }
        pairs
    }

    fn label(&self, first: usize, second: usize) -> usize {
        self.relations
            .iter()
            .find(|relation| (relation.first, relation.second) == (first, second))
            .map_or(LABELS.len() - 1, |relation| relation.label)
    }

    /// Kind and words of a mention.
    fn mention(&self, place: usize) -> (usize, &str) {
        let mut mentions = self.parts.iter().filter_map(|part| match part {
            Part::Mention(kind, words) => Some((*kind, words.as_str())),
            Part::Text(_) => None,
        });
        mentions.nth(place).unwrap_or((0, ""))
    }

    fn render(&self, marked: Option<(usize, usize)>) -> String {
        let mut text = String::new();
        let mut place = 0;
        for part in &self.parts {
            match part {
                Part::Text(words) => text.push_str(words),
                Part::Mention(kind, words) => {
                    if marked.is_some_and(|(first, second)| first == place || second == place) {
                        text.push_str(&marker(*kind));
                    } else {
                        text.push_str(words);
                    }
                    place += 1;
                }
            }
        }
        tidy(&text)
    }
}

fn marker(kind: usize) -> String {
    format!("@{}$", KINDS[kind])
}

/// One or two clauses, with all their relations.
fn sentence(grammar: &Grammar, draw: &mut Draw) -> Sentence {
    let mut sentence = Sentence { parts: Vec::new(), mentions: 0, relations: Vec::new() };
    if draw.chance(30) {
        let lead = grammar.draw(draw, "lead");
        sentence.parts.push(Part::Text(format!("{lead} , ")));
    }
    let (template, facts) = clause(grammar, draw);
    append(grammar, draw, &mut sentence, template, facts);
    if draw.chance(70) {
        let joiner = grammar.draw(draw, "joiner");
        sentence.parts.push(Part::Text(format!(" {joiner} ")));
        let (template, facts) = clause(grammar, draw);
        append(grammar, draw, &mut sentence, template, facts);
    }
    sentence.parts.push(Part::Text(" .".to_owned()));
    sentence
}

/// A clause's template, and its relations as written in the grammar file.
fn clause(grammar: &Grammar, draw: &mut Draw) -> (&'static str, &'static str) {
    split(grammar.pick(draw, "clause"))
}

fn split(clause: &'static str) -> (&'static str, &'static str) {
    clause.split_once("::").unwrap_or((clause, ""))
}

/// `TrAP 0 1 TrCP 0 2` as relations between mentions counted from `base`.
fn relations(facts: &str, base: usize) -> Vec<Relation> {
    let fields: Vec<&str> = facts.split_whitespace().collect();
    fields
        .chunks_exact(3)
        .filter_map(|fact| {
            Some(Relation {
                label: LABELS.iter().position(|label| *label == fact[0])?,
                first: base + fact[1].parse::<usize>().ok()?,
                second: base + fact[2].parse::<usize>().ok()?,
            })
        })
        .collect()
}

fn append(grammar: &Grammar, draw: &mut Draw, sentence: &mut Sentence, template: &str, facts: &str) {
    sentence.relations.extend(relations(facts, sentence.mentions));
    for piece in pieces(template) {
        let part = match piece {
            Piece::Text(text) => Part::Text(text.to_owned()),
            Piece::Slot(slot) => match KINDS.iter().position(|kind| *kind == slot) {
                Some(kind) => {
                    sentence.mentions += 1;
                    Part::Mention(kind, grammar.draw(draw, slot))
                }
                None => Part::Text(grammar.draw(draw, slot)),
            },
        };
        sentence.parts.push(part);
    }
}

/// The same relation between the same mentions, in another clause that states only it.
fn paraphrase(grammar: &Grammar, draw: &mut Draw, label: usize, mentions: [(usize, &str); 2], marked: bool) -> String {
    let fitting: Vec<&str> = grammar
        .list("clause")
        .iter()
        .filter_map(|clause| {
            let (template, facts) = split(clause);
            let mut stated = relations(facts, 0).into_iter();
            let slots = pieces(template)
                .iter()
                .filter(|piece| matches!(piece, Piece::Slot(slot) if KINDS.contains(slot)))
                .count();
            (slots == 2 && stated.next()?.label == label).then_some(template)
        })
        .collect();
    let mut text = String::new();
    let mut used = [false; 2];
    for piece in pieces(fitting.get(draw.below(fitting.len())).copied().unwrap_or_default()) {
        match piece {
            Piece::Text(literal) => text.push_str(literal),
            Piece::Slot(slot) => match KINDS.iter().position(|kind| *kind == slot) {
                Some(kind) => {
                    // Two problems keep their order; of a mixed pair there is one mention of each kind.
                    let place = usize::from(used[0] || mentions[0].0 != kind);
                    used[place] = true;
                    let (kind, words) = mentions[place];
                    text.push_str(&if marked { marker(kind) } else { words.to_owned() });
                }
                None => text.push_str(&grammar.draw(draw, slot)),
            },
        }
    }
    tidy(&format!("{text} ."))
}

#[cfg(test)]
mod tests {
    use super::{KINDS, LABELS, relations, split};
    use crate::synthetic::RELATIONS;
    use crate::synthetic::grammar::{Grammar, Piece, pieces};

    /// A relation of the grammar file must join two mentions of its clause, in text order, of the label's kinds.
    #[test]
    fn the_relations_of_every_clause_fit_its_mentions() {
        let grammar = Grammar::read(RELATIONS);
        for clause in grammar.list("clause") {
            let (template, facts) = split(clause);
            let kinds: Vec<&str> = pieces(template)
                .into_iter()
                .filter_map(|piece| match piece {
                    Piece::Slot(slot) if KINDS.contains(&slot) => Some(slot),
                    _ => None,
                })
                .collect();
            let stated = relations(facts, 0);
            assert_eq!(stated.len() * 3, facts.split_whitespace().count(), "{clause}");
            for relation in stated {
                assert!(relation.first < relation.second && relation.second < kinds.len(), "{clause}");
                let mut pair = [kinds[relation.first], kinds[relation.second]];
                pair.sort_unstable();
                let expected = match LABELS[relation.label] {
                    "PIP" => ["problem", "problem"],
                    "TeRP" => ["problem", "test"],
                    _ => ["problem", "treatment"],
                };
                assert_eq!(pair, expected, "{clause}");
            }
        }
    }
}
