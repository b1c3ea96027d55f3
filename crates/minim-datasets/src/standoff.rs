//! Stand-off annotations: spans of a document's text, and the words and sentences that they are laid over.
//!
//! Offsets here are bytes of the document's text, on character boundaries; corpora count characters, or lines and tokens,
//! and are translated first. A sentence is a line. Where a span goes over the end of a line the two lines are one sentence,
//! so that an entity is never torn.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::example::Tagged;
use crate::record::{Name, Record};

/// A typed stretch of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: &'static str,
    /// 1-based line of the annotation in its own file.
    pub(crate) line: usize,
}

/// The byte offset of every character of a text.
#[derive(Debug)]
pub(crate) struct Characters(Vec<usize>);

impl Characters {
    pub(crate) fn of(text: &str) -> Self {
        Self(text.char_indices().map(|(byte, _)| byte).chain([text.len()]).collect())
    }

    /// The number of characters.
    pub(crate) fn count(&self) -> usize {
        self.0.len() - 1
    }

    /// Characters, half open, as bytes; `None` where they are empty, reversed or beyond the text.
    pub(crate) fn bytes(&self, start: usize, end: usize) -> Option<Range<usize>> {
        (start < end).then_some(*self.0.get(start)?..*self.0.get(end)?)
    }
}

/// Line ends as `\n`, whichever of `\r\n`, `\r` and `\n` a file has.
pub(crate) fn with_plain_line_ends(text: &str) -> Cow<'_, str> {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text.into() }
}

/// A text with the five entities of XML and numeric references as the characters that they stand for.
pub(crate) fn decode_entities(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return text.into();
    }
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        match entity(rest) {
            Some((c, length)) => {
                decoded.push(c);
                rest = &rest[length..];
            }
            None => {
                decoded.push('&');
                rest = &rest[1..];
            }
        }
    }
    decoded.push_str(rest);
    decoded.into()
}

/// The character of the entity at the start of a text, and the entity's length in bytes.
pub(crate) fn entity(text: &str) -> Option<(char, usize)> {
    /// The longest that is read: `&#x10ffff;`.
    const LONGEST: usize = 10;
    let end = text.bytes().take(LONGEST).position(|byte| byte == b';')?;
    let name = text.get(1..end).filter(|_| text.starts_with('&'))?;
    let c = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((c, end + 1))
}

/// Whether an annotation's own copy of its text is what stands in the document, but for entities and for how wide spaces are.
pub(crate) fn same_text(annotated: &str, found: &str) -> bool {
    let (annotated, found) = (decode_entities(annotated), decode_entities(found));
    annotated.split_whitespace().eq(found.split_whitespace())
}

/// The spans that stay where some overlap, by position: the longest first, of equal ones the earlier, of equal places the first.
pub(crate) fn longest(spans: &[Span]) -> Vec<Span> {
    let mut order: Vec<&Span> = spans.iter().collect();
    order.sort_by_key(|span| (std::cmp::Reverse(span.end - span.start), span.start));
    let mut kept: BTreeMap<usize, &Span> = BTreeMap::new();
    for span in order {
        let before = kept.range(..span.end).next_back();
        if before.is_none_or(|(_, other)| other.end <= span.start) {
            kept.insert(span.start, span);
        }
    }
    kept.into_values().cloned().collect()
}

/// How a line is taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wording {
    /// At white space: `2067-05-03:` is one word.
    Spaces,
    /// At white space and around every punctuation mark: `2067`, `-`, `05`, `-`, `03`, `:`.
    Pieces,
}

/// The words of a text, cut besides at both ends of every span.
pub(crate) fn words(text: &str, spans: &[Span], wording: Wording) -> Vec<Range<usize>> {
    let cuts: BTreeSet<usize> = spans.iter().flat_map(|span| [span.start, span.end]).collect();
    let mut cuts = cuts.into_iter().peekable();
    let mut words = Vec::new();
    let mut open = None;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let escaped = if wording == Wording::Pieces { entity(&text[at..]) } else { None };
        let (c, length) = escaped.unwrap_or((c, c.len_utf8()));
        let mut cut = false;
        while cuts.next_if(|&cut| cut <= at).is_some() {
            cut = true;
        }
        let alone = wording == Wording::Pieces && is_punctuation(c);
        if c.is_whitespace() || alone || cut {
            words.extend(open.take().map(|start| start..at));
        }
        if alone {
            words.push(at..at + length);
        } else if !c.is_whitespace() && open.is_none() {
            open = Some(at);
        }
        at += length;
    }
    words.extend(open.map(|start| start..at));
    words
}

