//! Writes the synthetic twin of a corpus's raw archive.
//!
//! `cargo run --release -p minim-datasets --example synthetic_archive -- NAME FOLDER SIZE SEED [OTHERS]`. With OTHERS it is
//! MIMIC-III's tables, with so many notes of other kinds for each discharge summary: 34 are as many as the real table has.

use std::path::Path;
use std::process::ExitCode;

use minim_datasets::synthetic::{write_archive, write_noteevents};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<usize> = arguments.iter().skip(2).filter_map(|argument| argument.parse().ok()).collect();
    let written = match (&arguments[..], &numbers[..]) {
        ([name, out, ..], &[size, seed]) => write_archive(name, Path::new(out), size, seed as u64),
        ([_, out, ..], &[size, seed, others]) => write_noteevents(Path::new(out), size, seed as u64, others),
        _ => {
            eprintln!("usage: synthetic_archive NAME FOLDER SIZE SEED [OTHERS]");
            return ExitCode::from(2);
        }
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
