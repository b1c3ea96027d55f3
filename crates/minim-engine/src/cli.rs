use std::io::{BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use minim_adapters::{
    AdaLoraConfig, BottleneckConfig, LoraConfig, Method, PTuningConfig, PrefixTuningConfig, PromptTuningConfig,
    VeraConfig,
};
use minim_engine::assess::{assess_file, compare_runs};
use minim_engine::device::{Choice, Opened};
use minim_engine::export::{Target, export};
use minim_engine::flops::flops;
use minim_engine::lengths::lengths;
use minim_engine::logits::{Logits, NamedAdapter};
use minim_engine::predict::predict_file;
use minim_engine::selfcheck::selfcheck;
use minim_engine::{Error, Options, TrainedRun, bottleneck, chosen, count, ia3, ln_tuning, train};
use minim_experiment::{Experiment, Placement, Store};
use minim_models::{Config, HeadKind};

/// Fine-tunes small language models on clinical text with small adapters, and says what each choice costs.
///
/// Everything runs offline. Exit code 0: done; 1: the run failed; 2: the input or the command is wrong.
#[derive(Parser)]
#[command(version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct DeviceArgument {
    /// Where to compute: auto (CUDA if there is any), cpu, or cuda:N
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: Choice,
}

#[derive(Subcommand)]
enum Command {
    /// Train one run of an experiment; writes DIR/RUN-ID.json (the record) and DIR/RUN-ID/ (what must be kept)
    Train {
        /// An experiment file (docs/experiment.md) that expands to exactly one run; cargo xtask run takes grids
        experiment: PathBuf,
        /// Folder for the record and the run's files
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Keep no token ids beside the dataset (DATA/.minim-cache), and read none; so too where MINIM_NO_CACHE is set
        #[arg(long)]
        no_cache: bool,
        #[command(flatten)]
        device: DeviceArgument,
    },
    /// Score a trained run on a labelled file; prints one JSON object
    Evaluate {
        /// The folder of a trained run
        #[arg(long, value_name = "DIR")]
        run: PathBuf,
        /// Labelled examples: .csv or .jsonl (texts), .conll or .jsonl (words), .tsv or .jsonl (relations)
        #[arg(long, value_name = "FILE")]
        data: PathBuf,
        #[command(flatten)]
        device: DeviceArgument,
    },
    /// Compare two trained runs of one task on a labelled file, by paired bootstrap over documents; prints one JSON object
    Compare {
        /// The folders of the two trained runs: --run A --run B, of which B is subtracted from A
        #[arg(long = "run", value_name = "DIR", required = true)]
        runs: Vec<PathBuf>,
        /// Labelled examples, as for evaluate
        #[arg(long, value_name = "FILE")]
        data: PathBuf,
        #[command(flatten)]
        device: DeviceArgument,
    },
    /// Predict for every example of a file, labelled or not; writes ids and predictions, never text
    Predict {
        /// The folder of a trained run
        #[arg(long, value_name = "DIR")]
        run: PathBuf,
        /// Examples, as for evaluate; labels are neither needed nor read
        #[arg(long, value_name = "FILE")]
        input: PathBuf,
        /// JSON lines: {"id", "label", "probabilities"} or {"id", "tags"}
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
        #[command(flatten)]
        device: DeviceArgument,
    },
    /// Print the logits of a model folder, one JSON object per input line
    Logits {
        /// A Hugging Face model folder
        #[arg(long, value_name = "DIR")]
        model: PathBuf,
        /// A peft adapter folder (LoRA and its kin, AdaLoRA, IA3, VeRA, LayerNorm, prompt, prefix or P-tuning) to put on it. May be given several times; then each line names
        /// its own, {"text": .., "adapter": "NAME"}, and each adapter has the task and the labels it was saved with
        #[arg(long, value_name = "[NAME=]DIR")]
        adapter: Vec<NamedAdapter>,
        /// Which head
        #[arg(long)]
        task: Head,
        /// Number of labels of the head
        #[arg(long)]
        labels: usize,
        /// Cut inputs to so many pieces; the model's own limit if not given
        #[arg(long)]
        max_length: Option<usize>,
        /// Lines of {"text"}, {"text", "text_pair"} or {"words"}; standard input if not given
        #[arg(long, value_name = "FILE.jsonl")]
        input: Option<PathBuf>,
        /// In which format the model's weights are held, all adapters' alike
        #[arg(long, default_value = "fp32")]
        base: bench::Base,
        /// Lines that are computed together
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..), value_name = "N")]
        batch_size: u16,
        #[command(flatten)]
        device: DeviceArgument,
    },
    /// Count the pieces that a model's tokenizer makes of each example: what a maximum length would cut; prints numbers, never text
    Lengths {
        /// A Hugging Face model folder; its weights are not read
        #[arg(long, value_name = "DIR")]
        model: PathBuf,
        /// A folder of train.jsonl, validation.jsonl, test.jsonl and labels.json, as cargo xtask data prepare writes it
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// text: median, 90 in 100, longest; json: the length of every example
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Count parameters from a config.json alone: no weights are read, none are allocated
    Count {
        /// A model's config.json
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Which head
        #[arg(long)]
        task: Head,
        /// Number of labels of the head
        #[arg(long)]
        labels: usize,
        /// What is trained beside the head
        #[arg(long)]
        adapter: AdapterKind,
        /// Rank of LoRA (8 if not given), DoRA (8) or VeRA (256)
        #[arg(long)]
        rank: Option<usize>,
        /// Layers to adapt, by the end of their names; the model family's default if not given (BERT: LoRA query,value; IA3 key,value,output.dense; LayerNorm tuning LayerNorm); all-linear for every linear layer
        #[arg(long, value_delimiter = ',')]
        targets: Option<Vec<String>>,
        /// Virtual tokens of prompt, prefix and P-tuning
        #[arg(long, default_value_t = VIRTUAL_TOKENS)]
        virtual_tokens: usize,
        /// Tokens of the text that operations are counted for
        #[arg(long, default_value_t = 128)]
        length: usize,
        /// How to print
        #[arg(long, default_value = "text")]
        format: Format,
    },
    /// Write a trained run for other tools
    Export {
        /// The folder of a trained run
        #[arg(long, value_name = "DIR")]
        run: PathBuf,
        /// peft: an adapter folder for Hugging Face peft; merged: a model folder for transformers
        #[arg(long)]
        to: ExportTarget,
        /// Folder to write
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        #[command(flatten)]
        device: DeviceArgument,
    },
    /// Pre-train by masked-language modelling on text files, from scratch or onward from a BERT checkpoint
    Pretrain(Box<pretrain::PretrainArguments>),
    /// Make one LoRA adapter of several that stand on the same base, without training
    Combine(combine::CombineArguments),
    /// Time optimiser steps of a model shape on random weights and random text; prints one JSON object
    Bench(bench::BenchArguments),
    /// Compare logits and gradients on a device with committed reference values and with the CPU; prints one JSON object
    Selfcheck {
        /// The folder tests/fixtures/bert of the repository
        #[arg(long, value_name = "DIR")]
        fixtures: PathBuf,
        /// Also write the report to DIR/selfcheck.json
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        #[command(flatten)]
        device: DeviceArgument,
    },
}

