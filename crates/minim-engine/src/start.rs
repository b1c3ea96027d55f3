//! Training that goes on from an adapter folder.

use std::path::Path;

use minim_adapters::peft::{self, AdapterConfig};
use minim_adapters::{Bias, Method};
use minim_models::{Classifier, HeadKind, Loaded, published_name};
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

/// The modules that an adapter trains and saves whole: peft adds two whatever the file says.
pub(crate) fn modules_of(config: &AdapterConfig) -> Vec<String> {
    let mut modules = vec!["classifier".to_string(), "score".to_string()];
    let more = config.modules_to_save.iter().flatten();
    modules.extend(more.filter(|name| !["classifier", "score"].contains(&name.as_str())).cloned());
    modules
}

/// The modules that are trained and saved whole by a run that goes on from `folder`: those of the folder; `loaded` decides where it does not say,
/// for a head alone.
///
/// # Errors
/// [`Error`] if the adapter is of another base or for another task than `here`, for a configuration that can't be read, and as [`check_whole`].
pub(crate) fn modules_to_go_on(
    loaded: &Loaded<Classifier>,
    method: &Method,
    kind: HeadKind,
    folder: &Path,
    here: &Origin,
) -> Result<Vec<String>, Error> {
    // First: a wrong base is a better reason than what it lacks.
    Origin::check(folder, here)?;
    if *method == Method::Head {
        return Ok(loaded.modules_to_save());
    }
    let config = AdapterConfig::read(folder)?;
    if let Some(task) = config.task_type.as_deref().filter(|task| *task != here.task_type) {
        return Err(Error::Input(format!("{}: the adapter is for {task}, not {}", folder.display(), here.task_type)));
    }
    let modules = modules_of(&config);
    check_whole(loaded, &modules, kind, folder)?;
    Ok(modules)
}

/// Refuses an adapter that leaves a module at random which the base model lacks.
///
/// # Errors
/// [`Error::Input`] names the modules.
pub(crate) fn check_whole(
    loaded: &Loaded<Classifier>,
    modules: &[String],
    kind: HeadKind,
    folder: &Path,
) -> Result<(), Error> {
    let missing = loaded.fresh_beside(modules);
    // A head for tokens on a model that was loaded for texts: it has no use for the pooler.
    let missing: Vec<_> = missing.into_iter().filter(|name| kind == HeadKind::Sequence || *name != "pooler").collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Error::Input(format!(
            "{}: neither the adapter nor its base model holds {}, which would be random; expected a base model that has it, or an adapter \
             that saved it (modules_to_save)",
            folder.display(),
            missing.join(", ")
        ))),
    }
}

/// Fills an attached model with the adapter and the head in `folder`, which [`modules_to_go_on`] took.
///
/// # Errors
/// [`Error`] says in what the adapter differs from `method`; which tensors do not fit; or which file can't be read.
pub(crate) fn go_on(
    model: Classifier,
    method: &Method,
    modules_to_save: &[String],
    folder: &Path,
    here: &Origin,
) -> Result<Classifier, Error> {
    let ours = AdapterConfig::new(method, &here.task_type, None, modules_to_save);
    if let Some(ours) = ours {
        let theirs = AdapterConfig::read(folder)?;
        // Read, so that settings minim can't honour are refused; written again, so that both have the same form.
        let theirs = match (method, theirs.method(folder)?) {
            // Of a LoRA that adds nothing the rank means nothing.
            (Method::BitFit, Method::Lora(lora)) if lora.bias == Bias::All => Method::BitFit,
            (_, theirs) => theirs,
        };
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
