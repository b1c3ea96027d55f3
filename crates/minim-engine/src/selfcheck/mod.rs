//! The parity checks of the tests as a verb, for machines that have no toolchain: a GPU host with nothing but the binary and the fixtures.

mod dropout;
mod gradients;

use std::path::Path;

use burn::tensor::{Device, FloatDType, Tensor};
use minim_models::{Checkpoint, HeadKind, TokenBatch};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::logits::rows;

pub use dropout::DropoutCheck;
pub use gradients::GradientCheck;
use gradients::{CASES, gradients, relative_difference};

/// How far a device's logits are from the reference's and from the CPU's.
#[derive(Debug, Serialize)]
pub struct Report {
    /// `cpu` or `cuda:0`
    pub device: String,
    /// The device's own name.
    pub device_name: String,
    /// Logits: one row per head and precision.
    pub checks: Vec<Check>,
    /// Gradients: one row per case and precision.
    pub gradients: Vec<GradientCheck>,
    /// Training with dropout, in fp32: one row per method.
    pub dropout: Vec<DropoutCheck>,
}

impl Report {
    /// Whether every comparison stayed below its tolerance.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(|check| check.passed)
            && self.gradients.iter().all(|check| check.passed)
            && self.dropout.iter().all(|check| check.passed)
    }
}

/// One comparison.
#[derive(Debug, Serialize)]
pub struct Check {
    /// `seq` or `tok`
    pub head: &'static str,
    /// `fp32` or `bf16`
    pub precision: &'static str,
    /// Batches compared.
    pub batches: usize,
    /// Largest absolute difference from transformers' logits, padding left out.
    pub max_difference_from_transformers: f32,
    /// Largest absolute difference from this binary's logits on the CPU, padding left out.
    pub max_difference_from_cpu: f32,
    /// The difference from transformers that is allowed.
    pub tolerance: f32,
    /// Whether both stay below it.
    pub passed: bool,
}

#[derive(Deserialize)]
struct Fixtures {
    seq: Vec<Expected<Vec<f32>>>,
    tok: Vec<Expected<Vec<Vec<f32>>>>,
}

#[derive(Deserialize)]
struct Expected<L> {
    input_ids: Vec<Vec<u32>>,
    token_type_ids: Vec<Vec<u32>>,
    attention_mask: Vec<Vec<u32>>,
    logits: Vec<L>,
}

impl<L> Expected<L> {
    /// The rows without their padding, padded again by us.
    fn batch(&self, device: &Device) -> TokenBatch {
        let cut = |rows: &[Vec<u32>]| -> Vec<Vec<u32>> {
            rows.iter()
                .zip(&self.attention_mask)
                .map(|(row, mask)| row[..mask.iter().filter(|&&m| m == 1).count()].to_vec())
                .collect()
        };
        let (ids, types) = (cut(&self.input_ids), cut(&self.token_type_ids));
        let ids: Vec<&[u32]> = ids.iter().map(Vec::as_slice).collect();
        let types: Vec<&[u32]> = types.iter().map(Vec::as_slice).collect();
        TokenBatch::new(&ids, &types, 0, device)
    }
}

