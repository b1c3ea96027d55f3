//! Parameter-efficient fine-tuning for any [burn] model: LoRA, its variants, AdaLoRA, VeRA, IA3 and bottleneck adapters that act on
//! activations, prompt tuning, prefix tuning and P-tuning, LayerNorm tuning, BitFit, head-only and full fine-tuning, and adapter folders that
//! Hugging Face `peft` reads and writes.
//!
//! A model uses [`Linear`] where it would use `burn::nn::Linear`. [`attach`] then puts an [`Adapter`] on every layer that a
//! [`Method`] selects by name, freezes what the method freezes, and leaves the rest trainable. burn's own traversal finds the
//! adapter's parameters: optimisers, records and devices need nothing else.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use minim_adapters::{attach, count, merge, Linear, LoraConfig, Method};
//!
//! #[derive(burn::module::Module, Debug)]
//! struct Tiny {
//!     query: Linear,
//!     classifier: Linear,
//! }
//!
//! let device = Device::flex();
//! let model = Tiny { query: Linear::new(8, 8, true, &device), classifier: Linear::new(8, 2, true, &device) };
//! let method = Method::Lora(LoraConfig { rank: 2, targets: vec!["query".into()].into(), ..LoraConfig::default() });
//!
//! let model = attach(model, &method, &["classifier".into()], 42, |path| path.to_string()).unwrap();
//! assert_eq!(count(&model, &method, &["classifier".into()], |path| path.to_string()).adapter, 2 * (8 + 8));
//!
//! let x = Tensor::<2>::ones([1, 8], &device);
//! let before: f32 = model.query.forward(x.clone()).sum().into_scalar();
//! let merged = merge(model).unwrap(); // an ordinary weight again
//! let after: f32 = merged.query.forward(x).sum().into_scalar();
//! assert!((before - after).abs() < 1e-5);
//! ```
//!
//! A model that looks its tokens up in a [`TokenEmbedding`] takes virtual tokens too: [`attach`] puts the prompt of prompt tuning or
//! P-tuning on the table, which then stands before each text, or a prefix, which the model asks for and puts before its layers' keys.
//!
//! # A model that knows nothing of this crate
//!
//! Layers of `burn::nn` take adapters too: burn asks the adapter for the effective weight wherever the model reads a weight. Every method on
//! layers then gives the outputs it should, but for two that are refused where no weight can ([`Error::OutOfReach`]: IA3's output vectors on layers with a
//! bias, and bottlenecks); adapter dropout does not act, and each forward pass makes the dense sum `W + s·A·B`: right, but not as cheap. For the cost that adapters
//! promise, change the field's type to this crate's [`Linear`]; names and weights stay.
//!
//! ```
//! use burn::module::Module;
//! use burn::nn::{Linear, LinearConfig};
//! use burn::optim::{AdamWConfig, GradientsParams};
//! use burn::tensor::activation::tanh;
//! use burn::tensor::{Device, Distribution, Tensor};
//! use minim_adapters::{LoraConfig, Method, attach, count, merge};
//!
//! #[derive(Module, Debug)]
//! struct Mlp {
//!     hidden: Linear,
//!     output: Linear,
//! }
//!
//! impl Mlp {
//!     fn forward(&self, x: Tensor<2>) -> Tensor<2> {
//!         self.output.forward(tanh(self.hidden.forward(x)))
//!     }
//! }
//!
//! let device = Device::flex().autodiff();
//! device.seed(1);
//! let base = Mlp { hidden: LinearConfig::new(8, 32).init(&device), output: LinearConfig::new(32, 1).init(&device) };
//!
//! // LoRA on `hidden`; `output` is trained whole, as a head is.
//! let lora = LoraConfig { rank: 4, targets: vec!["hidden".into()].into(), ..LoraConfig::default() };
//! let (method, head) = (Method::Lora(lora), ["output".to_string()]);
//! let mut model = attach(base.clone(), &method, &head, 42, str::to_string).unwrap();
//! let counts = count(&model, &method, &head, str::to_string);
//! assert_eq!((counts.adapter, counts.trainable), (4 * (8 + 32), 4 * (8 + 32) + 32 + 1));
//!
//! let x = Tensor::<2>::random([64, 8], Distribution::Normal(0.0, 1.0), &device);
//! let y = x.clone().slice([0..64, 0..1]) * x.clone().slice([0..64, 1..2]);
//! let loss = |model: &Mlp| (model.forward(x.clone()) - y.clone()).square().mean();
//! let before: f32 = loss(&model).into_scalar();
//! let mut optimizer = AdamWConfig::new().init();
//! for _ in 0..100 {
//!     let gradients = GradientsParams::from_grads(loss(&model).backward(), &model);
//!     model = optimizer.step(0.01, model, gradients);
//! }
//! let after: f32 = loss(&model).into_scalar();
//! assert!(after < before / 2.0, "{before} to {after}");
//!
//! // The base never moved; merged, the model is an `Mlp` as it was before, without factors.
//! let moved: f32 = (model.hidden.weight.base() - base.hidden.weight.val()).abs().sum().into_scalar();
//! assert_eq!(moved, 0.0);
//! let expected = model.forward(x.clone());
//! let merged = merge(model).unwrap();
//! assert_eq!(merged.num_params(), base.num_params());
//! let difference: f32 = (merged.forward(x.clone()) - expected).abs().max().into_scalar();
//! assert!(difference < 1e-5);
//! ```
//!
//! Why activations and not weights: `y = x·W + s·((drop(x)·A)·B)` needs neither a dense `W + s·A·B` in the forward pass nor a dense
//! weight gradient in the backward pass, which is what makes an adapter cheap to train.

