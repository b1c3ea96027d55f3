//! P-tuning. Liu et al. 2021, arXiv 2103.10385, section 3.2.

use burn::module::{Module, Param};
use burn::nn::{Dropout, DropoutConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use crate::lstm::BiLstm;
use crate::parameter::lazy;
use crate::prefix_tuning::hidden_bound;
use crate::prompt_tuning::check_sizes;
use crate::{Draw, Error, Linear};

/// How to attach P-tuning.
#[derive(Debug, Clone, PartialEq)]
pub struct PTuningConfig {
    /// Number of vectors before each text.
    pub virtual_tokens: usize,
    /// Width inside of the encoder; none for that of the token embeddings.
    pub hidden_size: Option<usize>,
    /// What makes the prompt in training.
    pub encoder: EncoderKind,
}

/// The encoder of a prompt (peft's `encoder_reparameterization_type`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum EncoderKind {
    /// Three linear layers with ReLU between them.
    Mlp,
    /// Bidirectional LSTMs, then two linear layers with ReLU between them, as in the paper.
    Lstm {
        /// Number of LSTMs, one after the other.
        layers: usize,
        /// Probability of zeroing what goes from one LSTM to the next while training.
        dropout: f64,
    },
}

impl Default for PTuningConfig {
    /// peft's encoder; it has no default for the number of tokens, 20 is its documentation's.
    fn default() -> Self {
        Self { virtual_tokens: 20, hidden_size: None, encoder: EncoderKind::Mlp }
    }
}

/// `[f(e)₁; ..; f(e)ₙ; E(x₁); ..; E(xₘ)]`: a prompt that an encoder f makes out of n trained vectors e, so that the vectors of a prompt
/// learn together. What is kept of it is the prompt alone, and trained further it is prompt tuning.
#[derive(Module, Debug)]
pub struct PTuning {
    /// e, `[n, width]`, drawn from a normal distribution of mean 0 and deviation 1, as in peft; without an encoder the prompt itself.
    pub embeddings: Param<Tensor<2>>,
    /// f
    pub encoder: Option<PromptEncoder>,
}

/// See [`EncoderKind`]. Layers start as PyTorch's do.
#[derive(Module, Debug)]
pub struct PromptEncoder {
    /// None for [`EncoderKind::Mlp`]. From the table's width, then from twice the hidden size.
    pub lstm: Vec<BiLstm>,
    /// With ReLU between them; the last one's outputs are as wide as the table.
    pub mlp: Vec<Linear>,
    /// Between LSTMs.
    pub dropout: Dropout,
}

impl PTuningConfig {
    /// Checks the ranges of the settings.
    ///
    /// # Errors
    /// [`Error::Setting`] names the first one outside of its range.
    pub fn check(&self) -> Result<(), Error> {
        let (layers, dropout) = match self.encoder {
            EncoderKind::Mlp => (1, 0.0),
            EncoderKind::Lstm { layers, dropout } => (layers, dropout),
        };
        check_sizes(&[
            ("num_virtual_tokens", self.virtual_tokens),
            ("encoder_hidden_size", self.hidden_size.unwrap_or(1)),
            ("encoder_num_layers", layers),
        ])?;
        match (0.0..1.0).contains(&dropout) {
            true => Ok(()),
            false => Err(Error::Setting {
                setting: "encoder_dropout",
                found: dropout.to_string(),
                expected: "a probability in [0, 1)",
            }),
        }
    }

    /// A prompt for a table of this width, drawn when it is first used; `plain` for one that is loaded, of which the encoder is in no
    /// file.
    pub(crate) fn init(&self, width: usize, plain: bool, seed: u64, device: &Device) -> PTuning {
        let n = self.virtual_tokens;
        let mut draw = Draw::new(seed, "prompt_encoder.embedding");
        PTuning {
            embeddings: lazy([n, width], device, move || draw.normal(n * width, 1.0)),
            encoder: (!plain).then(|| self.encoder(width, seed, device)),
        }
    }

    fn encoder(&self, width: usize, seed: u64, device: &Device) -> PromptEncoder {
        let hidden = self.hidden_size.unwrap_or(width);
        let (lstms, dropout, widths) = match self.encoder {
            EncoderKind::Mlp => (0, 0.0, vec![width, hidden, hidden, width]),
            EncoderKind::Lstm { layers, dropout } => (layers, dropout, vec![2 * hidden, 2 * hidden, width]),
        };
        let lstm = |layer: usize| {
            let inputs = if layer == 0 { width } else { 2 * hidden };
            BiLstm::drawn(inputs, hidden, seed, &format!("prompt_encoder.lstm_head.{layer}"), device)
        };
        let linear = |layer: usize| {
            let name = format!("prompt_encoder.mlp_head.{}", 2 * layer);
            Linear::drawn(widths[layer], widths[layer + 1], hidden_bound(widths[layer]), seed, &name, device)
        };
        PromptEncoder {
            lstm: (0..lstms).map(lstm).collect(),
            mlp: (0..widths.len() - 1).map(linear).collect(),
            dropout: DropoutConfig::new(dropout).init(),
        }
    }
}

impl PTuning {
    /// `[n, width]`
    pub(crate) fn prompt(&self) -> Tensor<2> {
        let embeddings = self.embeddings.val();
        match &self.encoder {
            None => embeddings,
            Some(encoder) => encoder.forward(embeddings),
        }
    }
}

impl PromptEncoder {
    fn forward(&self, embeddings: Tensor<2>) -> Tensor<2> {
        let between = |place: usize, x| if place == 0 { x } else { self.dropout.forward(x) };
        let x = self.lstm.iter().enumerate().fold(embeddings, |x, (place, lstm)| lstm.forward(between(place, x)));
        let activated = |place: usize, x| if place == 0 { x } else { relu(x) };
        self.mlp.iter().enumerate().fold(x, |x, (place, layer)| layer.forward(activated(place, x)))
    }
}
