//! Floating-point operations by formula, from a `config.json` alone.
//!
//! A multiply-accumulate counts as two operations. Counted are linear layers, adapters and attention's two products; lookups,
//! normalisations, softmax, activations and DoRA's norms are left out, a few per cent of a small model and less of a large one. So is what
//! makes a prompt or a prefix, once a batch. Virtual tokens are work that is divided by the text's tokens alone.
//!
//! Backward: a layer whose input leads to something trained multiplies once more for the gradient of its input, and once more where its
//! weight is trained. What lies before the first trained layer has no backward pass at all. So full fine-tuning takes three times the
//! forward pass, an adapter in every layer about twice, a head alone once.
//!
//! It is the work of a model that computes every position of every layer. For a head on texts minim does less of BERT's, RoBERTa's and
//! DistilBERT's last layer (`Stages::for_first`): about a fifth of TinyBERT, a fifteenth of BERT-base.
//!
//! The study's figure is another: multiply-accumulates of the linear layers for a text of 8 tokens, forward only.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use minim_adapters::{Bias, Method, attach, is_saved_whole};
use minim_models::{Config, HeadKind, published_name};
use serde::Serialize;

use crate::Error;

/// Operations per token of a text of a given length.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Flops {
    /// Tokens of the text.
    pub length: usize,
    /// One forward pass, divided by the text's tokens.
    pub forward_per_token: f64,
    /// Forward and backward pass, divided by the text's tokens; the optimiser's own arithmetic is left out.
    pub training_per_token: f64,
}

/// Counts the operations of a classifier with `labels` labels, adapted by `method`, on texts of `length` tokens.
///
/// # Errors
/// [`Error::Adapter`] for settings out of range or targets that match nothing, [`Error::Input`] for a length of 0.
pub fn flops(
    config: &Config,
    head: HeadKind,
    labels: usize,
    method: &Method,
    length: usize,
    device: &Device,
) -> Result<Flops, Error> {
    if length == 0 {
        return Err(Error::Input("--length 0: expected at least 1 token".into()));
    }
    let modules = config.head_modules();
    let model = attach(config.classifier(head, labels, device), method, &modules, 0, published_name)?;
    // The last of the projections before attention: with it a prefix comes in.
    let value = config.default_targets().lora.last().copied().unwrap_or_default();
    let mut layers = Layers { method, value, path: Vec::new(), found: Vec::new() };
    model.visit(&mut layers);

    let is_head = |name: &str| is_saved_whole(name, &modules);
    // Tokens that pass the layers, and keys that stand before theirs.
    let (through, past) = match method {
        Method::PrefixTuning(config) => (length, config.virtual_tokens),
        _ => (length + method.virtual_tokens(), 0),
    };
    // A sequence's summary passes the pooler and the head once a text, all else once a token.
    let passes = |name: &str| match head {
        HeadKind::Sequence if is_head(name) || name.contains("pooler.") => 1,
        HeadKind::Token if is_head(name) => length as u64,
        _ => through as u64,
    };
    let trained = |layer: &Layer| *method == Method::Full || is_head(&layer.name);
    // burn visits a model in the order of its computation. Full fine-tuning trains the embeddings, before any layer.
    let early = tunes_early(method);
    let first = layers.found.iter().position(|layer| trained(layer) || layer.adapted || layer.meets_prefix);
    let first = first.unwrap_or(layers.found.len());
    let attention_trained = early || layers.found.iter().any(|layer| layer.adapted || layer.meets_prefix);

    let attention = config.attention_macs(through) / through as u64 * (through + past) as u64;
    let (mut forward, mut backward) = (attention, if attention_trained { 2 * attention } else { 0 });
    for (place, layer) in layers.found.iter().enumerate() {
        let passes = passes(&layer.name);
        forward += passes * (layer.macs + layer.adapter_macs);
        if place < first && !early {
            continue;
        }
        // A trained factor takes both gradients, a frozen one its input's.
        backward += passes * (2 * layer.adapter_macs - layer.frozen_macs);
        let leads_to_trained = place > first || early;
        let gradients = u64::from(leads_to_trained) + u64::from(trained(layer));
        backward += gradients * passes * layer.macs;
    }
    let per_token = |macs: u64| 2.0 * macs as f64 / length as f64;
    Ok(Flops { length, forward_per_token: per_token(forward), training_per_token: per_token(forward + backward) })
}

/// Whether something is trained before the first linear layer, so that the backward pass goes through all of them.
fn tunes_early(method: &Method) -> bool {
    match method {
        Method::Full | Method::LnTuning(_) | Method::BitFit | Method::PromptTuning(_) | Method::PTuning(_) => true,
        Method::Lora(config) => config.bias == Bias::All,
        Method::Head | Method::Ia3(_) | Method::Vera(_) | Method::AdaLora(_) => false,
        Method::Bottleneck(_) | Method::PrefixTuning(_) => false,
    }
}

/// A linear layer, in the order of computation.
#[derive(Debug)]
struct Layer {
    name: String,
    /// Multiply-accumulates per token: one a weight.
    macs: u64,
    adapter_macs: u64,
    /// Those of `adapter_macs` whose factor is frozen.
    frozen_macs: u64,
    inputs_and_outputs: [usize; 2],
    adapted: bool,
    /// Whether trained keys and values stand beside what it makes.
    meets_prefix: bool,
}

struct Layers<'a> {
    method: &'a Method,
    value: &'a str,
    path: Vec<(String, String)>,
    found: Vec<Layer>,
}

impl ModuleVisitor for Layers<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.push((name.into(), container.into()));
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let n = param.lazy_shape().num_elements() as u64;
        let in_adapter = self.path.iter().any(|(_, container)| container == "Reparameterization");
        if in_adapter {
            // What sits on the tokens is on no layer.
            if let Some(layer) = self.found.last_mut().filter(|_| self.method.virtual_tokens() == 0) {
                layer.adapted = true;
                // A matrix multiplies; a vector rescales.
                let shape = param.lazy_shape();
                let factor = self.path.last().map_or("", |(name, _)| name.as_str());
                let (macs, frozen) = match self.method {
                    _ if D != 2 || self.path.iter().any(|(name, _)| name == "initial") => (0, false),
                    // A layer takes its part of what all share.
                    Method::Vera(config) => (config.rank * layer.inputs_and_outputs[usize::from(factor == "b")], true),
                    Method::Lora(config) => (shape.num_elements(), config.freeze_a && factor == "a"),
                    _ => (shape.num_elements(), false),
                };
                layer.adapter_macs += macs as u64;
                layer.frozen_macs += if frozen { macs as u64 } else { 0 };
            }
            return;
        }
        let is_weight =
            self.path.last().is_some_and(|(name, container)| name == "weight" && container == "Struct:Linear");
        if is_weight {
            let path: Vec<&str> = self.path.iter().map(|(name, _)| name.as_str()).collect();
            let name = published_name(&path.join("."));
            let shape = param.lazy_shape();
            let inputs_and_outputs = [shape[0], shape[D - 1]];
            let (adapter_macs, frozen_macs) = (0, 0);
            let meets_prefix = matches!(self.method, Method::PrefixTuning(_))
                && name.strip_suffix(".weight").is_some_and(|module| module.ends_with(self.value));
            self.found.push(Layer {
                name,
                macs: n,
                adapter_macs,
                frozen_macs,
                inputs_and_outputs,
                adapted: false,
                meets_prefix,
            });
        }
    }
}
