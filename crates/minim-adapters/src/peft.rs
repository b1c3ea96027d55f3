//! Adapter folders as Hugging Face peft 0.20/0.21 writes and reads them: `adapter_config.json` and `adapter_model.safetensors`.
//!
//! Keys are `base_model.model.` + the published module name + `.lora_A.weight` and so on; PyTorch's `[out, in]` is burn's `[in, out]`
//! transposed. Modules trained whole (the head, a fresh pooler) are in the same file under their own names, so that a head is never lost.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};

use crate::method::is_saved_whole;
use crate::{Error, Ia3Config, LoraConfig, Method, Targets};

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
const PREFIX: &str = "base_model.model.";

/// peft's `adapter_config.json`, reduced to the keys that every peft version since 0.4 knows.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
pub struct AdapterConfig {
    /// `LORA` or `IA3`.
    pub peft_type: String,
    /// `SEQ_CLS` or `TOKEN_CLS`.
    #[serde(default)]
    pub task_type: Option<String>,
    /// Where the base model came from.
    #[serde(default)]
    pub base_model_name_or_path: Option<String>,
    /// peft saves `true`.
    #[serde(default)]
    pub inference_mode: bool,
    /// A list of names, or one regular expression.
    pub target_modules: Names,
    /// Modules trained and saved whole.
    #[serde(default)]
    pub modules_to_save: Option<Vec<String>>,
    /// LoRA's rank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub r: Option<usize>,
    /// LoRA's alpha.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lora_alpha: Option<f64>,
    /// LoRA's dropout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lora_dropout: Option<f64>,
    /// IA3's feed-forward modules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedforward_modules: Option<Names>,
    /// Settings that change what a checkpoint means; any but their neutral value is refused.
    #[serde(flatten)]
    pub other: BTreeMap<String, serde_json::Value>,
}

/// One name (a regular expression) or a list of names.
#[derive(Debug, Clone, Serialize, Deserialize, PartialEq)]
#[serde(untagged)]
pub enum Names {
    /// A regular expression over whole module names.
    Pattern(String),
    /// Module names.
    List(Vec<String>),
}

