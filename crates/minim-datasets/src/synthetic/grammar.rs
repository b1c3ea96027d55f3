//! Lists of words and templates, read from the text files beside this one, and their expansion.
//!
//! A file holds `name =` lines, each followed by indented alternatives that `|` or line ends part; `#` opens a comment.
//! In an alternative, `{name}` stands for a draw from that list, `{name?}` for such a draw half of the time, and
//! `{3-9}` for a whole number of that range.

use std::collections::BTreeMap;

use super::draw::Draw;

/// Named lists of alternatives.
pub(super) struct Grammar(BTreeMap<&'static str, Vec<&'static str>>);

/// A stretch of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Text that stands for itself.
    Text(&'a str),
    /// The inside of `{..}`.
    Slot(&'a str),
}

impl Grammar {
    /// The lists of several files together.
    pub(super) fn read(files: &[&'static str]) -> Self {
        let mut lists: BTreeMap<&'static str, Vec<&'static str>> = BTreeMap::new();
        let mut name = "";
        for line in files.iter().flat_map(|file| file.lines()) {
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            match line.strip_suffix('=') {
                Some(head) if !line.starts_with(' ') => name = head.trim(),
                _ => lists
                    .entry(name)
                    .or_default()
                    .extend(line.split('|').map(str::trim).filter(|text| !text.is_empty())),
            }
        }
        Self(lists)
    }

    /// The alternatives of a list; none for an unknown name.
    pub(super) fn list(&self, name: &str) -> &[&'static str] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// One alternative of a list, as it is written there.
    pub(super) fn pick(&self, draw: &mut Draw, name: &str) -> &'static str {
        let list = self.list(name);
        list.get(draw.below(list.len())).copied().unwrap_or_default()
    }

    /// One alternative of a list, expanded.
    pub(super) fn draw(&self, draw: &mut Draw, name: &str) -> String {
        let template = self.pick(draw, name);
        self.expand(draw, template)
    }

    /// A template with every slot replaced, single spaces between words.
    pub(super) fn expand(&self, draw: &mut Draw, template: &str) -> String {
        self.expand_with(draw, template, "", "")
    }

    /// As [`Self::expand`], with the slot called `name` replaced by `value`.
    pub(super) fn expand_with(&self, draw: &mut Draw, template: &str, name: &str, value: &str) -> String {
        let mut text = String::new();
        for piece in pieces(template) {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Slot(slot) if slot == name => text.push_str(value),
                Piece::Slot(slot) => text.push_str(&self.slot(draw, slot)),
            }
        }
        tidy(&text)
    }

    /// What one slot becomes.
    fn slot(&self, draw: &mut Draw, slot: &str) -> String {
        if let Some((low, high)) = range(slot) {
            return draw.between(low, high).to_string();
        }
        match slot.strip_suffix('?') {
            Some(_) if draw.chance(50) => String::new(),
            Some(name) => self.draw(draw, name),
            None => self.draw(draw, slot),
        }
    }
}

/// The pieces of a template, in order.
pub(super) fn pieces(template: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        if !before.is_empty() {
            found.push(Piece::Text(before));
        }
        let (slot, tail) = after.split_once('}').unwrap_or((after, ""));
        found.push(Piece::Slot(slot));
        rest = tail;
    }
    if !rest.is_empty() {
        found.push(Piece::Text(rest));
    }
    found
}

/// Single spaces, none at the ends.
pub(super) fn tidy(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn range(slot: &str) -> Option<(usize, usize)> {
    let (low, high) = slot.split_once('-')?;
    Some((low.parse().ok()?, high.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{Draw, Grammar, Piece, pieces, range};
    use crate::synthetic::{CONCEPTS, MORTALITY, RELATIONS};

    #[test]
    fn templates_split_into_text_and_slots() {
        assert_eq!(
            pieces("no {list} of {3-9}"),
            [Piece::Text("no "), Piece::Slot("list"), Piece::Text(" of "), Piece::Slot("3-9")]
        );
    }

    #[test]
    fn a_small_grammar_expands() {
        let grammar = Grammar::read(&["# words\nline =\n  {drug} {2-2}  mg | {drug} {2-2} mg\ndrug =\n  aspirin\n"]);
        assert_eq!(grammar.draw(&mut Draw::stream(1, "t"), "line"), "aspirin 2 mg");
        assert_eq!(grammar.list("line").len(), 2);
    }

    /// Slots that the task modules fill themselves.
    const FILLED: [&str; 1] = ["list"];

    #[test]
    fn every_slot_of_the_shipped_grammars_is_known() {
        use crate::synthetic::{icd9_triage, mednli, mimic};
        for files in [MORTALITY, CONCEPTS, RELATIONS, mimic::GRAMMAR, icd9_triage::GRAMMAR, mednli::GRAMMAR] {
            let grammar = Grammar::read(files);
            assert!(grammar.0.len() > 20);
            for (name, alternatives) in &grammar.0 {
                assert!(!alternatives.is_empty(), "{name} is empty");
                for piece in alternatives.iter().flat_map(|text| pieces(text)) {
                    let Piece::Slot(slot) = piece else { continue };
                    let slot = slot.trim_end_matches('?');
                    let known = FILLED.contains(&slot) || range(slot).is_some() || !grammar.list(slot).is_empty();
                    assert!(known, "{name} uses the unknown list {slot}");
                }
            }
        }
    }
}