mod adalora;
mod adapter;
mod attached;
mod bottleneck;
mod by_module;
mod combine;
mod count;
mod decomposition;
mod dora;
mod dropout;
mod error;
mod ia3;
mod linear;
mod ln_tuning;
mod lora;
mod lora_start;
mod lstm;
mod merge;
mod method;
mod nf4;
mod p_tuning;
mod parameter;
pub mod peft;
mod prefix_tuning;
mod prompt_tuning;
mod quantised;
mod quantised_base;
mod random;
mod rank_allocator;
mod resident;
mod targets;
mod token_embedding;
mod tuned;
mod vera;
mod walk;
mod weight;

pub use adalora::{AdaLora, AdaLoraConfig};
pub use adapter::Adapter;
pub use bottleneck::{Bottleneck, BottleneckConfig, NonLinearity};
pub use combine::{Arithmetic, Combination, MajoritySign, combine};
pub use count::{Counts, count};
pub use dropout::Dropout;
pub use error::Error;
pub use ia3::{Ia3, Ia3Config};
pub use linear::Linear;
pub use ln_tuning::LnTuningConfig;
pub use lora::{Bias, Lora, LoraConfig};
pub use lora_start::{Initial, LoraStart};
pub use lstm::{BiLstm, Lstm};
pub use merge::{Merged, merge};
pub use method::{Method, attach, attach_kept, attach_quantised, is_saved_whole, module_of};
pub use p_tuning::{EncoderKind, PTuning, PTuningConfig, PromptEncoder};
pub use parameter::{lazy, zeros};
pub use prefix_tuning::{PrefixTuning, PrefixTuningConfig, Projection};
pub use prompt_tuning::{PromptInit, PromptTuning, PromptTuningConfig};
pub use quantised::{Format, Product, Quantisation, Quantised, keep};
pub use quantised_base::QuantisedBase;
pub use random::Draw;
pub use rank_allocator::{RankAllocator, StepGradients};
pub use resident::Resident;
pub use targets::{Restriction, Targets};
pub use token_embedding::TokenEmbedding;
pub use vera::{Vera, VeraConfig};
pub use weight::Weight;