/// Compares logits on `device` with the committed fixtures and with `cpu`, in fp32 and, where the device has it, bf16.
///
/// # Errors
/// [`Error::Io`] and [`Error::Model`] if the fixtures can't be read.
pub fn selfcheck(fixtures: &Path, device: &Device, cpu: &Device, name: &str, model: &str) -> Result<Report, Error> {
    let file = fixtures.join("logits.json");
    let text = std::fs::read_to_string(&file).map_err(Error::io(&file))?;
    let expected: Fixtures =
        serde_json::from_str(&text).map_err(|e| Error::Input(format!("{}: no fixture: {e}", file.display())))?;
    let on_cpu = name == "cpu";
    let mut checks = Vec::new();
    // CUDA multiplies fp32 matrices in TF32 (10 bits of mantissa), which is where its wider tolerance comes from.
    let precisions: &[(FloatDType, &'static str, f32)] = match on_cpu {
        true => &[(FloatDType::F32, "fp32", 1e-4)],
        false => &[(FloatDType::F32, "fp32", 5e-2), (FloatDType::BF16, "bf16", 3e-1)],
    };
    for &(dtype, precision, tolerance) in precisions {
        for (folder, head) in [("seq", HeadKind::Sequence), ("tok", HeadKind::Token)] {
            let checkpoint = Checkpoint::open(&fixtures.join(folder))?;
            let labels = if head == HeadKind::Sequence { 3 } else { 5 };
            let mut here = checkpoint.classifier(head, labels, 0, device)?.model;
            here.set_precision(dtype);
            let there = checkpoint.classifier(head, labels, 0, cpu)?.model;
            let (mut from_reference, mut from_cpu, mut batches) = (0.0_f32, 0.0_f32, 0);
            match head {
                HeadKind::Sequence => {
                    for case in &expected.seq {
                        let found = rows(here.sequence_logits(&case.batch(device)));
                        let twin = rows(there.sequence_logits(&case.batch(cpu)));
                        from_reference = from_reference.max(furthest(&found, &case.logits));
                        from_cpu = from_cpu.max(furthest(&found, &twin));
                        batches += 1;
                    }
                }
                HeadKind::Token => {
                    for case in &expected.tok {
                        let flat = |logits: Tensor<3>| {
                            let [batch, seq, labels] = logits.dims();
                            (rows(logits.reshape([batch * seq, labels])), seq)
                        };
                        let (found, seq) = flat(here.token_logits(&case.batch(device)));
                        let (twin, _) = flat(there.token_logits(&case.batch(cpu)));
                        for (row, mask) in case.attention_mask.iter().enumerate() {
                            let real = mask.iter().filter(|&&m| m == 1).count();
                            let span = row * seq..row * seq + real;
                            from_reference =
                                from_reference.max(furthest(&found[span.clone()], &case.logits[row][..real]));
                            from_cpu = from_cpu.max(furthest(&found[span.clone()], &twin[span]));
                        }
                        batches += 1;
                    }
                }
            }
            checks.push(Check {
                head: folder,
                precision,
                batches,
                max_difference_from_transformers: from_reference,
                max_difference_from_cpu: from_cpu,
                tolerance,
                passed: batches > 0 && from_reference < tolerance && from_cpu < tolerance,
            });
        }
    }
    let mut gradient_checks = Vec::new();
    for &(dtype, precision, _) in precisions {
        // Against this binary's own CPU path, which the tests compare with peft: the CPU has to repeat itself.
        let tolerance = match (on_cpu, dtype) {
            (true, _) => 1e-6,
            // PyTorch's autocast to bf16 is off by 0.27 in one of these gradients, which 8 bits of mantissa leave no better.
            (false, FloatDType::BF16) => 3.5e-1,
            (false, _) => 2e-2,
        };
        for case in CASES {
            let batch = match case.head {
                "seq" => expected.seq[1].batch(cpu),
                _ => expected.tok[1].batch(cpu),
            };
            let there = gradients(fixtures, case, &batch, FloatDType::F32, cpu)?;
            let here = gradients(fixtures, case, &batch.clone().to_device(device), dtype, device)?;
            let (furthest, difference) = relative_difference(&here, &there);
            gradient_checks.push(GradientCheck {
                head: case.head,
                method: case.method,
                base: case.base,
                precision,
                gradients: here.len(),
                max_relative_difference_from_cpu: difference,
                furthest,
                tolerance,
                passed: !here.is_empty() && difference < tolerance,
            });
        }
    }
    let tolerance = if on_cpu { 2e-2 } else { 5e-2 };
    let dropout = dropout::checks(fixtures, &expected.seq[1].batch(cpu), tolerance, device)?;
    Ok(Report { device: name.into(), device_name: model.into(), checks, gradients: gradient_checks, dropout })
}

/// The largest absolute difference; infinite if the shapes differ or a value is not a number.
fn furthest(found: &[Vec<f32>], expected: &[Vec<f32>]) -> f32 {
    if found.len() != expected.len() || found.iter().zip(expected).any(|(f, e)| f.len() != e.len()) {
        return f32::INFINITY;
    }
    let pairs = found.iter().flatten().zip(expected.iter().flatten());
    pairs.map(|(f, e)| (f - e).abs()).fold(0.0, |worst, d| if d.is_nan() { f32::INFINITY } else { worst.max(d) })
}

#[cfg(test)]
mod tests {
    use minim_experiment::BasePrecision;

    use super::*;

    #[test]
    fn one_comparison_that_fails_fails_the_whole() {
        for failed in [None, Some(0), Some(1), Some(2)] {
            let passed = |kind| failed != Some(kind);
            let report = Report {
                device: "cpu".into(),
                device_name: "a processor".into(),
                checks: vec![Check {
                    head: "seq",
                    precision: "fp32",
                    batches: 1,
                    max_difference_from_transformers: 0.0,
                    max_difference_from_cpu: 0.0,
                    tolerance: 1.0,
                    passed: passed(0),
                }],
                gradients: vec![GradientCheck {
                    head: "seq",
                    method: "full",
                    base: BasePrecision::Fp32,
                    precision: "fp32",
                    gradients: 1,
                    max_relative_difference_from_cpu: 0.0,
                    furthest: "a".into(),
                    tolerance: 1.0,
                    passed: passed(1),
                }],
                dropout: vec![DropoutCheck {
                    method: "full",
                    slope_difference: 0.0,
                    checkpointing_difference: 0.0,
                    furthest: "a".into(),
                    tolerance: 1.0,
                    drops: true,
                    passed: passed(2),
                }],
            };
            assert_eq!(report.passed(), failed.is_none(), "{failed:?}");
        }
    }
}
