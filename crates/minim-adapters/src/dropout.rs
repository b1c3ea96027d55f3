//! Dropout. Srivastava et al. 2014, JMLR 15; kept values are scaled as they are trained on, so that nothing changes in use.

use std::sync::OnceLock;

use burn::module::Module;
use burn::nn::DropoutConfig;
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;

/// Zeroes values with a probability and scales the others by its complement, where a backward pass is possible and this layer takes part in
/// training; does nothing otherwise.
///
/// burn's dropout, but for one device: on the one that [`Dropout::draw_on_host`] names, masks come from a fast generator on all cores. burn's
/// draws them one by one there, which is a fifth of a training step.
#[derive(Module, Debug)]
pub struct Dropout {
    burn: burn::nn::Dropout,
}

/// The device whose tensors lie in this process's memory, if it was named.
static HOST: OnceLock<Device> = OnceLock::new();

impl Dropout {
    /// # Panics
    /// If `probability` is outside of [0, 1).
    pub fn new(probability: f64) -> Self {
        Self { burn: DropoutConfig::new(probability).init() }
    }

    /// Says that a device's tensors lie in this process's memory, so that masks may be made here. Only the first device named is kept.
    pub fn draw_on_host(device: &Device) {
        HOST.get_or_init(|| device.clone().inner());
    }

    /// The probability of a zero.
    pub fn probability(&self) -> f64 {
        self.burn.prob
    }

    /// Whether values of `x` are zeroed at all.
    pub fn acts_on<const D: usize>(&self, x: &Tensor<D>) -> bool {
        self.burn.prob > 0.0 && self.burn.training.is_enabled() && x.device().is_autodiff()
    }

    /// # Shapes
    /// - `x` and output: any
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let device = x.device();
        if !self.acts_on(&x) || HOST.get() != Some(&device.clone().inner()) {
            return self.burn.forward(x);
        }
        // The device's own generator decides, so that seeding the device decides every mask.
        let words = Tensor::<1>::random([4], burn::tensor::Distribution::Default, &device.clone().inner());
        let seed = words.into_data().iter::<f32>().fold(0_u64, |seed, word| (seed << 16) ^ u64::from(word.to_bits()));
        let values = mask(x.shape().num_elements(), self.burn.prob, seed);
        let mask = Tensor::from_data(TensorData::new(values, x.shape()), (&device, x.dtype()));
        x * mask
    }
}

/// Values that are made from one start of the generator: a multiple of the numbers that one word gives.
const PART: usize = 1 << 12;

/// `length` values, each 0 with this probability and else the reciprocal of its complement.
fn mask(length: usize, probability: f64, seed: u64) -> Vec<f32> {
    let keep = (1.0 / (1.0 - probability)) as f32;
    // 16 bits decide a value: its probability is off by at most 2^-17.
    let below = (probability * 65536.0).round() as u16;
    let mut values = vec![0.0; length];
    values.par_chunks_mut(PART).enumerate().for_each(|(part, values)| {
        let start = mixed(seed ^ mixed(part as u64));
        for (number, four) in values.chunks_mut(4).enumerate() {
            let word = mixed(start.wrapping_add((number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            for (place, value) in four.iter_mut().enumerate() {
                let zeroed = ((word >> (16 * place)) as u16) < below;
                *value = if zeroed { 0.0 } else { keep };
            }
        }
    });
    values
}

/// SplitMix64's finaliser: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", with Vigna's constants.
fn mixed(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_zeroes_its_share_and_keeps_the_mean_wherever_one_looks() {
        let n = 1 << 20;
        for probability in [0.1, 0.5] {
            let values = mask(n, probability, 7);
            assert!(values.iter().all(|&v| v == 0.0 || v == (1.0 / (1.0 - probability)) as f32));
            let share = |values: &mut dyn Iterator<Item = &f32>| {
                let (zeros, all) = values.fold((0, 0), |(zeros, all), &v| (zeros + usize::from(v == 0.0), all + 1));
                zeros as f64 / all as f64
            };
            assert!((share(&mut values.iter()) - probability).abs() < 2e-3);
            // No lane of a word and no end of a part is another than the rest.
            for lane in 0..4 {
                assert!((share(&mut values.iter().skip(lane).step_by(4)) - probability).abs() < 4e-3, "lane {lane}");
            }
            // Neighbours, and the same places of two parts, are independent.
            for distance in [1, 4, PART] {
                let pairs = values.iter().zip(&values[distance..]);
                let both = pairs.filter(|(a, b)| **a == 0.0 && **b == 0.0).count() as f64 / (n - distance) as f64;
                assert!((both - probability * probability).abs() < 3e-3, "distance {distance}: {both}");
            }
        }
    }

    #[test]
    fn a_seed_decides_the_mask() {
        assert_eq!(mask(10_001, 0.3, 1), mask(10_001, 0.3, 1));
        assert_ne!(mask(10_001, 0.3, 1), mask(10_001, 0.3, 2));
    }

    #[test]
    fn the_device_s_seed_decides_and_gradients_go_where_values_went() {
        let device = Device::flex();
        Dropout::draw_on_host(&device);
        let autodiff = device.clone().autodiff();
        let dropout = Dropout::new(0.4);
        let x = Tensor::<2>::ones([50, 70], &autodiff).require_grad();
        let run = |seed| {
            autodiff.seed(seed);
            let y = dropout.forward(x.clone());
            let gradient = x.grad(&y.clone().sum().backward()).unwrap();
            let [y, gradient] =
                [y.into_data(), gradient.into_data()].map(|data| data.iter::<f32>().collect::<Vec<_>>());
            assert_eq!(y, gradient);
            y
        };
        let first = run(3);
        assert_eq!(first, run(3));
        assert_ne!(first, run(4));
        assert!(first.contains(&0.0) && first.contains(&(1.0 / 0.6)));
        // Without a backward pass nothing is dropped.
        let x = Tensor::<2>::ones([50, 70], &device);
        assert!(dropout.forward(x).into_data().iter::<f32>().all(|v| v == 1.0));
    }
}
