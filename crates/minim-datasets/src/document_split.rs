//! The fixed split of a corpus that comes without one, or with its training part only.
//!
//! A document's split depends on its name alone, so that adding a document never moves another, and two sentences of one
//! report never stand on both sides. The rule is short enough to repeat anywhere: take the first 8 bytes of the SHA-256 of
//! `<corpus>:<document>` as a big-endian number modulo 100; below 70 is training, below 80 validation, the rest test.

use sha2::{Digest, Sha256};

/// One of the three splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// For fitting.
    Train,
    /// For choosing the epoch and the settings.
    Validation,
    /// For the score that is reported.
    Test,
}

impl Split {
    /// All three, in this order.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// `train`, `validation` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// The split of a document; `corpus` keeps two corpora that number their documents alike from sharing a draw.
pub(crate) fn split_of(corpus: &str, document: &str) -> Split {
    let digest = Sha256::digest(format!("{corpus}:{document}"));
    let number = digest.iter().take(8).fold(0u64, |number, &byte| number << 8 | u64::from(byte));
    match number % 100 {
        0..70 => Split::Train,
        70..80 => Split::Validation,
        _ => Split::Test,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_split_never_changes() {
        // Python: int.from_bytes(hashlib.sha256(b"ddi-2013:DDI-DrugBank.d0").digest()[:8], "big") % 100, and so on.
        let expected = [
            "validation",
            "train",
            "train",
            "train",
            "test",
            "train",
            "test",
            "train",
            "train",
            "validation",
            "validation",
            "train",
        ];
        let found: Vec<_> = (0..12).map(|n| split_of("ddi-2013", &format!("DDI-DrugBank.d{n}")).name()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_shares_are_near_70_10_20() {
        let mut counts = [0; 3];
        for n in 0..10_000 {
            counts[split_of("made-up", &n.to_string()) as usize] += 1;
        }
        for (count, share) in counts.into_iter().zip([7_000i32, 1_000, 2_000]) {
            assert!((count - share).abs() < 150, "{counts:?}");
        }
    }
}
