use burn::backend::TensorMetadata;
use burn::backend::flex::FlexTensor;
use burn::tensor::{DType, Device, Distribution, Tensor};

use super::memory::{PART, Values, filled, rewritten, tensor};
use super::{Flex, Operation, run};

/// Which values are dropped, not as a tensor but as the numbers it is made from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mask {
    seed: u64,
    /// A value is dropped if its 16 random bits are below this; the probability is off by at most 2^-16.
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
        let words = Tensor::<1>::random([4], Distribution::Default, (&device.clone().inner(), DType::F32));
        let seed = words.into_data().iter::<f32>().fold(0_u64, |seed, word| (seed << 16) ^ u64::from(word.to_bits()));
        Some(Self::seeded(probability, seed))
    }

    pub(super) fn seeded(probability: f64, seed: u64) -> Self {
        Self { seed, below: (probability * 65536.0).round() as u16, keep: (1.0 / (1.0 - probability)) as f32 }
    }

    /// Calls `each` for a stretch of values, block by block, with the place where a block begins and what its values are multiplied with.
    /// Each stretch has random numbers of its own.
    #[inline(always)]
    pub(super) fn factors(self, stretch: usize, length: usize, mut each: impl FnMut(usize, &[f32])) {
        let start = mixed(self.seed ^ mixed(stretch as u64));
        let mut factors = [0.0; BLOCK];
        for first in (0..length).step_by(BLOCK) {
            let mut words = [0; WORDS];
            for (number, word) in words.iter_mut().enumerate() {
                let number = (first / BLOCK * WORDS + number) as u64;
                *word = mixed(start.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            }
            for (lane, factors) in factors.as_chunks_mut::<WORDS>().0.iter_mut().enumerate() {
                for (factor, word) in factors.iter_mut().zip(words) {
                    let drawn = (word >> (16 * lane)) as u16;
                    *factor = if drawn < self.below { 0.0 } else { self.keep };
                }
            }
            each(first, &factors[..BLOCK.min(length - first)]);
        }
    }

    /// The values with some of them dropped, where they are if nothing else sees them.
    pub(super) fn dropped(self, values: FlexTensor) -> FlexTensor {
        rewritten(
            values,
            PART,
            #[inline(always)]
            |start, values| self.drop_in(start / PART, values),
        )
    }

    /// `drop(values)` in a vector of its own.
    pub(super) fn dropped_copy(self, values: &[f32]) -> Vec<f32> {
        // SAFETY: blocks of factors come for every place of a part, which is as long as its part of the values.
        unsafe {
            filled(
                values.len(),
                PART,
                #[inline(always)]
                |start, out| {
                    let values = &values[start..start + out.len()];
                    self.factors(
                        start / PART,
                        out.len(),
                        #[inline(always)]
                        |first, factors| {
                            for ((out, value), factor) in out[first..].iter_mut().zip(&values[first..]).zip(factors) {
                                out.write(value * factor);
                            }
                        },
                    );
                },
            )
        }
    }

    #[inline(always)]
    pub(super) fn drop_in(self, stretch: usize, values: &mut [f32]) {
        self.factors(
            stretch,
            values.len(),
            #[inline(always)]
            |first, factors| {
                for (value, factor) in values[first..].iter_mut().zip(factors) {
                    *value *= factor;
                }
            },
        );
    }

    /// Adds the values that are not dropped to the sums.
    #[inline(always)]
    pub(super) fn drop_onto(self, stretch: usize, values: &[f32], sums: &mut [f32]) {
        self.factors(
            stretch,
            values.len(),
            #[inline(always)]
            |first, factors| {
                for ((sum, value), factor) in sums[first..].iter_mut().zip(&values[first..]).zip(factors) {
                    *sum += value * factor;
                }
            },
        );
    }
}

/// Words of random bits that are made at once; each decides four values.
const WORDS: usize = 8;

const BLOCK: usize = 4 * WORDS;

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

impl Operation<Flex, 1> for Mask {
    type Kept = ();

    fn forward(&self, [x]: [FlexTensor; 1], _: [bool; 1]) -> (FlexTensor, ()) {
        (self.dropped(x), ())
    }

    fn backward(&self, (): (), gradient: FlexTensor, _: [bool; 1]) -> [Option<FlexTensor>; 1] {
        [Some(self.dropped(gradient))]
    }
}

/// `residual + drop(x)`
#[derive(Debug, Clone)]
struct Joined(Option<Mask>);

impl Operation<Flex, 2> for Joined {
    type Kept = ();

    fn forward(&self, [x, residual]: [FlexTensor; 2], _: [bool; 2]) -> (FlexTensor, ()) {
        assert_eq!(x.shape(), residual.shape(), "what is added has the shape of what it is added to");
        let residual = Values::of(residual);
        let residual = residual.as_slice();
        let sum = rewritten(
            x,
            PART,
            #[inline(always)]
            |start, x| {
                let residual = &residual[start..start + x.len()];
                if let Some(mask) = self.0 {
                    mask.drop_in(start / PART, x);
                }
                for (x, residual) in x.iter_mut().zip(residual) {
                    *x += residual;
                }
            },
        );
        (sum, ())
    }

    fn backward(&self, (): (), gradient: FlexTensor, [of_x, _]: [bool; 2]) -> [Option<FlexTensor>; 2] {
        let dx = of_x.then(|| match self.0 {
            None => gradient.clone(),
            Some(mask) => tensor(mask.dropped_copy(Values::of(gradient.clone()).as_slice()), gradient.shape()),
        });
        [dx, Some(gradient)]
    }
}
