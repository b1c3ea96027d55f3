//! Parameter-efficient fine-tuning for any [burn] model: LoRA, its variants, AdaLoRA, VeRA, IA3 and
//! bottleneck adapters that act on activations,
//! LayerNorm tuning, BitFit, head-only and full fine-tuning, and adapter folders that Hugging Face `peft` reads and writes.
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
//! Why activations and not weights: `y = x·W + s·((drop(x)·A)·B)` needs neither a dense `W + s·A·B` in the forward pass nor a dense
//! weight gradient in the backward pass, which is what makes an adapter cheap to train.

mod adalora;
mod adapter;
mod bottleneck;
mod by_module;
mod count;
mod decomposition;
mod dora;
mod error;
mod ia3;
mod linear;
mod ln_tuning;
mod lora;
mod lora_start;
mod merge;
mod method;
mod parameter;
pub mod peft;
mod random;
mod rank_allocator;
mod targets;
mod tuned;
mod vera;
mod walk;

pub use adalora::{AdaLora, AdaLoraConfig};
pub use adapter::Adapter;
pub use bottleneck::{Bottleneck, BottleneckConfig, NonLinearity};
pub use count::{Counts, count};
pub use error::Error;
pub use ia3::{Ia3, Ia3Config};
pub use linear::Linear;
pub use ln_tuning::LnTuningConfig;
pub use lora::{Bias, Lora, LoraConfig};
pub use lora_start::{Initial, LoraStart};
pub use merge::merge;
pub use method::{Method, attach, is_saved_whole, module_of};
pub use parameter::{lazy, zeros};
pub use random::Draw;
pub use rank_allocator::{RankAllocator, StepGradients};
pub use targets::{Restriction, Targets};
pub use vera::{Vera, VeraConfig};
