use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use burn::module::Module;
use burn::tensor::{ExecutionError, Tensor};
use burn::train::metric::{Adaptor, LossInput};
use burn::train::{InferenceStep, ItemLazy, TrainOutput, TrainStep};
use minim_models::{Backbone, Classifier, HeadKind};
use minim_tasks::{Batch, Task};

use crate::recompute;

/// A classifier with its task, as burn-train sees it.
#[derive(Module, Debug)]
pub struct Learnable {
    /// The model.
    pub model: Classifier,
    #[module(skip)]
    task: Task,
    /// The number of the next step, where layers are computed again in the backward pass.
    #[module(skip)]
    recompute: Option<Arc<AtomicU64>>,
}

impl Learnable {
    /// Puts a model and its task together.
    pub fn new(model: Classifier, task: Task) -> Self {
        Self { model, task, recompute: None }
    }

    /// The same model, trained by [`recompute`]: with less memory, in more time. `seed` decides the masks of dropout.
    pub fn recomputing(self, seed: u64) -> Self {
        Self { recompute: Some(Arc::new(AtomicU64::new(seed))), ..self }
    }

    /// The task.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The mean loss of a batch, `[1]`.
    pub fn loss(&self, batch: &Batch) -> Tensor<1> {
        self.loss_of(self.model.backbone().forward(&batch.tokens), batch)
    }

    fn loss_of(&self, hidden: Tensor<3>, batch: &Batch) -> Tensor<1> {
        match self.model.head() {
            HeadKind::Sequence => self.task.loss(self.model.sequence_logits_of(hidden, &batch.tokens), batch),
            HeadKind::Token => self.task.loss(self.model.token_logits_of(hidden), batch),
        }
    }
}

/// What a training step or an evaluation tells the dashboard.
#[derive(Debug)]
pub struct StepOutput {
    /// `[1]`, without a graph.
    pub loss: Tensor<1>,
    /// The score that selects the best evaluation; NaN in a training step.
    pub score: f64,
}

impl ItemLazy for StepOutput {
    fn sync(self) -> Result<Self, ExecutionError> {
        Ok(self)
    }
}

impl Adaptor<LossInput> for StepOutput {
    fn adapt(&self) -> LossInput {
        LossInput::new(self.loss.clone())
    }
}

impl TrainStep for Learnable {
    type Input = Batch;
    type Output = StepOutput;

    fn step(&self, batch: Batch) -> TrainOutput<StepOutput> {
        if let Some(steps) = &self.recompute {
            let step = steps.fetch_add(1, Ordering::Relaxed);
            let (loss, grads) = recompute(&self.model, &batch.tokens, step, |hidden| self.loss_of(hidden, &batch));
            return TrainOutput { grads, item: StepOutput { loss, score: f64::NAN } };
        }
        let loss = self.loss(&batch);
        let gradients = loss.backward();
        TrainOutput::new(self, gradients, StepOutput { loss: loss.detach(), score: f64::NAN })
    }
}

impl InferenceStep for Learnable {
    type Input = Batch;
    type Output = StepOutput;

    fn step(&self, batch: Batch) -> StepOutput {
        StepOutput { loss: self.loss(&batch), score: f64::NAN }
    }
}
