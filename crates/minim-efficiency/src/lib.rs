//! What a run costs: meters that watch a run's events and end in readings with a name, a unit and a value.
//!
//! Time is read here and nowhere else (clippy enforces it): burn is asynchronous, so a clock without a device sync measures nothing. The
//! engine syncs the device before each [`Event`] and hands the event on.
//!
//! ```
//! use minim_efficiency::{Event, Meter, Phase, TimeMeter};
//!
//! let mut meter = TimeMeter::default();
//! meter.observe(&Event::Enter(Phase::Train));
//! meter.observe(&Event::Trained { examples: 32, tokens: 4096 });
//! meter.observe(&Event::Best);
//! meter.observe(&Event::Enter(Phase::Evaluate));
//! let readings = meter.finish();
//! assert!(readings.iter().any(|r| r.name == "train_s" && r.unit == "s" && r.value >= 0.0));
//! ```

mod hardware;
mod memory;
mod time;

pub use hardware::{Machine, machine};
pub use memory::{MemoryMeter, peak_memory_bytes, resident_bytes};
pub use time::{Stopwatch, TimeMeter, unix_seconds};

/// What a run spends its time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Reading data and checkpoint, building the model.
    Load,
    /// Optimiser steps.
    Train,
    /// Predictions on validation or test data, and their scores.
    Evaluate,
    /// Writing results: counted in the total alone.
    Save,
}

/// Something that happened in a run, after a device sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The run enters a phase and leaves the one before.
    Enter(Phase),
    /// Optimiser steps were taken on so much data, padding not counted.
    Trained {
        /// Texts.
        examples: usize,
        /// Pieces.
        tokens: usize,
    },
    /// Predictions were made for so much data, padding not counted.
    Evaluated {
        /// Texts.
        examples: usize,
        /// Pieces.
        tokens: usize,
    },
    /// The evaluation that just ended is the best so far.
    Best,
}

/// One measured value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// The name used in records.
    pub name: &'static str,
    /// `s`, `B`, `1/s`
    pub unit: &'static str,
    /// The value.
    pub value: f64,
}

/// Watches a run.
pub trait Meter {
    /// Takes note of an event.
    fn observe(&mut self, event: &Event);
    /// The readings at the end; a value that was never defined is left out.
    fn finish(&self) -> Vec<Reading>;
}
