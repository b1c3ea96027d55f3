use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use burn::module::Module;
use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
use burn::tensor::FloatDType;
use burn::train::logger::InMemoryMetricLogger;
use burn::train::metric::LossMetric;
use burn::train::metric::store::{Aggregate, Direction, Split};
use burn::train::renderer::MetricsRenderer;
use burn::train::{Learner, MetricEarlyStoppingStrategy, StoppingCondition, SupervisedTraining, TrainingStrategy};
use minim_adapters::{Method, count};
use minim_efficiency::{Event, MemoryMeter, Meter, Phase, TimeMeter, machine};
use minim_experiment::{
    BasePrecision, Cost, DataSummary, EvaluateEvery, Hardware, Majority, Parameters, Precision, Purpose, Record, Run,
    Scores, Status, Versions, stream,
};
use minim_models::published_name;
use minim_tasks::{Cache, Place, Tokenizer};

use crate::device::Opened;
use crate::learnable::Learnable;
use crate::loader::Loader;
use crate::method::{check_length, with_tokens};
use crate::origin::Origin;
use crate::run_folder::Keeper;
use crate::start::{go_on, modules_to_go_on};
use crate::strategy::{Outcome, SelectingScore, Strategy};
use crate::{
    Encoded, Error, WarmUp, adapter_method, assess, attach_in, attach_kept_in, evaluate, examples, optimizer,
    run_folder, targets_note,
};

/// How to train, beside what the run says.
pub struct Options {
    /// Where.
    pub device: Opened,
    /// The folder for the run's files.
    pub folder: PathBuf,
    /// Whether token ids are kept beside the dataset, for the next run.
    pub cache: bool,
    /// Draws the training's progress; `None` for burn-train's dashboard on a terminal.
    pub renderer: Option<Box<dyn MetricsRenderer>>,
}

