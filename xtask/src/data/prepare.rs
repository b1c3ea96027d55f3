//! Raw files to JSON lines.

use std::fs::canonicalize;
use std::path::Path;

use anyhow::Result;
use minim_datasets::{JsonlWriter, Kind, Remarks, Statistics};

use super::Source;
use crate::input::InputError;

/// `cargo xtask data prepare`.
pub(super) fn prepare(source: &Source, out: &Path) -> Result<()> {
    if let (Ok(raw), Ok(written)) = (canonicalize(&source.raw), canonicalize(out))
        && raw == written
    {
        let problem = format!("--out {}: the same folder as --raw; expected another", out.display());
        return Err(InputError(problem).into());
    }
    // A name or a folder that is not there should leave no new folder behind.
    source.check_request()?;
    let (statistics, remarks) = write(source, out)?;
    let [train, validation, test] = statistics.splits.each_ref().map(|split| split.examples);
    println!("{}: {train} train, {validation} validation and {test} test examples: {}", source.dataset, out.display());
    let classes: Vec<String> = statistics.classes().into_iter().map(|(name, _)| name).collect();
    let what = if statistics.kind == Some(Kind::Tokens) { "entity types" } else { "labels" };
    let more = if classes.len() > MOST_LABELS { ", ..." } else { "" };
    println!("{} {what}: {}{more}", classes.len(), classes[..classes.len().min(MOST_LABELS)].join(", "));
    if remarks != Remarks::None {
        println!("{remarks}");
    }
    Ok(())
}

/// Writes the prepared files, and counts what is written.
pub(super) fn write(source: &Source, out: &Path) -> Result<(Statistics, Remarks)> {
    let writer = JsonlWriter::create(out)?.with_card_in(&source.raw)?;
    let mut sinks = (writer, Statistics::default());
    let remarks = source.pass(&mut sinks)?;
    let (writer, statistics) = sinks;
    writer.finish()?;
    Ok((statistics, remarks))
}

/// A column taken for labels may hold thousands.
pub(super) const MOST_LABELS: usize = 60;
