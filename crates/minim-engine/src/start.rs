//! Training that goes on from an adapter folder.

use std::path::Path;

use minim_adapters::Method;
use minim_adapters::peft::{self, AdapterConfig};
use minim_models::{Classifier, published_name};
use serde_json::Value;

use crate::Error;
use crate::origin::Origin;

/// Settings that no tensor's name or shape gives away; beside them the kind and the widths, which are said in fewer words than shapes are.
const SILENT: [&str; 11] = [
    "peft_type",
    "r",
    "init_r",
    "bottleneck_size",
    "lora_alpha",
    "use_rslora",
    "rank_pattern",
    "alpha_pattern",
    "feedforward_modules",
    "bias",
    "non_linearity",
];

/// Fills an attached model with the adapter and the head in `folder`.
///
/// # Errors
/// [`Error`] says in what the adapter differs from `method`, or from what the run trains on; which tensors do not fit; or which file can't
/// be read.
pub(crate) fn go_on(
    model: Classifier,
    method: &Method,
    modules_to_save: &[String],
    folder: &Path,
    here: &Origin,
) -> Result<Classifier, Error> {
    Origin::check(folder, here)?;
    let ours = AdapterConfig::new(method, &here.task_type, None, modules_to_save);
    if let Some(ours) = ours {
        let theirs = AdapterConfig::read(folder)?;
        if let Some(task) = theirs.task_type.as_deref().filter(|task| *task != here.task_type) {
            return Err(Error::Input(format!(
                "{}: the adapter is for {task}, not {}",
                folder.display(),
                here.task_type
            )));
        }
        // Read, so that settings minim can't honour are refused; written again, so that both have the same form.
        let theirs = theirs.method(folder)?;
        if theirs != theirs.saved() {
            return Err(Error::Input(format!(
                "{}: its factors stand on what they left of the base weights; expected plain LoRA, as peft converts it",
                folder.display()
            )));
        }
        let theirs = AdapterConfig::new(&theirs, &here.task_type, None, modules_to_save);
        let differences = theirs.as_ref().map_or(Vec::new(), |theirs| differences(theirs, &ours));
        if !differences.is_empty() {
            return Err(Error::Input(format!(
                "{}: the method that is to go on from it differs: {}",
                folder.display(),
                differences.join(", ")
            )));
        }
    }
    Ok(peft::load(model, method, modules_to_save, published_name, folder)?)
}

fn differences(theirs: &AdapterConfig, ours: &AdapterConfig) -> Vec<String> {
    let [theirs, ours] = [theirs, ours].map(|config| serde_json::to_value(config).unwrap_or_default());
    let differing = SILENT.iter().filter_map(|key| {
        let [there, here] = [&theirs, &ours].map(|config| sorted(config.get(key)));
        (there != here).then(|| format!("{key} is {here}, the adapter's {there}"))
    });
    differing.collect()
}

/// A list of names means the same in any order.
fn sorted(value: Option<&Value>) -> Value {
    match value.unwrap_or(&Value::Null) {
        Value::Array(names) => {
            let mut names = names.clone();
            names.sort_by_key(Value::to_string);
            names.into()
        }
        other => other.clone(),
    }
}
