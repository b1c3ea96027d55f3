//! A note's text by lines and tokens, as its annotations count them.
//!
//! Lines count from 1, tokens from 0; the last token of a span belongs to it. Tokens are what stands between white space, but
//! a line that begins with a space has an empty token before the first: in the annotations all its tokens count one higher.

use std::ops::Range;

use crate::standoff::same_text;

/// Where an annotation says its words are: line and token of the first and of the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) first: (usize, usize),
    pub(super) last: (usize, usize),
}

/// Where a token of a line is, by one way to count tokens.
type Counting<'a> = fn(&Text<'a>, usize, usize) -> Option<Range<usize>>;

/// The text of a note, its line ends plain.
#[derive(Debug)]
pub(super) struct Text<'a> {
    pub(super) content: &'a str,
    lines: Vec<Range<usize>>,
    /// The tokens of each line, without empty ones.
    tokens: Vec<Vec<Range<usize>>>,
}

impl<'a> Text<'a> {
    pub(super) fn new(content: &'a str) -> Self {
        let mut lines = Vec::new();
        let mut start = 0;
        for line in content.split('\n') {
            lines.push(start..start + line.len());
            start += line.len() + 1;
        }
        let tokens = lines.iter().map(|line| tokens(content, line.clone(), char::is_whitespace)).collect();
        Self { content, lines, tokens }
    }

    /// All tokens, in order.
    pub(super) fn words(&self) -> Vec<Range<usize>> {
        self.tokens.iter().flatten().cloned().collect()
    }

    /// A line of the text, from 1; empty beyond the last.
    pub(super) fn line(&self, line: usize) -> Range<usize> {
        line.checked_sub(1).and_then(|index| self.lines.get(index)).cloned().unwrap_or_default()
    }

    /// The bytes of the words at a place, which must be the annotation's own copy of them, in whatever case.
    ///
    /// # Errors
    /// What is wrong with the place, without the text.
    pub(super) fn find(&self, place: Place, annotated: &str) -> Result<Range<usize>, String> {
        let annotated = annotated.to_lowercase();
        let Place { first, last } = place;
        if first.0 == 0 || last.0 > self.lines.len() || first > last {
            return Err(format!("a place from line {} to line {} of {} lines", first.0, last.0, self.lines.len()));
        }
        // The corpus's own counting, then what other tools make of several spaces.
        let countings: [Counting<'a>; 3] = [Self::counted, Self::between_single_spaces, Self::plain];
        let found = countings.iter().find_map(|token| {
            let range = token(self, first.0, first.1)?.start..token(self, last.0, last.1)?.end;
            let text = self.content.get(range.clone())?.to_lowercase();
            (!annotated.trim().is_empty() && same_text(&annotated, &text)).then_some(range)
        });
        let at = || format!("other words at {}:{} {}:{}", first.0, first.1, last.0, last.1);
        found.ok_or_else(at)
    }

    /// A token where a line that begins with a space has an empty one first.
    fn counted(&self, line: usize, token: usize) -> Option<Range<usize>> {
        let shift = usize::from(self.content[self.line(line)].starts_with(char::is_whitespace));
        self.plain(line, token.checked_sub(shift)?)
    }

    /// A token where every single space parts two, empty or not.
    fn between_single_spaces(&self, line: usize, token: usize) -> Option<Range<usize>> {
        let line = self.line(line);
        let mut start = line.start;
        for (place, part) in self.content[line].split(' ').enumerate() {
            if place == token {
                return (!part.is_empty()).then(|| start..start + part.len());
            }
            start += part.len() + 1;
        }
        None
    }

    /// A token where empty ones never count.
    fn plain(&self, line: usize, token: usize) -> Option<Range<usize>> {
        self.tokens.get(line.checked_sub(1)?)?.get(token).cloned()
    }
}

/// What stands between separators.
fn tokens(content: &str, line: Range<usize>, separates: fn(char) -> bool) -> Vec<Range<usize>> {
    let mut tokens = Vec::new();
    let mut open = None;
    for (at, c) in content[line.clone()].char_indices() {
        if separates(c) {
            tokens.extend(open.take().map(|start: usize| start..line.start + at));
        } else {
            open.get_or_insert(line.start + at);
        }
    }
    tokens.extend(open.map(|start| start..line.end));
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(content: &str, first: (usize, usize), last: (usize, usize), annotated: &str) -> Result<String, String> {
        let range = Text::new(content).find(Place { first, last }, annotated)?;
        Ok(content[range].to_owned())
    }

    #[test]
    fn tokens_are_found_in_any_case() {
        assert_eq!(found("No\nSevere Chest pain .", (2, 1), (2, 2), "chest pain").unwrap(), "Chest pain");
        assert_eq!(found("Ménière &apos;s", (1, 0), (1, 1), "ménière 's").unwrap(), "Ménière &apos;s");
    }

    #[test]
    fn a_line_that_starts_with_a_space_counts_one_higher() {
        assert_eq!(found(" the pain", (1, 2), (1, 2), "pain").unwrap(), "pain");
        // Two spaces are still one empty token in the corpus, two elsewhere.
        assert_eq!(found("  the pain", (1, 2), (1, 2), "pain").unwrap(), "pain");
        assert_eq!(found("  the pain", (1, 3), (1, 3), "pain").unwrap(), "pain");
        assert_eq!(found(" the pain", (1, 1), (1, 1), "pain").unwrap(), "pain");
    }

    #[test]
    fn several_spaces_within_a_line() {
        assert_eq!(found("the  chest  pain", (1, 1), (1, 2), "chest pain").unwrap(), "chest  pain");
        assert_eq!(found("the  chest  pain", (1, 2), (1, 4), "chest  pain").unwrap(), "chest  pain");
    }

    #[test]
    fn a_place_may_go_over_lines() {
        assert_eq!(found("a chest\npain today", (1, 1), (2, 0), "chest pain").unwrap(), "chest\npain");
    }

    #[test]
    fn wrong_places_are_named_without_the_words() {
        for (first, last, problem) in [
            ((1, 0), (1, 0), "other words at 1:0 1:0"),
            ((1, 7), (1, 9), "other words at 1:7 1:9"),
            ((0, 1), (1, 1), "a place from line 0 to line 1 of 1 lines"),
            ((1, 1), (2, 1), "a place from line 1 to line 2 of 1 lines"),
            ((1, 2), (1, 1), "a place from line 1 to line 1 of 1 lines"),
        ] {
            assert_eq!(found("the chest pain", first, last, "pain").unwrap_err(), problem);
        }
        assert!(found("a b", (1, 0), (1, 0), " ").is_err());
    }
}
