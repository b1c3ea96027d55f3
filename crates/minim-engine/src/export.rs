//! A trained run as files for other tools.

use std::path::Path;

use minim_adapters::peft::{self, AdapterConfig};
use minim_adapters::{Method, merge};
use minim_models::published_name;

use crate::run_folder::write_model;
use crate::{Error, TrainedRun};

/// What to export to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// An adapter folder for Hugging Face peft.
    Peft,
    /// A model folder for transformers, the adapter folded into the weights.
    Merged,
}

/// Writes a trained run to `out`.
///
/// # Errors
/// [`Error::Input`] for a run that has no adapter to write, [`Error::Adapter`] for one that no model folder can hold.
pub fn export(run: TrainedRun, target: Target, out: &Path) -> Result<(), Error> {
    match target {
        Target::Merged => write_model(&merge(run.model)?, &run.checkpoint, run.task.labels(), out),
        Target::Peft => {
            if matches!(run.method, Method::Full | Method::Head | Method::BitFit) {
                return Err(Error::Input(format!(
                    "method {} has no peft adapter; use --to merged for a whole model folder",
                    run.method.name()
                )));
            }
            if let Method::Bottleneck(_) = run.method {
                return Err(Error::Input(
                    "peft has no bottleneck adapters; the run's folder trained/ holds this one for minim".into(),
                ));
            }
            // peft resolves a relative name from its own working folder, so the folder itself is named.
            let base = std::path::absolute(run.checkpoint.folder()).ok().map(|path| path.display().to_string());
            let config = AdapterConfig::new(&run.method, run.model.head().peft_task_type(), base, &run.modules_to_save);
            let config = config.ok_or_else(|| Error::Input(format!("{} is no adapter", run.method.name())))?;
            peft::save(&run.model, &run.method, &config, &run.modules_to_save, published_name, out)?;
            run.origin.map_or(Ok(()), |origin| origin.write(out))
        }
    }
}
