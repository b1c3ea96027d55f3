//! Synthetic corpora.

use std::path::Path;

use anyhow::Result;
use minim_datasets::synthetic::{self, Sizes, Synthetic, archive_names};

use super::need_empty;
use crate::input::unknown;

/// `cargo xtask data synth`.
pub(super) fn synth(name: &str, out: &Path, size: usize, seed: u64) -> Result<()> {
    if let Some(which) = Synthetic::from_name(name) {
        let sizes = Sizes::of_total(size);
        synthetic::write(which, out, sizes, seed)?;
        println!(
            "{}: {} train, {} validation and {} test examples, all synthetic, seed {seed}: {}",
            which.name(),
            sizes.train,
            sizes.validation,
            sizes.test,
            out.display()
        );
        return Ok(());
    }
    if !archive_names().any(|archive| archive == name) {
        let known: Vec<&str> = Synthetic::ALL.map(Synthetic::short_name).into_iter().chain(archive_names()).collect();
        return Err(unknown("synthetic corpus", name, &known).into());
    }
    // What an earlier, larger archive left there would be read along.
    need_empty(out)?;
    synthetic::write_archive(name, out, size, seed)?;
    println!("synthetic-{name}: the raw archive of size {size}, all synthetic, seed {seed}: {}", out.display());
    Ok(())
}
