//! The files of the repository, and what must hold for every one of them.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::Finding;

/// A clone should stay small; anything larger belongs to `cargo xtask fetch` or is generated.
const MAX_BYTES: u64 = 12 << 20;

/// First folders of paths that exist on one machine only.
const MACHINE_FOLDERS: [&str; 5] = ["home", "root", "work", "tmp", "Users"];

/// What git tracks or would add, ignored files left out.
pub(super) struct Tree {
    pub(super) files: Vec<Tracked>,
}

/// One file; its path is relative to the root and has `/` between its parts.
pub(super) struct Tracked {
    pub(super) path: String,
    pub(super) bytes: u64,
    /// `None` for a binary file.
    pub(super) text: Option<String>,
}

impl Tree {
    pub(super) fn of_repository(root: &Path) -> Result<Self> {
        let output = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()
            .context("cannot start git")?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("git cannot list the files: {}", said.trim());
        }
        let list = String::from_utf8(output.stdout).context("a file name is not UTF-8")?;
        let mut files = Vec::new();
        for path in list.split('\0').filter(|path| !path.is_empty()) {
            // A file that is deleted but not yet committed as such is still listed.
            if let Ok(bytes) = std::fs::read(root.join(path)) {
                files.push(Tracked::new(path, bytes));
            }
        }
        Ok(Self { files })
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(path, text)| Tracked::new(path, text.as_bytes().to_vec())).collect();
        Self { files }
    }

    /// The text files whose path ends with `ending`.
    pub(super) fn texts(&self, ending: &str) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .filter(move |file| file.path.ends_with(ending))
            .filter_map(|file| Some((file.path.as_str(), file.text.as_deref()?)))
    }

    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path)?.text.as_deref()
    }

    /// All files and all folders that hold one.
    pub(super) fn paths(&self) -> BTreeSet<&Path> {
        self.files.iter().flat_map(|file| Path::new(&file.path).ancestors()).collect()
    }
}

impl Tracked {
    fn new(path: &str, bytes: Vec<u8>) -> Self {
        Self {
            path: path.to_owned(),
            bytes: bytes.len() as u64,
            text: String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')),
        }
    }
}

/// No large file, and no path of one machine.
pub(super) fn scan(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        if file.bytes > MAX_BYTES {
            let message = format!("{} bytes, at most {MAX_BYTES} are tracked: a clone stays small", file.bytes);
            findings.push(Finding::new(&file.path, 1, message));
        }
        for (at, line) in file.text.iter().flat_map(|text| text.lines()).enumerate() {
            if let Some(folder) = MACHINE_FOLDERS.into_iter().find(|folder| names_machine(line, folder)) {
                let message = format!("a path under /{folder} exists on one machine only; use a relative one");
                findings.push(Finding::new(&file.path, at + 1, message));
            }
        }
    }
    findings
}

/// Whether an absolute path starts with `folder` somewhere in the line; `a/tmp/b` and `$X/tmp/b` are not absolute.
fn names_machine(line: &str, folder: &str) -> bool {
    let start = format!("/{folder}/");
    line.match_indices(&start).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        before.is_none_or(|before| {
            !(before.is_alphanumeric() || "._-~$}/*>\"'`".contains(before)) || {
                // A quote before the slash opens a path or closes a variable, as in "$X"/tmp.
                "\"'`".contains(before) && !line[..at - 1].ends_with(|c: char| c.is_alphanumeric() || c == '}')
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_one_machine_are_found() {
        for folder in MACHINE_FOLDERS {
            for line in [
                format!("/{folder}/x/model"),
                format!("path = \"/{folder}/x\""),
                format!("see `/{folder}/x`"),
                format!("a:/{folder}/x"),
            ] {
                let findings = scan(&Tree::of(&[("a.md", &format!("fine\n{line}\n"))]));
                assert_eq!(findings.len(), 1, "{line}");
                assert_eq!((findings[0].file.as_str(), findings[0].line), ("a.md", 2));
            }
            for line in [
                format!("../{folder}/x"),
                format!("docs/{folder}/x"),
                format!("$BASE/{folder}/x"),
                format!("\"$BASE\"/{folder}/x"),
                format!("${{BASE}}/{folder}/x"),
                format!("/{folder}"),
                format!("/{folder}stead/x"),
            ] {
                assert_eq!(scan(&Tree::of(&[("a.md", &line)])), [], "{line}");
            }
        }
    }

    #[test]
    fn large_files_are_found_and_binary_ones_not_read() {
        let tree = Tree {
            files: vec![
                Tracked::new("big.bin", vec![0; (MAX_BYTES + 1) as usize]),
                Tracked::new("fits.bin", vec![0; MAX_BYTES as usize]),
                Tracked::new("image.png", format!("\0 /{}/x", MACHINE_FOLDERS[0]).into_bytes()),
            ],
        };
        let findings = scan(&tree);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].file, "big.bin");
    }
}
