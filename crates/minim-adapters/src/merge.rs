//! Merging: an adapted model becomes an ordinary one that gives the same outputs.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;

use crate::Error;

/// Folds every adapter into its layer's weight, and an IA3 output vector into its bias too.
///
/// # Errors
/// [`Error::NotMergeable`] for virtual tokens (prompt tuning, prefix tuning and P-tuning) and for bottleneck adapters, which are not linear.
pub fn merge<M: Module>(model: M) -> Result<M, Error> {
    let mut scales = OutputScales::default();
    model.visit(&mut scales);
    if let Some(what) = scales.not_mergeable {
        return Err(Error::NotMergeable { what });
    }
    let model = model.map(&mut ScaleBiases { scales: scales.by_layer, path: Vec::new() });
    Ok(model.materialize())
}

/// A merged model that can be unmerged.
///
/// Taking an update out of a sum again would round each weight, and a vector of IA3 that reached 0 could not be divided out. So the weights under
/// the adapters are kept, and unmerging is exact in any precision. What it costs is those weights a second time, from [`Merged::new`] until the
/// value is gone; tensors without an adapter are shared.
#[derive(Debug, Clone)]
pub struct Merged<M> {
    adapted: M,
    merged: M,
}

impl<M: Module> Merged<M> {
    /// Folds every adapter into its layer, as [`merge`] does.
    ///
    /// # Errors
    /// As [`merge`].
    pub fn new(adapted: M) -> Result<Self, Error> {
        Ok(Self { merged: merge(adapted.clone())?, adapted })
    }

    /// The merged model.
    pub fn model(&self) -> &M {
        &self.merged
    }

    /// The model as it was, with its adapters.
    pub fn unmerge(self) -> M {
        self.adapted
    }
}

/// IA3 output vectors by the path of their layer, and whether there is what can't be merged.
#[derive(Default)]
struct OutputScales {
    path: Vec<String>,
    by_layer: HashMap<String, Tensor<1>>,
    not_mergeable: Option<&'static str>,
}

const OUTPUT_SCALE: &str = ".weight.adapter.Ia3.output";
/// What no weight can express, by the paths of its parameters.
const NOT_MERGEABLE: [(&str, &str); 4] = [
    (".adapter.Prompt.", "virtual tokens"),
    (".adapter.Prefix.", "virtual tokens"),
    (".adapter.PTuning.", "virtual tokens"),
    (".adapter.Bottleneck.", "bottleneck adapters"),
];

impl ModuleVisitor for OutputScales {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.join(".");
        if let Some((_, what)) = NOT_MERGEABLE.iter().find(|(part, _)| path.contains(part)) {
            self.not_mergeable = Some(what);
        }
        if let Some(layer) = path.strip_suffix(OUTPUT_SCALE) {
            self.by_layer.insert(layer.into(), param.val().flatten(0, D - 1));
        }
    }
}

struct ScaleBiases {
    scales: HashMap<String, Tensor<1>>,
    path: Vec<String>,
}

impl ModuleMapper for ScaleBiases {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.path.join(".");
        match path.strip_suffix(".bias").and_then(|layer| self.scales.get(layer)) {
            Some(scale) => param.map(|bias| {
                let scale = scale.clone().cast(bias.dtype()).unsqueeze::<D>();
                (bias * scale).detach()
            }),
            None => param,
        }
    }
}
