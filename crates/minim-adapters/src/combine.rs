//! Several LoRA adapters of one base as one, without training: peft's `add_weighted_adapter`, on adapter folders.
//!
//! Of n adapters with weights wᵢ, scales sᵢ and factors Aᵢ, Bᵢ, [`Combination::Factors`] takes `A = Σ √(wᵢsᵢ)·Aᵢ` and `B = Σ √(wᵢsᵢ)·Bᵢ`, whose
//! product has mixed terms; [`Combination::Cat`] is the exact `Σ wᵢsᵢ·Aᵢ·Bᵢ` at the price of the sum of the ranks, and [`Combination::Svd`] the best
//! approximation of it.

mod arithmetic;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rayon::prelude::*;

use crate::decomposition::{Matrix, largest_singular};
use crate::lora::LoraConfig;
use crate::peft::{self, AdapterConfig, Names, Precision, Shaped, Tensors};

use crate::{Bias, Error, LoraStart, Method, Restriction};

pub use arithmetic::{Arithmetic, MajoritySign};

/// How adapters are combined.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Combination {
    /// The factors are added up; all have one rank, which the result has too.
    Factors(Arithmetic),
    /// The factors are put side by side: the exact weighted sum of the updates.
    Cat,
    /// The updates are added up, and the best approximation of some rank is taken.
    Svd {
        /// What is done to the updates.
        arithmetic: Arithmetic,
        /// The rank; `None` for the highest of the adapters.
        rank: Option<usize>,
    },
}

const FACTOR_A: &str = ".lora_A.weight";
const FACTOR_B: &str = ".lora_B.weight";
const PREFIX: &str = "base_model.model.";

/// Writes the combination of the adapters in some folders, each with its weight, to the folder `out`. A head is the mean of the heads by the size
/// of their weights (peft refuses heads); whether they stand for the same labels is the caller's to know.
///
/// # Errors
/// [`Error::Io`] and [`Error::Format`] for a folder that can't be read, [`Error::Setting`] for weights or a density out of range, and
/// [`Error::Uncombinable`] for adapters that are no plain LoRA or do not fit one another.
pub fn combine(parts: &[(&Path, f64)], how: Combination, out: &Path) -> Result<(), Error> {
    check(parts, how)?;
    let adapters: Vec<Part> =
        parts.iter().map(|(folder, weight)| Part::read(folder, *weight)).collect::<Result<_, Error>>()?;
    let rank = match how {
        Combination::Svd { rank: Some(rank), .. } => rank,
        Combination::Svd { rank: None, .. } => adapters.iter().map(Part::highest_rank).max().unwrap_or_default(),
        Combination::Cat => adapters.iter().map(Part::highest_rank).sum(),
        Combination::Factors(_) => {
            if let Some(other) = adapters.iter().find(|part| part.highest_rank() != adapters[0].highest_rank()) {
                return Err(
                    other.misfit("its rank is another than the first's: adapters of several ranks combine by cat")
                );
            }
            adapters[0].highest_rank()
        }
    };
    let names: BTreeSet<&String> = adapters.iter().flat_map(|part| part.tensors.keys()).collect();
    let combined = names.into_par_iter().filter(|name| !name.ends_with(FACTOR_B)).map(|name| {
        let Some(module) = name.strip_suffix(FACTOR_A) else { return Ok(vec![(name.clone(), head(&adapters, name)?)]) };
        let having: Vec<&Part> = adapters.iter().filter(|part| part.tensors.contains_key(name)).collect();
        let (a, b) = factors(&having, module, how, rank)?;
        Ok(vec![(name.clone(), a), (format!("{module}{FACTOR_B}"), b)])
    });
    let combined: Tensors = combined.collect::<Result<Vec<_>, Error>>()?.into_iter().flatten().collect();
    let first = &adapters[0];
    let config = AdapterConfig {
        r: Some(rank),
        lora_alpha: Some(rank as f64),
        lora_dropout: Some(0.0),
        target_modules: Some(targets(&adapters, &combined)),
        other: BTreeMap::new(),
        ..first.config.clone()
    };
    config.write(out)?;
    peft::write_safetensors(&out.join(peft::WEIGHTS), &combined, Precision::F32)
}

fn check(parts: &[(&Path, f64)], how: Combination) -> Result<(), Error> {
    let wrong = |setting, found: String, expected| Err(Error::Setting { setting, found, expected });
    if parts.is_empty() {
        return wrong("adapters", "0".into(), "at least one");
    }
    if let Some((_, weight)) = parts.iter().find(|(_, weight)| !(weight.is_finite() && *weight != 0.0)) {
        return wrong("weight", weight.to_string(), "a number other than 0");
    }
    let arithmetic = match how {
        Combination::Svd { rank: Some(0), .. } => return wrong("rank", "0".into(), "at least 1"),
        Combination::Factors(arithmetic) | Combination::Svd { arithmetic, .. } => arithmetic,
        Combination::Cat => return Ok(()),
    };
    match arithmetic.density() {
        density if density > 0.0 && density <= 1.0 => Ok(()),
        density => wrong("density", density.to_string(), "a share in (0, 1]"),
    }
}

