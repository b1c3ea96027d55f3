//! Which datasets there are.

use anyhow::Result;
use minim_datasets::{card, card_names, published_names};

/// `cargo xtask data list`.
pub(super) fn list() -> Result<()> {
    for name in card_names() {
        let card = card(name)?;
        let variant = if published_names().any(|published| published == card.reader) { ", --as-published" } else { "" };
        let reader = if card.reader == name { String::new() } else { format!(", reader {}", card.reader) };
        println!("{name} ({}{reader}{variant})", card.task);
        println!("  {}\n  licence: {}", sentence(&card.source), sentence(&card.licence));
    }
    println!("jsonl (any)\n  Files that `data prepare` wrote, or your own.\n  licence: that of the data.");
    println!("\nWhere to get each, its splits and its flaws: datasets/<name>.toml");
    Ok(())
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
