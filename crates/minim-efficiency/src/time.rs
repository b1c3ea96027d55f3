use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::{Event, Meter, Phase, Reading};

/// A clock that started when it was made.
#[derive(Debug, Clone, Copy)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts a clock.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// Seconds since 1970, UTC; 0 on a machine whose clock stands before that.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

/// Seconds per [`Phase`], data per second, and seconds of training up to the best evaluation.
#[derive(Debug)]
pub struct TimeMeter {
    clock: Stopwatch,
    phase: Phase,
    entered_s: f64,
    load_s: f64,
    train_s: f64,
    evaluate_s: f64,
    best_s: Option<f64>,
    trained: [usize; 2],
    evaluated: [usize; 2],
}

impl Default for TimeMeter {
    /// Starts in [`Phase::Load`].
    fn default() -> Self {
        Self {
            clock: Stopwatch::start(),
            phase: Phase::Load,
            entered_s: 0.0,
            load_s: 0.0,
            train_s: 0.0,
            evaluate_s: 0.0,
            best_s: None,
            trained: [0; 2],
            evaluated: [0; 2],
        }
    }
}

impl TimeMeter {
    /// Training seconds so far.
    pub fn train_s(&self) -> f64 {
        self.train_s + if self.phase == Phase::Train { self.clock.seconds() - self.entered_s } else { 0.0 }
    }
}

impl Meter for TimeMeter {
    fn observe(&mut self, event: &Event) {
        match *event {
            Event::Enter(next) => {
                let now = self.clock.seconds();
                let spent = now - self.entered_s;
                match self.phase {
                    Phase::Load => self.load_s += spent,
                    Phase::Train => self.train_s += spent,
                    Phase::Evaluate => self.evaluate_s += spent,
                    Phase::Save => {}
                }
                self.phase = next;
                self.entered_s = now;
            }
            Event::Trained { examples, tokens } => {
                self.trained[0] += examples;
                self.trained[1] += tokens;
            }
            Event::Evaluated { examples, tokens } => {
                self.evaluated[0] += examples;
                self.evaluated[1] += tokens;
            }
            Event::Best => self.best_s = Some(self.train_s()),
        }
    }

    fn finish(&self) -> Vec<Reading> {
        let seconds = |name, value| Reading { name, unit: "s", value };
        let mut readings = vec![
            seconds("load_s", self.load_s),
            seconds("train_s", self.train_s()),
            seconds("evaluate_s", self.evaluate_s),
            seconds("total_s", self.clock.seconds()),
        ];
        readings.extend(self.best_s.map(|best| seconds("best_s", best)));
        for (name, amount, spent) in [
            ("train_examples_per_s", self.trained[0], self.train_s()),
            ("train_tokens_per_s", self.trained[1], self.train_s()),
            ("evaluate_examples_per_s", self.evaluated[0], self.evaluate_s),
            ("evaluate_tokens_per_s", self.evaluated[1], self.evaluate_s),
        ] {
            if amount > 0 && spent > 0.0 {
                readings.push(Reading { name, unit: "1/s", value: amount as f64 / spent });
            }
        }
        readings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_add_up_and_saving_belongs_to_none() {
        let mut meter = TimeMeter::default();
        for phase in [Phase::Train, Phase::Evaluate, Phase::Save, Phase::Train, Phase::Save] {
            meter.observe(&Event::Enter(phase));
        }
        meter.observe(&Event::Trained { examples: 2, tokens: 10 });
        let readings = meter.finish();
        let value = |name| readings.iter().find(|r| r.name == name).map(|r| r.value);
        let parts = value("load_s").unwrap() + value("train_s").unwrap() + value("evaluate_s").unwrap();
        assert!(parts <= value("total_s").unwrap());
        assert_eq!(value("best_s"), None, "no evaluation was the best");
        assert_eq!(value("evaluate_tokens_per_s"), None, "nothing was evaluated");
        let ratio = value("train_tokens_per_s").unwrap() / value("train_examples_per_s").unwrap();
        assert!((ratio - 5.0).abs() < 1e-9);
    }
}
