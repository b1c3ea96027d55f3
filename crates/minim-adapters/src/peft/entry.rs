//! How parameters stand in an adapter file.

use crate::AdaLoraConfig;
use crate::method::is_saved_whole;
use crate::tuned::{Parameter, Tuned};
use crate::walk::Walk;
use crate::{Error, Method};

/// The one tensor of a prompt or a prefix.
pub(super) const PROMPT: &str = "prompt_embeddings";

/// What goes into an adapter file, and where it stands there.
pub(super) struct Entries<'a, N> {
    tuned: Tuned,
    /// What names start with: peft wraps a model once more for adapters on layers.
    prefix: &'static str,
    modules_to_save: &'a [String],
    names: N,
    pub(super) walk: Walk,
}

/// A parameter's place in an adapter file.
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) layout: Layout,
    /// Whether every layer has this one and the file has it once.
    pub(super) shared: bool,
    /// Whether it is where a factor started: behind the factor in a file that is written, in none that is read.
    pub(super) start: bool,
}

impl<'a, N: Fn(&str) -> String> Entries<'a, N> {
    pub(super) fn new(method: &Method, modules_to_save: &'a [String], names: N) -> Result<Self, Error> {
        let prefix = if method.is_on_table() { "base_model." } else { "base_model.model." };
        Ok(Self { tuned: Tuned::new(method)?, prefix, modules_to_save, names, walk: Walk::default() })
    }

    /// The empty tensors that peft has for a layer of which AdaLoRA left no rank, if its weight is being visited.
    pub(super) fn without_ranks(&self, config: &AdaLoraConfig, shape: &[usize]) -> Vec<(String, [usize; 2])> {
        let name = (self.names)(&self.walk.path());
        let (Some(module), [inputs, outputs]) = (name.strip_suffix(".weight"), shape) else { return Vec::new() };
        if !self.walk.in_linear() || config.rank_pattern.get(module).is_none_or(|left| left.contains(&true)) {
            return Vec::new();
        }
        let key = |factor| format!("{}{module}.{factor}", self.prefix);
        vec![(key("lora_A"), [0, *inputs]), (key("lora_B"), [*outputs, 0]), (key("lora_E"), [0, 1])]
    }

    /// What the linear layer whose weight is being visited is called in a file, and the weight's shape; `None` if it is trained whole.
    pub(super) fn linear(&self, shape: &[usize]) -> Option<(String, [usize; 2])> {
        let name = (self.names)(&self.walk.path());
        let shape: [usize; 2] = shape.try_into().ok()?;
        let frozen = self.walk.in_linear() && !is_saved_whole(&name, self.modules_to_save);
        let module = name.strip_suffix(".weight").filter(|_| frozen)?;
        Some((format!("{}{module}", self.prefix), shape))
    }

    /// The place of the parameter that is being visited; `None` for one that training leaves as it is.
    pub(super) fn of(&self, shape: &[usize]) -> Option<Entry> {
        let path = self.walk.path();
        if let Some((layer, factor)) = path.split_once(".weight.adapter.") {
            let module = (self.names)(&format!("{layer}.weight"));
            let module = module.strip_suffix(".weight").unwrap_or(&module);
            let prefix = self.prefix;
            let of_layer = |suffix: &str| Some(Entry { key: format!("{prefix}{module}.{suffix}"), ..Entry::default() });
            let with = |layout, entry: Option<Entry>| entry.map(|entry| Entry { layout, ..entry });
            let as_start = |entry: Option<Entry>| entry.map(|entry| Entry { start: true, ..entry });
            let shared = |name: &str| {
                Some(Entry {
                    key: format!("base_model.{name}"),
                    layout: Layout::Transposed,
                    shared: true,
                    start: false,
                })
            };
            return match factor {
                "Lora.a" => with(Layout::Transposed, of_layer("lora_A.weight")),
                "Lora.b" => with(Layout::Transposed, of_layer("lora_B.weight")),
                "Lora.initial.a" => as_start(with(Layout::Transposed, of_layer("lora_A.weight"))),
                "Lora.initial.b" => as_start(with(Layout::Transposed, of_layer("lora_B.weight"))),
                "Lora.magnitude" => of_layer("lora_magnitude_vector"),
                "AdaLora.a" => with(Layout::Transposed, of_layer("lora_A")),
                "AdaLora.b" => with(Layout::Transposed, of_layer("lora_B")),
                "AdaLora.e" => with(Layout::Column, of_layer("lora_E")),
                "Bottleneck.down" => with(Layout::Transposed, of_layer("bottleneck_down.weight")),
                "Bottleneck.down_bias" => of_layer("bottleneck_down.bias"),
                "Bottleneck.up" => with(Layout::Transposed, of_layer("bottleneck_up.weight")),
                "Bottleneck.up_bias" => of_layer("bottleneck_up.bias"),
                "Ia3.output" => with(Layout::Column, of_layer("ia3_l")),
                "Ia3.input" => with(Layout::Row, of_layer("ia3_l")),
                "Vera.lambda_d" => of_layer("vera_lambda_d"),
                "Vera.lambda_b" => of_layer("vera_lambda_b"),
                "Prompt.embeddings" | "Prefix.embeddings" | "PTuning.embeddings" => {
                    Some(Entry { key: PROMPT.into(), ..Entry::default() })
                }
                "Vera.a" => shared("vera_A"),
                "Vera.b" => shared("vera_B"),
                _ => None,
            };
        }
        let name = (self.names)(&path);
        let parameter = Parameter { name: &name, rank: shape.len(), in_linear: self.walk.in_linear() };
        let key = if is_saved_whole(&name, self.modules_to_save) {
            name
        } else if self.tuned.includes(parameter) {
            self.tuned.key(parameter)
        } else {
            return None;
        };
        // Tables of embeddings lie row by row in PyTorch too.
        let layout = if shape.len() == 2 && self.walk.in_linear() { Layout::Transposed } else { Layout::Same };
        Some(Entry { key: format!("{}{key}", self.prefix), layout, ..Entry::default() })
    }
}

impl Default for Entry {
    fn default() -> Self {
        Self { key: String::new(), layout: Layout::Same, shared: false, start: false }
    }
}

/// With `bias = "all"` peft writes the head's biases three times: those trained under the head's name, and beside them, by accident, those
/// of its two copies in memory.
pub(super) fn is_copy_of_head(key: &str) -> bool {
    key.ends_with(".bias") && (key.contains(".original_module.") || key.contains(".modules_to_save."))
}

#[derive(Clone, Copy)]
pub(super) enum Layout {
    Same,
    Transposed,
    /// `[n]` here, `[n, 1]` in the file.
    Column,
    /// `[n]` here, `[1, n]` in the file.
    Row,
}

impl Layout {
    pub(super) fn file_shape(self, shape: &[usize]) -> Vec<usize> {
        match (self, shape) {
            (Layout::Transposed, [rows, columns]) => vec![*columns, *rows],
            (Layout::Column, [n]) => vec![*n, 1],
            (Layout::Row, [n]) => vec![1, *n],
            _ => shape.to_vec(),
        }
    }

    /// Reorders row-major values of a matrix with `shape` for its transpose; other layouts keep their order.
    pub(super) fn reorder(self, values: Vec<f32>, shape: &[usize]) -> Vec<f32> {
        match (self, shape) {
            (Layout::Transposed, [rows, columns]) => (0..*columns)
                .flat_map(|c| (0..*rows).map(move |r| (r, c)))
                .map(|(r, c)| values[r * columns + c])
                .collect(),
            _ => values,
        }
    }
}
