//! Median and range of one quantity over the seeds of a choice.

/// What several runs that differ only in their seed measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Number of runs that have the value.
    pub n: usize,
    /// The middle value; the mean of the two middle ones if `n` is even.
    pub median: f64,
    /// The smallest value.
    pub low: f64,
    /// The largest value.
    pub high: f64,
}

impl Spread {
    /// The spread of the finite ones of `values`; `None` if there is none.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        let (low, high) = (*sorted.first()?, *sorted.last()?);
        let middle = n / 2;
        let median = if n % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) };
        Some(Self { n, median, low, high })
    }

    /// The median in a given format, with the range behind it if there is more than one run.
    pub fn show(&self, format: impl Fn(f64) -> String) -> String {
        if self.n > 1 {
            format!("{} ({}–{})", format(self.median), format(self.low), format(self.high))
        } else {
            format(self.median)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn median_and_range_by_hand() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([f64::NAN]), None);
        let odd = Spread::of([0.9, 0.5, 0.6]).expect("three values");
        assert_eq!((odd.n, odd.median, odd.low, odd.high), (3, 0.6, 0.5, 0.9));
        let even = Spread::of([4.0, 1.0, 2.0, f64::NAN, 8.0]).expect("four values");
        assert_eq!((even.n, even.median, even.low, even.high), (4, 3.0, 1.0, 8.0));
        assert_eq!(odd.show(|v| format!("{v:.1}")), "0.6 (0.5–0.9)");
    }
}
