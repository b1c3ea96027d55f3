//! Several trained adapters as one.

use std::path::{Path, PathBuf};

use minim_adapters::Combination;

use crate::Error;
use crate::origin::Origin;

/// Writes the weighted combination of LoRA adapter folders to `out`; what they were trained on must be the same.
///
/// # Errors
/// [`Error`] says which folder does not fit the first, and why.
pub fn combine(parts: &[(PathBuf, f64)], how: Combination, out: &Path) -> Result<(), Error> {
    let mut origins = parts.iter().map(|(folder, _)| Origin::read(folder)).collect::<Result<Vec<_>, Error>>()?;
    origins.retain(Option::is_some);
    let first = origins.into_iter().flatten().next();
    if let Some(first) = &first {
        for (folder, _) in parts {
            Origin::check(folder, first)?;
        }
    }
    let parts: Vec<(&Path, f64)> = parts.iter().map(|(folder, weight)| (folder.as_path(), *weight)).collect();
    minim_adapters::combine(&parts, how, out)?;
    first.map_or(Ok(()), |origin| origin.write(out))
}
