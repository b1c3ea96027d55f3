//! BitFit in adapter folders: to peft it is the `bias = "all"` of a LoRA that adds nothing.
//!
//! peft has biases beside a LoRA alone. So the first linear layer gets one of rank 1 whose factors are both 0: it adds nothing, and trained further
//! neither factor has a gradient, so that it stays BitFit.

use std::path::Path;

use super::config::{AdapterConfig, Names};
use super::{Tensors, WEIGHTS};
use crate::Error;

const A: &str = ".lora_A.weight";
const B: &str = ".lora_B.weight";
const ADAPTED: &str = ".base_layer.bias";

/// The biases, and the LoRA that adds nothing on the layer `key`, `[in, out]`.
pub(super) fn with_lora(mut tensors: Tensors, key: &str, [inputs, outputs]: [usize; 2]) -> Tensors {
    if let Some(bias) = tensors.remove(&format!("{key}.bias")) {
        tensors.insert(format!("{key}{ADAPTED}"), bias);
    }
    tensors.insert(format!("{key}{A}"), (vec![1, inputs], vec![0.0; inputs]));
    tensors.insert(format!("{key}{B}"), (vec![outputs, 1], vec![0.0; outputs]));
    tensors
}

/// The configuration with the layer that [`with_lora`] chose.
pub(super) fn targeted(mut config: AdapterConfig, tensors: &Tensors) -> AdapterConfig {
    let layers = tensors.keys().filter_map(|key| key.strip_suffix(A)?.strip_prefix("base_model.model."));
    config.target_modules = Some(Names::List(layers.map(String::from).collect()));
    config
}

/// The biases alone.
///
/// # Errors
/// [`Error::Format`] for a LoRA that adds something.
pub(super) fn without_lora(tensors: Tensors, folder: &Path) -> Result<Tensors, Error> {
    let format = |reason: String| Error::Format { path: folder.join(WEIGHTS), reason };
    let is_zero = |key: &str| tensors.get(key).map(|(_, values)| values.iter().all(|value| *value == 0.0));
    for layer in tensors.keys().filter_map(|key| key.strip_suffix(A).or(key.strip_suffix(B))) {
        match (is_zero(&format!("{layer}{A}")), is_zero(&format!("{layer}{B}"))) {
            (Some(a), Some(b)) if a || b => {}
            (Some(_), Some(_)) => {
                let expected = "expected one of zeros, as BitFit has it";
                return Err(format(format!("{layer} has a LoRA that adds something; {expected}")));
            }
            _ => return Err(format(format!("{layer} has one factor of a LoRA; expected both"))),
        }
    }
    let biases = tensors.into_iter().filter(|(key, _)| !key.ends_with(A) && !key.ends_with(B));
    Ok(biases.map(|(key, bias)| (key.replace(ADAPTED, ".bias"), bias)).collect())
}
