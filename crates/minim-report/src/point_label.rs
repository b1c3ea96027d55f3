//! Names beside points, placed so that they cover neither each other nor a point.

use crate::svg::{Anchor, Area, FONT_SIZE};

/// What is taken already.
pub(crate) struct Placer {
    bounds: Area,
    taken: Vec<Area>,
    lines: Vec<Area>,
}

impl Placer {
    /// Labels stay inside `bounds` and off the markers at `points`.
    pub(crate) fn new(bounds: Area, points: &[(f64, f64)]) -> Self {
        let marker = |&(x, y): &(f64, f64)| Area { x: x - 7.0, y: y - 7.0, width: 14.0, height: 14.0 };
        Self { bounds, taken: points.iter().map(marker).collect(), lines: Vec::new() }
    }

    /// Keeps labels off a horizontal or vertical line, as long as they have another place.
    pub(crate) fn avoid(&mut self, from: (f64, f64), to: (f64, f64)) {
        self.lines.push(Area {
            x: from.0.min(to.0) - 1.0,
            y: from.1.min(to.1) - 1.0,
            width: (from.0 - to.0).abs() + 2.0,
            height: (from.1 - to.1).abs() + 2.0,
        });
    }

    /// A place for `text` near its point, or `None` where every place near it is taken.
    pub(crate) fn place(&mut self, text: &str, (x, y): (f64, f64)) -> Option<((f64, f64), Anchor)> {
        let baseline = y + 0.35 * FONT_SIZE;
        let candidates = [
            ((x + 10.0, baseline), Anchor::Start),
            ((x - 10.0, baseline), Anchor::End),
            ((x, y - 11.0), Anchor::Middle),
            ((x, y + 20.0), Anchor::Middle),
            ((x + 7.0, y - 9.0), Anchor::Start),
            ((x - 7.0, y - 9.0), Anchor::End),
            ((x + 7.0, y + 18.0), Anchor::Start),
            ((x - 7.0, y + 18.0), Anchor::End),
        ];
        let free: Vec<_> = candidates
            .into_iter()
            .map(|(at, anchor)| (at, anchor, Area::of_text(text, at, anchor)))
            .filter(|(_, _, area)| self.bounds.contains(area) && !self.taken.iter().any(|taken| taken.overlaps(area)))
            .collect();
        let crossings = |area: &Area| self.lines.iter().filter(|line| line.overlaps(area)).count();
        let (at, anchor, area) = free.into_iter().min_by_key(|(_, _, area)| crossings(area))?;
        self.taken.push(area);
        Some((at, anchor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn labels_are_inside_and_apart(points in prop::collection::vec((0.0..400.0_f64, 0.0..200.0_f64), 1..12)) {
            let bounds = Area { x: 0.0, y: 0.0, width: 400.0, height: 200.0 };
            let mut placer = Placer::new(bounds, &points);
            let placed: Vec<Area> = points
                .iter()
                .filter_map(|&point| placer.place("tiny · lora-r8", point))
                .map(|(at, anchor)| Area::of_text("tiny · lora-r8", at, anchor))
                .collect();
            for (i, a) in placed.iter().enumerate() {
                prop_assert!(bounds.contains(a));
                prop_assert!(placed[i + 1..].iter().all(|b| !a.overlaps(b)));
                prop_assert!(points.iter().all(|p| !(a.x < p.0 && p.0 < a.right() && a.y < p.1 && p.1 < a.bottom())));
            }
        }
    }

    #[test]
    fn a_lone_point_is_labelled() {
        let bounds = Area { x: 0.0, y: 0.0, width: 400.0, height: 200.0 };
        let mut placer = Placer::new(bounds, &[(200.0, 100.0)]);
        assert!(placer.place("tiny · full", (200.0, 100.0)).is_some());
    }
}
