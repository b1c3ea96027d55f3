//! Strict loading: every parameter finds its tensor and every tensor its parameter, or the error names it.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};

use super::weights::Weights;
use crate::{Error, published_name};

/// A module that a checkpoint may lack as a whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Optional {
    pub(super) module: &'static str,
    pub(super) prefix: &'static str,
}

/// What loading found.
pub(super) struct Report {
    /// Optional modules that the checkpoint lacks.
    pub(super) fresh: Vec<Optional>,
    /// What was left out of the checkpoint.
    pub(super) ignored: Vec<String>,
}

/// Loads the parameters of `model`. `prefix` is what published names of the backbone start with; checkpoints saved without it are
/// understood too. `ignored` are (prefix, description) of tensors that this model has no use for.
pub(super) fn fill<M: Module>(
    model: M,
    weights: &Weights,
    prefix: &str,
    optional: &[Optional],
    ignored: &[(&str, &str)],
) -> Result<(M, Report), Error> {
    let stored = canonical_names(weights, prefix)?;
    let mut fill = Fill { weights, stored, path: Vec::new(), missing: Vec::new(), misshapen: Vec::new(), failed: None };
    let model = model.map(&mut fill);
    let Fill { stored, mut missing, misshapen, failed, .. } = fill;
    if let Some(error) = failed {
        return Err(error);
    }

    let mut report = Report { fresh: Vec::new(), ignored: Vec::new() };
    for &module in optional {
        let lacking = missing.iter().filter(|name| name.starts_with(module.prefix)).count();
        // Part of a module is a broken file, not a fresh start.
        let partly = weights.shapes().keys().any(|name| canonical(name, prefix).starts_with(module.prefix));
        if lacking > 0 && !partly {
            missing.retain(|name| !name.starts_with(module.prefix));
            report.fresh.push(module);
        }
    }
    let mut unused = Vec::new();
    for name in stored.into_keys() {
        match ignored.iter().find(|(prefix, _)| name.starts_with(prefix)) {
            Some((_, what)) => report.ignored.push(what.to_string()),
            // The decoder's weight is the token embeddings, its bias is stored twice.
            None if name.starts_with("cls.predictions.decoder.") => {}
            None => unused.push(name),
        }
    }
    report.ignored.dedup();
    match missing.is_empty() && misshapen.is_empty() && unused.is_empty() {
        true => Ok((model, report)),
        false => Err(Error::Mismatch { path: weights.path().into(), missing, unused, misshapen }),
    }
}

/// From canonical to stored names, buffers left out.
fn canonical_names(weights: &Weights, prefix: &str) -> Result<BTreeMap<String, String>, Error> {
    let mut stored = BTreeMap::new();
    for name in weights.shapes().keys() {
        // A buffer of consecutive numbers that transformers saved until version 4.31.
        if name.ends_with("embeddings.position_ids") {
            continue;
        }
        let canonical = canonical(name, prefix);
        if let Some(twin) = stored.insert(canonical.clone(), name.clone()) {
            return Err(Error::Format {
                path: weights.path().into(),
                reason: format!("{twin} and {name} both stand for {canonical}"),
            });
        }
    }
    Ok(stored)
}

/// A stored name with the backbone's prefix and today's names for a normalisation's weight and bias.
fn canonical(name: &str, prefix: &str) -> String {
    let name = match name.strip_suffix("LayerNorm.gamma") {
        Some(rest) => format!("{rest}LayerNorm.weight"),
        None => match name.strip_suffix("LayerNorm.beta") {
            Some(rest) => format!("{rest}LayerNorm.bias"),
            None => name.to_string(),
        },
    };
    let bare = ["embeddings.", "encoder.", "pooler."].iter().any(|part| name.starts_with(part));
    if bare { format!("{prefix}{name}") } else { name }
}

struct Fill<'a> {
    weights: &'a Weights,
    stored: BTreeMap<String, String>,
    path: Vec<(String, String)>,
    missing: Vec<String>,
    misshapen: Vec<String>,
    failed: Option<Error>,
}

impl ModuleMapper for Fill<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push((name.into(), container.into()));
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path: Vec<&str> = self.path.iter().map(|(name, _)| name.as_str()).collect();
        let name = published_name(&path.join("."));
        let Some(stored) = self.stored.remove(&name) else {
            self.missing.push(name);
            return param;
        };
        let transposed = is_transposed(&self.path);
        let shape = param.lazy_shape().to_vec();
        let mut expected = shape.clone();
        if transposed {
            expected.reverse();
        }
        let found = &self.weights.shapes()[&stored];
        if *found != expected {
            self.misshapen.push(format!("{name} is {found:?}, the model needs {expected:?}"));
            return param;
        }
        let values = match self.weights.values(&stored) {
            Ok(values) => values,
            Err(error) => {
                self.failed.get_or_insert(error);
                return param;
            }
        };
        let (id, device) = (param.id, param.lazy_device());
        let values = if transposed { transpose(&values, shape[0], shape[1]) } else { values };
        let tensor = Tensor::from_data(TensorData::new(values, shape), &device);
        param.transform_for_load(tensor, id)
    }
}

/// Whether PyTorch holds the parameter at this path transposed: the weight of a `Linear`.
pub(super) fn is_transposed(path: &[(String, String)]) -> bool {
    path.last().is_some_and(|(name, container)| name == "weight" && container == "Struct:Linear")
}

/// PyTorch's `[outputs, inputs]` as `[inputs, outputs]`, both row-major.
fn transpose(values: &[f32], inputs: usize, outputs: usize) -> Vec<f32> {
    let mut transposed = vec![0.0; values.len()];
    for (output, row) in values.chunks_exact(inputs.max(1)).enumerate() {
        for (input, &value) in row.iter().enumerate() {
            transposed[input * outputs + output] = value;
        }
    }
    transposed
}
