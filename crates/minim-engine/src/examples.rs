use std::sync::Arc;

use minim_datasets::{Dataset, LabelSet};
use minim_experiment::{Purpose, Run, TaskKind, stream};
use minim_tasks::{EncodedExample, ExampleSlice, Task, Tokenizer, limit, subsample_negatives};
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

impl Encoded {
    /// Draws the training examples and encodes all splits.
    pub(crate) fn new(dataset: Dataset, run: &Run, task: &Task, tokenizer: &Tokenizer) -> Result<Self, Error> {
        let mut rng = ChaCha8Rng::seed_from_u64(stream(run.seed, Purpose::FewShot));
        match dataset {
            Dataset::Sequence(splits) => {
                let train = cap(splits.train, run, &mut rng);
                encode(task, tokenizer, &train[..], &splits.validation[..], &splits.test[..])
            }
            Dataset::Tokens(splits) => {
                let train = cap(splits.train, run, &mut rng);
                encode(task, tokenizer, &train[..], &splits.validation[..], &splits.test[..])
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
                encode(task, tokenizer, &train[..], &splits.validation[..], &splits.test[..])
            }
        }
    }
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

fn encode<'a, E>(
    task: &Task,
    tokenizer: &Tokenizer,
    train: &'a [E],
    validation: &'a [E],
    test: &'a [E],
) -> Result<Encoded, Error>
where
    &'a [E]: Into<ExampleSlice<'a>>,
{
    Ok(Encoded {
        train: Arc::new(task.encode_all(train, tokenizer)?),
        validation: Arc::new(task.encode_all(validation, tokenizer)?),
        test: Arc::new(task.encode_all(test, tokenizer)?),
    })
}