/// An adapter folder and its weight.
struct Part<'a> {
    folder: &'a Path,
    weight: f64,
    config: AdapterConfig,
    lora: LoraConfig,
    tensors: Tensors,
}

impl<'a> Part<'a> {
    fn read(folder: &'a Path, weight: f64) -> Result<Self, Error> {
        let config = AdapterConfig::read(folder)?;
        let refuse = |reason: &str| Error::Uncombinable { folder: folder.into(), reason: reason.into() };
        let Method::Lora(lora) = config.method(folder)? else { return Err(refuse("only LoRA adapters are combined")) };
        if lora.use_dora || lora.bias != Bias::None {
            return Err(refuse("DoRA's magnitudes and trained biases have no weighted sum; expected plain LoRA"));
        }
        if lora.start != LoraStart::Random {
            return Err(refuse(
                "its factors stand on what they left of the base weights; expected plain LoRA, as peft converts it",
            ));
        }
        let tensors = peft::read_tensors(folder)?;
        Ok(Self { folder, weight, config, lora, tensors })
    }

    fn misfit(&self, reason: &str) -> Error {
        Error::Uncombinable { folder: self.folder.into(), reason: reason.into() }
    }

    fn highest_rank(&self) -> usize {
        self.lora.rank_pattern.values().copied().fold(self.lora.rank, usize::max)
    }

    /// Weight times scale of a module.
    fn strength(&self, module: &str) -> Result<f64, Error> {
        Ok(self.weight * self.lora.sizes()?.scale(module, self.lora.use_rslora))
    }
}

/// A and B of a module of those adapters that have it; empty places are 0.
fn factors(parts: &[&Part], module: &str, how: Combination, rank: usize) -> Result<(Shaped, Shaped), Error> {
    let name = module.strip_prefix(PREFIX).unwrap_or(module);
    let mut strengths = Vec::new();
    let (mut all_a, mut all_b) = (Vec::new(), Vec::new());
    for part in parts {
        let (a_name, b_name) = (format!("{module}{FACTOR_A}"), format!("{module}{FACTOR_B}"));
        let (Some((a_shape, a)), Some((b_shape, b))) = (part.tensors.get(&a_name), part.tensors.get(&b_name)) else {
            return Err(part.misfit(&format!("{b_name} is missing")));
        };
        let (&[r, inputs], &[outputs, of_b]) = (&a_shape[..], &b_shape[..]) else {
            return Err(part.misfit(&format!("{a_name} or {b_name} is no matrix")));
        };
        if r != of_b || parts[0].tensors[&a_name].0.get(1) != Some(&inputs) {
            return Err(part.misfit(&format!("{a_name} is {a_shape:?} and {b_name} {b_shape:?}, which do not fit")));
        }
        strengths.push(part.strength(name)?);
        all_a.push((r, inputs, a));
        all_b.push((outputs, r, b));
    }
    let (inputs, outputs) = (all_a[0].1, all_b[0].0);
    if let Some(part) = all_b.iter().position(|b| b.0 != outputs) {
        return Err(parts[part].misfit(&format!("{module}{FACTOR_B} has other outputs than the first adapter's")));
    }
    let (a, b) = match how {
        Combination::Cat => side_by_side(&all_a, &all_b, &strengths, rank),
        Combination::Svd { arithmetic: Arithmetic::Linear, .. } => {
            // The sum has the rank of the factors side by side, so no matrix of its size is decomposed.
            let whole = all_a.iter().map(|a| a.0).sum();
            let (a, b) = side_by_side(&all_a, &all_b, &strengths, whole);
            let of_b = largest_singular(&Matrix::wide(outputs, whole, &b), whole);
            let rest = of_b.right.scaled(of_b.values).matmul(&Matrix::wide(whole, inputs, &a));
            let of_rest = largest_singular(&rest, rank);
            let left = of_rest.left.scaled(of_rest.values).matmul(&of_b.left);
            (of_rest.right.padded(rank).narrow(), left.padded(rank).transposed().narrow())
        }
        Combination::Svd { arithmetic, .. } => {
            let update = |((_, inputs, a), (outputs, r, b)): (&Factor, &Factor)| {
                Matrix::wide(*outputs, *r, b).matmul(&Matrix::wide(*r, *inputs, a)).narrow()
            };
            let scaled = |(update, strength): (Vec<f32>, f64)| {
                update.iter().map(|v| (f64::from(*v) * strength) as f32).collect()
            };
            let scales = strengths.iter().zip(parts).map(|(strength, part)| strength / part.weight);
            let updates: Vec<Vec<f32>> = all_a.iter().zip(&all_b).map(update).zip(scales).map(scaled).collect();
            let weights: Vec<f64> = parts.iter().map(|part| part.weight).collect();
            let sum = arithmetic.sum(&updates, &weights, name);
            let largest = largest_singular(&Matrix::wide(outputs, inputs, &sum), rank);
            let left = largest.left.scaled(largest.values).padded(rank);
            (largest.right.padded(rank).narrow(), left.transposed().narrow())
        }
        Combination::Factors(arithmetic) => {
            // The sign on one side only, or it would cancel.
            let of_a: Vec<f64> = strengths.iter().map(|s| s.abs().sqrt() * s.signum()).collect();
            let of_b: Vec<f64> = strengths.iter().map(|s| s.abs().sqrt()).collect();
            let padded = |parts: &[Factor], shape: [usize; 2]| -> Vec<Vec<f32>> {
                parts.iter().map(|&(_, columns, values)| pad(values, columns, shape)).collect()
            };
            let a = arithmetic.sum(&padded(&all_a, [rank, inputs]), &of_a, &format!("{name}.lora_A"));
            let b = arithmetic.sum(&padded(&all_b, [outputs, rank]), &of_b, &format!("{name}.lora_B"));
            (a, b)
        }
    };
    Ok(((vec![rank, inputs], a), (vec![outputs, rank], b)))
}

