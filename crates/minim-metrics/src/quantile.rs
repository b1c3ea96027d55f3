//! Quantiles of a sample, as NumPy and SciPy interpolate them.

/// The quantile `share` (0 to 1) of values sorted from low to high, linear between neighbours.
///
/// Definition 7 of Hyndman and Fan (1996, doi:10.1080/00031305.1996.10473566), the default of `numpy.percentile` and
/// `scipy.stats.quantile`. The order of operations is NumPy's, so that an edge falls on the same bit.
///
/// # Panics
/// There is no value.
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len() - 1;
    let place = last as f64 * share;
    if place >= last as f64 {
        return sorted[last];
    }
    let below = place.floor();
    let (weight, index) = (place - below, below as usize);
    let (low, high) = (sorted[index], sorted[index + 1]);
    if weight >= 0.5 { high - (high - low) * (1.0 - weight) } else { low + (high - low) * weight }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_two_values_it_is_linear() {
        let sorted = [1.0, 2.0, 4.0];
        for (share, expected) in [(0.0, 1.0), (0.25, 1.5), (0.5, 2.0), (0.75, 3.0), (0.875, 3.5), (1.0, 4.0)] {
            assert_eq!(quantile(&sorted, share), expected);
        }
        assert_eq!(quantile(&[7.0], 0.3), 7.0);
    }
}
