//! Weight files: names, shapes and values, whatever the container and into however many files it is cut.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use pytorch_reader::{DType, PytorchReader};
use safetensors::tensor::{Dtype, SafeTensors};
use serde::Deserialize;

use super::pickle;
use super::values::{Kind, Values};
use crate::Error;

/// The open weights of a folder.
pub(crate) struct Weights {
    /// The file that errors about the weights as a whole name: the weight file, or the index of several.
    path: PathBuf,
    shapes: BTreeMap<String, Vec<usize>>,
    entries: BTreeMap<String, Entry>,
    files: Vec<(PathBuf, Source)>,
}

/// Where a tensor's values are.
struct Entry {
    file: usize,
    kind: Result<Kind, String>,
    /// In a safetensors file: first byte and end.
    bytes: (usize, usize),
}

enum Source {
    Safetensors(Mmap),
    Pytorch(PytorchReader),
}

/// `model.safetensors.index.json` and `pytorch_model.bin.index.json`.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl Weights {
    /// Finds and opens `model.safetensors`, the files of `model.safetensors.index.json`, `pytorch_model.bin`, or the files of
    /// `pytorch_model.bin.index.json`: the first that is there.
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        for name in ["model.safetensors", "pytorch_model.bin"] {
            let whole = folder.join(name);
            if whole.is_file() {
                let mut weights = Self::none(whole.clone());
                weights.add(whole, None)?;
                return Ok(weights);
            }
            let index = folder.join(format!("{name}.index.json"));
            if index.is_file() {
                return Self::sharded(folder, index);
            }
        }
        Err(Error::NoWeights { path: folder.into() })
    }

    fn none(path: PathBuf) -> Self {
        Self { path, shapes: BTreeMap::new(), entries: BTreeMap::new(), files: Vec::new() }
    }

    fn sharded(folder: &Path, path: PathBuf) -> Result<Self, Error> {
        let format = |reason: String| Error::Format { path: path.clone(), reason };
        let text = std::fs::read_to_string(&path).map_err(|source| Error::Io { path: path.clone(), source })?;
        let index: Index = serde_json::from_str(&text).map_err(|e| {
            format(format!("no index of weight files ({e}); expected a weight_map from names to files"))
        })?;
        let mut files: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, file) in &index.weight_map {
            files.entry(file).or_default().push(name);
        }
        let mut weights = Self::none(path.clone());
        for (file, names) in files {
            // The index comes with the checkpoint: it must not lead out of its folder.
            let plain = Path::new(file).file_name().is_some_and(|name| name == file);
            if !plain {
                return Err(format(format!("{file:?} is no plain file name; expected a file beside the index")));
            }
            let shard = folder.join(file);
            if !shard.is_file() {
                return Err(format(format!("it names {file}, which is not there; expected every file of the index")));
            }
            weights.add(shard, Some(&names))?;
        }
        Ok(weights)
    }

    /// Opens one file; of several, `names` are those that the index puts there.
    fn add(&mut self, path: PathBuf, names: Option<&[&str]>) -> Result<(), Error> {
        let file = self.files.len();
        let (source, found) = if path.extension().is_some_and(|ending| ending == "safetensors") {
            safetensors(&path, file)?
        } else {
            pytorch(&path, file)?
        };
        if let Some(names) = names
            && let Some(lacking) = names.iter().find(|name| !found.iter().any(|(found, _, _)| found == *name))
        {
            let reason = format!("the index puts {lacking} here, but it is not in the file");
            return Err(Error::Format { path, reason });
        }
        for (name, shape, entry) in found {
            // A tensor that the index doesn't put here is a leftover: transformers doesn't look at it either.
            if names.is_some_and(|names| !names.contains(&name.as_str())) {
                continue;
            }
            self.shapes.insert(name.clone(), shape);
            self.entries.insert(name, entry);
        }
        self.files.push((path, source));
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Names and shapes of the tensors, by name.
    pub(crate) fn shapes(&self) -> &BTreeMap<String, Vec<usize>> {
        &self.shapes
    }

    /// A tensor's values in row-major order, as the file holds them.
    pub(crate) fn values(&self, name: &str) -> Result<Values, Error> {
        let Some(entry) = self.entries.get(name) else {
            return Err(Error::Format { path: self.path.clone(), reason: format!("{name} vanished") });
        };
        let (path, source) = &self.files[entry.file];
        let format = |reason: String| Error::Format { path: path.clone(), reason };
        let kind = match &entry.kind {
            Ok(kind) => *kind,
            Err(other) => return Err(format(format!("{name} is {other}; expected F32, F16 or BF16"))),
        };
        match source {
            Source::Safetensors(map) => {
                let (start, end) = entry.bytes;
                let values = kind.read(&map[start..end]);
                forget(map, start, end);
                Ok(values)
            }
            Source::Pytorch(reader) => {
                let tensor = reader.get(name).ok_or_else(|| format(format!("{name} vanished")))?;
                let bytes = tensor.read().map_err(|source| Error::Io { path: path.clone(), source })?;
                Ok(kind.read(&bytes))
            }
        }
    }
}