/// What stands by itself as BERT's basic tokenizer has it, but for the rarer blocks of Unicode.
fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(c, '\u{a1}' | '\u{a7}' | '\u{ab}' | '\u{b6}' | '\u{b7}' | '\u{bb}' | '\u{bf}')
        || matches!(c, '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205e}' | '\u{3001}'..='\u{3011}')
}

/// One BIO tag per word; where spans overlap, a later one writes over an earlier.
pub(crate) fn tags(words: &[Range<usize>], spans: &[Span]) -> Vec<Name> {
    let mut tags: Vec<Name> = words.iter().map(|_| Name { line: 1, text: "O".to_owned() }).collect();
    for span in spans {
        let first = words.partition_point(|word| word.end <= span.start);
        let covered = words[first..].iter().take_while(|word| word.start < span.end).count();
        for (place, tag) in tags[first..first + covered].iter_mut().enumerate() {
            let prefix = if place == 0 { 'B' } else { 'I' };
            *tag = Name { line: span.line, text: format!("{prefix}-{}", span.kind) };
        }
    }
    tags
}

/// A run of words between line ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sentence {
    /// 0-based line of its first word.
    pub(crate) line: usize,
    /// Places in the list of words.
    pub(crate) words: Range<usize>,
}

/// The sentences of a text: its lines that have a word, two lines being one where a span goes over the end of the first.
pub(crate) fn sentences(text: &str, words: &[Range<usize>], spans: &[Span]) -> Vec<Sentence> {
    let inside = line_ends_inside(text, spans);
    let mut sentences: Vec<Sentence> = Vec::new();
    let (mut line, mut end) = (0, 0);
    for (place, word) in words.iter().enumerate() {
        let gap = &text[end..word.start];
        let line_end = gap.find('\n').map(|at| end + at);
        line += gap.matches('\n').count();
        match sentences.last_mut() {
            Some(sentence) if line_end.is_none_or(|at| inside.contains(&at)) => sentence.words.end = place + 1,
            _ => sentences.push(Sentence { line, words: place..place + 1 }),
        }
        end = word.end;
    }
    sentences
}

/// Where line ends stand that a span covers.
fn line_ends_inside(text: &str, spans: &[Span]) -> BTreeSet<usize> {
    let mut order: Vec<&Span> = spans.iter().collect();
    order.sort_by_key(|span| span.start);
    let mut looked_at = 0;
    let mut inside = BTreeSet::new();
    for span in order {
        let start = span.start.max(looked_at);
        if start < span.end {
            inside.extend(text[start..span.end].match_indices('\n').map(|(at, _)| start + at));
            looked_at = span.end;
        }
    }
    inside
}

/// A document's words, tags and sentences as records with the ids `<document>#<line>`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout<'a> {
    pub(crate) document: &'a str,
    pub(crate) text: &'a str,
    /// 1-based line of the text's first line in its file.
    pub(crate) first_line: usize,
    /// Whether entities such as `&apos;` stay as they are, and a line is always a sentence.
    pub(crate) as_published: bool,
}

