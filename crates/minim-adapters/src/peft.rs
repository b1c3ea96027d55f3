//! Adapter folders as Hugging Face peft 0.20/0.21 writes and reads them: `adapter_config.json` and `adapter_model.safetensors`.
//!
//! Keys are `base_model.model.` + the published module name + `.lora_A.weight` and so on; PyTorch's `[out, in]` is burn's `[in, out]`
//! transposed. A prompt or a prefix is one tensor, `prompt_embeddings`; of a prompt or prefix that an encoder makes, the encoder is in no
//! file, as in peft, so that training goes on from the prompt itself. Modules trained whole (the head, a fresh pooler) are in the same file under their own names, so that a head is never lost.

mod adalora;
mod bitfit;
mod config;
mod entry;
mod virtual_tokens;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

pub use config::{AdapterConfig, Names};
use entry::{Entries, PROMPT};
use virtual_tokens::Parts;

use crate::method::{Form, attach_with};
use crate::walk::Walk;
use crate::{Bias, Error, Method};

pub(crate) const WEIGHTS: &str = "adapter_model.safetensors";

/// A tensor as a file has it: its shape, and its values row by row.
pub(crate) type Shaped = (Vec<usize>, Vec<f32>);
/// Tensors by name.
pub(crate) type Tensors = BTreeMap<String, Shaped>;

/// Writes an adapter folder: the configuration, and every tensor that training changed.
///
/// # Errors
/// [`Error::Io`] if the folder can't be written.
pub fn save<M: Module>(
    model: &M,
    method: &Method,
    config: &AdapterConfig,
    modules_to_save: &[String],
    names: impl Fn(&str) -> String,
    folder: &Path,
) -> Result<(), Error> {
    let tensors = trained(model, method, modules_to_save, names)?;
    let config = virtual_tokens::sized(config, &tensors);
    let config = if *method == Method::BitFit { bitfit::targeted(config, &tensors) } else { config };
    config.write(folder)?;
    write_safetensors(&folder.join(WEIGHTS), &tensors, Precision::F32)
}

/// Writes `adapter_model.safetensors` alone: what training changed in a model that [`crate::attach`] prepared, be it only a head.
///
/// # Errors
/// [`Error::Io`] if the folder can't be written.
pub fn save_trained<M: Module>(
    model: &M,
    method: &Method,
    modules_to_save: &[String],
    names: impl Fn(&str) -> String,
    folder: &Path,
) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|source| Error::Io { path: folder.into(), source })?;
    let tensors = trained(model, method, modules_to_save, names)?;
    write_safetensors(&folder.join(WEIGHTS), &tensors, Precision::F32)
}

/// What training changed.
fn trained<M: Module>(
    model: &M,
    method: &Method,
    modules_to_save: &[String],
    names: impl Fn(&str) -> String,
) -> Result<Tensors, Error> {
    let entries = Entries::new(method, modules_to_save, names)?;
    let mut collect = Collect { entries, tensors: BTreeMap::new(), parts: Parts::default(), first: None, method };
    model.visit(&mut collect);
    let Collect { mut tensors, parts, first, .. } = collect;
    if let (Method::BitFit, Some((layer, shape))) = (method, first) {
        tensors = bitfit::with_lora(tensors, &layer, shape);
    }
    if let Some(prompt) = parts.encoded(method) {
        tensors.insert(PROMPT.into(), prompt);
    }
    Ok(tensors)
}

/// How numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits, exact.
    F32,
    /// 16 bits (IEEE half).
    F16,
}

impl Precision {
    fn dtype(self) -> Dtype {
        match self {
            Precision::F32 => Dtype::F32,
            Precision::F16 => Dtype::F16,
        }
    }

    fn bytes(self, values: &[f32]) -> Vec<u8> {
        match self {
            Precision::F32 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            Precision::F16 => values.iter().flat_map(|&v| half::f16::from_f32(v).to_le_bytes()).collect(),
        }
    }
}

/// Writes tensors, (shape, row-major values) by name, as a safetensors file marked as PyTorch's.
///
/// # Errors
/// [`Error::Io`] if the file can't be written.
pub fn write_safetensors(
    path: &Path,
    tensors: &BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    precision: Precision,
) -> Result<(), Error> {
    let bytes: Vec<(&String, &Vec<usize>, Vec<u8>)> =
        tensors.iter().map(|(name, (shape, values))| (name, shape, precision.bytes(values))).collect();
    let format = |e: safetensors::SafeTensorError| Error::Format { path: path.into(), reason: e.to_string() };
    let mut views = Vec::with_capacity(bytes.len());
    for (name, shape, bytes) in &bytes {
        views.push((name.as_str(), TensorView::new(precision.dtype(), (*shape).clone(), bytes).map_err(format)?));
    }
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    let file = safetensors::serialize(views, Some(metadata)).map_err(format)?;
    // Whole or not at all: an earlier file stays until the new one is there.
    let partial = path.with_extension("partial");
    std::fs::write(&partial, file)
        .and_then(|()| std::fs::rename(&partial, path))
        .map_err(|source| Error::Io { path: path.into(), source })
}

