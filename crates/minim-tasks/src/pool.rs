//! What several windows of one text say together.

/// How the logits of a text's windows become those of the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pool {
    /// Their mean: what most of the text says.
    #[default]
    Mean,
    /// The largest of each label: what the plainest window for it says.
    Max,
}

impl Pool {
    /// One logit a label, from one row of them a window; those of a single window as they are.
    ///
    /// # Panics
    ///
    /// If there is no window.
    pub(crate) fn logits(self, windows: &[Vec<f32>]) -> Vec<f32> {
        let of_label = |label: usize| {
            let logits = windows.iter().map(|window| window[label]);
            match self {
                Self::Mean => (logits.map(f64::from).sum::<f64>() / windows.len() as f64) as f32,
                // Not `f32::max`, which passes over a NaN.
                Self::Max => logits.fold(f32::NEG_INFINITY, |a, b| if b > a || b.is_nan() { b } else { a }),
            }
        };
        (0..windows[0].len()).map(of_label).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_averaged_or_the_largest_taken() {
        let windows = [vec![1.0, -2.0], vec![2.0, 4.0], vec![6.0, -5.0]];
        assert_eq!(Pool::Mean.logits(&windows), [3.0, -1.0]);
        assert_eq!(Pool::Max.logits(&windows), [6.0, 4.0]);
        for pool in [Pool::Mean, Pool::Max] {
            assert_eq!(pool.logits(&[vec![0.1, 1e-30]]), [0.1, 1e-30]);
            assert!(pool.logits(&[vec![1.0], vec![f32::NAN]])[0].is_nan());
            assert!(pool.logits(&[vec![f32::NAN], vec![1.0]])[0].is_nan());
        }
    }
}
