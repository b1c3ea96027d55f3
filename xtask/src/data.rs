//! Writes synthetic data: labelled corpora in the study's formats, and plain notes for pre-training.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use minim_datasets::synthetic::{self, Sizes, Synthetic};

use crate::input::unknown;

#[derive(Subcommand)]
pub(crate) enum What {
    /// A labelled corpus in the study's prepared format, with its card.
    Synth {
        /// mortality, concepts or relations
        name: String,
        /// Folder for the split files; made if it is not there.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Examples in all splits together: nine, two and three fourteenths to train, validation and test.
        #[arg(long, default_value_t = 1400, value_parser = clap::value_parser!(u32).range(14..))]
        size: u32,
        /// The same seed gives the same bytes.
        #[arg(long, default_value_t = 12)]
        seed: u64,
    },
    /// Plain notes, one a line, for `minim pretrain`.
    Notes {
        /// The text file.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// How many notes.
        #[arg(long, default_value_t = 50_000, value_parser = clap::value_parser!(u32).range(1..))]
        count: u32,
        /// The same seed gives the same bytes.
        #[arg(long, default_value_t = 12)]
        seed: u64,
    },
}

/// `cargo xtask data`.
pub(crate) fn write(what: What) -> Result<()> {
    match what {
        What::Synth { name, out, size, seed } => {
            let known = Synthetic::ALL.map(Synthetic::short_name);
            let which = Synthetic::from_name(&name).ok_or_else(|| unknown("synthetic corpus", &name, &known))?;
            let sizes = Sizes::of_total(size as usize);
            synthetic::write(which, &out, sizes, seed)?;
            println!(
                "{}: {} train, {} validation and {} test examples, all synthetic, seed {seed}: {}",
                which.name(),
                sizes.train,
                sizes.validation,
                sizes.test,
                out.display()
            );
        }
        What::Notes { out, count, seed } => {
            synthetic::write_notes(&out, count as usize, seed)?;
            println!("{count} synthetic notes, seed {seed}: {}", out.display());
        }
    }
    Ok(())
}
