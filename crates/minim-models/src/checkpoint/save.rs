use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use minim_adapters::peft::{Precision, write_safetensors};

use super::load::is_transposed;
use crate::{Error, published_name};

/// Writes a model without adapters as a folder that transformers reads: `config.json` and `model.safetensors`.
///
/// # Errors
/// [`Error::Io`] if the folder can't be written.
pub fn save<M: Module>(
    model: &M,
    config: &serde_json::Value,
    precision: Precision,
    folder: &Path,
) -> Result<(), Error> {
    let io = |source| Error::Io { path: folder.into(), source };
    std::fs::create_dir_all(folder).map_err(io)?;
    let text = serde_json::to_string_pretty(config).unwrap_or_default() + "\n";
    std::fs::write(folder.join("config.json"), text).map_err(io)?;
    let mut collect = Collect::default();
    model.visit(&mut collect);
    let path = folder.join("model.safetensors");
    write_safetensors(&path, &collect.tensors, precision).map_err(|e| Error::Format { path, reason: e.to_string() })
}

#[derive(Default)]
struct Collect {
    path: Vec<(String, String)>,
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl ModuleVisitor for Collect {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push((name.into(), container.into()));
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path: Vec<&str> = self.path.iter().map(|(name, _)| name.as_str()).collect();
        let value = param.val();
        let value = if is_transposed(&self.path) { value.swap_dims(0, 1) } else { value };
        let shape = value.dims().to_vec();
        let values = value.into_data().iter::<f32>().collect();
        self.tensors.insert(published_name(&path.join(".")), (shape, values));
    }
}
