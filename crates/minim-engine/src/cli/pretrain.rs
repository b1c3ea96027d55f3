use std::path::PathBuf;

use clap::{Args, ValueEnum};
use minim_adapters::peft::Precision;
use minim_engine::Error;
use minim_engine::pretrain::{Length, Options, Progress, Start, pretrain};
use minim_models::Activation;

use super::DeviceArgument;

/// Arguments of `minim pretrain`.
#[derive(Args)]
pub(super) struct PretrainArguments {
    /// Text files, or folders of .txt files; a note is a paragraph where blank lines separate paragraphs, else a line
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    texts: Vec<PathBuf>,
    /// Folder for the model, its loss curve (loss.svg) and pretraining.json
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Go on from this BERT checkpoint instead of from scratch
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    from: Option<PathBuf>,
    /// Go on with an interrupted pre-training in --out
    #[arg(long)]
    resume: bool,
    /// From scratch: number of layers
    #[arg(long, default_value_t = 2)]
    layers: usize,
    /// From scratch: width
    #[arg(long, default_value_t = 128)]
    hidden: usize,
    /// From scratch: attention heads
    #[arg(long, default_value_t = 2)]
    heads: usize,
    /// From scratch: width of the feed-forward block; 4 x hidden if not given
    #[arg(long)]
    intermediate: Option<usize>,
    /// From scratch: non-linearity of the feed-forward block; relu is the fastest
    #[arg(long, default_value = "gelu")]
    activation: Nonlinearity,
    /// From scratch: the dropout rate that config.json gives, for fine-tuning
    #[arg(long, default_value_t = 0.1)]
    dropout_rate: f64,
    /// From scratch: most pieces in the vocabulary
    #[arg(long, default_value_t = 8000)]
    vocab_size: usize,
    /// Optimiser steps
    #[arg(long, conflicts_with = "epochs")]
    steps: Option<usize>,
    /// Passes over the texts; 1 if neither this nor --steps is given
    #[arg(long)]
    epochs: Option<usize>,
    /// Sequences per optimiser step
    #[arg(long, default_value_t = 32)]
    batch_size: usize,
    /// Longest sequence in pieces
    #[arg(long, default_value_t = 128)]
    max_length: usize,
    /// Highest learning rate
    #[arg(long, default_value_t = 1e-3)]
    learning_rate: f64,
    /// Share of the steps until it is reached
    #[arg(long, default_value_t = 0.06)]
    warmup_ratio: f64,
    /// Decoupled weight decay
    #[arg(long, default_value_t = 0.01)]
    weight_decay: f64,
    /// Share of the pieces that are to be guessed; whole words are masked
    #[arg(long, default_value_t = 0.15)]
    mask_probability: f64,
    /// Use the dropout of config.json; without, a small model learns faster
    #[arg(long)]
    dropout: bool,
    /// For the start, the masks, the order and dropout
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// Steps between two points of the loss curve
    #[arg(long, default_value_t = 100)]
    report_every: usize,
    /// Steps between two checkpoints to resume from
    #[arg(long, default_value_t = 500)]
    save_every: usize,
    /// Share of the notes held out for the validation loss
    #[arg(long, default_value_t = 0.02)]
    validation_fraction: f64,
    /// How the weights of the result are written
    #[arg(long, default_value = "fp32")]
    precision: Weights,
    #[command(flatten)]
    device: DeviceArgument,
}

#[derive(Clone, Copy, ValueEnum)]
enum Weights {
    Fp16,
    Fp32,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Nonlinearity {
    /// By the error function
    Gelu,
    /// By the hyperbolic tangent
    GeluNew,
    /// max(0, x)
    Relu,
}

impl PretrainArguments {
    pub(super) fn run(self) -> Result<(), Error> {
        let from = match (self.from, self.resume) {
            (_, true) => Start::Resume,
            (Some(folder), false) => Start::Checkpoint(folder),
            (None, false) => Start::Scratch {
                layers: self.layers,
                hidden: self.hidden,
                heads: self.heads,
                intermediate: self.intermediate.unwrap_or(4 * self.hidden),
                activation: match self.activation {
                    Nonlinearity::Gelu => Activation::Gelu,
                    Nonlinearity::GeluNew => Activation::GeluNew,
                    Nonlinearity::Relu => Activation::Relu,
                },
                dropout: self.dropout_rate,
                vocab_size: self.vocab_size,
            },
        };
        let length = match (self.steps, self.epochs) {
            (Some(steps), _) => Length::Steps(steps),
            (None, epochs) => Length::Epochs(epochs.unwrap_or(1)),
        };
        let mut command = vec!["minim".to_string()];
        command.extend(std::env::args().skip(1));
        let options = Options {
            texts: self.texts,
            from,
            out: self.out,
            length,
            batch_size: self.batch_size,
            max_length: self.max_length,
            learning_rate: self.learning_rate,
            warmup_ratio: self.warmup_ratio,
            weight_decay: self.weight_decay,
            mask_probability: self.mask_probability,
            dropout: self.dropout,
            seed: self.seed,
            report_every: self.report_every,
            save_every: self.save_every,
            validation_fraction: self.validation_fraction,
            precision: match self.precision {
                Weights::Fp16 => Precision::F16,
                Weights::Fp32 => Precision::F32,
            },
            device: self.device.device.open()?,
            command: command.join(" "),
        };
        let outcome = pretrain(&options, &mut |progress: Progress| eprintln!("{progress}"))?;
        println!(
            "{} steps in {:.0} s ({:.0} tokens/s): {}",
            outcome.steps,
            outcome.wall_s,
            outcome.tokens_per_s,
            outcome.folder.display()
        );
        Ok(())
    }
}
