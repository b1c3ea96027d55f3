use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::Tensor;
use minim_adapters::{Draw, lazy};

use crate::published_name;

/// Gives the parameters that `chosen` names a fresh start as transformers does: weights from N(0, `std`), biases 0, normalisation
/// weights 1. Each parameter has its own stream under `seed`, and is drawn when it is first used.
pub fn initialise<M: Module>(model: M, std: f64, seed: u64, chosen: impl Fn(&str) -> bool) -> M {
    model.map(&mut Fresh { std, seed, chosen, path: Vec::new() })
}

struct Fresh<C> {
    std: f64,
    seed: u64,
    chosen: C,
    path: Vec<String>,
}

impl<C: Fn(&str) -> bool> ModuleMapper for Fresh<C> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = published_name(&self.path.join("."));
        if !(self.chosen)(&name) {
            return param;
        }
        let shape = param.lazy_shape();
        let (n, seed, std) = (shape.num_elements(), self.seed, self.std);
        let values = move || match name.as_str() {
            name if is_normalisation(name) => vec![1.0; n],
            name if name.ends_with(".bias") => vec![0.0; n],
            name => Draw::new(seed, name).normal(n, std),
        };
        lazy(shape.dims::<D>(), &param.lazy_device(), values)
    }
}

/// Whether this is the weight of a normalisation: `LayerNorm.weight`, `sa_layer_norm.weight`, `input_layernorm.weight`, `attn_norm.weight`.
fn is_normalisation(name: &str) -> bool {
    name.strip_suffix(".weight").is_some_and(|module| module.to_ascii_lowercase().ends_with("norm"))
}
