//! Datasets: every corpus that can be read has a card that says what it is.

use super::Finding;
use super::tree::Tree;

/// A container that holds whatever its user puts in it: there is nothing to say about it on a card.
const WITHOUT_CARD: &str = "jsonl";

pub(super) fn scan(tree: &Tree) -> Vec<Finding> {
    let readers: Vec<&str> = minim_datasets::names().filter(|name| *name != WITHOUT_CARD).collect();
    missing(tree, &readers)
}

fn missing(tree: &Tree, readers: &[&str]) -> Vec<Finding> {
    let cards: Vec<toml::Table> = tree
        .texts(".toml")
        .filter(|(path, _)| path.starts_with("datasets/"))
        .filter_map(|(_, text)| toml::from_str(text).ok())
        .collect();
    let has_card =
        |reader: &str| cards.iter().any(|card| card.get("reader").and_then(toml::Value::as_str) == Some(reader));
    readers
        .iter()
        .filter(|reader| !has_card(reader))
        .map(|reader| {
            let message = format!("no card in datasets/ has `reader = \"{reader}\"`: say what the data is and whose");
            Finding::new("datasets", 1, message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_without_a_card_is_found() {
        let tree = Tree::of(&[
            ("datasets/a.toml", "name = \"a\"\nreader = \"alpha\"\n"),
            ("elsewhere/b.toml", "reader = \"beta\"\n"),
        ]);
        assert_eq!(missing(&tree, &["alpha"]), []);
        let findings = missing(&tree, &["alpha", "beta"]);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].message.contains("reader = \"beta\""));
    }
}
