//! The files of a report.

use std::path::{Path, PathBuf};

use minim_experiment::Record;

use crate::{Error, Options, Table, figures, html};

/// Where the files of a report lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// One row per record.
    pub csv: PathBuf,
    /// The page.
    pub html: PathBuf,
    /// The figures, as files of their own.
    pub figures: Vec<PathBuf>,
}

/// Writes `table.csv`, `report.html` and `figures/*.svg` into `folder`, over those of an earlier report.
///
/// # Errors
/// A file cannot be written; the error names it.
pub fn write(folder: &Path, records: &[Record], options: &Options) -> Result<Written, Error> {
    let table = Table::from_records(records);
    let figures_folder = folder.join("figures");
    std::fs::create_dir_all(&figures_folder).map_err(|source| Error::Write { path: figures_folder.clone(), source })?;
    let csv = save(folder.join("table.csv"), &table.to_csv()?)?;
    let html = save(folder.join("report.html"), &html(records, options))?;
    let figures = figures(&table)
        .iter()
        .map(|figure| save(figures_folder.join(format!("{}.svg", figure.name)), &figure.to_svg()))
        .collect::<Result<_, _>>()?;
    Ok(Written { csv, html, figures })
}

fn save(path: PathBuf, content: &str) -> Result<PathBuf, Error> {
    match std::fs::write(&path, content) {
        Ok(()) => Ok(path),
        Err(source) => Err(Error::Write { path, source }),
    }
}
