//! Where the overlapping windows of a long text begin and end, and in which of them each word is judged.
//!
//! Windows of a text are laid out as transformers does with `stride` and `return_overflowing_tokens`: each begins so many pieces after the
//! one before it that they share the overlap, and the last ends with the text. Windows of words begin where a word does, so that no word
//! is met without its first piece.

use std::ops::Range;

/// The pieces in each window: none is empty, none is longer than `room`, together they are the whole text, and neighbours share `overlap`.
///
/// `overlap` is less than `room`.
pub(super) fn of_pieces(pieces: usize, room: usize, overlap: usize) -> Vec<Range<usize>> {
    let mut windows = Vec::new();
    let mut start = 0;
    loop {
        let end = pieces.min(start + room);
        windows.push(start..end);
        if end == pieces {
            return windows;
        }
        start = end - overlap;
    }
}

/// The same for words, `owners` being the word of each piece, ascending: each window begins with a word, neighbours share at least
/// `overlap` pieces where words are short enough for that, and the first piece of every word is in a window.
///
/// Only a word of more than `room` pieces has some in no window.
pub(super) fn of_words(owners: &[u32], room: usize, overlap: usize) -> Vec<Range<usize>> {
    let mut windows = Vec::new();
    let mut start = 0;
    loop {
        let end = owners.len().min(start + room);
        windows.push(start..end);
        if end == owners.len() {
            return windows;
        }
        let back = owners.partition_point(|&word| word < owners[end - overlap]);
        // One word that fills the window up to the overlap would be read for ever.
        start = if back > start { back } else { owners.partition_point(|&word| word <= owners[start]) };
        if start == owners.len() {
            return windows;
        }
    }
}

/// For each window the words of its pieces, but each word in one window only, that in which the nearer of the two ends is farthest from
/// it; of equals the first. The ends of the text are no ends: nothing is missing there.
pub(super) fn judged(owners: &[u32], windows: &[Range<usize>]) -> Vec<Vec<Option<u32>>> {
    let words = owners.last().map_or(0, |&last| last as usize + 1);
    let mut best: Vec<Option<(usize, usize)>> = vec![None; words];
    for (index, window) in windows.iter().enumerate() {
        for first in window.clone().filter(|&piece| piece == 0 || owners[piece - 1] != owners[piece]) {
            let end = owners.partition_point(|&word| word <= owners[first]);
            let before = if window.start == 0 { usize::MAX } else { first - window.start };
            let after = if window.end == owners.len() { usize::MAX } else { window.end.saturating_sub(end) };
            let context = before.min(after);
            let slot = &mut best[owners[first] as usize];
            if slot.is_none_or(|(known, _)| context > known) {
                *slot = Some((context, index));
            }
        }
    }
    let here = |index: usize, word: u32| best[word as usize].is_some_and(|(_, window)| window == index);
    windows
        .iter()
        .enumerate()
        .map(|(index, window)| owners[window.clone()].iter().map(|&word| here(index, word).then_some(word)).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_the_text_and_share_the_overlap() {
        for pieces in 0..60 {
            for room in 1..12 {
                for overlap in 0..room {
                    let windows = of_pieces(pieces, room, overlap);
                    let name = format!("{pieces} {room} {overlap}: {windows:?}");
                    assert_eq!((windows[0].start, windows[windows.len() - 1].end), (0, pieces), "{name}");
                    assert!(windows.iter().all(|window| window.len() <= room), "{name}");
                    assert!(pieces == 0 || windows.iter().all(|window| !window.is_empty()), "{name}");
                    for pair in windows.windows(2) {
                        assert_eq!(pair[0].len(), room, "only the last may be short: {name}");
                        assert_eq!(pair[0].end - pair[1].start, overlap, "{name}");
                        assert!(pair[1].end > pair[0].end, "{name}");
                    }
                    assert_eq!(windows.len() == 1, pieces <= room, "{name}");
                }
            }
        }
    }

    /// Words of 0 to `longest` pieces, by a rule that looks random.
    fn owners(words: u32, longest: u32, salt: u32) -> Vec<u32> {
        let pieces = |word: u32| (word.wrapping_mul(2_654_435_761).wrapping_add(salt * 97) >> 7) % (longest + 1);
        (0..words).flat_map(|word| std::iter::repeat_n(word, pieces(word) as usize)).collect()
    }

    #[test]
    fn every_word_is_judged_once_where_its_context_is_widest() {
        let mut several = 0;
        for salt in 0..20 {
            for (room, longest) in [(4, 1), (7, 3), (10, 4), (5, 9)] {
                for overlap in 0..room {
                    let owners = owners(40, longest, salt);
                    let windows = of_words(&owners, room, overlap);
                    let name = format!("{owners:?} {room} {overlap}: {windows:?}");
                    several += usize::from(windows.len() > 2);
                    for window in &windows {
                        assert!(!window.is_empty() && window.len() <= room, "{name}");
                        assert!(window.start == 0 || owners[window.start] != owners[window.start - 1], "{name}");
                    }
                    for pair in windows.windows(2) {
                        assert!(pair[1].start > pair[0].start, "{name}");
                        let shared = pair[0].end.saturating_sub(pair[1].start);
                        assert!(shared >= overlap || longest as usize >= room - overlap, "{name}");
                    }
                    let judged = judged(&owners, &windows);
                    let mut firsts = vec![0; 40];
                    for (window, words) in windows.iter().zip(&judged) {
                        assert_eq!(window.len(), words.len());
                        for (piece, word) in window.clone().zip(words) {
                            assert!(word.is_none_or(|word| word == owners[piece]));
                            let is_first = piece == 0 || owners[piece - 1] != owners[piece];
                            firsts[owners[piece] as usize] += usize::from(is_first && word.is_some());
                        }
                    }
                    for word in 0..40 {
                        assert_eq!(firsts[word as usize], usize::from(owners.contains(&word)), "{word} in {name}");
                    }
                }
            }
        }
        assert!(several > 100);
    }

    #[test]
    fn a_word_in_the_overlap_goes_to_the_window_that_sees_more_around_it() {
        let owners: Vec<u32> = (0..10).collect();
        let windows = of_words(&owners, 6, 2);
        assert_eq!(windows, [0..6, 4..10]);
        let judged = judged(&owners, &windows);
        // Word 4 has one word behind it in the first window and none before it in the second.
        assert_eq!(judged[0], [Some(0), Some(1), Some(2), Some(3), Some(4), None]);
        assert_eq!(judged[1], [None, Some(5), Some(6), Some(7), Some(8), Some(9)]);
    }

    #[test]
    fn a_word_longer_than_a_window_keeps_no_other_from_being_read() {
        let owners = [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 3];
        let windows = of_words(&owners, 4, 1);
        assert_eq!(windows, [0..4, 1..5, 10..12]);
        let words: Vec<u32> = judged(&owners, &windows).concat().into_iter().flatten().collect();
        assert_eq!(words, [0, 1, 1, 1, 2, 3]);
        assert_eq!(of_words(&[0, 0, 0, 1], 2, 1), [0..2, 3..4]);
        assert!(matches!(&of_words(&[0, 0, 0, 0, 0], 2, 1)[..], [window] if *window == (0..2)));
        assert!(matches!(&of_words(&[], 2, 1)[..], [window] if window.is_empty()));
    }
}
