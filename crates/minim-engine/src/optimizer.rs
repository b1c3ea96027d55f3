//! AdamW and its learning rate as the Hugging Face Trainer sets them up.

use burn::module::{Module, ModuleVisitor, Param, ParamGroup, ParamId};
use burn::optim::lr_scheduler::{LrScheduler, LrSchedulerRecord};
use burn::optim::{AdamW, AdamWConfig, ModuleOptimizer, Optimizer};
use burn::tensor::{Device, Tensor};
use minim_experiment::Schedule;
use minim_models::published_name;

/// AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101) with betas 0.9 and 0.999 and epsilon 1e-8; biases and normalisation weights do not
/// decay, everything else, adapters included, does.
///
/// `lr_ratio` is LoRA+'s (Hayou et al. 2024, arXiv 2402.12354, section 4): LoRA's B learns so many times as fast as the rest and, as in
/// peft's `create_loraplus_optimizer`, so does every vector: biases, normalisations and magnitudes. 1 leaves all rates as they are.
pub fn optimizer<M: Module>(model: &M, weight_decay: f64, lr_ratio: f64) -> ModuleOptimizer {
    let adamw = |decay: f64| AdamWConfig::new().with_epsilon(1e-8).with_weight_decay(decay as f32);
    let mut groups = Groups::default();
    model.visit(&mut groups);
    let undecayed = ParamGroup::from_ids(groups.undecayed);
    let optimizer = adamw(weight_decay).init().with_group(undecayed, adamw(0.0).build(), None);
    if lr_ratio == 1.0 {
        return optimizer;
    }
    // Where a parameter is in two groups, the later one counts.
    let faster = |decay: f64| Faster { adamw: adamw(decay).build(), ratio: lr_ratio };
    optimizer.with_group(ParamGroup::from_ids(groups.fast), faster(weight_decay), None).with_group(
        ParamGroup::from_ids(groups.fast_undecayed),
        faster(0.0),
        None,
    )
}

/// AdamW at a multiple of the learning rate that it is given.
#[derive(Clone)]
struct Faster {
    adamw: AdamW,
    ratio: f64,
}

impl Optimizer for Faster {
    type State<const D: usize> = <AdamW as Optimizer>::State<D>;

    fn step<const D: usize>(
        &self,
        rate: f64,
        tensor: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        self.adamw.step(rate * self.ratio, tensor, gradient, state)
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        AdamW::to_device(state, device)
    }
}

#[derive(Default)]
struct Groups {
    path: Vec<String>,
    undecayed: Vec<ParamId>,
    /// LoRA's B and all vectors, as far as they decay.
    fast: Vec<ParamId>,
    fast_undecayed: Vec<ParamId>,
}

impl ModuleVisitor for Groups {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.join(".");
        let undecayed = is_undecayed(&published_name(&path));
        if undecayed {
            self.undecayed.push(param.id);
        }
        match (D == 1 || path.ends_with(".adapter.Lora.b"), undecayed) {
            (true, true) => self.fast_undecayed.push(param.id),
            (true, false) => self.fast.push(param.id),
            (false, _) => {}
        }
    }
}

/// The Trainer's rule (transformers' `get_decay_parameter_names`): biases and normalisations, by name whatever the family.
fn is_undecayed(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_norm = |part: &str| part == "norm" || part.ends_with("_norm");
    name.contains("bias") || name.contains("layernorm") || name.contains("rmsnorm") || name.split('.').any(is_norm)
}

/// Linear warm-up from 0 to the peak, then a straight fall to 0 or a constant rate (transformers' `get_linear_schedule_with_warmup`).
#[derive(Debug, Clone)]
pub struct WarmUp {
    /// The highest rate.
    pub peak: f64,
    /// Steps until the peak.
    pub warmup_steps: usize,
    /// All steps.
    pub steps: usize,
    /// What comes after the warm-up.
    pub schedule: Schedule,
    next: usize,
}

impl WarmUp {
    /// A schedule at its beginning. The warm-up takes `warmup_ratio` of all steps, rounded up.
    pub fn new(peak: f64, warmup_ratio: f64, steps: usize, schedule: Schedule) -> Self {
        Self { peak, warmup_steps: (warmup_ratio * steps as f64).ceil() as usize, steps, schedule, next: 0 }
    }

    fn rate(&self, step: usize) -> f64 {
        if step < self.warmup_steps {
            return self.peak * step as f64 / self.warmup_steps as f64;
        }
        match self.schedule {
            Schedule::Constant => self.peak,
            Schedule::Linear => {
                let left = self.steps.saturating_sub(step) as f64;
                self.peak * left / (self.steps - self.warmup_steps).max(1) as f64
            }
        }
    }
}

impl LrScheduler for WarmUp {
    fn step(&mut self) -> f64 {
        self.next += 1;
        self.rate(self.next - 1)
    }

    fn to_record(&self) -> LrSchedulerRecord {
        LrSchedulerRecord::new().with_scalar("next", self.next as u64)
    }

    fn load_record(&mut self, record: LrSchedulerRecord) {
        self.next = record.scalar::<u64>("next").map_or(self.next, |next| next as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn biases_and_normalisations_of_every_family_do_not_decay() {
        for name in [
            "bert.encoder.layer.0.output.dense.bias",
            "bert.embeddings.LayerNorm.weight",
            "distilbert.transformer.layer.0.sa_layer_norm.weight",
            "model.layers.0.post_attention_layernorm.weight",
            "model.norm.weight",
            "model.layers.1.attn_norm.weight",
            "head.norm.weight",
        ] {
            assert!(is_undecayed(name), "{name}");
        }
        for name in ["model.layers.0.attn.Wqkv.weight", "classifier.weight", "bert.embeddings.word_embeddings.weight"] {
            assert!(!is_undecayed(name), "{name}");
        }
    }

    #[test]
    fn the_rate_rises_from_zero_and_falls_to_zero() {
        let mut schedule = WarmUp::new(1.0, 0.2, 10, Schedule::Linear);
        let rates: Vec<f64> = (0..10).map(|_| schedule.step()).collect();
        assert_eq!(rates, [0.0, 0.5, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]);
        let mut constant = WarmUp::new(2.0, 0.0, 3, Schedule::Constant);
        assert_eq!([constant.step(), constant.step(), constant.step()], [2.0; 3]);
    }
}
