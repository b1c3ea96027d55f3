use std::fmt;
use std::sync::Arc;

use burn::module::{Param, ParamId};
use burn::tensor::{DType, Device, FloatDType, Int, Shape, Tensor, TensorData};

use crate::nf4::{self, BLOCK, MAGNITUDES, QUANTILES};

/// In which bits a frozen weight is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// bfloat16.
    Bf16,
    /// 8-bit integers with a scale for each output: `w = scale·q`, q in -127..=127. Dettmers et al. 2022, arXiv 2208.07339, section 2.1
    /// (without its outliers in 16 bits).
    Int8,
    /// 4-bit NormalFloat with double quantisation. Dettmers et al. 2023, arXiv 2305.14314 (QLoRA), section 3.
    Nf4,
}

/// `x·W`, `[rows, in]` to `[rows, out]`, for a weight that is to be made from its codes and not kept for the backward pass.
///
/// A backend's affair, since only a backend can say what its backward pass keeps: [`keep`] runs on any and keeps the weight.
pub type Product = fn(Tensor<2>, Quantised) -> Tensor<2>;

/// A [`Product`] for any backend. Its backward pass finds the dense weight where the forward pass left it.
pub fn keep(x: Tensor<2>, weight: Quantised) -> Tensor<2> {
    let dtype = x.dtype();
    x.matmul(weight.dense(dtype))
}

/// How the frozen weights of a model are to be held and used.
#[derive(Debug, Clone, Copy)]
pub struct Quantisation {
    /// In which bits.
    pub format: Format,
    /// How they multiply where autodiff is on.
    pub product: Product,
}

/// A frozen weight of a [`crate::Linear`] in few bits: its codes, in the formats that have codes. Blocks and scales follow PyTorch's `[out, in]`, so that the numbers are those of other
/// libraries.
#[derive(Clone)]
pub struct Quantised {
    inputs: usize,
    outputs: usize,
    codes: Codes,
    product: Product,
}

#[derive(Clone)]
enum Codes {
    /// `[in, out]`
    Bf16(Arc<Tensor<2>>),
    Int8(Arc<Int8>),
    Nf4(Arc<Nf4>),
}

struct Int8 {
    /// `[out, in]`, int8
    codes: Tensor<2, Int>,
    /// `[out, 1]`
    scales: Tensor<2>,
}

struct Nf4 {
    tables: Arc<Tables>,
    /// `[blocks * 32]`, uint8, two elements each
    codes: Tensor<1, Int>,
    /// `[groups * 256]`, uint8
    magnitudes: Tensor<1, Int>,
    /// `[groups, 1]`
    scales: Tensor<2>,
    offset: f32,
}

/// What NF4's codes stand for; the same for all layers.
struct Tables {
    /// `[256, 2]`: the two elements of a byte
    pairs: Tensor<2>,
    /// `[256, 1]`
    magnitudes: Tensor<2>,
}

impl Tables {
    fn new(device: &Device) -> Self {
        let pairs = (0..256).flat_map(|byte| [QUANTILES[byte >> 4], QUANTILES[byte & 15]]).collect();
        Self { pairs: floats(pairs, [256, 2], device), magnitudes: floats(nf4::dynamic(), [256, 1], device) }
    }

    fn on(&self, device: &Device) -> Self {
        Self {
            pairs: floating_on(self.pairs.clone(), device),
            magnitudes: floating_on(self.magnitudes.clone(), device),
        }
    }
}

/// Quantises weights, one after another.
pub(crate) struct Quantiser {
    how: Quantisation,
    tables: Option<Arc<Tables>>,
    /// Bytes of all that was quantised.
    pub(crate) bytes: u64,
}

impl Quantiser {
    pub(crate) fn new(how: Quantisation) -> Self {
        Self { how, tables: None, bytes: 0 }
    }

