//! Which ranks AdaLoRA takes away, and when. Zhang et al. 2023, arXiv 2303.10512, sections 3.2 and 3.3, in peft's reading.

use std::collections::{BTreeMap, HashMap};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Bool, Tensor, TensorData};

use crate::AdaLoraConfig;
use crate::walk::Walk;

/// Takes ranks away while a model that [`crate::attach`] prepared for AdaLoRA is trained.
///
/// After each optimiser step it notes how sensitive the loss is to every element, `|w·∂L/∂w|` (equation 8), smooths that over steps and
/// multiplies it by how much it varies (equations 9 to 11), and gives each rank the sum of its singular value's score and the means of its
/// vectors' (equation 7). As often as the settings say, the lowest-scored singular values are set to 0, so many that the budget is kept, which
/// falls with the cube of the steps that are left (equation 12). They may come back until the last allocation.
#[derive(Debug)]
pub struct RankAllocator {
    config: AdaLoraConfig,
    step: usize,
    /// By layer and factor, in an order, so that sums over factors are rounded alike each time.
    moments: BTreeMap<String, Moments>,
    /// Which ranks of each layer the last allocation left.
    left: HashMap<String, Vec<bool>>,
}

/// Means over steps, `[r, n]`.
#[derive(Debug)]
struct Moments {
    sensitivity: Tensor<2>,
    uncertainty: Tensor<2>,
}

/// The gradients of one step, which the optimiser consumes.
#[derive(Debug)]
pub struct StepGradients(BTreeMap<String, Tensor<2>>);

impl StepGradients {
    /// Those of AdaLoRA's parameters, as they are handed to the optimiser: after clipping.
    pub fn new<M: Module>(model: &M, gradients: &GradientsParams) -> Self {
        Self(Factors::of(model, Some(gradients)))
    }
}

impl RankAllocator {
    /// An allocator before the first step, for settings that know all steps.
    pub fn new(config: AdaLoraConfig) -> Self {
        Self { config, step: 0, moments: BTreeMap::new(), left: HashMap::new() }
    }

    /// To be called after each optimiser step, with the model that came out of it and the gradients that went in. Returns the model with the
    /// singular values at 0 that are taken away.
    pub fn update<M: Module>(&mut self, model: M, gradients: &StepGradients) -> M {
        let step = self.step;
        self.step += 1;
        let last = self.config.total_steps.saturating_sub(self.config.tfinal);
        if step > last {
            return self.masked(model);
        }
        let factors = Factors::of(&model, None);
        if step < last {
            self.observe(&factors, gradients);
        }
        let due = step > self.config.tinit && step.is_multiple_of(self.config.delta_t);
        if !due && step != last {
            return model;
        }
        let ranks: usize = factors.iter().filter(|(name, _)| name.ends_with(".e")).map(|(_, e)| e.dims()[0]).sum();
        let layers = factors.len() / 3;
        self.allocate(ranks.saturating_sub(self.budget(step, ranks, layers)));
        self.masked(model)
    }

    /// How many ranks may be left after a step.
    fn budget(&self, step: usize, ranks: usize, layers: usize) -> usize {
        let AdaLoraConfig { tinit, tfinal, total_steps, target_rank, .. } = self.config;
        let (start, target) = (ranks as f64, (target_rank * layers) as f64);
        let falling = total_steps.saturating_sub(tfinal + tinit).max(1) as f64;
        let left = 1.0 - step.saturating_sub(tinit) as f64 / falling;
        ((start - target) * left.powf(3.0) + target) as usize
    }

    fn observe(&mut self, factors: &BTreeMap<String, Tensor<2>>, gradients: &StepGradients) {
        let AdaLoraConfig { beta1, beta2, .. } = self.config;
        for (name, factor) in factors {
            let Some(gradient) = gradients.0.get(name) else { continue };
            let now = (factor.clone().inner() * gradient.clone()).abs();
            let moments = self
                .moments
                .entry(name.clone())
                .or_insert_with(|| Moments { sensitivity: now.zeros_like(), uncertainty: now.zeros_like() });
            moments.sensitivity = moments.sensitivity.clone() * beta1 + now.clone() * (1.0 - beta1);
            let apart = (now - moments.sensitivity.clone()).abs();
            moments.uncertainty = moments.uncertainty.clone() * beta2 + apart * (1.0 - beta2);
        }
    }

