//! Weight files: names, shapes and values, whatever the container.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use memmap2::Mmap;
use pytorch_reader::{DType, PytorchReader};
use safetensors::tensor::{Dtype, SafeTensors};

use crate::Error;

/// An open weight file.
pub(crate) struct Weights {
    path: PathBuf,
    shapes: BTreeMap<String, Vec<usize>>,
    source: Source,
}

enum Source {
    Safetensors(Mmap),
    Pytorch(PytorchReader),
}

impl Weights {
    /// Finds and opens `model.safetensors`, else `pytorch_model.bin`.
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        let safetensors = folder.join("model.safetensors");
        if safetensors.is_file() {
            return Self::safetensors(safetensors);
        }
        let pytorch = folder.join("pytorch_model.bin");
        if pytorch.is_file() {
            return Self::pytorch(pytorch);
        }
        Err(Error::NoWeights { path: folder.into() })
    }

    fn safetensors(path: PathBuf) -> Result<Self, Error> {
        let io = |source| Error::Io { path: path.clone(), source };
        let file = File::open(&path).map_err(io)?;
        if file.metadata().map_err(io)?.len() < 8 {
            return Err(Error::Format {
                path,
                reason: "shorter than a safetensors header; is the file truncated?".into(),
            });
        }
        // SAFETY: the map is read-only. Another process that truncates the file while it is read can end this one with SIGBUS; no
        // value read through the map is trusted beyond its own bounds check, which safetensors does on the map's fixed length.
        let map = unsafe { Mmap::map(&file) }.map_err(io)?;
        let parsed = SafeTensors::deserialize(&map).map_err(|e| Error::Format {
            path: path.clone(),
            reason: format!("not a complete safetensors file ({e}); is it truncated?"),
        })?;
        let shapes = parsed.iter().map(|(name, view)| (name.to_string(), view.shape().to_vec())).collect();
        Ok(Self { path, shapes, source: Source::Safetensors(map) })
    }

    fn pytorch(path: PathBuf) -> Result<Self, Error> {
        let reader = PytorchReader::new(&path).map_err(|e| Error::Format {
            path: path.clone(),
            reason: format!("not a complete PyTorch weight file ({e}); is it truncated?"),
        })?;
        let shapes = reader.tensors().iter().map(|(name, tensor)| (name.clone(), tensor.shape().to_vec())).collect();
        Ok(Self { path, shapes, source: Source::Pytorch(reader) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Names and shapes of the tensors, by name.
    pub(crate) fn shapes(&self) -> &BTreeMap<String, Vec<usize>> {
        &self.shapes
    }

    /// A tensor's values in row-major order, as fp32.
    pub(crate) fn values(&self, name: &str) -> Result<Vec<f32>, Error> {
        let format = |reason: String| Error::Format { path: self.path.clone(), reason };
        let unsupported = |kind: String| format(format!("{name} is {kind}; expected F32, F16 or BF16"));
        match &self.source {
            Source::Safetensors(map) => {
                let parsed = SafeTensors::deserialize(map).map_err(|e| format(e.to_string()))?;
                let view = parsed.tensor(name).map_err(|e| format(e.to_string()))?;
                let kind = match view.dtype() {
                    Dtype::F32 => Kind::F32,
                    Dtype::F16 => Kind::F16,
                    Dtype::BF16 => Kind::Bf16,
                    other => return Err(unsupported(format!("{other:?}"))),
                };
                Ok(kind.widen(view.data(), u32::from_le_bytes, u16::from_le_bytes))
            }
            Source::Pytorch(reader) => {
                let tensor = reader.get(name).ok_or_else(|| format(format!("{name} vanished")))?;
                let kind = match tensor.dtype() {
                    DType::F32 => Kind::F32,
                    DType::F16 => Kind::F16,
                    DType::BF16 => Kind::Bf16,
                    other => return Err(unsupported(format!("{other:?}"))),
                };
                let bytes = tensor.read().map_err(|source| Error::Io { path: self.path.clone(), source })?;
                Ok(kind.widen(&bytes, u32::from_ne_bytes, u16::from_ne_bytes))
            }
        }
    }
}

enum Kind {
    F32,
    F16,
    Bf16,
}

impl Kind {
    fn widen(self, bytes: &[u8], word: fn([u8; 4]) -> u32, half: fn([u8; 2]) -> u16) -> Vec<f32> {
        let halves = |widen: fn(u16) -> f32| bytes.chunks_exact(2).map(|b| widen(half([b[0], b[1]]))).collect();
        match self {
            Kind::F32 => bytes.chunks_exact(4).map(|b| f32::from_bits(word([b[0], b[1], b[2], b[3]]))).collect(),
            Kind::F16 => halves(|bits| f16::from_bits(bits).to_f32()),
            Kind::Bf16 => halves(|bits| bf16::from_bits(bits).to_f32()),
        }
    }
}