    /// # Shapes
    /// - `weight`: `[in, out]`
    pub(crate) fn quantise(&mut self, weight: Tensor<2>) -> Quantised {
        let device = weight.device().without_autodiff();
        let [inputs, outputs] = weight.dims();
        let elements = |weight: Tensor<2>| weight.transpose().into_data().iter::<f32>().collect::<Vec<f32>>();
        let codes = match self.how.format {
            Format::Bf16 => {
                self.bytes += 2 * (inputs * outputs) as u64;
                Codes::Bf16(Arc::new(weight.without_autodiff().cast(FloatDType::BF16)))
            }
            Format::Int8 => {
                let elements = elements(weight);
                let rows = || elements.chunks(inputs.max(1));
                let scales: Vec<f32> = rows().map(|row| nf4::largest_of(row) / 127.0).collect();
                let nearest = |x: f32, scale: f32| if scale == 0.0 { 0 } else { (x / scale).round() as i8 };
                let codes: Vec<i8> =
                    rows().zip(&scales).flat_map(|(row, &scale)| row.iter().map(move |&x| nearest(x, scale))).collect();
                self.bytes += (codes.len() + 4 * scales.len()) as u64;
                Codes::Int8(Arc::new(Int8 {
                    codes: Tensor::from_data(TensorData::new(codes, [outputs, inputs]), (&device, DType::I8)),
                    scales: floats(scales, [outputs, 1], &device),
                }))
            }
            Format::Nf4 => {
                let nf4::Packed { codes, magnitudes, scales, offset } = nf4::pack(&elements(weight));
                self.bytes += (codes.len() + magnitudes.len() + 4 * scales.len() + 4) as u64;
                let groups = scales.len();
                Codes::Nf4(Arc::new(Nf4 {
                    tables: self.tables.get_or_insert_with(|| Arc::new(Tables::new(&device))).clone(),
                    codes: bytes(codes, &device),
                    magnitudes: bytes(magnitudes, &device),
                    scales: floats(scales, [groups, 1], &device),
                    offset,
                }))
            }
        };
        Quantised { inputs, outputs, codes, product: self.how.product }
    }
}

impl Quantised {
    /// The weight that the codes stand for, made anew, in a floating-point `dtype`; without autodiff.
    ///
    /// # Shapes
    /// - output: `[in, out]`
    pub fn dense(&self, dtype: DType) -> Tensor<2> {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let weight = match &self.codes {
            Codes::Bf16(weight) => return cast(weight.as_ref().clone(), dtype),
            Codes::Int8(int8) => int8.codes.clone().float().cast(FloatDType::F32) * int8.scales.clone(),
            Codes::Nf4(nf4) => {
                let Nf4 { tables, codes, magnitudes, scales, offset } = nf4.as_ref();
                let blocks = codes.dims()[0] * 2 / BLOCK;
                let groups = scales.dims()[0];
                let magnitudes = tables.magnitudes.clone().select(0, magnitudes.clone());
                let magnitudes = magnitudes.reshape([groups, MAGNITUDES]) * scales.clone() + *offset;
                let magnitudes = magnitudes.reshape([groups * MAGNITUDES, 1]).narrow(0, 0, blocks);
                let elements = tables.pairs.clone().select(0, codes.clone()).reshape([blocks, BLOCK]) * magnitudes;
                let elements = elements.reshape([blocks * BLOCK]);
                let elements = match blocks * BLOCK == inputs * outputs {
                    true => elements,
                    false => elements.narrow(0, 0, inputs * outputs),
                };
                elements.reshape([outputs, inputs])
            }
        };
        cast(weight, dtype).transpose()
    }

    /// `[in, out]`
    pub(crate) fn dims(&self) -> [usize; 2] {
        [self.inputs, self.outputs]
    }

    /// The layer without its bias.
    pub(crate) fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let mut dims = x.dims();
        let rows = dims[..D - 1].iter().product();
        dims[D - 1] = self.outputs;
        let x = x.reshape([rows, self.inputs]);
        let y = if x.is_autodiff() { (self.product)(x, self.clone()) } else { keep(x, self.clone()) };
        y.reshape(dims)
    }

    /// The dense weight as a parameter that is made when its values are asked for.
    pub(crate) fn to_param(&self, device: &Device) -> Param<Tensor<2>> {
        let this = self.clone();
        let init = move |device: &Device, _: bool| this.dense(DType::F32).to_device(device);
        Param::uninitialized(ParamId::new(), init, device.clone(), false, Shape::new(self.dims()))
    }

    /// The same on another device; never with autodiff, since nothing here is trained.
    pub(crate) fn on(self, device: &Device) -> Self {
        let codes = match &self.codes {
            Codes::Bf16(weight) => Codes::Bf16(Arc::new(floating_on(weight.as_ref().clone(), device))),
            Codes::Int8(int8) => Codes::Int8(Arc::new(Int8 {
                codes: integer_on(int8.codes.clone(), device),
                scales: floating_on(int8.scales.clone(), device),
            })),
            Codes::Nf4(nf4) => Codes::Nf4(Arc::new(Nf4 {
                tables: Arc::new(nf4.tables.on(device)),
                codes: integer_on(nf4.codes.clone(), device),
                magnitudes: integer_on(nf4.magnitudes.clone(), device),
                scales: floating_on(nf4.scales.clone(), device),
                offset: nf4.offset,
            })),
        };
        Self { codes, ..self }
    }
}

