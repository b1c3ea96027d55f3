use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::{Device, Distribution, Tensor};
use rayon::prelude::*;

use super::autodiff::{Operation, run};
use super::memory::{PART, Values, filled, owned, tensor};

/// Which values are dropped, not as a tensor but as the numbers it is made from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mask {
    seed: u64,
    /// A value is dropped if its 16 random bits are below this; the probability is off by at most 2^-17.
    below: u16,
    /// What the others are multiplied with.
    keep: f32,
}

impl Mask {
    /// None if nothing is to be dropped.
    pub(super) fn new(probability: f64, device: &Device) -> Option<Self> {
        if probability <= 0.0 || !device.is_autodiff() {
            return None;
        }
        // The device's own generator decides, so that seeding the device decides every mask.
        let words = Tensor::<1>::random([4], Distribution::Default, &device.clone().inner());
        let seed = words.into_data().iter::<f32>().fold(0_u64, |seed, word| (seed << 16) ^ u64::from(word.to_bits()));
        Some(Self::seeded(probability, seed))
    }

    pub(super) fn seeded(probability: f64, seed: u64) -> Self {
        Self { seed, below: (probability * 65536.0).round() as u16, keep: (1.0 / (1.0 - probability)) as f32 }
    }

    /// Calls `each` with the place and the factor of every value of a stretch. Each stretch has random numbers of its own.
    #[inline(always)]
    pub(super) fn factors(self, stretch: usize, length: usize, mut each: impl FnMut(usize, f32)) {
        let start = mixed(self.seed ^ mixed(stretch as u64));
        let word = |number: usize| mixed(start.wrapping_add((number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let factor = |word: u64, lane: usize| if ((word >> (16 * lane)) as u16) < self.below { 0.0 } else { self.keep };
        for number in 0..length / 4 {
            let word = word(number);
            for lane in 0..4 {
                each(4 * number + lane, factor(word, lane));
            }
        }
        let rest = word(length / 4);
        for lane in 0..length % 4 {
            each(length / 4 * 4 + lane, factor(rest, lane));
        }
    }

    /// The values with some of them dropped, in a vector of their own.
    pub(super) fn dropped(self, values: &[f32]) -> Vec<f32> {
        // SAFETY: factors come for every place of a part.
        unsafe {
            filled(values.len(), PART, |start, out| {
                let values = &values[start..start + out.len()];
                self.factors(start / PART, out.len(), |place, factor| {
                    out[place].write(values[place] * factor);
                });
            })
        }
    }
}

/// SplitMix64's finaliser: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", with Vigna's constants.
fn mixed(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

pub(crate) fn dropout<const D: usize>(x: Tensor<D>, probability: f64) -> Tensor<D> {
    match Mask::new(probability, &x.device()) {
        None => x,
        Some(mask) => run(mask, [x.into()]),
    }
}

pub(crate) fn dropout_add<const D: usize>(x: Tensor<D>, residual: Tensor<D>, probability: f64) -> Tensor<D> {
    run(Joined(Mask::new(probability, &x.device())), [x.into(), residual.into()])
}

impl Operation<1> for Mask {
    type Kept = ();

    fn forward(&self, [x]: [FlexTensor; 1], _: [bool; 1]) -> (FlexTensor, ()) {
        let shape = x.shape();
        (tensor(self.dropped(Values::of(x).as_slice()), shape), ())
    }

    fn backward(&self, (): (), gradient: FlexTensor, _: [bool; 1]) -> [Option<FlexTensor>; 1] {
        let (gradient, ()) = self.forward([gradient], [false]);
        [Some(gradient)]
    }
}

/// `residual + drop(x)`
#[derive(Debug, Clone)]
struct Joined(Option<Mask>);

impl Operation<2> for Joined {
    type Kept = ();

    fn forward(&self, [x, residual]: [FlexTensor; 2], _: [bool; 2]) -> (FlexTensor, ()) {
        let mut sum = owned(x);
        let residual = Values::of(residual);
        let parts = sum.storage_mut::<f32>().par_chunks_mut(PART).zip(residual.as_slice().par_chunks(PART));
        parts.enumerate().for_each(|(part, (x, residual))| match self.0 {
            None => x.iter_mut().zip(residual).for_each(|(x, residual)| *x += residual),
            Some(mask) => mask.factors(part, x.len(), |place, factor| x[place] = x[place] * factor + residual[place]),
        });
        (sum, ())
    }

    fn backward(&self, (): (), gradient: FlexTensor, [of_x, _]: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let dx = of_x.then(|| match self.0 {
            None => gradient.clone(),
            Some(mask) => mask.forward([gradient.clone()], [false]).0,
        });
        [dx, Some(gradient)]
    }
}
