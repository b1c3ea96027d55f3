//! The Pareto front of cost (less is better) and score (more is better).

/// Indices of the points that no other point beats, from the cheapest to the dearest.
///
/// A point `(cost, score)` is beaten by another that costs no more and scores no less, and is better in at
/// least one of the two. Of equal points all stay. Points with a value that is not finite are left out.
pub fn front(points: &[(f64, f64)]) -> Vec<usize> {
    let mut order: Vec<usize> =
        (0..points.len()).filter(|&i| points[i].0.is_finite() && points[i].1.is_finite()).collect();
    order.sort_by(|&a, &b| {
        points[a].0.total_cmp(&points[b].0).then(points[b].1.total_cmp(&points[a].1)).then(a.cmp(&b))
    });
    let mut front: Vec<usize> = Vec::new();
    for i in order {
        // Sorted by cost: the last point of the front is the best score seen so far.
        let keep = front.last().is_none_or(|&last| points[i].1 > points[last].1 || points[i] == points[last]);
        if keep {
            front.push(i);
        }
    }
    front
}

#[cfg(test)]
mod tests {
    use super::front;
    use proptest::prelude::*;

    fn beats(a: (f64, f64), b: (f64, f64)) -> bool {
        a.0 <= b.0 && a.1 >= b.1 && (a.0 < b.0 || a.1 > b.1)
    }

    #[test]
    fn keeps_the_cheapest_and_the_best() {
        let points = [(10.0, 0.9), (1.0, 0.5), (5.0, 0.4), (5.0, 0.8), (20.0, 0.9)];
        assert_eq!(front(&points), [1, 3, 0]);
    }

    #[test]
    fn equal_points_all_stay_and_broken_ones_go() {
        let points = [(1.0, 0.5), (f64::NAN, 1.0), (1.0, 0.5), (2.0, f64::NAN)];
        assert_eq!(front(&points), [0, 2]);
        assert!(front(&[]).is_empty());
    }

    proptest! {
        /// By definition: a point is on the front if and only if no point beats it. The grid is coarse, so that ties are common.
        #[test]
        fn agrees_with_the_definition(raw in prop::collection::vec((0u8..8, 0u8..8), 0..40)) {
            let points: Vec<(f64, f64)> = raw.iter().map(|&(c, s)| (f64::from(c), f64::from(s) / 8.0)).collect();
            let found = front(&points);
            for (i, &point) in points.iter().enumerate() {
                let beaten = points.iter().any(|&other| beats(other, point));
                prop_assert_eq!(found.contains(&i), !beaten);
            }
            prop_assert!(found.windows(2).all(|w| points[w[0]].0 <= points[w[1]].0 && points[w[0]].1 <= points[w[1]].1));
        }
    }
}
