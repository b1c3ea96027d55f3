//! The verbs of `cargo xtask data`, started as their users start them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../../crates/minim-datasets/tests/it/canaries.rs"]
mod canaries;
mod data;
mod private;

use std::path::Path;
use std::process::Command;

/// What a run said and how it ended.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs `cargo xtask data` with these words, and these folders for `RAW`, `OUT` and the like among them.
fn data(words: &str, folders: &[(&str, &Path)]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("data").env("RUST_BACKTRACE", "1");
    for word in words.split(' ') {
        match folders.iter().find(|(name, _)| *name == word) {
            Some((_, folder)) => command.arg(folder),
            None => command.arg(word),
        };
    }
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Runs it, and wants it to succeed without a word of complaint.
fn succeeds(words: &str, folders: &[(&str, &Path)]) -> String {
    let Ran { code, out, err } = data(words, folders);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{words}: {out}");
    out
}

/// Runs it, and wants it to end with exit code 2 and one line, which is returned without `error: `.
fn refused(words: &str, folders: &[(&str, &Path)]) -> String {
    let Ran { code, out, err } = data(words, folders);
    assert_eq!((code, out.as_str(), err.lines().count()), (Some(2), "", 1), "{words}: {err}");
    err.trim_end().strip_prefix("error: ").unwrap().to_owned()
}

/// A program that stands in for `minim lengths --model M --data D --format json`: every example has as many pieces as the number
/// of its line, and the folder is noted beside the program.
#[cfg(unix)]
fn minim(folder: &Path) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;

    const PROGRAM: &str = r#"#!/bin/sh
        echo "$*" > "$(dirname "$0")/called.txt"
        [ "$1 $2 $4 $6 $7" = "lengths --model --data --format json" ] || { echo "error: called otherwise" >&2; exit 2; }
        lengths() { awk '{ printf "%s%d", (NR > 1 ? "," : ""), NR }' "$1"; }
        printf '{"train":{"lengths":[%s]},"validation":{"lengths":[%s]},"test":{"lengths":[%s]}}\n' \
            "$(lengths "$5/train.jsonl")" "$(lengths "$5/validation.jsonl")" "$(lengths "$5/test.jsonl")"
    "#;
    let path = folder.join("minim");
    std::fs::write(&path, PROGRAM).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}
