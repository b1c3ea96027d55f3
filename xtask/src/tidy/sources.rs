//! Rust sources: their length, their docs, what is left undone in them, and which backends they name.

use super::Finding;
use super::graph::{BACKENDS, ENGINE, KERNELS};
use super::tree::Tree;

/// A file that is read from top to bottom; longer ones hold more than one thing.
const MAX_LINES: usize = 700;

/// Marks of unfinished work, in pieces so that this file does not hold them.
const MARKS: [&str; 4] = [concat!("to", "do!"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("TO", "DO")];

pub(super) fn scan(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for ending in [".rs", ".toml", ".sh", ".py"] {
        for (path, text) in tree.texts(ending) {
            findings.extend(marks(path, text));
        }
    }
    let mut backend_files = Vec::new();
    for (path, text) in tree.texts(".rs").filter(|(path, _)| !path.starts_with("third-party/")) {
        findings.extend(length(path, text));
        findings.extend(docs(path, text));
        let own: &[&str] = if path == format!("crates/{}/src/lib.rs", KERNELS.0) { &KERNELS.1 } else { &[] };
        let Some(line) = backend_line(text, own) else {
            continue;
        };
        if path.starts_with(&format!("crates/{ENGINE}/")) {
            backend_files.push((path, line));
        } else {
            let message = format!("names a backend; only {ENGINE} does, so that every other crate runs on any");
            findings.push(Finding::new(path, line, message));
        }
    }
    for (path, line) in backend_files.iter().skip(1) {
        let message =
            format!("names a backend, as {} does; all backend `cfg`s live in one file of {ENGINE}", backend_files[0].0);
        findings.push(Finding::new(path, *line, message));
    }
    findings
}

fn marks(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let found = MARKS.into_iter().find(|mark| {
            line.match_indices(mark).any(|(start, _)| {
                let word = |c: char| c.is_alphanumeric() || c == '_';
                !line[..start].ends_with(word) && !line[start + mark.len()..].starts_with(word)
            })
        });
        if let Some(mark) = found {
            let message = format!("`{mark}`: unfinished work stands in an issue, where it is seen");
            findings.push(Finding::new(path, at + 1, message));
        }
    }
    findings
}

fn length(path: &str, text: &str) -> Option<Finding> {
    let lines = text.lines().count();
    let message = format!("{lines} lines, at most {MAX_LINES}: a file holds one thing");
    (lines > MAX_LINES).then(|| Finding::new(path, MAX_LINES + 1, message))
}

/// A crate says at its top what it is; the compiler demands that of libraries only, and takes an empty line for it.
fn docs(path: &str, text: &str) -> Option<Finding> {
    let root = path.ends_with("src/lib.rs") || path.ends_with("src/main.rs");
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let said = first.strip_prefix("//!").is_some_and(|said| !said.trim().is_empty());
    (root && !said).then(|| Finding::new(path, 1, "expected `//!` and a sentence that says what the crate is"))
}

/// The first line, from 1, that names a backend in a `cfg`.
/// The first line that asks for a backend other than the file's own.
fn backend_line(text: &str, own: &[&str]) -> Option<usize> {
    let others = || BACKENDS.iter().filter(|backend| !own.contains(backend));
    let names = |line: &str| others().any(|backend| line.replace(' ', "").contains(&format!("feature=\"{backend}\"")));
    text.lines().position(names).map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(files: &[(&str, &str)], expected: &[(&str, usize)]) {
        let findings = scan(&Tree::of(files));
        let places: Vec<(&str, usize)> = findings.iter().map(|f| (f.file.as_str(), f.line)).collect();
        assert_eq!(places, expected, "{findings:?}");
    }

    #[test]
    fn unfinished_work_is_found() {
        for mark in MARKS {
            let text = format!("//! A file.\nfn f() {{}} // {mark} later\n");
            check(&[("a.rs", &text)], &[("a.rs", 2)]);
        }
        let word = format!("//! A file.\nconst A{}_B: u8 = 0;\n", MARKS[3]);
        check(&[("a.rs", &word)], &[]);
        check(&[("notes.md", MARKS[1])], &[]);
    }

    #[test]
    fn long_and_undocumented_files_are_found() {
        let long = format!("//! A file.\n{}", "\n".repeat(MAX_LINES));
        check(&[("a.rs", &long)], &[("a.rs", MAX_LINES + 1)]);
        check(&[("crates/a/src/lib.rs", "use std::fmt;\n")], &[("crates/a/src/lib.rs", 1)]);
        check(&[("xtask/src/main.rs", "//! \n")], &[("xtask/src/main.rs", 1)]);
        check(&[("third-party/x/src/lib.rs", "fn f() {}\n")], &[]);
    }

    #[test]
    fn backends_are_named_in_one_file_of_the_engine() {
        let cfg = "//! A file.\n#[cfg(feature = \"cuda\")]\nfn f() {}\n";
        check(&[("crates/minim-engine/src/device.rs", cfg)], &[]);
        check(
            &[
                ("crates/minim-engine/src/a.rs", cfg),
                ("crates/minim-engine/src/b.rs", cfg),
                ("crates/minim-models/src/bert.rs", cfg),
            ],
            &[("crates/minim-models/src/bert.rs", 2), ("crates/minim-engine/src/b.rs", 2)],
        );
        for backend in KERNELS.1 {
            let own = cfg.replace("cuda", backend);
            check(&[("crates/minim-kernels/src/lib.rs", &own)], &[]);
            check(&[("crates/minim-kernels/src/linear.rs", &own)], &[("crates/minim-kernels/src/linear.rs", 2)]);
        }
        let other = cfg.replace("cuda", "wgpu");
        check(&[("crates/minim-kernels/src/lib.rs", &other)], &[("crates/minim-kernels/src/lib.rs", 2)]);
    }
}
