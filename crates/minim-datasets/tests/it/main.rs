//! The readers from outside: hand-made folders, arbitrary bytes, and the real corpora where they are at hand.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod arbitrary_bytes;
mod bad_folders;
mod canaries;
mod hand_made;
mod i2b2_2010;
mod i2b2_generated;
mod i2b2_release;
mod i2b2_twins;
mod i2b2_xml;
mod icd9_triage;
mod mednli;
mod mimic;
mod mimic_twins;
mod mutated;
mod one_file;
mod private;
mod real_corpora;
mod write_jsonl;

use std::fs;

use tempfile::TempDir;

/// A new folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}