/// Rows, columns and values.
type Factor<'a> = (usize, usize, &'a Vec<f32>);

/// A's under one another, each times its strength, and B's side by side; 0 behind them up to `rank`.
fn side_by_side(all_a: &[Factor], all_b: &[Factor], strengths: &[f64], rank: usize) -> (Vec<f32>, Vec<f32>) {
    let (inputs, outputs) = (all_a[0].1, all_b[0].0);
    let (mut a, mut b) = (vec![0.0; rank * inputs], vec![0.0; outputs * rank]);
    let mut start = 0;
    for (((r, _, part_a), (_, _, part_b)), strength) in all_a.iter().zip(all_b).zip(strengths) {
        for (to, from) in a[start * inputs..].iter_mut().zip(part_a.iter()) {
            *to = (f64::from(*from) * strength) as f32;
        }
        for output in 0..outputs {
            b[output * rank + start..][..*r].copy_from_slice(&part_b[output * r..][..*r]);
        }
        start += r;
    }
    (a, b)
}

/// A matrix with rows or columns of 0 behind its own: a module that a pattern gave a lower rank.
fn pad(values: &[f32], columns: usize, [rows, wide]: [usize; 2]) -> Vec<f32> {
    let zeros = std::iter::repeat_n(0.0, wide - columns);
    let mut padded: Vec<f32> =
        values.chunks(columns.max(1)).flat_map(|row| row.iter().copied().chain(zeros.clone())).collect();
    padded.resize(rows * wide, 0.0);
    padded
}

/// The mean of the heads by the size of their weights.
fn head(adapters: &[Part], name: &str) -> Result<Shaped, Error> {
    let first = adapters.iter().find_map(|part| part.tensors.get(name));
    let Some((shape, values)) = first else { return Ok((Vec::new(), Vec::new())) };
    let total: f64 = adapters.iter().map(|part| part.weight.abs()).sum();
    let mut mean = vec![0.0_f64; values.len()];
    for part in adapters {
        let (found, values) = part.tensors.get(name).ok_or_else(|| part.misfit(&format!("{name} is missing")))?;
        if found != shape {
            return Err(part.misfit(&format!("{name} is {found:?}, the first adapter's {shape:?}")));
        }
        for (mean, value) in mean.iter_mut().zip(values) {
            *mean += f64::from(*value) * part.weight.abs() / total;
        }
    }
    Ok((shape.clone(), mean.into_iter().map(|value| value as f32).collect()))
}

/// Every module that one of the adapters has: by the names they were chosen by, where nothing else chose.
fn targets(adapters: &[Part], combined: &Tensors) -> Names {
    let chosen = adapters.iter().map(|part| match &part.config.target_modules {
        Some(Names::List(names)) if part.lora.restriction == Restriction::default() => Some(names),
        _ => None,
    });
    let names: BTreeSet<String> = match chosen.collect::<Option<Vec<_>>>() {
        Some(lists) => lists.into_iter().flatten().cloned().collect(),
        None => {
            let modules = combined.keys().filter_map(|name| name.strip_prefix(PREFIX)?.strip_suffix(FACTOR_A));
            modules.map(String::from).collect()
        }
    };
    Names::List(names.into_iter().collect())
}
