//! Reading of `tests/fixtures`, and the models in them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use minim_adapters::peft::{self, AdapterConfig};
use minim_adapters::{Method, attach};
use minim_engine::device::Choice;
use minim_models::{Checkpoint, Classifier, HeadKind, TokenBatch, published_name};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;

/// Where the fixtures of each architecture lie, seen from those of BERT.
pub(crate) const FAMILIES: [&str; 10] = [
    "",
    "../models/roberta/",
    "../models/distilbert/",
    "../models/mobilebert/",
    "../models/mobilebert-layer-norm/",
    "../models/llama/",
    "../models/llama-head-dim/",
    "../models/llama-mha/",
    "../models/modernbert/",
    "../models/modernbert-mean/",
];

pub(crate) fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/bert").join(name)
}

pub(crate) fn json<T: DeserializeOwned>(name: &str) -> T {
    let text = std::fs::read_to_string(folder(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

pub(crate) fn cpu() -> Device {
    Choice::Cpu.open().unwrap().device
}

/// A padded batch as transformers was given it.
#[derive(Deserialize, Clone)]
pub(crate) struct Inputs {
    pub(crate) input_ids: Vec<Vec<u32>>,
    pub(crate) token_type_ids: Vec<Vec<u32>>,
    pub(crate) attention_mask: Vec<Vec<u32>>,
}

impl Inputs {
    /// The batch with its padding as it stands.
    pub(crate) fn batch(&self, device: &Device) -> TokenBatch {
        let shape = [self.input_ids.len(), self.input_ids[0].len()];
        let ints = |rows: &[Vec<u32>]| {
            let values: Vec<i32> = rows.iter().flatten().map(|&id| id as i32).collect();
            Tensor::<2, Int>::from_data(TensorData::new(values, shape), device)
        };
        let mask: Vec<bool> = self.attention_mask.iter().flatten().map(|&m| m == 1).collect();
        TokenBatch {
            ids: ints(&self.input_ids),
            types: ints(&self.token_type_ids),
            padded: mask.contains(&false),
            mask: Tensor::from_data(TensorData::new(mask, shape), device),
        }
    }

    /// How many real tokens a row has.
    pub(crate) fn lengths(&self) -> Vec<usize> {
        self.attention_mask.iter().map(|row| row.iter().filter(|&&m| m == 1).count()).collect()
    }
}

/// `seq...` or `tok...` by the name of a fixture.
pub(crate) fn head_of(name: &str) -> (HeadKind, usize) {
    if name.contains("tok") { (HeadKind::Token, 5) } else { (HeadKind::Sequence, 3) }
}

/// A base model of the fixtures without dropout, prepared for a method, and the modules trained whole.
pub(crate) fn attached(base: &str, method: &Method, device: &Device) -> (Classifier, Vec<String>) {
    prepared(base, method, Vec::new(), device)
}

/// A base model of the fixtures without dropout.
pub(crate) fn loaded(base: &str, device: &Device) -> Classifier {
    let (head, labels) = head_of(base);
    let copy = without_dropout(&folder(base));
    Checkpoint::open(copy.path()).unwrap().classifier(head, labels, 0, device).unwrap().model
}

fn prepared(base: &str, method: &Method, more: Vec<String>, device: &Device) -> (Classifier, Vec<String>) {
    // peft adds these two whatever the file says.
    let modules = [vec!["classifier".to_string(), "score".to_string()], more].concat();
    (attach(loaded(base, device), method, &modules, 0, published_name).unwrap(), modules)
}

/// A key of an adapter file, or of what is trained in peft's memory, as the names of our parameters: without peft's prefix and its wrappers
/// around what it tunes in place. Several of ours make one of an encoder's tensors, in this order of its rows.
pub(crate) fn places<T>(key: &str, ours: &HashMap<String, T>) -> Vec<String> {
    let Some(part) = key.strip_prefix("prompt_encoder.") else {
        let name = key.strip_prefix("base_model.model.").or(key.strip_prefix("base_model.")).unwrap_or(key);
        return vec![name.replace(".ln_tuning_layers", "").replace(".base_layer", "")];
    };
    let (module, own) = part.rsplit_once('.').unwrap();
    let own_parts: Vec<&str> = own.split('_').collect();
    let place = match (module.split_once('.'), &own_parts[..]) {
        (Some(("transform", "0")), _) => format!("down.{own}"),
        (Some(("transform", _)), _) => {
            let layers = (0..).map(|layer| format!("prompt_encoder.up.{layer}.{own}"));
            return layers.take_while(|name| ours.contains_key(name)).collect();
        }
        (Some(("mlp_head", number)), _) => format!("mlp.{}.{own}", number.parse::<usize>().unwrap() / 2),
        (None, [kind, side, layer, reverse @ ..]) => {
            let direction = if reverse.is_empty() { "rightward" } else { "leftward" };
            let side = if *side == "ih" { "input" } else { "hidden" };
            format!("lstm.{}.{direction}.{side}.{kind}", layer.trim_start_matches('l'))
        }
        _ => panic!("{key}"),
    };
    vec![format!("prompt_encoder.{place}")]
}

/// A base model of the fixtures without dropout, with the adapter of the fixtures on it, its method and the modules trained whole.
pub(crate) fn adapted(base: &str, adapter: Option<&str>, device: &Device) -> (Classifier, Method, Vec<String>) {
    let Some(name) = adapter else {
        let (model, modules) = attached(base, &Method::Full, device);
        return (model, Method::Full, modules);
    };
    let config = AdapterConfig::read(&folder(name)).unwrap();
    let method = config.method(&folder(name)).unwrap();
    let (model, modules) = prepared(base, &method, config.modules_to_save.unwrap_or_default(), device);
    (peft::load(model, &method, &modules, published_name, &folder(name)).unwrap(), method, modules)
}

/// The same as peft trained it: a prompt with the encoder that makes it, of which an adapter file knows nothing.
pub(crate) fn in_training(base: &str, adapter: Option<&str>, device: &Device) -> (Classifier, Method, Vec<String>) {
    let encoder = adapter.map(|name| format!("{name}/encoder.safetensors")).filter(|file| folder(file).is_file());
    let (Some(name), Some(encoder)) = (adapter, encoder) else { return adapted(base, adapter, device) };
    let method = AdapterConfig::read(&folder(name)).unwrap().method(&folder(name)).unwrap();
    let (model, modules) = attached(base, &method, device);
    let ours = Published::values(&model);
    let mut values = HashMap::new();
    for (key, (_, whole)) in tensors(&encoder) {
        let places = places(&key, &ours);
        let rows = whole.chunks(whole.len() / places.len()).map(<[f32]>::to_vec);
        values.extend(places.into_iter().zip(rows));
    }
    let mut fill = Fill { values, path: Vec::new() };
    let model = model.map(&mut fill);
    assert!(fill.values.is_empty(), "{name}: {:?} have no place", fill.values.keys());
    (model, method, modules)
}

/// Fills parameters by their published names, in PyTorch's layout.
struct Fill {
    values: HashMap<String, Vec<f32>>,
    path: Vec<(String, String)>,
}

impl ModuleMapper for Fill {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push((name.into(), container.into()));
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (name, transposed) = published(&self.path);
        let Some(values) = self.values.remove(&name) else { return param };
        let (id, device, mut shape) = (param.id, param.lazy_device(), param.lazy_shape().to_vec());
        if transposed {
            shape.reverse();
        }
        let tensor = Tensor::<D>::from_data(TensorData::new(values, shape), &device);
        param.transform_for_load(if transposed { tensor.swap_dims(0, 1) } else { tensor }, id)
    }
}

/// A copy of a model folder whose configuration has no dropout: it would act on a device that differentiates.
fn without_dropout(folder: &Path) -> TempDir {
    with_dropout(folder, 0.0)
}

/// A copy of a model folder with this rate wherever its configuration has one.
pub(crate) fn with_dropout(folder: &Path, rate: f64) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    let path = copy.path().join("config.json");
    let mut config: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    // Llama's head has dropout where the configuration is silent.
    config["classifier_dropout"] = rate.into();
    for (key, value) in config.as_object_mut().unwrap() {
        if key.contains("drop") && value.is_number() {
            *value = rate.into();
        }
    }
    std::fs::write(path, config.to_string()).unwrap();
    copy
}

/// Mean cross-entropy over labels that are not -100, written out here so that the tests do not use the code they test.
pub(crate) fn cross_entropy(logits: Tensor<2>, labels: &[i64]) -> Tensor<1> {
    let device = logits.device();
    let kept: Vec<i64> = (0..labels.len() as i64).filter(|&row| labels[row as usize] >= 0).collect();
    let targets: Vec<i64> = kept.iter().map(|&row| labels[row as usize]).collect();
    let n = kept.len();
    let rows = Tensor::<1, Int>::from_data(TensorData::new(kept, [n]), &device);
    let targets = Tensor::<2, Int>::from_data(TensorData::new(targets, [n, 1]), &device);
    let log = burn::tensor::activation::log_softmax(logits.select(0, rows), 1);
    log.gather(1, targets).mean().neg()
}

/// What a method is trained on.
pub(crate) fn penalised(method: &Method, model: &Classifier, loss: Tensor<1>) -> Tensor<1> {
    match method {
        Method::AdaLora(config) => config.penalised(model, loss),
        _ => loss,
    }
}

/// Logits of either head as `[rows, labels]`.
pub(crate) fn flat_logits(model: &Classifier, batch: &TokenBatch) -> Tensor<2> {
    flat_logits_of(model, model.hidden(batch), batch)
}

/// The same from the backbone's hidden states.
pub(crate) fn flat_logits_of(model: &Classifier, hidden: Tensor<3>, batch: &TokenBatch) -> Tensor<2> {
    match model.head() {
        HeadKind::Sequence => model.sequence_logits_of(hidden, batch),
        HeadKind::Token => {
            let logits = model.token_logits_of(hidden);
            let [rows, seq, labels] = logits.dims();
            logits.reshape([rows * seq, labels])
        }
    }
}

pub(crate) fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// The largest absolute difference; NaN anywhere is a failure.
#[track_caller]
pub(crate) fn furthest(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    assert!(found.iter().chain(expected).all(|v| v.is_finite()));
    found.iter().zip(expected).map(|(f, e)| (f - e).abs()).fold(0.0, f32::max)
}

/// A safetensors file as (shape, values) by name.
pub(crate) fn tensors(name: &str) -> HashMap<String, (Vec<usize>, Vec<f32>)> {
    let bytes = std::fs::read(folder(name)).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    file.iter()
        .map(|(name, view)| {
            let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            (name.to_string(), (view.shape().to_vec(), values))
        })
        .collect()
}

/// Every parameter, or its gradient, in PyTorch's layout under its published name; adapters under peft's.
pub(crate) struct Published<'a> {
    gradients: Option<&'a GradientsParams>,
    path: Vec<(String, String)>,
    pub(crate) found: HashMap<String, Vec<f32>>,
}

