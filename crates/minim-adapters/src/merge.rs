//! Merging: an adapted model becomes an ordinary one that gives the same outputs.

use std::collections::HashMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;

use crate::Error;

/// Folds every adapter into its layer's weight, and an IA3 output vector into its bias too.
///
/// # Errors
/// [`Error::NotMergeable`] for bottleneck adapters.
pub fn merge<M: Module>(model: M) -> Result<M, Error> {
    let mut scales = OutputScales::default();
    model.visit(&mut scales);
    if scales.bottleneck {
        let reason = "what it adds to a layer's output is not linear in the layer's input";
        return Err(Error::NotMergeable { method: "bottleneck", reason });
    }
    let model = model.map(&mut ScaleBiases { scales: scales.by_layer, path: Vec::new() });
    Ok(model.materialize())
}

/// IA3 output vectors by the path of their layer, and whether there is what can't be merged.
#[derive(Default)]
struct OutputScales {
    path: Vec<String>,
    by_layer: HashMap<String, Tensor<1>>,
    bottleneck: bool,
}

const OUTPUT_SCALE: &str = ".weight.adapter.Ia3.output";

impl ModuleVisitor for OutputScales {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.join(".");
        self.bottleneck |= path.contains(".adapter.Bottleneck.");
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
