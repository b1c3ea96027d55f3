//! Memory stays flat while training.

use burn::optim::GradientsParams;
use minim_efficiency::resident_bytes;
use minim_engine::optimizer;
use serde::Deserialize;

use crate::fixtures::{Inputs, adapted, cpu, cross_entropy, flat_logits, json};

#[derive(Deserialize)]
struct Batches {
    seq: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    #[serde(flatten)]
    inputs: Inputs,
    labels: Vec<i64>,
}

/// Runs in a process of its own, so that no other test's memory is counted: the test starts itself again with this set.
const ALONE: &str = "MINIM_MEMORY_TEST_ALONE";

#[test]
fn step_1000_needs_no_more_memory_than_step_100() {
    if std::env::var_os(ALONE).is_none() {
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "memory::step_1000_needs_no_more_memory_than_step_100",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(ALONE, "1")
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    let batches: Batches = json("batches.json");
    let device = cpu().autodiff();
    for adapter in [None, Some("lora-seq")] {
        let (mut model, ..) = adapted("seq", adapter, &device);
        let mut optimizer = optimizer(&model, 0.01, 1.0);
        let mut at_100 = 0;
        for step in 1..=1000 {
            let batch = &batches.seq[step % batches.seq.len()];
            let loss = cross_entropy(flat_logits(&model, &batch.inputs.batch(&device)), &batch.labels);
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = optimizer.step(1e-4, model, gradients);
            if step == 100 {
                at_100 = resident_bytes().unwrap_or(0);
            }
        }
        let at_1000 = resident_bytes().unwrap_or(0);
        assert!(
            at_1000 as f64 <= at_100 as f64 * 1.05,
            "{adapter:?}: {at_100} bytes at step 100, {at_1000} at step 1000"
        );
    }
}
