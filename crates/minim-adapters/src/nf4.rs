//! NF4 with double quantisation, on the host. Dettmers et al. 2023, arXiv 2305.14314, section 3 and appendix E.
//!
//! A weight's elements, row by row of PyTorch's `[out, in]`, are cut into blocks of 64. An element is the nearest of 16 quantiles of a
//! normal distribution, times the largest magnitude of its block. These magnitudes are themselves held in 8 bits: less their mean, in
//! blocks of 256, with a dynamic code (Dettmers 2015, arXiv 1511.04561), as bitsandbytes does. In all 4 + 8/64 + 32/(64·256) = 4.127 bits.

/// Elements that share a magnitude.
pub(crate) const BLOCK: usize = 64;

/// Magnitudes that share a scale.
pub(crate) const MAGNITUDES: usize = 256;

/// The 16 values of an element, as published: quantiles of N(0, 1) that are scaled to [-1, 1] and have 0 among them.
pub(crate) const QUANTILES: [f32; 16] = [
    -1.0,
    -0.696_192_8,
    -0.525_073_05,
    -0.394_917_5,
    -0.284_441_38,
    -0.184_773_43,
    -0.091_050_036,
    0.0,
    0.079_580_3,
    0.160_930_2,
    0.246_112_3,
    0.337_915_24,
    0.440_709_83,
    0.562_617,
    0.722_956_84,
    1.0,
];

/// A weight in NF4, on the host.
#[derive(Debug)]
pub(crate) struct Packed {
    /// Two elements a byte, the first in the high half; whole blocks, the last one filled up with zeros.
    pub(crate) codes: Vec<u8>,
    /// A code of [`dynamic`] for each block, filled up to a whole number of [`MAGNITUDES`].
    pub(crate) magnitudes: Vec<u8>,
    /// What the codes of 256 magnitudes are multiplied by.
    pub(crate) scales: Vec<f32>,
    /// The mean magnitude, which is added to each.
    pub(crate) offset: f32,
}

/// The 256 values of a magnitude, in ascending order: seven decades, each with twice as many values as the one below it.
pub(crate) fn dynamic() -> Vec<f32> {
    let mut values = vec![0.0, 1.0];
    for decade in 0..7 {
        let count = 1 << decade;
        let step = 0.9 / f64::from(count);
        for place in 0..count {
            // The middle of a step, a power of ten below 1.
            let value = (0.1 + step * (f64::from(place) + 0.5)) * 10_f64.powi(decade - 6);
            values.extend([value as f32, -value as f32]);
        }
    }
    values.sort_by(f32::total_cmp);
    values
}

/// Quantises the elements of a weight, in the order of PyTorch's `[out, in]`.
pub(crate) fn pack(elements: &[f32]) -> Packed {
    let blocks = elements.len().div_ceil(BLOCK);
    let quantiles = Code::new(&QUANTILES);
    let zero = quantiles.nearest(0.0);
    let mut nibbles = Vec::with_capacity(blocks * BLOCK);
    let mut largest = Vec::with_capacity(blocks);
    for block in elements.chunks(BLOCK) {
        let magnitude = largest_of(block);
        nibbles.extend(block.iter().map(|&x| quantiles.nearest(ratio(x, magnitude))));
        largest.push(magnitude);
    }
    nibbles.resize(blocks * BLOCK, zero);
    let mean = largest.iter().map(|&m| f64::from(m)).sum::<f64>() / blocks.max(1) as f64;
    let offset = mean as f32;
    let code = Code::new(&dynamic());
    let (mut magnitudes, mut scales) = (Vec::new(), Vec::new());
    for group in largest.chunks(MAGNITUDES) {
        let centred: Vec<f32> = group.iter().map(|&magnitude| magnitude - offset).collect();
        let scale = largest_of(&centred);
        magnitudes.extend(centred.iter().map(|&magnitude| code.nearest(ratio(magnitude, scale))));
        scales.push(scale);
    }
    magnitudes.resize(scales.len() * MAGNITUDES, code.nearest(0.0));
    let codes = nibbles.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    Packed { codes, magnitudes, scales, offset }
}

pub(crate) fn largest_of(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

/// `x / of`, and 0 for a block of zeros.
fn ratio(x: f32, of: f32) -> f32 {
    if of == 0.0 { 0.0 } else { x / of }
}

/// Values in ascending order, and where one gives way to the next.
struct Code {
    borders: Vec<f32>,
}

impl Code {
    fn new(values: &[f32]) -> Self {
        Self { borders: values.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).collect() }
    }

    fn nearest(&self, x: f32) -> u8 {
        self.borders.partition_point(|&border| x > border) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Draw;

    #[test]
    fn the_codes_are_in_order_and_hold_what_they_must() {
        let dynamic = dynamic();
        for values in [&QUANTILES[..], &dynamic] {
            assert!(values.windows(2).all(|pair| pair[0] < pair[1]));
            assert!(values.contains(&0.0) && values.contains(&1.0));
        }
        assert_eq!((QUANTILES.len(), dynamic.len()), (16, 256));
    }

    #[test]
    fn a_value_of_the_code_stands_for_itself() {
        for (place, &value) in QUANTILES.iter().enumerate() {
            assert_eq!(usize::from(Code::new(&QUANTILES).nearest(value)), place);
        }
    }

    #[test]
    fn what_does_not_fill_a_block_is_filled_up_with_zeros() {
        let packed = pack(&Draw::new(1, "weight").uniform(65, 1.0));
        assert_eq!((packed.codes.len(), packed.magnitudes.len(), packed.scales.len()), (64, 256, 1));
        assert!(packed.codes[33..].iter().all(|&pair| pair == 0x77), "code 7 is 0");
        let zeros = pack(&[0.0; 64]);
        assert!(zeros.codes.iter().all(|&pair| pair == 0x77) && zeros.offset == 0.0);
        assert!(pack(&[]).codes.is_empty());
    }
}
