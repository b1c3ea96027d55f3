//! The MIMIC recipe from tables to JSON lines, for measuring (docs/benchmarks/data.md).
//!
//! `cargo run --release -p minim-datasets --example mimic_prepare -- NAME TABLES OUT [--as-published]` writes `train.jsonl`,
//! `validation.jsonl` and `test.jsonl`, and prints what became of the notes.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

use minim_datasets::{Error, LabelSet, Mimic, Split, Tally};
use serde::Serialize;

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    text: &'a str,
    label: &'a str,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Tables(#[from] Error),
    #[error("cannot write: {0}")]
    Write(#[from] std::io::Error),
    #[error("cannot write: {0}")]
    Json(#[from] serde_json::Error),
}

fn prepare(recipe: Mimic, tables: &Path, out: &Path) -> Result<Tally, Failure> {
    fs::create_dir_all(out)?;
    let create = |split: Split| File::create(out.join(format!("{}.jsonl", split.name()))).map(BufWriter::new);
    let mut files = [create(Split::Train)?, create(Split::Validation)?, create(Split::Test)?];
    let labels: LabelSet = recipe.labels();
    let tally = recipe.prepare(tables, &mut |split, example| {
        let file = &mut files[split as usize];
        let line = Line { id: &example.id, text: &example.text, label: labels.name(example.label) };
        serde_json::to_writer(&mut *file, &line)?;
        file.write_all(b"\n").map_err(Failure::from)
    })?;
    for mut file in files {
        file.flush()?;
    }
    Ok(tally)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (recipe, tables, out) = match &arguments[..] {
        [name, tables, out, rest @ ..] if rest.iter().all(|flag| flag == "--as-published") => {
            (Mimic::named(name).map(|recipe| Mimic { as_published: !rest.is_empty(), ..recipe }), tables, out)
        }
        _ => {
            eprintln!("usage: mimic_prepare NAME TABLES OUT [--as-published]");
            return ExitCode::from(2);
        }
    };
    let Some(recipe) = recipe else {
        eprintln!("error: no MIMIC dataset of that name");
        return ExitCode::from(2);
    };
    match prepare(recipe, Path::new(tables), Path::new(out)) {
        Ok(tally) => {
            println!("{}: {tally}", recipe.name());
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}