/// Loads the tensors of an adapter folder into a model that [`crate::attach`] prepared with the same method.
///
/// # Errors
/// [`Error::Mismatch`] lists every tensor that is missing, unused or misshapen; [`Error::Io`] and [`Error::Format`] for a file that can't
/// be read.
pub fn load<M: Module>(
    model: M,
    method: &Method,
    modules_to_save: &[String],
    names: impl Fn(&str) -> String,
    folder: &Path,
) -> Result<M, Error> {
    let path = folder.join(WEIGHTS);
    let mut tensors = read_tensors(folder)?;
    if *method == Method::BitFit || matches!(method, Method::Lora(config) if config.bias == Bias::All) {
        tensors.retain(|name, _| !entry::is_copy_of_head(name));
    }
    if *method == Method::BitFit {
        tensors = bitfit::without_lora(tensors, folder)?;
    }
    // What is left of a layer that lost all ranks.
    if matches!(method, Method::AdaLora(_)) {
        tensors.retain(|_, (shape, _)| !shape.contains(&0));
    }
    // What makes a prompt or a prefix is in no file.
    let model = match Encoder::of(&model) {
        Encoder { there: false, .. } => model,
        Encoder { quantised: true, .. } => return Err(Error::NotKept { method: method.name() }),
        _ => attach_with(model.materialize(), method, Form::Kept, modules_to_save, 0, &names, None)?.0,
    };
    let entries = Entries::new(method, modules_to_save, names)?;
    let mut fill = Fill { entries, tensors, shared: HashMap::new(), missing: Vec::new(), misshapen: Vec::new() };
    let model = model.map(&mut fill);
    let Fill { tensors, missing, misshapen, .. } = fill;
    let unused: Vec<_> = tensors.into_keys().collect();
    match missing.is_empty() && misshapen.is_empty() && unused.is_empty() {
        true => Ok(model),
        false => Err(Error::Mismatch { path, missing, unused, misshapen }),
    }
}

/// Whether something makes a model's prompt or prefix, and whether its weights are in few bits.
#[derive(Default)]
struct Encoder {
    walk: Walk,
    there: bool,
    quantised: bool,
}

impl Encoder {
    fn of<M: Module>(model: &M) -> Self {
        let mut found = Self::default();
        model.visit(&mut found);
        found
    }
}

impl ModuleVisitor for Encoder {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.walk.enter(name, container);
        self.quantised |= self.walk.in_quantised();
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.walk.exit();
    }

    fn visit_float<const D: usize>(&mut self, _: &Param<Tensor<D>>) {
        let path = self.walk.path();
        self.there |=
            [".adapter.Prefix.projection.", ".adapter.PTuning.encoder."].iter().any(|part| path.contains(part));
    }
}

