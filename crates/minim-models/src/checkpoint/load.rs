//! Strict loading: every parameter finds its tensor and every tensor its parameter, or the error names it.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device, Tensor};

use super::values::Held;
use super::weights::Weights;
use crate::family::Family;
use crate::{Error, published_name};

/// A module that a checkpoint may lack as a whole.
#[derive(Debug, Clone)]
pub(super) struct Optional {
    /// As a user knows it: `pooler`, `classifier`.
    pub(super) module: String,
    /// What the published names of its parameters start with.
    pub(super) prefix: String,
}

/// What loading found.
pub(super) struct Report {
    /// Optional modules that the checkpoint lacks.
    pub(super) fresh: Vec<Optional>,
    /// What was left out of the checkpoint.
    pub(super) ignored: Vec<String>,
}

/// Loads the parameters of `model`. Checkpoints saved without the family's prefix are understood too. `ignored` are (prefix, description) of
/// tensors that this model may have no use for.
pub(super) fn fill<M: Module>(
    model: M,
    weights: &Arc<Weights>,
    family: &Family,
    optional: &[Optional],
    ignored: &[(&str, &str)],
    how: How,
) -> Result<(M, Report), Error> {
    let stored = canonical_names(weights, family)?;
    let mut fill =
        Fill { weights, stored, how, path: Vec::new(), missing: Vec::new(), misshapen: Vec::new(), failed: None };
    let model = model.map(&mut fill);
    let Fill { stored, mut missing, misshapen, failed, .. } = fill;
    if let Some(error) = failed {
        return Err(error);
    }

    let mut report = Report { fresh: Vec::new(), ignored: Vec::new() };
    for module in optional {
        let lacking = missing.iter().filter(|name| name.starts_with(&module.prefix)).count();
        // Part of a module is a broken file, not a fresh start.
        let partly = weights.shapes().keys().any(|name| canonical(name, family).starts_with(&module.prefix));
        if lacking > 0 && !partly {
            missing.retain(|name| !name.starts_with(&module.prefix));
            report.fresh.push(module.clone());
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
pub(super) fn canonical_names(weights: &Weights, family: &Family) -> Result<BTreeMap<String, String>, Error> {
    let mut stored = BTreeMap::new();
    for name in weights.shapes().keys() {
        if family.buffers.iter().any(|buffer| name.ends_with(buffer)) {
            continue;
        }
        let canonical = canonical(name, family);
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
fn canonical(name: &str, family: &Family) -> String {
    let name = match name.strip_suffix("LayerNorm.gamma") {
        Some(rest) => format!("{rest}LayerNorm.weight"),
        None => match name.strip_suffix("LayerNorm.beta") {
            Some(rest) => format!("{rest}LayerNorm.bias"),
            None => name.to_string(),
        },
    };
    let bare = family.bare.iter().any(|part| name.starts_with(part));
    if bare { format!("{}{name}", family.prefix) } else { name }
}

/// How parameters are to be held, by their published names.
#[derive(Clone, Copy)]
pub(super) struct How<'a> {
    /// In which precision a matrix is.
    pub(super) held: &'a dyn Fn(&str) -> Held,
    /// Whether the weight of a linear layer is read when it is first used, and in fp32.
    pub(super) later: &'a dyn Fn(&str) -> bool,
}

struct Fill<'a> {
    weights: &'a Arc<Weights>,
    stored: BTreeMap<String, String>,
    how: How<'a>,
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
        // A vector is a bias or a normalisation's: few bytes, and statistics need the bits.
        let later = transposed && (self.how.later)(&name);
        let held = if D == 2 && !later { (self.how.held)(&name) } else { Held::F32 };
        let dtype = match held {
            Held::F32 => DType::F32,
            Held::Bf16 => DType::BF16,
        };
        if later {
            drop(values);
            let (weights, sizes) = (self.weights.clone(), param.lazy_shape());
            let init = move |device: &Device, _: bool| match weights.values(&stored) {
                Ok(values) => Tensor::from_data(values.into_data(shape, transposed, held), (device, dtype)),
                // It could be read a moment ago. What is not finite ends a training with an error.
                Err(_) => Tensor::full(shape, f32::NAN, device),
            };
            return Param::uninitialized(id, init, device, true, sizes);
        }
        let tensor = Tensor::from_data(values.into_data(shape, transposed, held), (&device, dtype));
        param.transform_for_load(tensor, id)
    }
}

/// Whether PyTorch holds the parameter at this path transposed: the weight of a `Linear`.
pub(super) fn is_transposed(path: &[(String, String)]) -> bool {
    path.last().is_some_and(|(name, container)| name == "weight" && container == "Struct:Linear")
}
