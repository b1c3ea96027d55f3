//! Which datasets there are.

use anyhow::Result;
use minim_datasets::{card, card_names, published_names};

use super::say;

/// `cargo xtask data list`.
pub(super) fn list() -> Result<()> {
    let mut text = String::new();
    for name in card_names() {
        let card = card(name)?;
        let variant = if published_names().any(|published| published == card.reader) { ", --as-published" } else { "" };
        let reader = if card.reader == name { String::new() } else { format!(", reader {}", card.reader) };
        let (source, licence) = (sentence(&card.source), sentence(&card.licence));
        text.push_str(&format!("{name} ({}{reader}{variant})\n  {source}\n  licence: {licence}\n", card.task));
    }
    text.push_str("jsonl (any)\n  Files that `data prepare` wrote, or your own.\n  licence: that of the data.\n");
    text.push_str("\nWhere to get each, its splits and its flaws: datasets/<name>.toml\n");
    say(&text)
}

/// The first sentence of a text.
fn sentence(text: &str) -> &str {
    text.find(". ").map_or(text, |end| &text[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sentence_says_what_it_is() {
        assert_eq!(sentence("One of 2.5 kinds. Two."), "One of 2.5 kinds.");
        assert_eq!(sentence("One."), "One.");
    }
}
