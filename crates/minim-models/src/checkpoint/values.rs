use burn::tensor::TensorData;
use half::{bf16, f16};
use sha2::{Digest, Sha256};

/// How a weight file holds numbers. All containers here are little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    F32,
    F16,
    Bf16,
}

impl Kind {
    pub(super) fn read(self, bytes: &[u8]) -> Values {
        match self {
            Kind::F32 => {
                Values::F32(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
            }
            Kind::F16 => Values::F16(bytes.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]])).collect()),
            Kind::Bf16 => Values::Bf16(bytes.chunks_exact(2).map(|b| bf16::from_le_bytes([b[0], b[1]])).collect()),
        }
    }
}

/// Numbers as a file holds them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Values {
    F32(Vec<f32>),
    F16(Vec<f16>),
    Bf16(Vec<bf16>),
}

/// In which precision a loaded parameter is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    F32,
    Bf16,
}

impl Values {
    /// Adds the values, as 32-bit numbers, to a hash.
    pub(super) fn digest(&self, hash: &mut Sha256) {
        fn add<T: Copy>(hash: &mut Sha256, values: &[T], to_f32: impl Fn(T) -> f32) {
            // By parts that stay in the cache, so that no second copy of the tensor is made.
            for part in values.chunks(4096) {
                let bytes: Vec<u8> = part.iter().flat_map(|&value| to_f32(value).to_le_bytes()).collect();
                hash.update(&bytes);
            }
        }
        match self {
            Values::F32(values) => add(hash, values, |value| value),
            Values::F16(values) => add(hash, values, f16::to_f32),
            Values::Bf16(values) => add(hash, values, bf16::to_f32),
        }
    }

    /// As the data of a parameter of this shape. `transposed` if the file holds the rows and columns of a matrix exchanged.
    pub(super) fn into_data(self, shape: Vec<usize>, transposed: bool, held: Held) -> TensorData {
        match held {
            Held::F32 => {
                let values = match self {
                    Values::F32(values) => values,
                    Values::F16(values) => values.into_iter().map(f16::to_f32).collect(),
                    Values::Bf16(values) => values.into_iter().map(bf16::to_f32).collect(),
                };
                TensorData::new(arranged(values, &shape, transposed), shape)
            }
            Held::Bf16 => {
                let values = match self {
                    Values::F32(values) => values.into_iter().map(bf16::from_f32).collect(),
                    Values::F16(values) => values.into_iter().map(|value| bf16::from_f32(value.to_f32())).collect(),
                    Values::Bf16(values) => values,
                };
                TensorData::new(arranged(values, &shape, transposed), shape)
            }
        }
    }
}

fn arranged<T: Copy + Default>(values: Vec<T>, shape: &[usize], transposed: bool) -> Vec<T> {
    match (transposed, shape) {
        (true, &[inputs, outputs]) => transpose(&values, inputs, outputs),
        _ => values,
    }
}

/// PyTorch's `[outputs, inputs]` as `[inputs, outputs]`, both row-major; by tiles that stay in the cache.
fn transpose<T: Copy + Default>(values: &[T], inputs: usize, outputs: usize) -> Vec<T> {
    const TILE: usize = 32;
    let mut transposed = vec![T::default(); values.len()];
    for first_output in (0..outputs).step_by(TILE) {
        for first_input in (0..inputs).step_by(TILE) {
            for output in first_output..(first_output + TILE).min(outputs) {
                for input in first_input..(first_input + TILE).min(inputs) {
                    transposed[input * outputs + output] = values[output * inputs + input];
                }
            }
        }
    }
    transposed
}

#[cfg(test)]
mod tests {
    use super::transpose;

    #[test]
    fn transposing_exchanges_rows_and_columns_whatever_the_tiles() {
        for (inputs, outputs) in [(1, 1), (3, 2), (33, 31), (64, 70), (0, 4)] {
            let values: Vec<u32> = (0..(inputs * outputs) as u32).collect();
            let transposed = transpose(&values, inputs, outputs);
            for input in 0..inputs {
                for output in 0..outputs {
                    assert_eq!(transposed[input * outputs + output], values[output * inputs + input]);
                }
            }
        }
    }
}