type Found = Vec<(String, Vec<usize>, Entry)>;

fn safetensors(path: &Path, file: usize) -> Result<(Source, Found), Error> {
    let io = |source| Error::Io { path: path.into(), source };
    let handle = File::open(path).map_err(io)?;
    if handle.metadata().map_err(io)?.len() < 8 {
        let reason = "shorter than a safetensors header; is the file truncated?".into();
        return Err(Error::Format { path: path.into(), reason });
    }
    // SAFETY: the map is read-only. Another process that truncates the file while it is read can end this one with SIGBUS; no
    // value read through the map is trusted beyond its own bounds check, which safetensors does on the map's fixed length.
    let map = unsafe { Mmap::map(&handle) }.map_err(io)?;
    let (header, metadata) = SafeTensors::read_metadata(&map).map_err(|e| Error::Format {
        path: path.into(),
        reason: format!("not a complete safetensors file ({e}); is it truncated?"),
    })?;
    // The values begin after the header and the eight bytes of its length.
    let start = header + 8;
    let mut found = Vec::new();
    for (name, info) in metadata.tensors() {
        let kind = match info.dtype {
            Dtype::F32 => Ok(Kind::F32),
            Dtype::F16 => Ok(Kind::F16),
            Dtype::BF16 => Ok(Kind::Bf16),
            other => Err(format!("{other:?}")),
        };
        let bytes = (start + info.data_offsets.0, start + info.data_offsets.1);
        found.push((name, info.shape.clone(), Entry { file, kind, bytes }));
    }
    Ok((Source::Safetensors(map), found))
}

fn pytorch(path: &Path, file: usize) -> Result<(Source, Found), Error> {
    pickle::check(path).map_err(|reason| Error::Format { path: path.into(), reason })?;
    let reader = PytorchReader::new(path).map_err(|e| Error::Format {
        path: path.into(),
        reason: format!("not a complete PyTorch weight file ({e}); is it truncated?"),
    })?;
    let mut found = Vec::new();
    for (name, tensor) in reader.tensors() {
        let kind = match tensor.dtype() {
            DType::F32 => Ok(Kind::F32),
            DType::F16 => Ok(Kind::F16),
            DType::BF16 => Ok(Kind::Bf16),
            other => Err(format!("{other:?}")),
        };
        found.push((name.clone(), tensor.shape().to_vec(), Entry { file, kind, bytes: (0, 0) }));
    }
    Ok((Source::Pytorch(reader), found))
}

/// Gives back the memory of a part of the map that was read: each tensor is read once, and what the map keeps would stand in memory beside
/// the model.
fn forget(map: &Mmap, start: usize, end: usize) {
    #[cfg(unix)]
    {
        // SAFETY: the map is private, read-only and backed by a file, so that dropped pages are read again from the file if they are
        // touched again. A refusal costs memory only.
        let _ = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, end - start) };
    }
    #[cfg(not(unix))]
    let _ = (map, start, end);
}