/// Settings of peft that this version of minim can't honour: (key, neutral value).
fn unsupported() -> [(&'static str, serde_json::Value); 9] {
    use serde_json::json;
    [
        ("use_dora", json!(false)),
        ("use_rslora", json!(false)),
        ("bias", json!("none")),
        ("lora_bias", json!(false)),
        ("fan_in_fan_out", json!(false)),
        ("rank_pattern", json!({})),
        ("alpha_pattern", json!({})),
        ("exclude_modules", json!(null)),
        ("layers_to_transform", json!(null)),
    ]
}

impl AdapterConfig {
    /// The configuration of a method; `None` for methods that are no adapters.
    pub fn new(method: &Method, task_type: &str, base: Option<String>, modules_to_save: &[String]) -> Option<Self> {
        let names = |targets: &Targets| match targets {
            Targets::Names(names) => Names::List(names.clone()),
            Targets::Pattern(pattern) => Names::Pattern(pattern.clone()),
        };
        let mut config = Self {
            peft_type: String::new(),
            task_type: Some(task_type.into()),
            base_model_name_or_path: base,
            inference_mode: true,
            target_modules: Names::List(Vec::new()),
            modules_to_save: Some(modules_to_save.to_vec()),
            r: None,
            lora_alpha: None,
            lora_dropout: None,
            feedforward_modules: None,
            other: BTreeMap::new(),
        };
        match method {
            Method::Full | Method::Head => return None,
            Method::Lora(lora) => {
                config.peft_type = "LORA".into();
                config.target_modules = names(&lora.targets);
                config.r = Some(lora.rank);
                config.lora_alpha = Some(lora.alpha);
                config.lora_dropout = Some(lora.dropout);
            }
            Method::Ia3(ia3) => {
                config.peft_type = "IA3".into();
                config.target_modules = names(&ia3.targets);
                config.feedforward_modules = Some(Names::List(ia3.feedforward.clone()));
            }
        }
        Some(config)
    }

    /// Reads the configuration of an adapter folder.
    ///
    /// # Errors
    /// [`Error::Io`] without the file, [`Error::Format`] for one that can't be honoured to the letter.
    pub fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(CONFIG);
        let text = std::fs::read_to_string(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
        let format = |reason: String| Error::Format { path: path.clone(), reason };
        let config: Self = serde_json::from_str(&text).map_err(|e| format(format!("no peft configuration: {e}")))?;
        for (key, neutral) in unsupported() {
            if let Some(value) = config.other.get(key).filter(|value| !value.is_null() && **value != neutral) {
                return Err(format(format!("{key} = {value} is not supported; expected {neutral}")));
            }
        }
        Ok(config)
    }

    /// The method that the configuration describes.
    ///
    /// # Errors
    /// [`Error::Format`] for another peft type than LoRA or IA3, or a missing setting.
    pub fn method(&self, folder: &Path) -> Result<Method, Error> {
        let format = |reason: String| Error::Format { path: folder.join(CONFIG), reason };
        let targets = match &self.target_modules {
            Names::List(names) => Targets::Names(names.clone()),
            Names::Pattern(pattern) => Targets::Pattern(pattern.clone()),
        };
        match self.peft_type.as_str() {
            "LORA" => Ok(Method::Lora(LoraConfig {
                rank: self.r.ok_or_else(|| format("r is missing".into()))?,
                alpha: self.lora_alpha.ok_or_else(|| format("lora_alpha is missing".into()))?,
                dropout: self.lora_dropout.unwrap_or(0.0),
                targets,
            })),
            "IA3" => Ok(Method::Ia3(Ia3Config {
                targets,
                feedforward: match &self.feedforward_modules {
                    None => Vec::new(),
                    Some(Names::List(names)) => names.clone(),
                    Some(Names::Pattern(pattern)) => {
                        return Err(format(format!("feedforward_modules as a pattern ({pattern}); expected a list")));
                    }
                },
            })),
            other => Err(format(format!("peft_type {other} is not supported; expected LORA or IA3"))),
        }
    }
}

/// Writes an adapter folder: the configuration, and every tensor that training changed.
///
/// # Errors
/// [`Error::Io`] if the folder can't be written.
pub fn save<M: Module>(
    model: &M,
    config: &AdapterConfig,
    modules_to_save: &[String],
    names: impl Fn(&str) -> String,
    folder: &Path,
) -> Result<(), Error> {
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Error::Io { path, source }
    };
    std::fs::create_dir_all(folder).map_err(io(folder))?;
    let path = folder.join(CONFIG);
    let sorted: BTreeMap<String, serde_json::Value> = serde_json::to_value(config)
        .and_then(serde_json::from_value)
        .map_err(|e| Error::Format { path: path.clone(), reason: e.to_string() })?;
    let text = serde_json::to_string_pretty(&sorted)
        .map_err(|e| Error::Format { path: path.clone(), reason: e.to_string() })?;
    std::fs::write(&path, text + "\n").map_err(io(&path))?;

    save_trained(model, modules_to_save, names, folder)
}

