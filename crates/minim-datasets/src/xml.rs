//! XML as the corpora have it: parsed into a tree, after a look at how deep it goes.

use roxmltree::Document;

use crate::error::Error;
use crate::format::Origin;

/// The deepest nesting that is parsed. Corpora nest three levels; roxmltree recurses, and would run out of stack on thousands.
const DEEPEST: usize = 64;

/// Parses a document.
///
/// # Errors
/// It is not well-formed, has a document type, or nests too deep.
pub(crate) fn parse<'a>(origin: Origin<'_>, text: &'a str) -> Result<Document<'a>, Error> {
    let depth = nesting(text);
    if depth > DEEPEST {
        return Err(origin.malformed(1, format!("elements nest {depth} deep"), format!("at most {DEEPEST} levels")));
    }
    Document::parse(text).map_err(|error| {
        // The parser's own message may quote the text.
        let (line, column) = (error.pos().row as usize, error.pos().col);
        origin.malformed(line, format!("not well-formed at column {column}"), "XML without a document type")
    })
}

/// The number of elements that are open at once, at most; of what is not well-formed, at least as many as the parser gets to see.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        rest = if let Some(comment) = rest.strip_prefix("<!--") {
            after(comment, "-->")
        } else if let Some(data) = rest.strip_prefix("<![CDATA[") {
            after(data, "]]>")
        } else if let Some(instruction) = rest.strip_prefix("<?") {
            after(instruction, "?>")
        } else if let Some(end_tag) = rest.strip_prefix("</") {
            depth = depth.saturating_sub(1);
            after(end_tag, ">")
        } else {
            let (tag, behind) = tag(&rest[1..]);
            if !tag.ends_with('/') {
                depth += 1;
                deepest = deepest.max(depth);
            }
            behind
        };
    }
    deepest
}

fn after<'a>(text: &'a str, end: &str) -> &'a str {
    text.split_once(end).map_or("", |(_, behind)| behind)
}

/// A tag up to its `>`, which an attribute's value may hold too, and what stands behind.
fn tag(text: &str) -> (&str, &str) {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return (&text[..at], &text[at + 1..]),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn nesting_counts_what_is_open() {
        for (text, depth) in [
            ("", 0),
            ("<a/>", 0),
            ("<a><b/><b></b><b><c x='>'/></b></a>", 2),
            ("<?xml version=\"1.0\"?><a><!-- <x \" --><b y=\"/>\"><![CDATA[<c>]]></b></a>", 2),
            ("<a><a><a", 3),
            ("<a \"", 1),
        ] {
            assert_eq!(nesting(text), depth, "{text}");
        }
    }

    #[test]
    fn no_depth_overflows_the_stack() {
        for text in ["<a>".repeat(100_000), "<!-- <x \" -->".to_owned() + &"<a b=\"/>\" c='\"'>".repeat(100_000)] {
            let error = parse(Origin { path: Path::new("x.xml"), stem: "x" }, &text).unwrap_err();
            assert_eq!(error.to_string(), "x.xml:1: elements nest 100000 deep; expected at most 64 levels");
        }
    }

    #[test]
    fn a_document_type_is_refused() {
        let text = "<!DOCTYPE a [<!ENTITY x \"fever\">]>\n<a>&x;</a>";
        let error = parse(Origin { path: Path::new("x.xml"), stem: "x" }, text).unwrap_err().to_string();
        assert!(error.contains("not well-formed") && !error.contains("fever"), "{error}");
    }
}
