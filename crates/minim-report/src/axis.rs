//! Axes: from a value to a pixel, and where the ticks stand.

/// How values are spread along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Equal distances are equal differences.
    Linear,
    /// Equal distances are equal ratios; values must be positive.
    Log,
}

/// One axis: a domain of values on a range of pixels.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    ticks: Vec<f64>,
}

impl Axis {
    /// An axis that holds all `values`, drawn from pixel `from` to pixel `to`, with about `wanted` ticks.
    ///
    /// Values that are not finite, and on a log scale those that are not positive, are ignored. `None` if no value is left.
    pub(crate) fn fit(
        scale: Scale,
        values: impl IntoIterator<Item = f64>,
        (from, to): (f64, f64),
        wanted: usize,
    ) -> Option<Self> {
        let usable = |v: &f64| v.is_finite() && (scale == Scale::Linear || *v > 0.0);
        let (min, max) = values.into_iter().filter(usable).fold(None, |range: Option<(f64, f64)>, v| {
            Some(range.map_or((v, v), |(min, max)| (min.min(v), max.max(v))))
        })?;
        let (low, high, ticks) = match scale {
            Scale::Linear => linear(min, max, wanted),
            Scale::Log => log(min, max, wanted),
        };
        Some(Self { scale, low, high, from, to, ticks })
    }

    /// Log where the values span more than a factor of 20 and all are positive, linear elsewhere.
    pub(crate) fn suited_scale(values: &[f64]) -> Scale {
        let finite = values.iter().copied().filter(|v| v.is_finite());
        let (min, max) = finite.fold((f64::INFINITY, 0.0_f64), |(min, max), v| (min.min(v), max.max(v)));
        if min > 0.0 && max / min > 20.0 { Scale::Log } else { Scale::Linear }
    }

    /// The pixel of a value; values outside the domain stop at its edge.
    pub(crate) fn pixel(&self, value: f64) -> f64 {
        let at = |v: f64| match self.scale {
            Scale::Linear => v,
            Scale::Log => v.max(f64::MIN_POSITIVE).log10(),
        };
        let share = (at(value) - at(self.low)) / (at(self.high) - at(self.low));
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// The values that get a tick, ascending, all inside the domain.
    pub(crate) fn ticks(&self) -> &[f64] {
        &self.ticks
    }

    /// Decimals that tell neighbouring ticks apart on a linear axis.
    pub(crate) fn decimals(&self) -> usize {
        match self.ticks.as_slice() {
            [a, b, ..] => {
                (-((b - a).abs().log10() + 1e-9).floor()).clamp(0.0, 6.0) as usize + usize::from(is_quarter_step(b - a))
            }
            _ => 2,
        }
    }
}

fn is_quarter_step(step: f64) -> bool {
    let mantissa = step / 10_f64.powf(step.log10().floor());
    (mantissa - 2.5).abs() < 1e-6
}

fn linear(min: f64, max: f64, wanted: usize) -> (f64, f64, Vec<f64>) {
    // One value only: room around it, so that its point does not sit on the frame.
    let (min, max) = if max - min <= 1e-9 * max.abs().max(1e-9) {
        let room = (0.1 * max.abs()).max(0.05);
        (min - room, max + room)
    } else {
        (min, max)
    };
    let raw = (max - min) / wanted.max(2) as f64;
    let power = 10_f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .map(|m| m * power)
        .into_iter()
        .find(|step| *step >= raw * 0.999)
        .unwrap_or(10.0 * power);
    let first = (min / step + 1e-9).floor();
    let last = (max / step - 1e-9).ceil();
    let ticks: Vec<f64> = (0..=(last - first) as usize).map(|i| (first + i as f64) * step).collect();
    (first * step, last * step, ticks)
}

fn log(min: f64, max: f64, wanted: usize) -> (f64, f64, Vec<f64>) {
    let room = 10_f64.powf(0.08 * (max / min).log10()).max(1.3);
    let (low, high) = (min / room, max * room);
    let within = |steps: &[f64]| -> Vec<f64> {
        let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
        decades
            .flat_map(|d| steps.iter().map(move |s| s * 10_f64.powi(d)))
            .filter(|v| (low..=high).contains(v))
            .collect()
    };
    let mut ticks = within(&[1.0, 2.0, 5.0]);
    if ticks.len() > wanted + 1 {
        ticks = within(&[1.0]);
    }
    while ticks.len() > wanted + 2 {
        ticks = ticks.into_iter().step_by(2).collect();
    }
    (low, high, ticks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn round_ticks() {
        let axis = Axis::fit(Scale::Linear, [0.61, 0.88], (0.0, 100.0), 5);
        let axis = axis.expect("values were given");
        let labels: Vec<String> = axis.ticks().iter().map(|t| format!("{t:.*}", axis.decimals())).collect();
        assert_eq!(labels, ["0.6", "0.7", "0.8", "0.9"]);
        let axis = Axis::fit(Scale::Log, [300.0, 4e6], (0.0, 100.0), 5);
        let axis = axis.expect("values were given");
        assert_eq!(axis.ticks(), [1e3, 1e4, 1e5, 1e6]);
        assert!(Axis::fit(Scale::Log, [0.0, -1.0, f64::NAN], (0.0, 1.0), 5).is_none());
    }

    #[test]
    fn one_value_sits_inside() {
        for scale in [Scale::Linear, Scale::Log] {
            let axis = Axis::fit(scale, [0.5], (0.0, 100.0), 5).expect("a value was given");
            let pixel = axis.pixel(0.5);
            assert!(pixel > 10.0 && pixel < 90.0, "{scale:?}: {pixel}");
        }
    }

    proptest! {
        #[test]
        fn monotone_and_inside(mut values in prop::collection::vec(1e-3_f64..1e9, 1..20), is_log in any::<bool>()) {
            let scale = if is_log { Scale::Log } else { Scale::Linear };
            let axis = Axis::fit(scale, values.clone(), (20.0, 420.0), 5).expect("values were given");
            values.sort_by(f64::total_cmp);
            let pixels: Vec<f64> = values.iter().map(|&v| axis.pixel(v)).collect();
            prop_assert!(pixels.windows(2).all(|w| w[0] <= w[1]));
            prop_assert!(pixels.iter().all(|p| (20.0..=420.0).contains(p)));
            prop_assert!(axis.ticks().len() <= 12);
            prop_assert!(!axis.ticks().is_empty() || is_log);
        }
    }
}
