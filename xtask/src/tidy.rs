//! The architecture's promises, each checked and each with its reason in the complaint.
//!
//! A scanner is a pure function from the tree of files to findings, so that its tests need no repository.

mod cards;
mod graph;
mod links;
mod sources;
mod tree;

use std::fmt;

use anyhow::{Result, bail};

use crate::{sweep, workspace};
use tree::Tree;

/// A broken promise and where it is broken.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    file: String,
    line: usize,
    message: String,
}

impl Finding {
    fn new(file: &str, line: usize, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// `cargo xtask tidy`.
pub(crate) fn tidy() -> Result<()> {
    let tree = Tree::of_repository(&workspace::root())?;
    let scanners = [graph::scan, sources::scan, tree::scan, links::scan, cards::scan];
    let mut findings: Vec<Finding> = scanners.iter().flat_map(|scan| scan(&tree)).collect();
    findings.sort();
    for finding in &findings {
        eprintln!("{finding}");
    }
    if !findings.is_empty() {
        bail!("tidy: {}", sweep::count(findings.len(), "finding"));
    }
    println!("tidy: {} files, nothing to say.", tree.files.len());
    Ok(())
}
