//! A trained run as files for other tools.

use std::path::Path;

use minim_adapters::{Method, merge, peft};
use minim_experiment::{BasePrecision, Init};
use minim_models::published_name;

use crate::run_folder::{adapter_config, base_precision, write_model};
use crate::{Error, TrainedRun};

/// What to export to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// An adapter folder for Hugging Face peft.
    Peft,
    /// A model folder for transformers, the adapter folded into the weights.
    Merged,
}

/// Writes a trained run to `out`, and says what who loads it should know, a sentence each.
///
/// # Errors
/// [`Error::Input`] for a run that has no adapter to write or a base that no folder holds, [`Error::Adapter`] for one that no model folder can
/// hold.
pub fn export(run: TrainedRun, target: Target, out: &Path) -> Result<Vec<String>, Error> {
    match target {
        Target::Merged => {
            write_model(&merge(run.model)?, &run.checkpoint, run.task.labels(), out)?;
            Ok(Vec::new())
        }
        Target::Peft => {
            if matches!(run.method, Method::Full | Method::Head) {
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
            if run.run.model.init == Init::Random {
                return Err(Error::Input(
                    "the run's base started at random weights, which no folder holds, and peft would put the adapter on the pretrained ones; use \
                     --to merged for a whole model folder"
                        .into(),
                ));
            }
            // peft resolves a relative name from its own working folder, so the folder itself is named.
            let base = std::path::absolute(run.checkpoint.folder()).ok().map(|path| path.display().to_string());
            let config = adapter_config(&run.method, &run.model, &run.checkpoint, base, &run.modules_to_save)?;
            peft::save(&run.model, &run.method, &config, &run.modules_to_save, published_name, out)?;
            if let Some(origin) = &run.origin {
                origin.write(out)?;
            }
            Ok(notes(&run))
        }
    }
}

/// Where peft's outputs will not be this run's.
fn notes(run: &TrainedRun) -> Vec<String> {
    let mut notes = Vec::new();
    let held = match base_precision(&run.run) {
        BasePrecision::Fp32 => None,
        BasePrecision::Bf16 => Some("bf16"),
        BasePrecision::Int8 => Some("int8"),
        BasePrecision::Nf4 => Some("NF4"),
    };
    notes.extend(held.map(|bits| {
        format!("trained on a base in {bits}: on the base in other bits, which peft loads unless told, logits differ a little")
    }));
    let family = run.checkpoint.config().model_type();
    if matches!(run.method, Method::PrefixTuning(_)) && !PREFIXES.contains(&family) {
        notes.push(format!("peft itself runs no prefix on {family}; minim does (minim logits --adapter)"));
    }
    notes
}

/// Families whose models in transformers take keys and values of earlier tokens, without which peft runs no prefix, by `model_type`.
const PREFIXES: [&str; 3] = ["bert", "roberta", "llama"];
