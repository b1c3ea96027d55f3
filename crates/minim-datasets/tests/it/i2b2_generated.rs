//! The i2b2 readers on generated documents: every annotation comes back, and no input makes a reader panic.

use std::fs;

use minim_datasets::{Corpus, I2b2Concepts, I2b2Events, I2b2Phi, I2b2Relations, document, read};
use proptest::prelude::*;

use crate::i2b2_release::{entities, release, write};

/// Tokens that make trouble: letters beyond ASCII, escapes, quotes, punctuation, and what looks like an annotation.
fn token() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "a", "ct", "Fever", "é", "ÄÖ", "µg", "&apos;s", "&lt;", "&amp;", "&quot;", "x,y", "12:3", "||", "c=",
        "t=\"x\"", "😀", "-", "(", "ß", "don't", "&", "e\u{301}",
    ])
    .prop_map(str::to_owned)
}

/// Lines of tokens, and for each token whether an annotation begins there and how many tokens it has.
type Tokens = Vec<Vec<(String, Option<(usize, usize)>)>>;

fn tokens() -> impl Strategy<Value = Tokens> {
    let annotation = prop::option::weighted(0.4, (1usize..4, 0usize..3));
    prop::collection::vec(prop::collection::vec((token(), annotation), 0..8), 1..6)
}

/// Annotations that do not overlap: line, first token, number of tokens, kind.
fn annotations(lines: &Tokens) -> Vec<(usize, usize, usize, usize)> {
    let mut found = Vec::new();
    for (line, tokens) in lines.iter().enumerate() {
        let mut free = 0;
        for (place, (_, annotation)) in tokens.iter().enumerate() {
            if let Some((length, kind)) = annotation.filter(|_| place >= free) {
                let length = length.min(tokens.len() - place);
                found.push((line, place, length, kind));
                free = place + length;
            }
        }
    }
    found
}

fn words(lines: &Tokens, (line, first, length, _): (usize, usize, usize, usize)) -> Vec<&str> {
    lines[line][first..first + length].iter().map(|(token, _)| token.as_str()).collect()
}

/// The five entities as their characters.
fn plain(text: &str) -> String {
    let text = text.replace("&apos;", "'").replace("&lt;", "<").replace("&quot;", "\"");
    text.replace("&amp;", "&")
}

