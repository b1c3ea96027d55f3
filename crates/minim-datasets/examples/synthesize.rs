//! Writes the synthetic samples that the repository ships: 900, 200 and 300 examples for each task.
//!
//! From the repository's root: `cargo run -p minim-datasets --example synthesize -- datasets/synthetic`. A test compares
//! the committed files with what the writers give, so run this after a change to the word lists or templates.

use std::path::PathBuf;
use std::process::ExitCode;

use minim_datasets::synthetic::{self, Sizes, Synthetic};

/// The seed of the shipped samples.
const SEED: u64 = 12;

fn main() -> ExitCode {
    let Some(root) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: synthesize FOLDER");
        return ExitCode::from(2);
    };
    for which in Synthetic::ALL {
        let folder = root.join(which.short_name());
        if let Err(error) = synthetic::write(which, &folder, Sizes::of_total(1400), SEED) {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
        println!("{}: {}", which.name(), folder.display());
    }
    ExitCode::SUCCESS
}