/// Every tensor of an adapter folder.
pub(crate) fn read_tensors(folder: &Path) -> Result<Tensors, Error> {
    let path = folder.join(WEIGHTS);
    let bytes = std::fs::read(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
    let format = |reason: String| Error::Format { path: path.clone(), reason };
    let file = SafeTensors::deserialize(&bytes).map_err(|e| format(format!("no safetensors file: {e}")))?;
    let read = |(name, view): (&str, TensorView<'_>)| {
        let expected = || format(format!("{name} is {:?}; expected F32, F16 or BF16", view.dtype()));
        Ok((name.to_string(), (view.shape().to_vec(), f32_values(&view).ok_or_else(expected)?)))
    };
    file.iter().map(read).collect()
}

/// How many labels the head in an adapter folder has: the outputs of `classifier`, `classifier.out_proj` or `score`. `None` without such a head.
///
/// # Errors
/// [`Error::Io`] and [`Error::Format`] for a file that can't be read.
pub fn labels(folder: &Path) -> Result<Option<usize>, Error> {
    let tensors = read_tensors(folder)?;
    let last_layers = ["classifier.out_proj.weight", "classifier.weight", "score.weight"];
    // Beside virtual tokens the head has one prefix fewer.
    let prefixed = |prefix: &str, name: &str| tensors.get(&format!("{prefix}{name}"));
    let head = |name: &str| prefixed("base_model.model.", name).or_else(|| prefixed("base_model.", name));
    Ok(last_layers.into_iter().find_map(head).and_then(|(shape, _)| shape.first().copied()))
}

/// The values of an fp32, fp16 or bf16 tensor as fp32.
fn f32_values(view: &TensorView<'_>) -> Option<Vec<f32>> {
    let bytes = view.data();
    Some(match view.dtype() {
        Dtype::F32 => bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        Dtype::F16 => bytes.chunks_exact(2).map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
        Dtype::BF16 => bytes.chunks_exact(2).map(|b| half::bf16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
        _ => return None,
    })
}

struct Collect<'a, N> {
    entries: Entries<'a, N>,
    tensors: Tensors,
    /// What makes a prompt or a prefix.
    parts: Parts,
    /// The first linear layer that is not trained whole, and its shape.
    first: Option<(String, [usize; 2])>,
    method: &'a Method,
}

impl<N: Fn(&str) -> String> ModuleVisitor for Collect<'_, N> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.entries.walk.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.entries.walk.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let shape = param.lazy_shape().to_vec();
        self.parts.take(&self.entries.walk.path(), param);
        if self.first.is_none() {
            self.first = self.entries.linear(&shape);
        }
        if let Method::AdaLora(config) = self.method {
            for (key, shape) in self.entries.without_ranks(config, &shape) {
                self.tensors.insert(key, (shape.to_vec(), Vec::new()));
            }
        }
        let Some(entry) = self.entries.of(&shape) else { return };
        if entry.shared && self.tensors.contains_key(&entry.key) {
            return;
        }
        let values = param.val().into_data().iter::<f32>().collect();
        let tensor = (entry.layout.file_shape(&shape), entry.layout.reorder(values, &shape));
        match self.tensors.get_mut(&entry.key).filter(|_| entry.start) {
            Some(factor) => subtract(factor, tensor, entry.key.ends_with(".lora_B.weight")),
            None => drop(self.tensors.insert(entry.key, tensor)),
        }
    }
}

/// Puts where a factor of LoRA started behind it, so that their products are subtracted: A `[r, in]` gets rows, B `[out, r]` columns with
/// the sign turned. As peft's `subtract_mutated_init`.
fn subtract((shape, values): &mut Shaped, (_, start): Shaped, of_b: bool) {
    if of_b {
        let rank = shape[1];
        let rows = values.chunks_exact(rank).zip(start.chunks_exact(rank));
        *values = rows.flat_map(|(now, then)| now.iter().copied().chain(then.iter().map(|v| -v))).collect();
        shape[1] *= 2;
    } else {
        values.extend(start);
        shape[0] *= 2;
    }
}

struct Fill<'a, N> {
    entries: Entries<'a, N>,
    tensors: Tensors,
    /// Those that every layer has: one tensor for all.
    shared: HashMap<String, Tensor<2>>,
    missing: Vec<String>,
    misshapen: Vec<String>,
}

impl<N: Fn(&str) -> String> ModuleMapper for Fill<'_, N> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.entries.walk.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.entries.walk.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.lazy_shape();
        let Some(entry) = self.entries.of(&shape.to_vec()).filter(|entry| !entry.start) else { return param };
        let (id, device) = (param.id, param.lazy_device());
        if let Some(tensor) = self.shared.get(&entry.key) {
            return param.transform_for_load(tensor.clone().reshape(shape), id);
        }
        let Some((file_shape, values)) = self.tensors.remove(&entry.key) else {
            // What all layers share is missed by each of them.
            let told = self.missing.iter().chain(&self.misshapen).any(|said| said.starts_with(&entry.key));
            if !(entry.shared && told) {
                self.missing.push(entry.key);
            }
            return param;
        };
        let expected = entry.layout.file_shape(&shape.to_vec());
        if file_shape != expected {
            self.misshapen.push(format!("{} is {file_shape:?}, the model needs {expected:?}", entry.key));
            return param;
        }
        // The file's matrix transposed is ours: reorder by the file's shape.
        let values = entry.layout.reorder(values, &file_shape);
        let tensor = Tensor::<D>::from_data(TensorData::new(values, shape.to_vec()), &device);
        if entry.shared && D == 2 {
            let [rows, columns] = [shape[0], shape[D - 1]];
            self.shared.insert(entry.key, tensor.clone().reshape([rows, columns]));
        }
        param.transform_for_load(tensor, id)
    }
}
