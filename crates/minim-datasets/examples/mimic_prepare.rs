//! The MIMIC recipe from tables to JSON lines, for measuring (docs/benchmarks/data.md): `cargo xtask data prepare` in a release
//! build, without what else it does.
//!
//! `cargo run --release -p minim-datasets --example mimic_prepare -- NAME TABLES OUT [--as-published]`

use std::path::Path;
use std::process::ExitCode;

use minim_datasets::{Error, JsonlWriter, Remarks, pass};

fn prepare(name: &str, tables: &Path, out: &Path, as_published: bool) -> Result<Remarks, Error> {
    let mut writer = JsonlWriter::create(out)?;
    let remarks = pass(name, tables, as_published, &mut writer)?;
    writer.finish()?;
    Ok(remarks)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, tables, out, rest @ ..] = &arguments[..] else {
        eprintln!("usage: mimic_prepare NAME TABLES OUT [--as-published]");
        return ExitCode::from(2);
    };
    match prepare(name, Path::new(tables), Path::new(out), rest.iter().any(|flag| flag == "--as-published")) {
        Ok(remarks) => {
            println!("{name}: {remarks}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
