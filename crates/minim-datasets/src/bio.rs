//! BIO tags: `B-<type>` begins an entity, `I-<type>` goes on with it, `O` is outside.
//!
//! Ramshaw and Marcus, "Text Chunking using Transformation-Based Learning" (1995), in the IOB2 form.

use crate::error::{Error, shown};
use crate::format::Origin;

/// Refuses what does not have the form of a BIO tag.
pub(crate) fn check_tag(origin: Origin<'_>, line: usize, tag: &str) -> Result<(), Error> {
    const EXPECTED: &str = "O, B-<type> or I-<type>";
    let entity = tag.strip_prefix("B-").or_else(|| tag.strip_prefix("I-"));
    match entity {
        None if tag == "O" => Ok(()),
        Some(entity) if !entity.is_empty() && !entity.contains(char::is_whitespace) => Ok(()),
        // Not shown: with the columns swapped it would be a word of the text.
        None => Err(origin.malformed(line, "a tag that is no BIO tag", EXPECTED)),
        Some(_) => Err(origin.malformed(line, format!("tag {}", shown(tag)), EXPECTED)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn check(tag: &str) -> Result<(), String> {
        check_tag(Origin { path: Path::new("x"), stem: "x" }, 3, tag).map_err(|error| error.to_string())
    }

    #[test]
    fn tags_of_any_type_pass() {
        for tag in ["O", "B-Disease", "I-LOCATION-OTHER", "B-é"] {
            assert_eq!(check(tag), Ok(()));
        }
    }

    #[test]
    fn other_forms_are_refused_and_words_not_shown() {
        assert_eq!(check("fever").unwrap_err(), "x:3: a tag that is no BIO tag; expected O, B-<type> or I-<type>");
        for tag in ["", "o", "b-x", "S-x", "B", "B-", "I-", "B-a b"] {
            assert!(check(tag).is_err(), "{tag}");
        }
    }
}
