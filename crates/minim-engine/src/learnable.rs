use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use burn::module::Module;
use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{ExecutionError, Tensor};
use burn::train::metric::{Adaptor, LossInput};
use burn::train::{InferenceStep, ItemLazy, TrainOutput, TrainStep};
use minim_adapters::{AdaLoraConfig, RankAllocator, StepGradients};
use minim_models::{Classifier, HeadKind};
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
    /// Which ranks are taken away after each step, with AdaLoRA.
    #[module(skip)]
    allocation: Option<Allocation>,
}

#[derive(Clone, Debug)]
struct Allocation {
    /// With all steps.
    config: AdaLoraConfig,
    allocator: Arc<Mutex<RankAllocator>>,
}

impl Learnable {
    /// Puts a model and its task together.
    pub fn new(model: Classifier, task: Task) -> Self {
        Self { model, task, recompute: None, allocation: None }
    }

    /// The same model, trained by [`recompute`]: with less memory, in more time. `seed` decides the masks of dropout.
    pub fn recomputing(self, seed: u64) -> Self {
        Self { recompute: Some(Arc::new(AtomicU64::new(seed))), ..self }
    }

    /// The same model, of which AdaLoRA's ranks are taken away while it is trained. `config` knows all steps.
    pub fn allocating(self, config: AdaLoraConfig) -> Self {
        let allocator = Arc::new(Mutex::new(RankAllocator::new(config.clone())));
        Self { allocation: Some(Allocation { config, allocator }), ..self }
    }

    /// The task.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// The mean loss of a batch, `[1]`, as it is trained: with AdaLoRA's regularisation.
    fn trained_loss(&self, hidden: Tensor<3>, batch: &Batch) -> Tensor<1> {
        let loss = self.loss_of(hidden, batch);
        match &self.allocation {
            None => loss,
            Some(allocation) => allocation.config.penalised(&self.model, loss),
        }
    }

    /// The mean loss of a batch, `[1]`.
    pub fn loss(&self, batch: &Batch) -> Tensor<1> {
        self.loss_of(self.model.hidden(&batch.tokens), batch)
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
            let (loss, grads) = recompute(&self.model, &batch.tokens, step, |hidden| self.trained_loss(hidden, &batch));
            return TrainOutput { grads, item: StepOutput { loss, score: f64::NAN } };
        }
        let loss = self.trained_loss(self.model.hidden(&batch.tokens), &batch);
        let gradients = loss.backward();
        TrainOutput::new(self, gradients, StepOutput { loss: loss.detach(), score: f64::NAN })
    }

    fn optimize(self, optimizer: &mut ModuleOptimizer, rate: ModuleLearningRate, gradients: GradientsParams) -> Self {
        let Some(Allocation { allocator, .. }) = self.allocation.clone() else {
            return optimizer.step(rate, self, gradients);
        };
        let of_step = StepGradients::new(&self, &gradients);
        let updated = optimizer.step(rate, self, gradients);
        allocator.lock().unwrap_or_else(PoisonError::into_inner).update(updated, &of_step)
    }
}

impl InferenceStep for Learnable {
    type Input = Batch;
    type Output = StepOutput;

    fn step(&self, batch: Batch) -> StepOutput {
        StepOutput { loss: self.loss(&batch), score: f64::NAN }
    }
}