impl<'a> Published<'a> {
    pub(crate) fn gradients<M: Module>(model: &M, gradients: &'a GradientsParams) -> HashMap<String, Vec<f32>> {
        let mut visitor = Self { gradients: Some(gradients), path: Vec::new(), found: HashMap::new() };
        model.visit(&mut visitor);
        visitor.found
    }

    pub(crate) fn values<M: Module>(model: &M) -> HashMap<String, Vec<f32>> {
        let mut visitor = Self { gradients: None, path: Vec::new(), found: HashMap::new() };
        model.visit(&mut visitor);
        visitor.found
    }
}

impl ModuleVisitor for Published<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push((name.into(), container.into()));
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = match self.gradients {
            None => param.val(),
            Some(gradients) => match gradients.get::<D>(param.id) {
                None => return,
                Some(gradient) => gradient,
            },
        };
        let (name, transposed) = published(&self.path);
        let tensor = if transposed { tensor.swap_dims(0, 1) } else { tensor };
        self.found.insert(name, values(tensor));
    }
}

/// A parameter's published name, and whether PyTorch holds it transposed.
fn published(path: &[(String, String)]) -> (String, bool) {
    let in_linear = path.last().is_some_and(|(name, container)| name == "weight" && container == "Struct:Linear");
    let path = path.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(".");
    let Some((layer, factor)) = path.split_once(".weight.adapter.") else { return (published_name(&path), in_linear) };
    let module = published_name(&format!("{layer}.weight"));
    let module = module.trim_end_matches(".weight");
    match factor {
        "Lora.a" => (format!("{module}.lora_A.weight"), true),
        "Lora.b" => (format!("{module}.lora_B.weight"), true),
        "Lora.magnitude" => (format!("{module}.lora_magnitude_vector"), false),
        "Vera.lambda_d" => (format!("{module}.vera_lambda_d"), false),
        "Vera.lambda_b" => (format!("{module}.vera_lambda_b"), false),
        "AdaLora.a" => (format!("{module}.lora_A"), true),
        "AdaLora.b" => (format!("{module}.lora_B"), true),
        "AdaLora.e" => (format!("{module}.lora_E"), false),
        "Bottleneck.down" => (format!("{module}.bottleneck_down.weight"), true),
        "Bottleneck.down_bias" => (format!("{module}.bottleneck_down.bias"), false),
        "Bottleneck.up" => (format!("{module}.bottleneck_up.weight"), true),
        "Bottleneck.up_bias" => (format!("{module}.bottleneck_up.bias"), false),
        "Ia3.input" | "Ia3.output" => (format!("{module}.ia3_l"), false),
        "Prompt.embeddings" | "Prefix.embeddings" | "PTuning.embeddings" => ("prompt_embeddings".into(), false),
        encoder if let Some((_, part)) = encoder.split_once(".projection.").or(encoder.split_once(".encoder.")) => {
            (format!("prompt_encoder.{part}"), in_linear)
        }
        frozen => (format!("{module}.{frozen}"), false),
    }
}