/// Of prompt, prefix and P-tuning, where it is not said.
const VIRTUAL_TOKENS: usize = 20;

#[derive(Clone, Copy, ValueEnum)]
enum Head {
    SeqCls,
    TokenCls,
}

impl From<Head> for HeadKind {
    fn from(head: Head) -> Self {
        match head {
            Head::SeqCls => HeadKind::Sequence,
            Head::TokenCls => HeadKind::Token,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
enum AdapterKind {
    Lora,
    /// LoRA with trained magnitudes
    Dora,
    /// Low-rank updates whose ranks compete; the rank is that at the start
    #[value(name = "adalora")]
    AdaLora,
    Ia3,
    Vera,
    /// Bottleneck adapters behind attention and feed-forward blocks; the rank is their width
    Houlsby,
    /// The same behind feed-forward blocks alone
    Pfeiffer,
    /// The normalisations
    LnTuning,
    /// Every bias
    #[value(name = "bitfit")]
    BitFit,
    /// Vectors before each text
    PromptTuning,
    /// Keys and values before each text's, in every layer
    PrefixTuning,
    /// Vectors before each text, and what makes them
    #[value(name = "p-tuning")]
    PTuning,
    Full,
    Head,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Clone, Copy, ValueEnum)]
enum ExportTarget {
    Peft,
    Merged,
}

impl Cli {
    pub(crate) fn run(self) -> Result<(), Error> {
        match self.command {
            Command::Train { experiment, out, no_cache, device } => {
                // For the runs that cargo xtask starts.
                let cache = !no_cache && std::env::var_os("MINIM_NO_CACHE").is_none();
                train_one(&experiment, &out, cache, device.device)
            }
            Command::Evaluate { run, data, device } => {
                let device = device.device.open()?.device;
                print(&assess_file(&TrainedRun::open(&run, &device)?, &data, &device)?)
            }
            Command::Compare { runs, data, device } => {
                let [first, second] = &runs[..] else {
                    return Err(Error::Input(format!("--run: {} given, expected two", runs.len())));
                };
                let device = device.device.open()?.device;
                let (first, second) = (TrainedRun::open(first, &device)?, TrainedRun::open(second, &device)?);
                print(&compare_runs([&first, &second], &data, &device)?)
            }
            Command::Predict { run, input, output, device } => {
                let device = device.device.open()?.device;
                let count = predict_file(&TrainedRun::open(&run, &device)?, &input, &output, &device)?;
                eprintln!("{count} predictions in {}", output.display());
                Ok(())
            }
            Command::Logits { model, adapter, task, labels, max_length, input, base, batch_size, device } => {
                let device = device.device.open()?.device;
                let logits = Logits::open(&model, &adapter, task.into(), labels, max_length, base.into(), &device)?;
                for note in &logits.notes {
                    tracing::warn!("{note}");
                }
                let output = std::io::stdout().lock();
                match input {
                    None => logits.run("standard input", std::io::stdin().lock(), output, batch_size.into()),
                    Some(path) => {
                        let file = std::fs::File::open(&path).map_err(Error::io(&path))?;
                        logits.run(&path.display().to_string(), BufReader::new(file), output, batch_size.into())
                    }
                }
            }
            Command::Lengths { model, data, format } => {
                let splits = lengths(&model, &data)?;
                match format {
                    Format::Json => print(&serde_json::json!(splits)),
                    Format::Text => {
                        println!(
                            "{:>10}  {:>8}  {:>8}  {:>8}  {:>8}",
                            "pieces", "examples", "median", "90 %", "longest"
                        );
                        for (split, mut found) in splits {
                            found.lengths.sort_unstable();
                            let lengths = &found.lengths;
                            let at =
                                |part: usize| lengths.get((lengths.len() * part / 100).min(lengths.len().max(1) - 1));
                            let at = |part| at(part).copied().unwrap_or_default();
                            println!("{split:>10}  {:>8}  {:>8}  {:>8}  {:>8}", lengths.len(), at(50), at(90), at(100));
                        }
                        Ok(())
                    }
                }
            }
            Command::Count { config, task, labels, adapter, rank, targets, virtual_tokens, length, format } => {
                let device = Choice::Cpu.open()?.device;
                let targets = targets.unwrap_or_default();
                let method = |config: &Config| method(adapter, rank, &targets, virtual_tokens, config);
                let counts = count::from_config(&config, task.into(), labels, method, &device)?;
                let config = Config::read(&config)?;
                let flops = flops(&config, task.into(), labels, &method(&config), length, &device)?;
                match format {
                    Format::Json => print(&serde_json::json!({
                        "total": counts.total,
                        "trainable": counts.trainable,
                        "adapter": counts.adapter,
                        "head": counts.head,
                        "flops": flops,
                    })),
                    Format::Text => {
                        println!("{:>9}  {:>15}", "total", counts.total);
                        println!("{:>9}  {:>15}", "trainable", counts.trainable);
                        println!("{:>9}  {:>15}", "adapter", counts.adapter);
                        println!("{:>9}  {:>15}", "head", counts.head);
                        println!(
                            "{:>9}  {:>15.0}  operations per token, texts of {length}",
                            "forward", flops.forward_per_token
                        );
                        println!(
                            "{:>9}  {:>15.0}  the same, forward and backward",
                            "training", flops.training_per_token
                        );
                        Ok(())
                    }
                }
            }
            Command::Export { run, to, out, device } => {
                let device = device.device.open()?.device;
                let target = match to {
                    ExportTarget::Peft => Target::Peft,
                    ExportTarget::Merged => Target::Merged,
                };
                for note in export(TrainedRun::open(&run, &device)?, target, &out)? {
                    eprintln!("{note}");
                }
                eprintln!("written to {}", out.display());
                Ok(())
            }
            Command::Pretrain(arguments) => arguments.run(),
            Command::Combine(arguments) => arguments.run(),
            Command::Bench(arguments) => arguments.run(),
            Command::Selfcheck { fixtures, out, device } => {
                let Opened { device, name, model } = device.device.open()?;
                let cpu = Choice::Cpu.open()?.device;
                let report = selfcheck(&fixtures, &device, &cpu, &name, &model)?;
                let json = serde_json::to_value(&report).map_err(|e| Error::Input(e.to_string()))?;
                if let Some(folder) = out {
                    std::fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
                    let path = folder.join("selfcheck.json");
                    std::fs::write(&path, format!("{json:#}\n")).map_err(Error::io(&path))?;
                }
                print(&json)?;
                match report.passed() {
                    true => Ok(()),
                    false => Err(Error::Training(
                        "logits or gradients differ by more than the tolerance, or dropout does not hold; see the report above".into(),
                    )),
                }
            }
        }
    }
}

fn method(
    adapter: AdapterKind,
    rank: Option<usize>,
    targets: &[String],
    virtual_tokens: usize,
    config: &Config,
) -> Method {
    let defaults = config.default_targets();
    match adapter {
        AdapterKind::Full => Method::Full,
        AdapterKind::Head => Method::Head,
        AdapterKind::BitFit => Method::BitFit,
        AdapterKind::Lora | AdapterKind::Dora => {
            let plain = LoraConfig::default();
            let (rank, use_dora) = (rank.unwrap_or(plain.rank), matches!(adapter, AdapterKind::Dora));
            Method::Lora(LoraConfig { rank, use_dora, targets: chosen(targets, defaults.lora), ..plain })
        }
        AdapterKind::AdaLora => {
            let plain = AdaLoraConfig::default();
            let init_rank = rank.unwrap_or(plain.init_rank);
            let target_rank = plain.target_rank.min(init_rank);
            Method::AdaLora(AdaLoraConfig {
                init_rank,
                target_rank,
                targets: chosen(targets, defaults.adalora),
                ..plain
            })
        }
        AdapterKind::Vera => {
            let plain = VeraConfig::default();
            let rank = rank.unwrap_or(plain.rank);
            Method::Vera(VeraConfig { rank, targets: chosen(targets, defaults.lora), ..plain })
        }
        AdapterKind::Houlsby | AdapterKind::Pfeiffer => {
            let placement = match adapter {
                AdapterKind::Houlsby => Placement::Houlsby,
                _ => Placement::Pfeiffer,
            };
            let plain = bottleneck(placement, targets, config);
            Method::Bottleneck(BottleneckConfig { size: rank.unwrap_or(plain.size), ..plain })
        }
        AdapterKind::LnTuning => Method::LnTuning(ln_tuning(targets, config)),
        AdapterKind::Ia3 => Method::Ia3(ia3(targets, None, config)),
        AdapterKind::PromptTuning => {
            Method::PromptTuning(PromptTuningConfig { virtual_tokens, ..PromptTuningConfig::default() })
        }
        AdapterKind::PrefixTuning => Method::PrefixTuning(PrefixTuningConfig { virtual_tokens, ..config.prefix() }),
        AdapterKind::PTuning => Method::PTuning(PTuningConfig { virtual_tokens, ..PTuningConfig::default() }),
    }
}

fn train_one(file: &Path, out: &Path, cache: bool, device: Choice) -> Result<(), Error> {
    let experiment = Experiment::read(file)?;
    let runs = experiment.runs();
    let [run] = &runs[..] else {
        return Err(Error::Input(format!(
            "{}: expands to {} runs, minim train takes one; cargo xtask run {0} takes them all",
            file.display(),
            runs.len()
        )));
    };
    let device = device.open()?;
    let store = Store::new(out);
    let folder = store.run_folder(&run.id());
    // The dashboard needs a terminal; a sweep's log is better off with a line per evaluation.
    let renderer = (!std::io::stdout().is_terminal()).then(quiet::renderer);
    let record = train(run, Options { device, folder, cache, renderer }).map_err(|error| match error {
        Error::Input(what) => Error::Input(format!("{}: {what}", file.display())),
        Error::Adapter(
            error @ (minim_adapters::Error::NoTarget { .. }
            | minim_adapters::Error::NoBias
            | minim_adapters::Error::Setting { .. }),
        ) => Error::Input(format!("{}: method {}: {error}", file.display(), run.method.name)),
        other => other,
    })?;
    store.write(&record)?;
    let test = |name: &str| {
        let score = record.scores.test.get(name).map_or("undefined".into(), |score| format!("{score:.4}"));
        format!("test {name} {score}")
    };
    // What was missed is still in the text: F1 would hide it behind precision.
    let recall = if run.task.is_deidentification() { test("entity_recall") + ", " } else { String::new() };
    let range = record.scores.test_interval.as_ref().map(|range| format!(" [{:.4}, {:.4}]", range.low, range.high));
    println!(
        "{}: {recall}{}{}, record {}",
        record.run_id,
        test(&run.task.select),
        range.unwrap_or_default(),
        store.record_path(&record.run_id).display()
    );
    Ok(())
}

fn print(json: &impl serde::Serialize) -> Result<(), Error> {
    let json = serde_json::to_string_pretty(json).map_err(|e| Error::Input(e.to_string()))?;
    writeln!(std::io::stdout(), "{json}").map_err(Error::io(Path::new("standard output")))
}

mod bench;
mod combine;
mod pretrain;
mod quiet;
