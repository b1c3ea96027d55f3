use burn::module::Module;
use burn::tensor::{ExecutionError, Tensor};
use burn::train::metric::{Adaptor, LossInput};
use burn::train::{InferenceStep, ItemLazy, TrainOutput, TrainStep};
use minim_models::{Classifier, HeadKind};
use minim_tasks::{Batch, Task};

/// A classifier with its task, as burn-train sees it.
#[derive(Module, Debug)]
pub struct Learnable {
    /// The model.
    pub model: Classifier,
    #[module(skip)]
    task: Task,
}

impl Learnable {
    /// Puts a model and its task together.
    pub fn new(model: Classifier, task: Task) -> Self {
        Self { model, task }
    }

    /// The task.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The mean loss of a batch, `[1]`.
    pub fn loss(&self, batch: &Batch) -> Tensor<1> {
        match self.model.head() {
            HeadKind::Sequence => self.task.loss(self.model.sequence_logits(&batch.tokens), batch),
            HeadKind::Token => self.task.loss(self.model.token_logits(&batch.tokens), batch),
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
