//! Lines composed from a template of a word list, with the mentions that its slots become.
//!
//! In a template, `{slot}` is a mention where the slot is one of those that the writer names, and a plain draw otherwise;
//! `{KIND:one/other}` is a mention of one of the words given; `{KIND<INNER:list}` a mention drawn from a list, whose first
//! words up to `*` are a mention of their own; `!` before the closing brace negates.

use super::draw::Draw;
use super::grammar::{Grammar, Piece, pieces, tidy};

/// A typed stretch of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) kind: &'static str,
    /// Byte offsets in the line, half open.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) negated: bool,
}

/// A line and its mentions, an outer one before the one inside it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) mentions: Vec<Mention>,
}

/// How slots become mentions.
pub(super) struct Composer<'a> {
    pub(super) grammar: &'a Grammar,
    /// Every kind of mention.
    pub(super) kinds: &'a [&'static str],
    /// The slots that are mentions, and their kinds.
    pub(super) slots: &'a [(&'a str, &'static str)],
}

impl Composer<'_> {
    /// One line of a list, with slots that `value` knows filled by it.
    pub(super) fn line(&self, draw: &mut Draw, list: &str, value: &dyn Fn(&str) -> Option<String>) -> Line {
        let template = self.grammar.pick(draw, list);
        self.compose(draw, template, value)
    }

    /// A template with every slot filled; single spaces between words, none at the ends.
    pub(super) fn compose(&self, draw: &mut Draw, template: &str, value: &dyn Fn(&str) -> Option<String>) -> Line {
        let mut line = Line::default();
        for piece in pieces(template) {
            let slot = match piece {
                Piece::Text(text) => {
                    line.push(text);
                    continue;
                }
                Piece::Slot(slot) => slot,
            };
            let (slot, negated) = slot.strip_suffix('!').map_or((slot, false), |slot| (slot, true));
            let text = |draw: &mut Draw, slot: &str| {
                value(slot).unwrap_or_else(|| self.grammar.expand(draw, &format!("{{{slot}}}")))
            };
            if let Some((head, words)) = slot.split_once(':') {
                match head.split_once('<') {
                    Some((outer, inner)) => {
                        let words = self.grammar.draw(draw, words);
                        line.mention_with_inner(self.kind(outer), self.kind(inner), &words, negated);
                    }
                    None => {
                        let words: Vec<&str> = words.split('/').collect();
                        line.mention(self.kind(head), words[draw.below(words.len())], negated);
                    }
                }
            } else if let Some((_, kind)) = self.slots.iter().find(|(name, _)| *name == slot) {
                let words = text(draw, slot);
                line.mention(kind, &words, negated);
            } else {
                line.push(&text(draw, slot));
            }
        }
        line.text.truncate(line.text.trim_end().len());
        line
    }

    fn kind(&self, name: &str) -> &'static str {
        self.kinds.iter().find(|kind| **kind == name).copied().unwrap_or_default()
    }
}

impl Line {
    /// Goes on with plain text.
    fn push(&mut self, text: &str) {
        for c in text.chars() {
            if c != ' ' || !(self.text.is_empty() || self.text.ends_with(' ')) {
                self.text.push(c);
            }
        }
    }

    fn mention(&mut self, kind: &'static str, text: &str, negated: bool) {
        let start = self.text.len();
        self.text.push_str(&tidy(text));
        self.mentions.push(Mention { kind, start, end: self.text.len(), negated });
    }

    fn mention_with_inner(&mut self, outer: &'static str, inner: &'static str, text: &str, negated: bool) {
        let start = self.text.len();
        let (head, tail) = text.split_once('*').unwrap_or((text, ""));
        // An article stays outside of what is inside.
        let article = if head.starts_with("a ") { 2 } else { 0 };
        self.text.push_str(head);
        let inner_end = self.text.len();
        self.text.push_str(tail);
        self.mentions.push(Mention { kind: outer, start, end: self.text.len(), negated });
        self.mentions.push(Mention { kind: inner, start: start + article, end: inner_end, negated });
    }

    /// Puts another line behind this one.
    pub(super) fn append(&mut self, other: Self) {
        if !self.text.is_empty() && !other.text.is_empty() {
            self.text.push(' ');
        }
        let by = self.text.len();
        let moved = |mention: Mention| Mention { start: mention.start + by, end: mention.end + by, ..mention };
        self.mentions.extend(other.mentions.into_iter().map(moved));
        self.text.push_str(&other.text);
    }

    /// Begins with a capital letter.
    pub(super) fn capitalize(&mut self) {
        if let Some(first) = self.text.get_mut(..1) {
            first.make_ascii_uppercase();
        }
    }

    /// Takes away the space before a full stop, a comma, a semicolon or an apostrophe, as most people write.
    pub(super) fn close_up(&mut self) {
        for mark in [".", ",", ";", "'"] {
            self.replace(&format!(" {mark}"), mark);
        }
    }

    /// Replaces a text wherever it stands; mentions that begin or end behind it move along.
    pub(super) fn replace(&mut self, from: &str, to: &str) {
        let mut at = 0;
        while let Some(found) = self.text[at..].find(from).map(|found| at + found) {
            let end = found + from.len();
            self.text.replace_range(found..end, to);
            for mention in &mut self.mentions {
                for edge in [&mut mention.start, &mut mention.end] {
                    if *edge >= end {
                        *edge = *edge + to.len() - from.len();
                    }
                }
            }
            at = found + to.len();
        }
    }

    /// Puts a line end in the place of a space inside a mention; whether there was one.
    pub(super) fn break_inside(&mut self, place: usize) -> bool {
        let Some(mention) = self.mentions.get(place) else {
            return false;
        };
        match self.text[mention.start..mention.end].find(' ') {
            Some(space) => {
                let at = mention.start + space;
                self.text.replace_range(at..at + 1, "\n");
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(template: &str) -> Line {
        let grammar = Grammar::read(&["drug =\n  aspirin\nharm =\n  {drug}* overdose\nwho =\n  the  patient\n"]);
        let composer = Composer { grammar: &grammar, kinds: &["A", "B"], slots: &[("drug", "A")] };
        composer.compose(&mut Draw::stream(1, "t"), template, &|slot| (slot == "given").then(|| "gift".to_owned()))
    }

    fn mentions(line: &Line) -> Vec<(&'static str, &str, bool)> {
        line.mentions.iter().map(|m| (m.kind, &line.text[m.start..m.end], m.negated)).collect()
    }

    #[test]
    fn slots_become_mentions() {
        let line = line("{who}  {B:took} no {drug!} , {given} ; {B<A:harm} .");
        assert_eq!(line.text, "the patient took no aspirin , gift ; aspirin overdose .");
        let expected =
            [("B", "took", false), ("A", "aspirin", true), ("B", "aspirin overdose", false), ("A", "aspirin", false)];
        assert_eq!(mentions(&line), expected);
    }

    #[test]
    fn mentions_keep_their_places_as_lines_change() {
        let mut one = line("the {drug} 's {B:end} , {drug} .");
        one.append(line("{drug} {B:big end} ."));
        one.capitalize();
        one.close_up();
        assert_eq!(one.text, "The aspirin's end, aspirin. aspirin big end.");
        assert!(!one.break_inside(0) && one.break_inside(4) && !one.break_inside(9));
        let texts: Vec<_> = mentions(&one).into_iter().map(|(_, text, _)| text).collect();
        assert_eq!(texts, ["aspirin", "end", "aspirin", "aspirin", "big\nend"]);
    }
}
