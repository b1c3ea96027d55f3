//! No verb shows a word of the data, whether it succeeds or fails.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::canaries::{files, plant};
use crate::data;

const NAMES: [&str; 7] = [
    "i2b2-2010-concepts",
    "i2b2-2010-relations",
    "i2b2-2012-events",
    "i2b2-2014-phi",
    "mimic3-mortality",
    "icd9-triage",
    "mednli",
];

/// Runs every verb, and returns how many failed.
fn verbs(name: &str, raw: &Path, canaries: &BTreeSet<String>) -> usize {
    let out = tempfile::tempdir().unwrap();
    let folders = [("RAW", raw), ("OUT", out.path())];
    let mut failed = 0;
    for verb in ["check", "stats", "prepare"] {
        let to = if verb == "prepare" { " --out OUT" } else { "" };
        let ran = data(&format!("{verb} {name} --raw RAW{to}"), &folders);
        let said = (ran.out + &ran.err).to_lowercase();
        assert!(!said.contains("panicked"), "{name}: {said}");
        // Not printed: it would show what must not be shown.
        assert!(!canaries.iter().any(|canary| said.contains(canary)), "{name}: {verb} shows a word of the data");
        failed += usize::from(ran.code != Some(0));
    }
    failed
}

#[test]
fn no_word_of_the_data_is_shown() {
    for name in NAMES {
        let folder = tempfile::tempdir().unwrap();
        let raw = folder.path();
        minim_datasets::synthetic::write_archive(name, raw, 40, 5).unwrap();
        let canaries = plant(name, raw);
        assert!(canaries.len() > 30, "{name}: {}", canaries.len());
        assert_eq!(verbs(name, raw, &canaries), 0, "{name}");

        let prepared = tempfile::tempdir().unwrap();
        let ran = data(&format!("prepare {name} --raw RAW --out OUT"), &[("RAW", raw), ("OUT", prepared.path())]);
        assert_eq!(ran.code, Some(0), "{name}: {}", ran.err);
        let text: String = files(prepared.path())
            .into_values()
            .map(|bytes| String::from_utf8(bytes).unwrap().to_lowercase())
            .collect();
        let kept = canaries.iter().filter(|canary| text.contains(*canary)).count();
        assert_eq!(kept, canaries.len(), "{name}: the prepared files are the data, and have all of its words");

        // The first file of each ending, broken in four ways.
        let mut broken: Vec<(String, Vec<u8>)> =
            files(raw).into_iter().filter(|(path, _)| path != "card.toml").collect();
        broken.dedup_by_key(|(path, _)| path.rsplit_once('.').map(|(_, ending)| ending.to_owned()));
        let mut failed = 0;
        for (path, bytes) in broken {
            let half = &bytes[..bytes.len() / 2];
            let swapped: Vec<u8> = bytes.iter().map(|&byte| if byte == b'"' { b'\'' } else { byte }).collect();
            for content in [half, &[half, b"\"\xff"].concat(), &[half, &bytes[..]].concat(), &swapped] {
                fs::write(raw.join(&path), content).unwrap();
                failed += verbs(name, raw, &canaries);
            }
            fs::write(raw.join(&path), &bytes).unwrap();
        }
        assert!(failed >= 6, "{name}: {failed} of the broken archives were refused");
    }
}
