use std::path::PathBuf;

use clap::{Args, ValueEnum};
use minim_engine::Error;
use minim_engine::bench::{Load, bench};
use minim_experiment::BasePrecision;
use minim_models::Config;

use super::{AdapterKind, DeviceArgument, method, print};

/// Arguments of `minim bench`.
#[derive(Args)]
pub(super) struct BenchArguments {
    /// The model's config.json; no weights are needed
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// What is trained beside the head
    #[arg(long)]
    adapter: AdapterKind,
    /// Rank of LoRA (8 if not given), DoRA (8) or VeRA (256)
    #[arg(long)]
    rank: Option<usize>,
    /// Layers to adapt; the model family's default if not given
    #[arg(long, value_delimiter = ',')]
    targets: Vec<String>,
    /// Texts per step
    #[arg(long, default_value_t = 32)]
    batch_size: usize,
    /// Pieces per text
    #[arg(long, default_value_t = 128)]
    length: usize,
    /// Steps that are timed
    #[arg(long, default_value_t = 5)]
    steps: usize,
    /// Steps before those
    #[arg(long, default_value_t = 2)]
    warm_up: usize,
    /// Activations in bf16
    #[arg(long)]
    bf16: bool,
    /// In which format the frozen base is held
    #[arg(long, default_value = "fp32")]
    base: Base,
    /// Compute each layer again in the backward pass instead of keeping what it computed
    #[arg(long)]
    gradient_checkpointing: bool,
    /// Only so many layers of the model
    #[arg(long)]
    layers: Option<usize>,
    #[command(flatten)]
    device: DeviceArgument,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Base {
    /// 32-bit floating point
    Fp32,
    /// Matrices in bfloat16
    Bf16,
    /// Linear layers in 8-bit integers, embeddings in bfloat16
    Int8,
    /// Linear layers in 4-bit NormalFloat (QLoRA), embeddings in bfloat16
    Nf4,
}

impl From<Base> for BasePrecision {
    fn from(base: Base) -> Self {
        match base {
            Base::Fp32 => BasePrecision::Fp32,
            Base::Bf16 => BasePrecision::Bf16,
            Base::Int8 => BasePrecision::Int8,
            Base::Nf4 => BasePrecision::Nf4,
        }
    }
}

impl BenchArguments {
    pub(super) fn run(self) -> Result<(), Error> {
        let load = Load {
            batch_size: self.batch_size,
            length: self.length,
            steps: self.steps,
            warm_up: self.warm_up,
            bf16: self.bf16,
            base: self.base.into(),
            gradient_checkpointing: self.gradient_checkpointing,
            layers: self.layers,
        };
        let device = self.device.device.open()?.device;
        let method = |config: &Config| method(self.adapter, self.rank, &self.targets, super::VIRTUAL_TOKENS, config);
        let report = bench(&self.config, method, load, &device)?;
        print(&serde_json::to_value(&report).map_err(|e| Error::Input(e.to_string()))?)
    }
}
