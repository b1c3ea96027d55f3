//! Which pieces of an over-long text stay when two marked mentions must not be lost.

use std::ops::Range;

/// Byte ranges of a text that truncation spares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Anchors {
    /// Signs that mark a mention: kept before everything else.
    pub(crate) markers: Vec<Range<usize>>,
    /// The mentions themselves: kept next.
    pub(crate) mentions: Vec<Range<usize>>,
}

/// What is kept first comes first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Marker,
    Mention,
    Between,
    Outside,
}

impl Anchors {
    pub(crate) fn is_empty(&self) -> bool {
        self.markers.is_empty()
    }

    /// The indices of the `room` pieces to keep, in text order: the first ones where no anchored piece is lost by that; else
    /// markers, then mentions, then what lies between them (nearest to a mention first), then the context on both sides
    /// (nearest first).
    ///
    /// `offsets` are the byte ranges of the pieces.
    pub(crate) fn nearest(&self, offsets: &[(usize, usize)], room: usize) -> Vec<usize> {
        let anchor: Vec<Option<Rank>> = offsets.iter().map(|&piece| self.rank(piece)).collect();
        let first = anchor.iter().position(Option::is_some);
        let last = anchor.iter().rposition(Option::is_some);
        let (first, last) = match (first, last) {
            (Some(first), Some(last)) if last >= room => (first, last),
            _ => return (0..offsets.len().min(room)).collect(),
        };
        let distance = distances(&anchor);
        let mut order: Vec<(Rank, usize, usize)> = anchor
            .iter()
            .enumerate()
            .map(|(index, rank)| {
                let rank = rank.unwrap_or(if first < index && index < last { Rank::Between } else { Rank::Outside });
                (rank, distance[index], index)
            })
            .collect();
        order.sort_unstable();
        let mut kept: Vec<usize> = order.into_iter().take(room).map(|(_, _, index)| index).collect();
        kept.sort_unstable();
        kept
    }

    fn rank(&self, (start, end): (usize, usize)) -> Option<Rank> {
        let meets = |ranges: &[Range<usize>]| ranges.iter().any(|range| start < range.end && range.start < end);
        if meets(&self.markers) {
            Some(Rank::Marker)
        } else if meets(&self.mentions) {
            Some(Rank::Mention)
        } else {
            None
        }
    }
}

/// Pieces to the nearest anchored piece, in two passes.
fn distances(anchor: &[Option<Rank>]) -> Vec<usize> {
    let mut distance = vec![usize::MAX; anchor.len()];
    let mut sweep = |indices: &mut dyn Iterator<Item = usize>| {
        let mut near = usize::MAX;
        for index in indices {
            near = if anchor[index].is_some() { 0 } else { near.saturating_add(1) };
            distance[index] = distance[index].min(near);
        }
    };
    sweep(&mut (0..anchor.len()));
    sweep(&mut (0..anchor.len()).rev());
    distance
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One piece a byte.
    fn kept(length: usize, anchors: &Anchors, room: usize) -> Vec<usize> {
        let offsets: Vec<_> = (0..length).map(|at| (at, at + 1)).collect();
        anchors.nearest(&offsets, room)
    }

    fn anchors() -> Anchors {
        Anchors { markers: vec![10..11, 12..13, 20..21, 23..24], mentions: vec![11..12, 21..23] }
    }

    #[test]
    fn context_is_shared_by_both_sides() {
        assert_eq!(kept(40, &anchors(), 18), (8..26).collect::<Vec<_>>());
        assert_eq!(kept(25, &anchors(), 20), (5..25).collect::<Vec<_>>());
    }

    #[test]
    fn what_lies_between_is_thinned_in_its_middle_before_a_mention_is_cut() {
        assert_eq!(kept(40, &anchors(), 9), [10, 11, 12, 13, 19, 20, 21, 22, 23]);
        assert_eq!(kept(40, &anchors(), 5), [10, 11, 12, 20, 23]);
    }

    #[test]
    fn the_first_pieces_stay_where_no_anchor_is_lost_by_that() {
        assert_eq!(kept(40, &anchors(), 24), (0..24).collect::<Vec<_>>());
        assert_eq!(kept(5, &Anchors::default(), 3), [0, 1, 2]);
    }
}
