use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{FloatDType, Tensor};
use minim_models::published_name;

/// Casts the frozen matrices of an adapted model to bf16: half the memory. Adapters and `modules_to_save` stay as they are.
pub fn halve_frozen<M: Module>(model: M, modules_to_save: &[String]) -> M {
    model.map(&mut HalveFrozen { modules_to_save, path: Vec::new() })
}

struct HalveFrozen<'a> {
    modules_to_save: &'a [String],
    path: Vec<String>,
}

impl ModuleMapper for HalveFrozen<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.path.join(".");
        let trained =
            path.contains(".adapter.") || minim_adapters::is_saved_whole(&published_name(&path), self.modules_to_save);
        // Biases and normalisations are few bytes, and statistics need the bits.
        if trained || D != 2 { param } else { param.map(|tensor| tensor.cast(FloatDType::BF16)) }
    }
}