/// Writes `adapter_model.safetensors` alone: what training changed in a model that [`crate::attach`] prepared, be it only a head.
///
/// # Errors
/// [`Error::Io`] if the folder can't be written.
pub fn save_trained<M: Module>(
    model: &M,
    modules_to_save: &[String],
    names: impl Fn(&str) -> String,
    folder: &Path,
) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|source| Error::Io { path: folder.into(), source })?;
    let mut collect = Collect { modules_to_save, names, path: Vec::new(), tensors: BTreeMap::new() };
    model.visit(&mut collect);
    let path = folder.join(WEIGHTS);
    write_safetensors(&path, &collect.tensors, Precision::F32)
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
    modules_to_save: &[String],
    names: impl Fn(&str) -> String,
    folder: &Path,
) -> Result<M, Error> {
    let path = folder.join(WEIGHTS);
    let bytes = std::fs::read(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|e| Error::Format { path: path.clone(), reason: format!("no safetensors file: {e}") })?;
    let mut tensors = HashMap::new();
    for (name, view) in file.iter() {
        let values = f32_values(&view).ok_or_else(|| Error::Format {
            path: path.clone(),
            reason: format!("{name} is {:?}; expected F32, F16 or BF16", view.dtype()),
        })?;
        tensors.insert(name.to_string(), (view.shape().to_vec(), values));
    }
    let mut fill =
        Fill { modules_to_save, names, path: Vec::new(), tensors, missing: Vec::new(), misshapen: Vec::new() };
    let model = model.map(&mut fill);
    let Fill { tensors, missing, misshapen, .. } = fill;
    let mut unused: Vec<_> = tensors.into_keys().collect();
    unused.sort();
    match missing.is_empty() && misshapen.is_empty() && unused.is_empty() {
        true => Ok(model),
        false => Err(Error::Mismatch { path, missing, unused, misshapen }),
    }
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

/// How a parameter stands in an adapter file: its key, whether PyTorch holds it transposed, and its shape there.
fn entry(
    path: &str,
    names: impl Fn(&str) -> String,
    modules_to_save: &[String],
    shape: &[usize],
) -> Option<(String, Layout)> {
    if let Some((layer, factor)) = path.split_once(".weight.adapter.") {
        let module = names(&format!("{layer}.weight"));
        let module = module.strip_suffix(".weight").unwrap_or(&module);
        let (suffix, layout) = match factor {
            "Lora.a" => ("lora_A.weight", Layout::Transposed),
            "Lora.b" => ("lora_B.weight", Layout::Transposed),
            "Ia3.output" => ("ia3_l", Layout::Column),
            "Ia3.input" => ("ia3_l", Layout::Row),
            _ => return None,
        };
        return Some((format!("{PREFIX}{module}.{suffix}"), layout));
    }
    let name = names(path);
    if !is_saved_whole(&name, modules_to_save) {
        return None;
    }
    let layout = if shape.len() == 2 { Layout::Transposed } else { Layout::Same };
    Some((format!("{PREFIX}{name}"), layout))
}

#[derive(Clone, Copy)]
enum Layout {
    Same,
    Transposed,
    /// `[n]` here, `[n, 1]` in the file.
    Column,
    /// `[n]` here, `[1, n]` in the file.
    Row,
}

impl Layout {
    fn file_shape(self, shape: &[usize]) -> Vec<usize> {
        match (self, shape) {
            (Layout::Transposed, [rows, columns]) => vec![*columns, *rows],
            (Layout::Column, [n]) => vec![*n, 1],
            (Layout::Row, [n]) => vec![1, *n],
            _ => shape.to_vec(),
        }
    }

    /// Reorders row-major values of a matrix with `shape` for its transpose; other layouts keep their order.
    fn reorder(self, values: Vec<f32>, shape: &[usize]) -> Vec<f32> {
        match (self, shape) {
            (Layout::Transposed, [rows, columns]) => (0..*columns)
                .flat_map(|c| (0..*rows).map(move |r| (r, c)))
                .map(|(r, c)| values[r * columns + c])
                .collect(),
            _ => values,
        }
    }
}

struct Collect<'a, N> {
    modules_to_save: &'a [String],
    names: N,
    path: Vec<String>,
    tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl<N: Fn(&str) -> String> ModuleVisitor for Collect<'_, N> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let shape = param.lazy_shape().to_vec();
        let Some((key, layout)) = entry(&self.path.join("."), &self.names, self.modules_to_save, &shape) else {
            return;
        };
        let values = param.val().into_data().iter::<f32>().collect();
        self.tensors.insert(key, (layout.file_shape(&shape), layout.reorder(values, &shape)));
    }
}

struct Fill<'a, N> {
    modules_to_save: &'a [String],
    names: N,
    path: Vec<String>,
    tensors: HashMap<String, (Vec<usize>, Vec<f32>)>,
    missing: Vec<String>,
    misshapen: Vec<String>,
}

impl<N: Fn(&str) -> String> ModuleMapper for Fill<'_, N> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.lazy_shape().to_vec();
        let Some((key, layout)) = entry(&self.path.join("."), &self.names, self.modules_to_save, &shape) else {
            return param;
        };
        let Some((file_shape, values)) = self.tensors.remove(&key) else {
            self.missing.push(key);
            return param;
        };
        let expected = layout.file_shape(&shape);
        if file_shape != expected {
            self.misshapen.push(format!("{key} is {file_shape:?}, the model needs {expected:?}"));
            return param;
        }
        // The file's matrix transposed is ours: reorder by the file's shape.
        let values = layout.reorder(values, &file_shape);
        let (id, device) = (param.id, param.lazy_device());
        param.transform_for_load(Tensor::from_data(TensorData::new(values, shape), &device), id)
    }
}
