//! The training loop inside burn-train's `SupervisedTraining`.
//!
//! burn-train's own single-device loop evaluates once an epoch, scores batch by batch, and checkpoints every parameter. Entity F1 and AUROC
//! need a whole split at once, small data wants an evaluation every N steps, and an adapter must not write its frozen base at each
//! evaluation. So this strategy keeps burn-train's parts (learner, optimiser, scheduler, event processor, dashboard, early stopping) and
//! replaces the order in which they are called.

use std::sync::{Arc, Mutex};

use burn::data::dataloader::Progress;
use burn::tensor::{Device, Tensor};
use burn::train::metric::{
    Adaptor, Metric, MetricAttributes, MetricMetadata, MetricName, Numeric, NumericAttributes, NumericEntry,
    SerializedEntry,
};
use burn::train::{
    EventProcessorTraining, Learner, LearnerEvent, SupervisedLearningStrategy, SupervisedTrainingEventProcessor,
    TrainLoader, TrainingComponents, TrainingItem, ValidLoader,
};
use minim_efficiency::{Event, Meter, Phase, TimeMeter};
use minim_experiment::CurvePoint;
use minim_tasks::EncodedExample;

use crate::learnable::StepOutput;
use crate::{Error, Learnable, clip, evaluate};

/// Writes a model to disk.
pub type Keep = Box<dyn Fn(&Learnable) -> Result<(), Error> + Send + Sync>;

/// What the loop needs beside burn-train's components.
pub struct Strategy {
    /// Without autodiff.
    pub device: Device,
    /// Optimiser steps in all.
    pub steps: usize,
    /// Optimiser steps in one pass over the training examples.
    pub steps_per_epoch: usize,
    /// Optimiser steps between two evaluations.
    pub evaluate_every: usize,
    /// 0 for no clipping.
    pub max_grad_norm: f64,
    /// The validation examples.
    pub validation: Arc<Vec<EncodedExample>>,
    /// Texts per evaluation batch.
    pub eval_batch_size: usize,
    /// Id of the padding piece.
    pub pad_id: u32,
    /// The score that picks the best evaluation; higher is better.
    pub select: String,
    /// Keeps the best model on disk as soon as it is found.
    pub keep: Keep,
    /// What comes out.
    pub outcome: Arc<Mutex<Outcome>>,
}

/// What the loop leaves behind beside the model.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The clock; the caller goes on with it.
    pub time: TimeMeter,
    /// One point per evaluation.
    pub curve: Vec<CurvePoint>,
    /// The best model, without autodiff.
    pub best: Option<Learnable>,
    /// Its selecting score.
    pub best_score: Option<f64>,
    /// Highest memory reserved on the device so far, in bytes.
    pub peak_device_bytes: Option<u64>,
    /// Why the loop stopped before its end, if it failed.
    pub error: Option<Error>,
}

impl SupervisedLearningStrategy<Learnable> for Strategy {
    fn fit(
        &self,
        components: TrainingComponents<Learnable>,
        mut learner: Learner<Learnable>,
        train: TrainLoader<Learnable>,
        _valid: ValidLoader<Learnable>,
        _starting_epoch: usize,
    ) -> (Learnable, SupervisedTrainingEventProcessor<Learnable>) {
        let mut outcome = std::mem::take(&mut *self.lock());
        let mut events = components.event_processor;
        let mut early_stopping = components.early_stopping;
        let interrupter = components.interrupter;
        let mut losses: Vec<Tensor<1>> = Vec::new();
        let (mut step, mut evaluations) = (0, 0);

        outcome.time.observe(&Event::Enter(Phase::Train));
        'training: while step < self.steps {
            let epoch = step / self.steps_per_epoch + 1;
            interrupter.fail_on_error(
                events.process_train(LearnerEvent::StartSplit { epoch_number: epoch, total_items: train.num_items() }),
            );
            let mut batches = train.iter();
            while let Some(batch) = batches.next() {
                let batch = match batch {
                    Ok(batch) => batch,
                    Err(error) => {
                        outcome.error = Some(Error::Training(error.to_string()));
                        break 'training;
                    }
                };
                let trained = Event::Trained { examples: batch.places.len(), tokens: batch.token_count };
                learner.lr_step();
                let output = learner.train_step(batch);
                let gradients = clip(&learner.model(), output.grads, self.max_grad_norm);
                learner.optimizer_step(gradients);
                step += 1;
                outcome.time.observe(&trained);
                // A tensor of its own, not a clone: the item goes to burn-train's thread, and of a tensor that two threads hold burn-fusion
                // 0.22.1 may free the memory when the one drops it, while the other is about to register its use.
                losses.push(output.item.loss.clone() * 1.0);
                let item = TrainingItem::new(output.item, batches.progress(), Some(step), Some(learner.lr_current()));
                interrupter.fail_on_error(events.process_train(LearnerEvent::ProcessedItem(item)));

                if step % self.evaluate_every == 0 || step == self.steps {
                    evaluations += 1;
                    if let Err(error) =
                        self.evaluation(&mut outcome, &mut events, &learner, &mut losses, step, evaluations)
                    {
                        outcome.error = Some(error);
                        break 'training;
                    }
                    interrupter.fail_on_error(events.flush());
                    let stop = early_stopping
                        .as_mut()
                        .is_some_and(|early| early.should_stop(evaluations, &components.event_store));
                    if stop {
                        tracing::info!("early stop: no better {} for the allowed number of evaluations", self.select);
                        break 'training;
                    }
                }
                if step == self.steps || interrupter.should_stop() {
                    break 'training;
                }
            }
            interrupter.fail_on_error(events.process_train(LearnerEvent::EndSplit(epoch)));
            interrupter.fail_on_error(events.process_train(LearnerEvent::EndEpoch(epoch)));
        }
        let _ = self.device.sync();
        outcome.time.observe(&Event::Enter(Phase::Save));
        if let Some(error) = interrupter.error() {
            outcome.error.get_or_insert_with(|| Error::Training(error.to_string()));
        }
        *self.lock() = outcome;
        (learner.model(), events)
    }
}