/// Trains one run and returns its record; the best model is in `options.folder`.
///
/// # Errors
/// [`Error`] for input that can't be read or used, and for a training that fails.
pub fn train(run: &Run, options: Options) -> Result<Record, Error> {
    let mut time = TimeMeter::default();
    let device = options.device.device.clone();
    let training = &run.training;

    let dataset = examples::read(run)?;
    let labels = dataset.labels().clone();
    // Written by the synthetic writers beside what they write.
    let synthetic = minim_datasets::card_in(&run.task.data)?.is_some_and(|card| card.synthetic);
    let task = examples::task(run, labels.clone())?;
    let (checkpoint, loaded) = run_folder::base(run, task.head(), labels.len(), &device)?;
    let tokenizer = Tokenizer::from_folder(checkpoint.folder())?;
    tokenizer.check_vocab(checkpoint.config().vocab_size())?;
    let method = with_tokens(adapter_method(&run.method.method, checkpoint.config()), &tokenizer)?;
    let whose = format!("task {}: max_length", run.task.name);
    check_length(run.task.max_length, &method, checkpoint.config(), &whose)?;
    let cache = options.cache.then(|| Cache::beside(&run.task.data));
    let data = Encoded::new(dataset, run, &task, &tokenizer, cache.as_ref())?;

    let majority = |truth| Ok::<_, Error>(task.majority(&data.train, truth)?.values);
    let majority = Majority { validation: majority(&data.validation)?, test: majority(&data.test)? };
    if !majority.validation.contains_key(&run.task.select) {
        let known: Vec<&str> = majority.validation.keys().map(String::as_str).collect();
        return Err(Error::Input(format!(
            "task {}: select {:?} is no score of the validation split; expected one of {}",
            run.task.name,
            run.task.select,
            known.join(", ")
        )));
    }

    let origin = match method {
        Method::Full => None,
        _ => Some(Origin::of(run, &checkpoint, &tokenizer, task.head().peft_task_type(), labels.names())?),
    };
    let start = run.method.start.as_ref().zip(origin.as_ref());
    let (modules_to_save, mut notes) = match start {
        None => (loaded.modules_to_save(), loaded.notes.clone()),
        Some((start, origin)) => {
            (modules_to_go_on(&loaded, &method, task.head(), start, origin)?, loaded.notes_beside_adapter().to_vec())
        }
    };
    notes.extend(targets_note(&method, checkpoint.config()));
    notes.extend(data.windows_note(run));
    // Set by `cargo xtask` when it starts several runs at a time.
    if let Some(runs) = std::env::var("MINIM_CONCURRENT_RUNS").ok().filter(|runs| runs != "1") {
        notes.push(format!("{runs} runs at a time on this machine: seconds are longer than alone"));
    }
    let (held, seed) = (run_folder::base_precision(run), stream(run.seed, Purpose::Init));
    let (mut model, base_memory_bytes) = match start {
        None => attach_in(loaded.model, &method, &modules_to_save, seed, held)?,
        Some(_) => attach_kept_in(loaded.model, &method, &modules_to_save, held)?,
    };
    if let Some((start, origin)) = start {
        model = go_on(model, &method, &modules_to_save, start, origin)?;
        notes.push(format!("the adapter starts where {} ended", start.written().display()));
    }
    let counts = count(&model, &method, &modules_to_save, published_name);
    if training.precision == Precision::Bf16 {
        if !device.supports_dtype(FloatDType::BF16) || options.device.name == "cpu" {
            return Err(Error::Input(format!("precision bf16 is not supported on {}; use fp32", options.device.name)));
        }
        model.set_precision(FloatDType::BF16);
        notes.push("bf16: activations in bf16, trained parameters in fp32".into());
    }
    let in_bits = |format| format!("frozen linear weights are held in {format}, embeddings in bf16");
    notes.extend(match held {
        BasePrecision::Fp32 => None,
        BasePrecision::Bf16 => Some(in_bits("bf16")),
        BasePrecision::Int8 => Some(in_bits("int8, a scale for each output")),
        BasePrecision::Nf4 => Some(in_bits("NF4 with double quantisation")),
    });
    for note in &notes {
        tracing::info!("{note}");
    }
    // Dropout masks come from the device's generator; everything else has a stream of its own.
    let autodiff = device.clone().autodiff();
    let mut model = Learnable::new(model, task.clone());
    if training.gradient_checkpointing {
        model = model.recomputing(stream(run.seed, Purpose::Dropout));
    }
    let mut model = model.fork(&autodiff).train();
    device.seed(stream(run.seed, Purpose::Dropout));
    autodiff.seed(stream(run.seed, Purpose::Dropout));

    let loader = Loader {
        task: task.clone(),
        examples: data.train.clone(),
        places: Arc::new(Place::all(&data.train)),
        batch_size: training.batch_size,
        pad_id: tokenizer.pad_id(),
        seed: run.seed,
        device: autodiff.clone(),
        epoch: Arc::new(AtomicUsize::new(0)),
    };
    let steps_per_epoch = loader.batches();
    let steps = training.max_steps.unwrap_or(training.epochs * steps_per_epoch);
    let method = method.for_steps(steps);
    method.check()?;
    run_folder::begin(&options.folder, run, &labels, &modules_to_save)?;
    if let Method::AdaLora(config) = &method {
        model = model.allocating(config.clone());
    }
    let schedule = WarmUp::new(training.learning_rate, training.warmup_ratio, steps, training.schedule);
    time.observe(&Event::Enter(Phase::Save));
    let outcome = Arc::new(Mutex::new(Outcome { time, ..Outcome::default() }));
    let keeper = Keeper {
        folder: options.folder.clone(),
        method: method.clone(),
        modules_to_save: modules_to_save.clone(),
        checkpoint: checkpoint.clone(),
        labels: labels.clone(),
        origin,
    };
    let strategy = Strategy {
        device: device.clone(),
        steps,
        steps_per_epoch,
        evaluate_every: match training.evaluate_every {
            EvaluateEvery::Epoch => steps_per_epoch,
            EvaluateEvery::Steps(steps) => steps,
        },
        max_grad_norm: training.max_grad_norm,
        validation: data.validation.clone(),
        eval_batch_size: training.eval_batch_size,
        pad_id: tokenizer.pad_id(),
        select: run.task.select.clone(),
        keep: Box::new(move |best: &Learnable| keeper.keep(&best.model)),
        outcome: outcome.clone(),
    };
    let score = SelectingScore::new(&run.task.select);
    let mut supervised = SupervisedTraining::new(&options.folder, Arc::new(loader.clone()), Arc::new(loader))
        .metric_train_numeric(LossMetric::new())
        .metric_valid_numeric(LossMetric::new())
        .metric_valid_numeric(score.clone())
        .with_metric_logger(InMemoryMetricLogger::default())
        .with_application_logger(None)
        .num_epochs(steps.div_ceil(steps_per_epoch));
    if let Some(patience) = training.early_stopping_patience {
        supervised = supervised.early_stopping(MetricEarlyStoppingStrategy::new(
            &score,
            Aggregate::Mean,
            Direction::Highest,
            Split::Valid,
            StoppingCondition::NoImprovementSince { n_epochs: patience },
        ));
    }
    if let Some(renderer) = options.renderer {
        supervised = supervised.renderer(renderer);
    }
    let optimizer = optimizer(&model, training.weight_decay, run.method.method.lr_ratio());
    let learner = Learner::new(model.clone(), optimizer, ModuleLrScheduler::new(schedule));
    drop(model);
    let result = supervised.with_training_strategy(TrainingStrategy::Custom(Arc::new(strategy))).launch(learner);
    drop(result);

    let mut outcome = std::mem::take(&mut *outcome.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    if let Some(error) = outcome.error {
        return Err(error);
    }
    let best = outcome.best.ok_or_else(|| Error::Training("it ended before the first evaluation".into()))?;
    outcome.time.observe(&Event::Enter(Phase::Evaluate));
    let pad_id = tokenizer.pad_id();
    let test = evaluate(&best.model, &task, &data.test, training.eval_batch_size, pad_id, &device)?;
    outcome.time.observe(&Event::Evaluated { examples: data.test.len(), tokens: test.tokens });
    outcome.time.observe(&Event::Enter(Phase::Save));
    let peak_device_bytes = outcome.peak_device_bytes.max(crate::device::reserved_bytes(&device));

    let interval = assess::interval(&task, &run.task.select, &test.predictions, &data.test, &data.test_documents)?;
    let chosen =
        outcome.curve.iter().filter(|point| point.validation.get(&run.task.select).copied() == outcome.best_score);
    let validation = chosen.map(|point| point.validation.clone()).next().unwrap_or_default();
    let mut readings = outcome.time.finish();
    readings.extend(MemoryMeter.finish());
    let reading = |name: &str| readings.iter().find(|reading| reading.name == name).map(|reading| reading.value);
    let machine = machine();
    let blank = Record::failed(run.clone(), "", minim_experiment::utc(minim_efficiency::unix_seconds()));
    Ok(Record {
        status: Status::Finished,
        error: None,
        git_commit: Some(env!("MINIM_GIT_COMMIT").to_string()).filter(|commit| !commit.is_empty()),
        versions: Some(Versions {
            minim: env!("CARGO_PKG_VERSION").into(),
            burn: env!("MINIM_BURN").into(),
            rustc: env!("MINIM_RUSTC").into(),
        }),
        hardware: Some(Hardware {
            cpu: machine.cpu,
            cores: machine.cores,
            threads: rayon::current_num_threads(),
            memory_bytes: machine.memory_bytes,
            device: options.device.name,
            device_name: options.device.model,
        }),
        data: Some(DataSummary {
            dataset: run.task.dataset.clone(),
            synthetic,
            train: data.train.len(),
            validation: data.validation.len(),
            test: data.test.len(),
            labels: labels.names().to_vec(),
            majority,
            truncated: Some(data.truncated()),
            few_shot: data.few_shot,
        }),
        scores: Scores { validation, test: test.scores.values, test_interval: interval },
        per_label: assess::label_scores(test.scores.per_label),
        curve: outcome.curve,
        cost: Some(Cost {
            load_s: reading("load_s").unwrap_or_default(),
            train_s: reading("train_s").unwrap_or_default(),
            evaluate_s: reading("evaluate_s").unwrap_or_default(),
            total_s: reading("total_s").unwrap_or_default(),
            best_s: reading("best_s"),
            train_tokens_per_s: reading("train_tokens_per_s"),
            train_examples_per_s: reading("train_examples_per_s"),
            evaluate_tokens_per_s: reading("evaluate_tokens_per_s"),
            evaluate_examples_per_s: reading("evaluate_examples_per_s"),
            peak_memory_bytes: reading("peak_memory_bytes").map(|bytes| bytes as u64),
            peak_device_memory_bytes: peak_device_bytes,
            kept_bytes: run_folder::folder_bytes(&run_folder::trained_folder(&options.folder)),
            base_bytes: run_folder::folder_bytes(checkpoint.folder()),
            base_memory_bytes: Some(base_memory_bytes),
        }),
        parameters: Some(Parameters {
            total: counts.total as u64,
            trainable: counts.trainable as u64,
            adapter: counts.adapter as u64,
            head: counts.head as u64,
        }),
        notes,
        ..blank
    })
}
