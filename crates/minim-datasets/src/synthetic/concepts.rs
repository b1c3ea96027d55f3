//! `synthetic-concepts`: sentences with problems, tests and treatments as BIO tags, for named entity recognition.
//!
//! The kinds are those of i2b2-2010. The last noun of a mention decides its kind, the words before it are shared between
//! the kinds, and words such as `discharge`, `cold`, `culture` or `pressure` also occur outside any mention, so that the
//! most frequent tag of a word is often wrong.

use super::draw::Draw;
use super::grammar::{Grammar, Piece, pieces};

/// Tag names: `O`, then `B-` and `I-` of each kind.
pub(super) const LABELS: [&str; 7] = ["O", "B-problem", "I-problem", "B-test", "I-test", "B-treatment", "I-treatment"];

const KINDS: [&str; 3] = ["problem", "test", "treatment"];

/// A word and its tag, an index into [`LABELS`].
pub(super) struct Token {
    /// The word.
    pub(super) word: String,
    /// Index into [`LABELS`].
    pub(super) tag: usize,
}

/// Words of the shortest sentence.
const SHORTEST: usize = 7;

/// One tagged sentence.
pub(super) fn sentence(grammar: &Grammar, draw: &mut Draw) -> Vec<Token> {
    loop {
        let tokens = any_sentence(grammar, draw);
        if tokens.len() >= SHORTEST {
            return tokens;
        }
    }
}

fn any_sentence(grammar: &Grammar, draw: &mut Draw) -> Vec<Token> {
    let template = grammar.pick(draw, "sentence");
    let mut tokens = Vec::new();
    for piece in pieces(template) {
        let Piece::Slot(slot) = piece else {
            let Piece::Text(text) = piece else { continue };
            outside(&mut tokens, text);
            continue;
        };
        match KINDS.iter().position(|kind| *kind == slot) {
            Some(kind) => {
                let mention = mention(grammar, draw, slot);
                for (place, word) in mention.split_whitespace().enumerate() {
                    tokens.push(Token { word: word.to_owned(), tag: 1 + 2 * kind + usize::from(place > 0) });
                }
            }
            None => {
                let text = grammar.expand(draw, &format!("{{{slot}}}"));
                outside(&mut tokens, &text);
            }
        }
    }
    tokens
}

/// The words of a sentence, without the tags.
pub(super) fn plain(tokens: &[Token]) -> String {
    tokens.iter().map(|token| token.word.as_str()).collect::<Vec<_>>().join(" ")
}

/// A mention, with its article one time in four.
fn mention(grammar: &Grammar, draw: &mut Draw, kind: &str) -> String {
    let text = grammar.draw(draw, kind);
    if draw.chance(25) && !text.starts_with("a ") {
        return format!("{} {text}", grammar.draw(draw, "the"));
    }
    text
}

fn outside(tokens: &mut Vec<Token>, text: &str) {
    tokens.extend(text.split_whitespace().map(|word| Token { word: word.to_owned(), tag: 0 }));
}