impl Strategy {
    fn lock(&self) -> std::sync::MutexGuard<'_, Outcome> {
        self.outcome.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn evaluation(
        &self,
        outcome: &mut Outcome,
        events: &mut SupervisedTrainingEventProcessor<Learnable>,
        learner: &Learner<Learnable>,
        losses: &mut Vec<Tensor<1>>,
        step: usize,
        number: usize,
    ) -> Result<(), Error> {
        let train_loss = Tensor::cat(std::mem::take(losses), 0).mean().into_scalar::<f64>();
        self.device.sync().map_err(|error| Error::Training(error.to_string()))?;
        if !train_loss.is_finite() {
            return Err(Error::NotFinite { step });
        }
        outcome.time.observe(&Event::Enter(Phase::Evaluate));
        outcome.peak_device_bytes = outcome.peak_device_bytes.max(crate::device::reserved_bytes(&self.device));
        let model = burn::module::Module::valid(&learner.model());
        let evaluation =
            evaluate(&model.model, model.task(), &self.validation, self.eval_batch_size, self.pad_id, &self.device)?;
        outcome.time.observe(&Event::Evaluated { examples: self.validation.len(), tokens: evaluation.tokens });
        let scores = evaluation.scores.values;
        let score = scores.get(&self.select).copied();
        tracing::info!(
            "step {step} of {}: train loss {train_loss:.4}, validation {} {}",
            self.steps,
            self.select,
            score.map_or("undefined".into(), |score| format!("{score:.4}"))
        );
        outcome.curve.push(CurvePoint {
            step,
            epoch: step as f64 / self.steps_per_epoch as f64,
            wall_s: outcome.time.train_s(),
            train_loss: Some(train_loss),
            validation: scores,
        });
        let better = match (score, outcome.best_score) {
            (Some(new), Some(old)) => new > old,
            (Some(_), None) => true,
            (None, _) => outcome.best.is_none(),
        };
        if better {
            outcome.time.observe(&Event::Best);
            outcome.time.observe(&Event::Enter(Phase::Save));
            (self.keep)(&model)?;
            outcome.best = Some(model);
            outcome.best_score = score;
        }
        self.tell(events, number, evaluation.loss, score)?;
        outcome.time.observe(&Event::Enter(Phase::Train));
        Ok(())
    }

    /// Shows the evaluation on the dashboard and puts it where burn-train's early stopping looks.
    fn tell(
        &self,
        events: &mut SupervisedTrainingEventProcessor<Learnable>,
        number: usize,
        loss: f64,
        score: Option<f64>,
    ) -> Result<(), Error> {
        fn failed(error: impl std::fmt::Display) -> Error {
            Error::Training(error.to_string())
        }
        let total = self.validation.len();
        let loss = Tensor::from_data([loss as f32], &self.device);
        let output = StepOutput { loss, score: score.unwrap_or(f64::NEG_INFINITY) };
        let item = TrainingItem::new(output, Progress::new(total, total, Some("examples".into())), Some(number), None);
        events.process_valid(LearnerEvent::StartSplit { epoch_number: number, total_items: total }).map_err(failed)?;
        events.process_valid(LearnerEvent::ProcessedItem(item)).map_err(failed)?;
        events.process_valid(LearnerEvent::EndSplit(number)).map_err(failed)
    }
}

/// burn-train's view of the selecting score.
#[derive(Debug, Clone)]
pub struct SelectingScore {
    name: MetricName,
    value: f64,
}

/// The input of [`SelectingScore`].
#[derive(Debug)]
pub struct Score(f64);

impl Adaptor<Score> for StepOutput {
    fn adapt(&self) -> Score {
        Score(self.score)
    }
}

impl SelectingScore {
    /// A metric with the score's own name.
    pub fn new(name: &str) -> Self {
        Self { name: Arc::new(name.into()), value: f64::NEG_INFINITY }
    }

    fn entry(&self) -> SerializedEntry {
        SerializedEntry::new(format!("{:.4}", self.value), NumericEntry::Value(self.value).serialize())
    }
}

impl Metric for SelectingScore {
    type Input = Score;

    fn name(&self) -> MetricName {
        self.name.clone()
    }

    fn attributes(&self) -> MetricAttributes {
        NumericAttributes { unit: None, higher_is_better: true }.into()
    }

    fn update(&mut self, score: &Score, _: &MetricMetadata) -> Result<SerializedEntry, burn::tensor::TensorReadError> {
        self.value = score.0;
        Ok(self.entry())
    }

    fn compute(&mut self) -> Result<SerializedEntry, burn::tensor::TensorReadError> {
        Ok(self.entry())
    }

    fn clear(&mut self) {
        self.value = f64::NEG_INFINITY;
    }
}

impl Numeric for SelectingScore {
    fn value(&self) -> Option<NumericEntry> {
        Some(NumericEntry::Value(self.value))
    }

    fn running_value(&self) -> Option<NumericEntry> {
        self.value()
    }

    fn final_value(&self) -> NumericEntry {
        NumericEntry::Value(self.value)
    }
}