const KINDS: [&str; 3] = ["problem", "test", "treatment"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn concepts_come_back(lines in tokens(), indented in any::<bool>(), crlf in any::<bool>()) {
        let line_end = if crlf { "\r\n" } else { "\n" };
        let indent = if indented { " " } else { "" };
        let text = |tokens: &[(String, Option<(usize, usize)>)]| {
            let tokens: Vec<&str> = tokens.iter().map(|(token, _)| token.as_str()).collect();
            format!("{indent}{}", tokens.join(" "))
        };
        let note: Vec<String> = lines.iter().map(|tokens| text(tokens)).collect();
        let found = annotations(&lines);
        let shift = usize::from(indented);
        let con: Vec<String> = found.iter().map(|&(line, first, length, kind)| {
            let words = words(&lines, (line, first, length, kind)).join(" ").to_lowercase();
            let (line, first, last) = (line + 1, first + shift, first + shift + length - 1);
            format!("c=\"{words}\" {line}:{first} {line}:{last}||t=\"{}\"", KINDS[kind])
        }).collect();
        let simple = "c=\"a\" 1:0 1:0||t=\"problem\"\nc=\"b\" 1:1 1:1||t=\"problem\"";
        let root = release(&[
            ("train/txt/record-1.txt", "a b"), ("train/concept/record-1.con", simple), ("train/rel/record-1.rel", ""),
            ("train/txt/record-3.txt", "a b"), ("train/concept/record-3.con", simple), ("train/rel/record-3.rel", ""),
            ("train/txt/record-2.txt", &note.join(line_end)), ("train/concept/record-2.con", &con.join(line_end)),
            ("train/rel/record-2.rel", ""),
            ("test/txt/1.txt", "a b"), ("test/concept/1.con", simple), ("test/rel/1.rel", ""),
        ]);
        let splits = I2b2Concepts::default().read(root.path()).unwrap();
        let of_note: Vec<_> =
            splits.train.iter().filter(|sentence| document(&sentence.id) == Some("record-2")).cloned().collect();
        let expected: Vec<(String, String)> = found.iter().map(|annotation| {
            (KINDS[annotation.3].to_owned(), plain(&words(&lines, *annotation).concat()))
        }).collect();
        prop_assert_eq!(entities(&splits, &of_note), expected);

        // Every mention of a pair is the words of a concept.
        let relations = I2b2Relations::default().read(root.path()).unwrap();
        let of_note = relations.train.iter().filter(|pair| document(&pair.id) == Some("record-2"));
        for pair in of_note {
            let lines_of: Vec<usize> =
                pair.id.rsplit('.').next().unwrap().split('-').map(|line| line.parse().unwrap()).collect();
            for (mention, line) in [&pair.head, &pair.tail].into_iter().flatten().zip(lines_of) {
                let annotation = found[line - 1];
                let expected = plain(&words(&lines, annotation).join(" "));
                prop_assert_eq!(&pair.text[mention.start..mention.end], expected.as_str());
                prop_assert_eq!(&mention.kind, KINDS[annotation.3]);
            }
        }
    }

    #[test]
    fn tags_come_back(lines in tokens(), glued in any::<bool>(), crlf in any::<bool>()) {
        let (mut note, mut tags, mut expected) = (String::from("\n"), String::new(), Vec::new());
        let found = annotations(&lines);
        let kinds = ["AGE", "DATE", "DOCTOR"];
        let events = ["PROBLEM", "TEST", "OCCURRENCE"];
        for (line, tokens) in lines.iter().enumerate() {
            let mut starts = Vec::new();
            for (token, _) in tokens {
                if !glued && !starts.is_empty() {
                    note.push(' ');
                }
                starts.push(note.chars().count());
                note.push_str(token);
            }
            for annotation in found.iter().filter(|annotation| annotation.0 == line) {
                let (_, first, _, kind) = *annotation;
                let words = words(&lines, *annotation);
                let text = words.join(if glued { "" } else { " " });
                let (start, end) = (starts[first], starts[first] + text.chars().count());
                let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
                for (element, attribute, kind) in [("EVENT", "type", events[kind]), ("NAME", "TYPE", kinds[kind])] {
                    tags.push_str(&format!(
                        "<{element} start=\"{start}\" end=\"{end}\" text=\"{escaped}\" {attribute}=\"{kind}\" />\n"
                    ));
                }
                expected.push((kind, plain(&words.concat())));
            }
            note.push('\n');
        }
        for (name, training, test, tags, known) in [
            ("events", "original-annotation/1.xml", "test/9.xml", select(&tags, "<EVENT"), events),
            ("phi", "train/111-01.xml", "test/110-01.xml", select(&tags, "<NAME"), kinds),
        ] {
            let file = |note: &str, tags: &str| {
                format!("<R>\n<TEXT><![CDATA[{note}]]></TEXT>\n<TAGS>\n{tags}</TAGS>\n</R>\n")
            };
            let hard = file(&note, &tags);
            let hard = if crlf { hard.replace('\n', "\r\n") } else { hard };
            let simple = file("\na\n", "");
            let validating = if name == "events" { "original-annotation/2.xml" } else { "train/109-01.xml" };
            let root = release(&[(training, &hard), (validating, &simple), (test, &simple)]);
            let splits = match name {
                "events" => I2b2Events::default().read(root.path()),
                _ => I2b2Phi::default().read(root.path()),
            };
            let expected: Vec<_> = expected.iter().map(|(kind, text)| (known[*kind].to_owned(), text.clone())).collect();
            match splits {
                Ok(splits) => prop_assert_eq!(entities(&splits, &splits.train), expected),
                // A note without a word leaves the training split empty.
                Err(error) => prop_assert!(lines.iter().all(Vec::is_empty), "{}", error),
            }
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(one in almost(), two in almost(), three in almost()) {
        let root = release(&[]);
        let put = |name: &str, bytes: &[u8]| {
            write(root.path(), &[(name, "")]);
            fs::write(root.path().join(name), bytes).unwrap();
        };
        for note in ["train/{}/record-1", "train/{}/record-2", "test/{}/3"] {
            for (ending, bytes) in [("txt", &one), ("con", &two), ("rel", &three)] {
                put(&format!("{}.{ending}", note.replace("{}", ending)), bytes);
            }
        }
        for (place, bytes) in [&one, &two, &three].into_iter().enumerate() {
            for name in ["train/111-01.xml", "train/109-01.xml", "train/1.xml", "test/3.xml"] {
                put(&format!("{place}/{name}"), bytes);
            }
        }
        for name in ["i2b2-2010-concepts", "i2b2-2010-relations"] {
            let _ = read(name, root.path()).map(|dataset| assert!(dataset.sizes().test > 0));
        }
        for place in 0..3 {
            for name in ["i2b2-2012-events", "i2b2-2014-phi"] {
                let _ = read(name, &root.path().join(place.to_string())).map(|dataset| assert!(dataset.sizes().test > 0));
            }
        }
        let _ = I2b2Concepts { as_published: true }.read(root.path());
        let _ = I2b2Relations { as_published: true }.read(root.path());
        let _ = I2b2Events { as_published: true }.read(&root.path().join("0"));
        let _ = I2b2Phi { as_published: true }.read(&root.path().join("0"));
    }
}

fn select(tags: &str, element: &str) -> String {
    tags.lines().filter(|line| line.starts_with(element)).map(|line| format!("{line}\n")).collect()
}

/// Pieces of the formats, shuffled.
fn almost() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "a b c\n",
        "é &apos;s ",
        " ",
        "\n",
        "\r\n",
        "\r",
        "\t",
        "\u{feff}",
        "\u{a0}",
        "&",
        "&#",
        "&#x1F600;",
        "&lt;",
        "\"",
        "||",
        "c=\"",
        "c=\"a b\" 1:0 1:1||t=\"problem\"\n",
        "c=\"b c\" 1:1 1:2||t=\"test\"\n",
        "c=\"c a\" 1:2 2:0||t=\"problem\"\n",
        "c=\"a\" 99999999999999999999:0 1:0||t=\"test\"\n",
        "c=\"a\" 18446744073709551615:18446744073709551615 1:0||t=\"test\"\n",
        "c=\"a b\" 1:0 1:1||r=\"PIP\"||c=\"b c\" 1:1 1:2\n",
        "<R><TEXT><![CDATA[",
        "]]></TEXT>",
        "<TEXT>",
        "</TEXT>",
        "<TAGS>",
        "</TAGS>",
        "<TAGS/>",
        "</R>",
        "<EVENT start=\"0\" end=\"1\" text=\"a\" type=\"TEST\" />",
        "<EVENT start=\"1\" end=\"18446744073709551615\" text=\"a\" type=\"TEST\" TYPE=\"AGE\"/>",
        "<NAME start=\"1\" end=\"2\" text=\"a\" TYPE=\"AGE\" type=\"\"/>",
        "<EVENT ",
        "text=\"",
        "/>",
        "<",
        ">",
        "start=\"1\" ",
    ]);
    let whole = prop::sample::select(vec![
        "a b c\na b c\n",
        "c=\"a b\" 1:0 1:1||t=\"problem\"\nc=\"b c\" 1:1 1:2||t=\"test\"\nc=\"c a\" 1:2 2:0||t=\"problem\"\n",
        "c=\"a b\" 1:0 1:1||r=\"PIP\"||c=\"b c\" 1:1 1:2\n",
        "<R><TEXT><![CDATA[\nab & c]]></TEXT><TAGS><EVENT start=\"1\" end=\"2\" text=\"a\" type=\"TEST\" TYPE=\"AGE\"/></TAGS></R>",
    ]);
    (prop::option::of(whole), prop::collection::vec(pieces, 0..12))
        .prop_map(|(whole, pieces)| format!("{}{}", whole.unwrap_or_default(), pieces.concat()).into_bytes())
}
