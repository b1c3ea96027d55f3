//! A folder of its own for each test, and the binary run in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use minim_experiment::Record;
use serde_json::Value;
use tempfile::TempDir;

/// A word that stands in every text of these tests, and may stand nowhere else.
pub(crate) const CANARY: &str = "xyzzyplugh";

/// A folder that is removed when the test ends.
pub(crate) struct Scratch(TempDir);

/// What a command left.
pub(crate) struct Finished {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// Rewrites a text file.
    pub(crate) fn edit(&self, name: &str, change: impl FnOnce(String) -> String) {
        let before = self.read(name);
        let after = change(before.clone());
        assert_ne!(before, after, "{name} is not changed by its edit");
        self.write(name, after);
    }

    /// Leaves only the first half of a file.
    pub(crate) fn truncate(&self, name: &str) {
        let bytes = fs::read(self.path(name)).unwrap();
        self.write(name, &bytes[..bytes.len() / 2]);
    }

    /// Copies a folder of `tests/fixtures/bert` under its own name.
    pub(crate) fn fixture(&self, name: &str) {
        let from = fixtures().join("bert").join(name);
        for (file, bytes) in files(&from) {
            self.write(&format!("{name}/{file}"), bytes);
        }
    }

    /// Runs `minim` with arguments that stand apart by spaces, paths among them relative to the folder.
    #[track_caller]
    pub(crate) fn minim(&self, arguments: &str) -> Finished {
        let output = Command::new(env!("CARGO_BIN_EXE_minim"))
            .args(arguments.split_whitespace())
            .current_dir(self.0.path())
            .env_remove("RUST_LOG")
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let finished =
            Finished { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
        for shown in [&finished.stdout, &finished.stderr] {
            assert!(!shown.contains('\u{1b}'), "minim {arguments} colours what is no terminal: {shown}");
            assert!(!shown.contains(CANARY), "minim {arguments} shows text of an example: {shown}");
        }
        finished
    }

    /// Runs a command that must succeed, and returns its standard output.
    #[track_caller]
    pub(crate) fn done(&self, arguments: &str) -> String {
        let Finished { code, stdout, stderr } = self.minim(arguments);
        assert_eq!(code, Some(0), "minim {arguments}: {stderr}");
        assert!(!stderr.contains("error:"), "minim {arguments}: {stderr}");
        stdout
    }

    /// Runs a command that must be refused with exit code 2 and one line `error: ..`, the last, and returns that line.
    #[track_caller]
    pub(crate) fn refused(&self, arguments: &str) -> String {
        let Finished { code, stdout, stderr } = self.minim(arguments);
        assert_eq!(code, Some(2), "minim {arguments}: {stdout}{stderr}");
        assert_eq!(stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "minim {arguments}: {stderr}");
        let last = stderr.lines().last().unwrap();
        assert!(last.starts_with("error: "), "minim {arguments}: {stderr}");
        last.to_owned()
    }

    /// The same, and the line must hold all of `parts`.
    #[track_caller]
    pub(crate) fn refused_saying(&self, arguments: &str, parts: &[&str]) {
        let line = self.refused(arguments);
        for part in parts {
            assert!(line.contains(part), "no `{part}` in: {line}");
        }
    }

    /// The only record of a result folder.
    #[track_caller]
    pub(crate) fn record(&self, out: &str) -> Record {
        let mut records =
            files(&self.path(out)).into_iter().filter(|(name, _)| name.ends_with(".json") && !name.contains('/'));
        let (name, bytes) = records.next().unwrap_or_else(|| panic!("no record in {out}"));
        assert!(records.next().is_none(), "one record in {out}");
        let record: Record = serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(name, format!("{}.json", record.run_id));
        record
    }

    /// Every file under a folder and its bytes, by its path in it.
    pub(crate) fn files(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        files(&self.path(name))
    }

    /// Fails if a file under a folder holds the word of the texts.
    #[track_caller]
    pub(crate) fn holds_no_text(&self, name: &str) {
        let found = self.files(name);
        assert!(!found.is_empty(), "{name} is empty");
        for (file, bytes) in found {
            let holds = bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
            assert!(!holds, "{name}/{file} holds text of an example");
        }
    }
}

/// `tests/fixtures` of the workspace.
pub(crate) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
}

/// Every file under a folder and its bytes, by its path in it.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()).into_iter().map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)));
        } else {
            found.insert(name, fs::read(entry.path()).unwrap());
        }
    }
    found
}

/// The rows of lines of JSON.
pub(crate) fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// All numbers in a JSON value, in order.
pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        Value::Object(entries) => entries.values().flat_map(numbers).collect(),
        number => number.as_f64().into_iter().collect(),
    }
}

/// The largest absolute difference of as many numbers.
#[track_caller]
pub(crate) fn furthest(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    assert!(a.iter().chain(b).all(|number| number.is_finite()));
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}