    /// Decides which ranks are left when so many are taken away; of equal ones all.
    fn allocate(&mut self, away: usize) {
        let mut scores: BTreeMap<&str, Vec<f32>> = BTreeMap::new();
        for (name, moments) in &self.moments {
            let Some((layer, _)) = name.rsplit_once('.') else { continue };
            let score = (moments.sensitivity.clone() * moments.uncertainty.clone()).mean_dim(1);
            let score: Vec<f32> = score.into_data().iter::<f32>().collect();
            let sums = scores.entry(layer).or_insert_with(|| vec![0.0; score.len()]);
            sums.iter_mut().zip(score).for_each(|(sum, score)| *sum += score);
        }
        let mut all: Vec<f32> = scores.values().flatten().copied().collect();
        all.sort_by(f32::total_cmp);
        let threshold = away.checked_sub(1).and_then(|place| all.get(place)).copied().unwrap_or(f32::NEG_INFINITY);
        let left = |scores: &Vec<f32>| scores.iter().map(|&score| score > threshold).collect();
        self.left = scores.iter().map(|(layer, scores)| (layer.to_string(), left(scores))).collect();
    }

    fn masked<M: Module>(&self, model: M) -> M {
        model.map(&mut Mask { left: &self.left, walk: Walk::default() })
    }
}

/// What stands between a layer's path and a parameter of [`crate::AdaLora`].
const IN_MODULE: &str = ".adapter.AdaLora.";

/// A, E and B of each layer, or their gradients, as `[r, n]`, by `<layer>.a`, `.e` and `.b`.
pub(crate) struct Factors<'a> {
    gradients: Option<&'a GradientsParams>,
    walk: Walk,
    found: BTreeMap<String, Tensor<2>>,
}

impl<'a> Factors<'a> {
    pub(crate) fn of<M: Module>(model: &M, gradients: Option<&'a GradientsParams>) -> BTreeMap<String, Tensor<2>> {
        let mut factors = Self { gradients, walk: Walk::default(), found: BTreeMap::new() };
        model.visit(&mut factors);
        factors.found
    }
}

impl ModuleVisitor for Factors<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.walk.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.walk.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.walk.path();
        let Some((layer, factor)) = path.split_once(IN_MODULE) else { return };
        let tensor = match self.gradients {
            None => Some(param.val()),
            Some(gradients) => gradients.get::<D>(param.id),
        };
        let Some(tensor) = tensor else { return };
        let shape = param.lazy_shape();
        let by_rank: Tensor<2> = match factor {
            "a" => tensor.reshape([shape[0], shape[D - 1]]).transpose(),
            "b" => tensor.reshape([shape[0], shape[D - 1]]),
            _ => tensor.reshape([shape[0], 1]),
        };
        self.found.insert(format!("{layer}.{factor}"), by_rank);
    }
}

struct Mask<'a> {
    left: &'a HashMap<String, Vec<bool>>,
    walk: Walk,
}

impl ModuleMapper for Mask<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.walk.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.walk.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let path = self.walk.path();
        let layer = path.split_once(IN_MODULE).filter(|(_, factor)| *factor == "e").map(|(layer, _)| layer);
        let Some(left) = layer.and_then(|layer| self.left.get(layer)) else { return param };
        param.map(|e| {
            let away: Vec<bool> = left.iter().map(|left| !left).collect();
            let (differentiates, inner) = (e.is_autodiff(), e.inner());
            let away = TensorData::new(away, inner.dims().to_vec());
            let inner = inner.clone().mask_fill(Tensor::<D, Bool>::from_data(away, &inner.device()), 0.0);
            if differentiates { Tensor::from_inner(inner).require_grad() } else { inner }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_falls_with_the_cube_of_the_steps_left() {
        let config = AdaLoraConfig {
            init_rank: 12,
            target_rank: 8,
            tinit: 10,
            tfinal: 30,
            total_steps: 100,
            ..AdaLoraConfig::default()
        };
        let allocator = RankAllocator::new(config);
        let budget = |step| allocator.budget(step, 10 * 12, 10);
        assert_eq!([10, 40, 70].map(budget), [120, 80 + 40 / 8, 80]);
    }
}
