use std::sync::Arc;

use minim_datasets::{Dataset, FewShot, LabelSet};
use minim_experiment::{ClassShots, Long, Pool, Purpose, Run, Shots, SplitCounts, TaskKind, stream};
use minim_tasks::{Cache, EncodedExample, ExampleSlice, Origin, Task, Tokenizer, limit, subsample_negatives};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::Error;

/// The three splits of a run, as token ids.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// For fitting, capped and subsampled as the run says.
    pub train: Arc<Vec<EncodedExample>>,
    /// For choosing the best evaluation.
    pub validation: Arc<Vec<EncodedExample>>,
    /// For the score that is reported.
    pub test: Arc<Vec<EncodedExample>>,
    /// The document of each test example.
    pub test_documents: Vec<String>,
    /// What a few-shot sample has of each class.
    pub few_shot: Option<Shots>,
}

/// Reads a run's dataset and checks that it is of the task's kind.
pub(crate) fn read(run: &Run) -> Result<Dataset, Error> {
    let dataset = minim_datasets::read(&run.task.dataset, &run.task.data)?;
    let expected = kind(run.task.kind);
    match dataset.kind() == expected {
        true => Ok(dataset),
        false => Err(Error::Input(format!(
            "task {}: dataset {} is for {}, the task's kind is {expected}",
            run.task.name,
            run.task.dataset,
            dataset.kind()
        ))),
    }
}

/// The dataset kind of an experiment's task kind.
pub(crate) fn kind(kind: TaskKind) -> minim_datasets::Kind {
    match kind {
        TaskKind::SequenceClassification => minim_datasets::Kind::Sequence,
        TaskKind::Ner => minim_datasets::Kind::Tokens,
        TaskKind::RelationExtraction => minim_datasets::Kind::Relations,
    }
}

/// A run's task over `labels`.
pub(crate) fn task(run: &Run, labels: LabelSet) -> Result<Task, Error> {
    let spec = &run.task;
    let task = Task::new(kind(spec.kind), labels, spec.max_length, spec.negative_label.as_deref())?;
    Ok(match spec.long {
        Long::Cut => task,
        Long::Windows => {
            let pool = match spec.pool.unwrap_or_default() {
                Pool::Mean => minim_tasks::Pool::Mean,
                Pool::Max => minim_tasks::Pool::Max,
            };
            task.in_windows(spec.stride.unwrap_or(spec.max_length / 4), pool)?
        }
    })
}

impl Encoded {
    /// Draws the training examples and encodes all splits.
    pub(crate) fn new(
        dataset: Dataset,
        run: &Run,
        task: &Task,
        tokenizer: &Tokenizer,
        cache: Option<&Cache>,
    ) -> Result<Self, Error> {
        let encoder = Encoder { task, tokenizer, cache };
        let seed = stream(run.seed, Purpose::FewShot);
        let (dataset, few_shot) = match (run.task.few_shot, run.task.few_shot_validation) {
            (None, None) => (dataset, None),
            (train, validation) => {
                let (dataset, shots) = dataset.few_shot(FewShot { train, validation, seed });
                for (split, class) in shots.short() {
                    tracing::warn!("few-shot sample of the {split} split: {class}");
                }
                (dataset, Some(shots))
            }
        };
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let encoded = match dataset {
            Dataset::Sequence(splits) => {
                let train = cap(splits.train, run, &mut rng);
                encoder.splits(&train[..], &splits.validation[..], &splits.test[..])
            }
            Dataset::Tokens(splits) => {
                let train = cap(splits.train, run, &mut rng);
                encoder.splits(&train[..], &splits.validation[..], &splits.test[..])
            }
            Dataset::Relations(splits) => {
                let negative = negative(run, &splits.labels)?;
                let train = match (run.task.negatives_per_positive, negative) {
                    (Some(ratio), Some(negative)) => {
                        subsample_negatives(splits.train, |e| e.label == negative, ratio, &mut rng)
                    }
                    _ => splits.train,
                };
                let train = cap(train, run, &mut rng);
                encoder.splits(&train[..], &splits.validation[..], &splits.test[..])
            }
        }?;
        Ok(Self { few_shot: few_shot.map(summary), ..encoded })
    }

    /// How many examples of each split were cut to meet the maximum length.
    pub(crate) fn truncated(&self) -> SplitCounts {
        let [train, validation, test] = [&self.train, &self.validation, &self.test].map(|split| truncated(split));
        SplitCounts { train, validation, test }
    }

    /// What reading long texts in windows makes of the training split, in words; `None` where every text is one window.
    pub(crate) fn windows_note(&self, run: &Run) -> Option<String> {
        let windows: usize = self.train.iter().map(|example| example.windows.len()).sum();
        let overlap = run.task.stride.filter(|_| windows > self.train.len())?;
        Some(format!(
            "long texts are read in windows of {} pieces that share {overlap}: {} training texts as {windows} windows",
            run.task.max_length,
            self.train.len()
        ))
    }
}

/// How many of these examples were cut.
pub(crate) fn truncated(examples: &[EncodedExample]) -> usize {
    examples.iter().filter(|example| example.windows.iter().any(|window| window.truncated)).count()
}

/// A sample's counts as the record has them.
fn summary(shots: minim_datasets::Shots) -> Shots {
    let classes = |classes: Vec<minim_datasets::ClassShots>| {
        let class = |minim_datasets::ClassShots { class, wanted, available, drawn }| ClassShots {
            class,
            wanted,
            available,
            drawn,
        };
        classes.into_iter().map(class).collect()
    };
    Shots { train: shots.train.map(classes), validation: shots.validation.map(classes) }
}

fn negative(run: &Run, labels: &LabelSet) -> Result<Option<usize>, Error> {
    let Some(name) = &run.task.negative_label else { return Ok(None) };
    labels.index(name).map(Some).ok_or_else(|| {
        Error::Input(format!(
            "task {}: negative_label {name:?} is no label of {}; expected one of {}",
            run.task.name,
            run.task.dataset,
            labels.names().join(", ")
        ))
    })
}

fn cap<T>(examples: Vec<T>, run: &Run, rng: &mut ChaCha8Rng) -> Vec<T> {
    match run.task.train_limit {
        Some(count) => limit(examples, count, rng),
        None => examples,
    }
}

/// What turns examples into ids.
struct Encoder<'a> {
    task: &'a Task,
    tokenizer: &'a Tokenizer,
    cache: Option<&'a Cache>,
}

impl Encoder<'_> {
    fn splits<'a, E>(&self, train: &'a [E], validation: &'a [E], test: &'a [E]) -> Result<Encoded, Error>
    where
        &'a [E]: Into<ExampleSlice<'a>>,
    {
        Ok(Encoded {
            train: Arc::new(self.split("train", train.into())?),
            validation: Arc::new(self.split("validation", validation.into())?),
            test: Arc::new(self.split("test", test.into())?),
            test_documents: test.into().documents(),
            few_shot: None,
        })
    }

    fn split(&self, name: &str, examples: ExampleSlice<'_>) -> Result<Vec<EncodedExample>, Error> {
        let Some(cache) = self.cache else { return Ok(self.task.encode_all(examples, self.tokenizer)?) };
        let (encoded, origin) = cache.encode_all(self.task, examples, self.tokenizer)?;
        match origin {
            Origin::Read => tracing::info!("{name} split: token ids from the cache"),
            Origin::Mended { file } => tracing::warn!("{}: damaged, written anew", file.display()),
            Origin::Unwritable { file, source } => {
                tracing::info!("{name} split: token ids are not kept: {}: {source}", file.display());
            }
            _ => {}
        }
        Ok(encoded)
    }
}
