//! Corpora: which there are, whether a copy is whole, what is in it, and prepared files of it; and synthetic ones.
//!
//! The reading, counting and writing is done by `minim-datasets`; nothing printed here carries text of the data.

mod check;
mod columns;
mod list;
mod prepare;
mod stats;
mod synth;

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::input::InputError;

#[derive(Subcommand)]
pub(crate) enum What {
    /// Say which datasets there are, and under which licence.
    List,
    /// Say whether a copy of a dataset is whole: the counts that its card expects beside those found.
    ///
    /// The exit code is 0 where all counts fit, 1 where one does not, 2 where the copy cannot be read.
    Check(Source),
    /// Count what a dataset holds: examples, labels, and lengths in words (with --model also in pieces), by split.
    Stats {
        #[command(flatten)]
        source: Source,
        /// Model folder, to count the pieces of its tokenizer
        #[arg(long, value_name = "DIR")]
        model: Option<PathBuf>,
        /// Count with this binary of minim instead of building one
        #[arg(long, value_name = "FILE", requires = "model")]
        binary: Option<PathBuf>,
    },
    /// Write train.jsonl, validation.jsonl, test.jsonl and labels.json, which `dataset = "jsonl"` reads.
    ///
    /// An earlier corpus in the folder is replaced when all of the new one is written, and kept if anything goes wrong.
    Prepare {
        #[command(flatten)]
        source: Source,
        /// Folder for the files; made if it is not there
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// A synthetic corpus with its card: in the study's prepared format, or as the raw archive of a licensed one.
    Synth {
        /// mortality, concepts or relations, or the name of a licensed dataset
        name: String,
        /// Folder for the files; made if it is not there
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Examples in all splits together (nine, two and three fourteenths to train, validation and test); of an archive the
        /// documents, admissions, rows or pairs
        #[arg(long, default_value_t = 1400, value_parser = clap::value_parser!(u32).range(14..))]
        size: u32,
        /// The same seed gives the same bytes
        #[arg(long, default_value_t = 12)]
        seed: u64,
    },
    /// Plain synthetic notes, one a line, for `minim pretrain`.
    Notes {
        /// The text file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// How many notes
        #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..))]
        count: u32,
        /// The same seed gives the same bytes
        #[arg(long, default_value_t = 12)]
        seed: u64,
    },
}

/// Which data is read, and how.
#[derive(Args)]
pub(crate) struct Source {
    /// The dataset, by a name of `data list`
    dataset: String,
    /// Folder with the raw files, as the dataset's card says
    #[arg(long, value_name = "DIR")]
    raw: PathBuf,
    /// Read it as the study did, flaws and all
    #[arg(long)]
    as_published: bool,
}

impl Source {
    /// The reader: of the dataset's card where it has one of that name, else the name itself.
    fn reader(&self) -> String {
        minim_datasets::card(&self.dataset).map_or_else(|_| self.dataset.clone(), |card| card.reader)
    }

    /// Refuses a name without a reader, a variant that is not there and a folder that is not, before anything is written.
    fn check_request(&self) -> Result<()> {
        let reader = self.reader();
        let published = minim_datasets::published_names().any(|name| name == reader);
        let known = minim_datasets::names().any(|name| name == reader);
        if !known || !self.raw.is_dir() || (self.as_published && !published) {
            self.pass(&mut minim_datasets::Statistics::default())?;
        }
        Ok(())
    }

    /// Hands all examples to `sink`.
    fn pass(&self, sink: &mut dyn minim_datasets::Sink) -> Result<minim_datasets::Remarks> {
        Ok(minim_datasets::pass(&self.reader(), &self.raw, self.as_published, sink)?)
    }
}

/// `cargo xtask data`.
pub(crate) fn data(what: What) -> Result<()> {
    match what {
        What::List => list::list(),
        What::Check(source) => check::check(&source),
        What::Stats { source, model, binary } => stats::stats(&source, model.as_deref(), binary),
        What::Prepare { source, out } => prepare::prepare(&source, &out),
        What::Synth { name, out, size, seed } => synth::synth(&name, &out, size as usize, seed),
        What::Notes { out, count, seed } => {
            minim_datasets::synthetic::write_notes(&out, count as usize, seed)?;
            println!("{count} synthetic notes, seed {seed}: {}", out.display());
            Ok(())
        }
    }
}

/// Prints a text; that nobody reads it to its end (`| head`) is no failure.
fn say(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Refuses a folder that has anything in it.
fn need_empty(folder: &Path) -> Result<()> {
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        let problem = format!("--out {}: not empty; expected a new or an empty folder", folder.display());
        return Err(InputError(problem).into());
    }
    Ok(())
}
