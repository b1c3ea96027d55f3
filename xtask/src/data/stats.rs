//! What a dataset holds, in numbers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use minim_datasets::{Kind, LIMITS, Lengths, Remarks, Split, Statistics};
use serde::Deserialize;

use super::columns::aligned;
use super::prepare::{MOST_LABELS, write};
use super::{Source, say};
use crate::engine;
use crate::input::InputError;

/// What `minim lengths --format json` prints of each split.
#[derive(Deserialize)]
struct Pieces {
    lengths: Vec<usize>,
}

/// `cargo xtask data stats`.
pub(super) fn stats(source: &Source, model: Option<&Path>, binary: Option<PathBuf>) -> Result<()> {
    let Some(model) = model else {
        let mut found = Statistics::default();
        let remarks = source.pass(&mut found)?;
        let hint = "Lengths in pieces need a tokenizer: give its model folder with --model\n";
        return say(&(told(source, &found, &remarks) + hint));
    };
    if !model.is_dir() {
        return Err(InputError(format!("--model {}: not found; expected a model folder", model.display())).into());
    }
    if let Some(binary) = binary.as_ref().filter(|binary| !binary.is_file()) {
        return Err(InputError(format!("--binary {}: no such file; expected a minim", binary.display())).into());
    }
    // Only its owner can read it, and it is removed on every way out of this function: it holds the texts.
    let folder = tempfile::Builder::new().prefix("minim-stats-").tempdir().context("cannot make a temporary folder")?;
    let (found, remarks) = write(source, folder.path())?;
    let binary = match binary {
        Some(binary) => std::path::absolute(binary)?,
        None => engine::build(None)?,
    };
    let pieces = pieces(&binary, model, folder.path(), &found)?;
    folder.close().context("cannot remove the temporary folder, which holds the texts")?;
    say(&(told(source, &found, &remarks) + &aligned(&lengths("pieces", &pieces))))
}

/// The pieces of each example, in the order of [`Split::ALL`].
fn pieces(binary: &Path, model: &Path, folder: &Path, found: &Statistics) -> Result<[Vec<usize>; 3]> {
    let mut command = Command::new(binary);
    command.arg("lengths").arg("--model").arg(model).arg("--data").arg(folder).args(["--format", "json"]);
    let output = command.output().with_context(|| format!("cannot start {}", binary.display()))?;
    if !output.status.success() {
        let log = String::from_utf8_lossy(&output.stderr);
        let reason = log.lines().rev().find_map(|line| line.strip_prefix("error: ")).unwrap_or("no message");
        bail!("{} lengths: {reason}", binary.display());
    }
    let mut printed: BTreeMap<String, Pieces> = serde_json::from_slice(&output.stdout)
        .ok()
        .with_context(|| format!("{} lengths printed no lengths", binary.display()))?;
    let mut of = |split: Split| {
        let lengths = printed.remove(split.name()).map(|pieces| pieces.lengths).unwrap_or_default();
        let examples = found.splits[split as usize].examples;
        if lengths.len() != examples {
            bail!("{} lengths: {} lengths for {examples} {} examples", binary.display(), lengths.len(), split.name());
        }
        Ok(lengths)
    };
    let [train, validation, test] = Split::ALL;
    Ok([of(train)?, of(validation)?, of(test)?])
}

/// Everything but pieces.
fn told(source: &Source, found: &Statistics, remarks: &Remarks) -> String {
    let kind = found.kind.map(|kind| kind.to_string()).unwrap_or_default();
    let mut text = format!("{}: {kind}\n", source.dataset);
    if *remarks != Remarks::None {
        text.push_str(&format!("{remarks}\n"));
    }
    let mut rows = vec![heading("")];
    rows.push(row("examples", found.splits.each_ref().map(|split| split.examples.to_string())));
    let classes = found.classes();
    let of = if found.kind == Some(Kind::Tokens) { "entities: " } else { "label: " };
    rows.extend(
        classes
            .iter()
            .take(MOST_LABELS)
            .map(|(name, counts)| row(&format!("{of}{name}"), counts.map(|n| n.to_string()))),
    );
    rows.extend(lengths("words", &found.splits.each_ref().map(|split| split.words.clone())).into_iter().skip(1));
    text.push_str(&aligned(&rows));
    if classes.len() > MOST_LABELS {
        text.push_str(&format!("and {} more labels\n", classes.len() - MOST_LABELS));
    }
    text
}

/// Rows of lengths in some unit.
fn lengths(unit: &str, lengths: &[Vec<usize>; 3]) -> Vec<Vec<String>> {
    let of = lengths.each_ref().map(|lengths| Lengths::of(lengths));
    let cells = |cell: &dyn Fn(&Lengths) -> String| of.map(|lengths| lengths.as_ref().map(cell).unwrap_or_default());
    let mut rows = vec![
        heading(""),
        row(&format!("{unit}, median"), cells(&|lengths| lengths.median.to_string())),
        row(&format!("{unit}, 90th percentile"), cells(&|lengths| lengths.p90.to_string())),
        row(&format!("{unit}, longest"), cells(&|lengths| lengths.max.to_string())),
    ];
    for (at, limit) in LIMITS.iter().enumerate() {
        let share = |lengths: &Lengths| format!("{:.1} %", 100.0 * lengths.longer[at]);
        rows.push(row(&format!("longer than {limit} {unit}"), cells(&share)));
    }
    rows
}

fn heading(first: &str) -> Vec<String> {
    row(first, Split::ALL.map(|split| split.name().to_owned()))
}

fn row(first: &str, cells: [String; 3]) -> Vec<String> {
    [first.to_owned()].into_iter().chain(cells).collect()
}