impl fmt::Debug for Quantised {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let format = match self.codes {
            Codes::Bf16(_) => Format::Bf16,
            Codes::Int8(_) => Format::Int8,
            Codes::Nf4(_) => Format::Nf4,
        };
        write!(formatter, "Quantised({format:?}, [{}, {}])", self.inputs, self.outputs)
    }
}

fn cast(weight: Tensor<2>, dtype: DType) -> Tensor<2> {
    if weight.dtype() == dtype { weight } else { weight.cast(dtype) }
}

fn floats<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), (device, DType::F32))
}

fn bytes(values: Vec<u8>, device: &Device) -> Tensor<1, Int> {
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), (device, DType::U8))
}

fn floating_on<const D: usize>(tensor: Tensor<D>, device: &Device) -> Tensor<D> {
    tensor.to_device(&device.clone().without_autodiff()).without_autodiff()
}

fn integer_on<const D: usize>(tensor: Tensor<D, Int>, device: &Device) -> Tensor<D, Int> {
    tensor.to_device(&device.clone().without_autodiff()).without_autodiff()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Draw;

    const SHAPES: [[usize; 2]; 4] = [[64, 48], [7, 5], [128, 300], [1, 1]];

    /// Values as `[out, in]`, before and after; an outlier in each.
    fn round_trip(format: Format, [inputs, outputs]: [usize; 2]) -> (Vec<f32>, Vec<f32>) {
        let device = Device::flex();
        let mut values = Draw::new(7, "weight").normal(inputs * outputs, 0.04);
        values[inputs * outputs / 2] = 1.5;
        let weight = floats(values, [inputs, outputs], &device);
        let flat = |weight: Tensor<2>| weight.transpose().into_data().iter::<f32>().collect::<Vec<f32>>();
        let mut quantiser = Quantiser::new(Quantisation { format, product: keep });
        let dense = quantiser.quantise(weight.clone()).dense(DType::F32);
        assert_eq!(dense.dims(), [inputs, outputs]);
        (flat(weight), flat(dense))
    }

    #[test]
    fn int8_is_off_by_half_a_step_of_its_row() {
        for [inputs, outputs] in SHAPES {
            let (before, after) = round_trip(Format::Int8, [inputs, outputs]);
            for (before, after) in before.chunks(inputs).zip(after.chunks(inputs)) {
                let half = nf4::largest_of(before) / 127.0 / 2.0;
                assert!(before.iter().zip(after).all(|(b, a)| (b - a).abs() <= half * 1.001));
            }
        }
    }

    /// Half the widest gap of the quantiles times the block's magnitude, and what the magnitude itself is off: half the widest gap of the
    /// dynamic code times its group's scale.
    #[test]
    fn nf4_is_off_by_half_a_gap_of_its_codes() {
        let half_gap = |code: &[f32]| code.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f32::max) / 2.0;
        for shape in SHAPES {
            let (before, after) = round_trip(Format::Nf4, shape);
            let magnitudes: Vec<f32> = before.chunks(BLOCK).map(nf4::largest_of).collect();
            let mean = magnitudes.iter().sum::<f32>() / magnitudes.len() as f32;
            // -1 is no value of the dynamic code: the lowest is as far from it as half a gap.
            let of_magnitude = half_gap(&nf4::dynamic()) * 1.001;
            for (place, (b, a)) in before.iter().zip(&after).enumerate() {
                let block = place / BLOCK;
                let group = block / MAGNITUDES * MAGNITUDES;
                let group = &magnitudes[group..magnitudes.len().min(group + MAGNITUDES)];
                let scale = group.iter().map(|m| (m - mean).abs()).fold(0.0, f32::max);
                let bound = half_gap(&QUANTILES) * magnitudes[block] + of_magnitude * scale;
                assert!((b - a).abs() <= bound + 1e-6, "{shape:?} {place}: {b} {a} {bound}");
            }
        }
    }

    #[test]
    fn bytes_are_those_of_the_paper() {
        let weight = floats(Draw::new(3, "weight").normal(1024 * 1024, 1.0), [1024, 1024], &Device::flex());
        for (format, bits) in [(Format::Bf16, 16.0), (Format::Int8, 8.0 + 32.0 / 1024.0), (Format::Nf4, 4.127)] {
            let mut quantiser = Quantiser::new(Quantisation { format, product: keep });
            drop(quantiser.quantise(weight.clone()));
            let found = quantiser.bytes as f64 * 8.0 / (1024.0 * 1024.0);
            assert!((found - bits).abs() < 1e-3, "{format:?}: {found} bits");
        }
    }
}
