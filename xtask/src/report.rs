//! The records of a folder as a table in the terminal, as CSV, as figures and as one HTML page.

use std::path::Path;

use anyhow::Result;
use minim_experiment::Store;
use minim_report::{Options, Table};

use crate::input::InputError;
use crate::workspace::shown;

/// `cargo xtask report`.
pub(crate) fn report(folder: &Path) -> Result<()> {
    write(folder, Options::default())
}

/// Prints the table of a folder's records and writes the report's files beside them.
///
/// An empty title becomes the name of the experiment.
pub(crate) fn write(folder: &Path, mut options: Options) -> Result<()> {
    let records = Store::new(folder).read_all()?;
    let Some(first) = records.first() else {
        let message = format!("{}: no run records (*.json) in this folder", folder.display());
        return Err(InputError(message).into());
    };
    if options.title.is_empty() {
        options.title = first.run.experiment.clone();
    }
    println!("\n{}", Table::from_records(&records).to_text(width()));
    let written = minim_report::write(folder, &records, &options)?;
    println!("Table:  {}\nReport: {}\n", shown(&written.csv), shown(&written.html));
    Ok(())
}

/// Columns of the terminal; a generous page where there is none.
fn width() -> usize {
    let size = console::Term::stdout().size_checked();
    size.map_or(160, |(_, columns)| usize::from(columns))
}