impl Layout<'_> {
    /// The records of all sentences; `spans` are those that count.
    pub(crate) fn records(&self, words: &[Range<usize>], spans: &[Span]) -> Vec<Record<Tagged>> {
        let mut tags = tags(words, spans).into_iter();
        let joining = if self.as_published { &[] } else { spans };
        let record = |sentence: Sentence| {
            let line = self.first_line + sentence.line;
            let word = |word: &Range<usize>| {
                let word = &self.text[word.clone()];
                if self.as_published { word.to_owned() } else { decode_entities(word).into_owned() }
            };
            let words: Vec<String> = words[sentence.words].iter().map(word).collect();
            let names = tags.by_ref().take(words.len()).collect();
            let id = format!("{}#{line}", self.document);
            let tags = vec![0; words.len()];
            Record { line, names, example: Tagged { id, words, tags } }
        };
        sentences(self.text, words, joining).into_iter().map(record).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(start: usize, end: usize) -> Span {
        Span { start, end, kind: "x", line: 1 }
    }

    fn texts<'a>(text: &'a str, words: &[Range<usize>]) -> Vec<&'a str> {
        words.iter().map(|word| &text[word.clone()]).collect()
    }

    #[test]
    fn characters_become_bytes() {
        let text = "é5 µg";
        let characters = Characters::of(text);
        assert_eq!(characters.count(), 5);
        assert_eq!(characters.bytes(3, 5).map(|range| &text[range]), Some("µg"));
        for (start, end) in [(1, 1), (2, 1), (4, 6), (0, usize::MAX)] {
            assert_eq!(characters.bytes(start, end), None);
        }
    }

    #[test]
    fn entities_are_decoded_and_everything_else_stays() {
        assert_eq!(decode_entities("a &lt; 5 &amp;&apos;&quot;&gt; &#176;C &#xB5;g"), "a < 5 &'\"> °C µg");
        for text in ["a & b", "&nbsp;", "&", "&;", "&#;", "&#xfffffffff;", "&éé;", "&amp"] {
            assert_eq!(decode_entities(text), text);
        }
    }

    #[test]
    fn texts_are_the_same_but_for_spaces_and_entities() {
        assert!(same_text("pt&apos;s  pain", "pt's\npain"));
        assert!(same_text(" R & D", "R &amp; D"));
        assert!(!same_text("pain", "pains"));
    }

    #[test]
    fn the_longest_of_overlapping_spans_stays() {
        let kept = longest(&[span(0, 3), span(2, 8), span(8, 9), span(7, 10), span(2, 8), span(12, 14), span(13, 15)]);
        let found: Vec<_> = kept.iter().map(|span| (span.start, span.end)).collect();
        assert_eq!(found, [(2, 8), (8, 9), (12, 14)]);
    }

    #[test]
    fn words_are_cut_at_spans_and_around_punctuation() {
        let text = "No fever. Temp 38.2\u{2013}39 pt&apos;s 45yo";
        let at = text.find("fever").unwrap();
        let age = text.find("45").unwrap();
        let spans = [span(at, at + 5), span(age, age + 2)];
        assert_eq!(
            texts(text, &words(text, &spans, Wording::Spaces)),
            ["No", "fever", ".", "Temp", "38.2\u{2013}39", "pt&apos;s", "45", "yo"]
        );
        assert_eq!(
            texts(text, &words(text, &spans, Wording::Pieces)),
            ["No", "fever", ".", "Temp", "38", ".", "2", "\u{2013}", "39", "pt", "&apos;", "s", "45", "yo"]
        );
    }

    #[test]
    fn touching_spans_of_one_kind_stay_two() {
        let text = "ab cd";
        let spans = [span(0, 1), span(1, 2), span(3, 5)];
        let words = words(text, &spans, Wording::Spaces);
        let tags: Vec<_> = tags(&words, &spans).into_iter().map(|tag| tag.text).collect();
        assert_eq!((texts(text, &words), tags), (vec!["a", "b", "cd"], vec!["B-x".to_owned(); 3]));
    }

    #[test]
    fn a_span_over_a_line_end_joins_two_lines() {
        let text = "\na bb\n\ncc d\ne\n";
        let spans = [span(3, 9)];
        let layout = Layout { document: "n", text, first_line: 4, as_published: false };
        let words = words(text, &spans, Wording::Spaces);
        let found = |layout: Layout<'_>| -> Vec<_> {
            let records = layout.records(&words, &spans);
            let tags = |r: &Record<Tagged>| r.names.iter().map(|name| name.text.clone()).collect::<Vec<_>>().join(" ");
            records.iter().map(|r| format!("{} {} {}", r.example.id, r.example.words.join(" "), tags(r))).collect()
        };
        assert_eq!(found(layout), ["n#5 a bb cc d O B-x I-x O", "n#8 e O"]);
        let published = Layout { as_published: true, ..layout };
        assert_eq!(found(published), ["n#5 a bb O B-x", "n#7 cc d I-x O", "n#8 e O"]);
    }
}
