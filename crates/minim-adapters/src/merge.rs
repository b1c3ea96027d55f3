//! Merging: an adapted model becomes an ordinary one that gives the same outputs.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;

use crate::Error;

/// Folds every adapter into its layer's weight, and an IA3 output vector into its bias too.
///
/// # Errors
/// [`Error::NotMergeable`] for virtual tokens: prompt tuning, prefix tuning and P-tuning.
pub fn merge<M: Module>(model: M) -> Result<M, Error> {
    let mut scales = OutputScales::default();
    model.visit(&mut scales);
    if scales.virtual_tokens {
        return Err(Error::NotMergeable { what: "virtual tokens" });
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

/// IA3 output vectors by the path of their layer.
#[derive(Default)]
struct OutputScales {
    path: Vec<String>,
    by_layer: HashMap<String, Tensor<1>>,
    virtual_tokens: bool,
}

const OUTPUT_SCALE: &str = ".weight.adapter.Ia3.output";
const VIRTUAL_TOKENS: [&str; 3] = [".adapter.Prompt.", ".adapter.Prefix.", ".adapter.PTuning."];

impl ModuleVisitor for OutputScales {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.join(".");
        self.virtual_tokens |= VIRTUAL_TOKENS.iter().any(|part| path.contains(part));
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
