//! Prompt tuning. Lester et al. 2021, arXiv 2104.08691, section 2.

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::parameter::lazy;
use crate::{Draw, Error};

/// How to attach prompt tuning.
#[derive(Debug, Clone, PartialEq)]
pub struct PromptTuningConfig {
    /// Number of vectors before each text.
    pub virtual_tokens: usize,
    /// Where they start.
    pub init: PromptInit,
}

/// Where the vectors of a prompt start.
#[derive(Debug, Clone, PartialEq)]
pub enum PromptInit {
    /// Drawn from a normal distribution of mean 0 and deviation 1.
    Random,
    /// Embeddings of tokens drawn from the vocabulary.
    SampleVocab,
    /// Embeddings of a text's tokens, from its first again where it is too short, without its end where it is too long.
    Text {
        /// The text, for the file.
        text: String,
        /// Its tokens, special ones included, by the model's tokenizer. None gives a random start: what is loaded needs no other.
        ids: Vec<u32>,
    },
}

impl Default for PromptTuningConfig {
    /// A random start, as in peft, which has no default for the number of tokens; 20 is its documentation's.
    fn default() -> Self {
        Self { virtual_tokens: 20, init: PromptInit::Random }
    }
}

/// `[p₁; ..; pₙ; E(x₁); ..; E(xₘ)]`: n trained vectors before the embeddings of a text, which the model takes for tokens.
#[derive(Module, Debug)]
pub struct PromptTuning {
    /// `[n, width]`
    pub embeddings: Param<Tensor<2>>,
}

/// No model has a larger one by far; a file may claim any.
const MOST: usize = 1 << 24;
/// The same of layers, each of which is made before a tensor is read.
const MOST_LAYERS: usize = 1000;

/// Refuses sizes of 0 and those that no model has, each by the name of its setting.
pub(crate) fn check_sizes(sizes: &[(&'static str, usize)]) -> Result<(), Error> {
    let is_wrong = |(setting, size): &&(&str, usize)| match setting.ends_with("num_layers") {
        true => !(1..=MOST_LAYERS).contains(size),
        false => !(1..=MOST).contains(size),
    };
    match sizes.iter().find(is_wrong) {
        None => Ok(()),
        Some(&(setting, 0)) => Err(Error::Setting { setting, found: "0".into(), expected: "at least 1" }),
        Some(&(setting, size)) => {
            Err(Error::Setting { setting, found: size.to_string(), expected: "a size that a model may have" })
        }
    }
}

impl PromptTuningConfig {
    /// Checks the ranges of the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first one outside of its range.
    pub fn check(&self) -> Result<(), Error> {
        check_sizes(&[("num_virtual_tokens", self.virtual_tokens)])
    }

    /// Refuses a text with tokens beyond a table of so many rows.
    pub(crate) fn check_vocabulary(&self, rows: usize) -> Result<(), Error> {
        let PromptInit::Text { ids, .. } = &self.init else { return Ok(()) };
        match ids.iter().find(|&&id| id as usize >= rows) {
            None => Ok(()),
            Some(id) => Err(Error::Setting {
                setting: "prompt_tuning_init_text",
                found: format!("token {id}"),
                expected: "tokens of the model's vocabulary",
            }),
        }
    }

    /// A prompt for `table`, drawn or looked up when it is first used.
    pub(crate) fn init<const D: usize>(&self, table: &Param<Tensor<D>>, seed: u64, device: &Device) -> PromptTuning {
        let (n, shape) = (self.virtual_tokens, table.lazy_shape());
        let [rows, width] = [shape[0], shape[D - 1]];
        let mut draw = Draw::new(seed, "prompt_embeddings");
        let ids: Vec<i64> = match &self.init {
            PromptInit::Random => Vec::new(),
            PromptInit::SampleVocab => (0..n).map(|_| (draw.word() % rows as u64) as i64).collect(),
            PromptInit::Text { ids, .. } => ids.iter().cycle().take(n).map(|&id| i64::from(id)).collect(),
        };
        let embeddings = match ids.is_empty() {
            true => lazy([n, width], device, move || draw.normal(n * width, 1.0)),
            false => {
                let table = table.clone();
                lazy([n, width], device, move || {
                    let table = table.base().reshape([rows, width]);
                    let ids = Tensor::<1, Int>::from_data(TensorData::new(ids, [n]), &table.device());
                    table.select(0, ids).into_data().iter::<f32>().collect()
                })
            }
        };
        PromptTuning { embeddings }
    }
}
