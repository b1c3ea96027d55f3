//! From an admission to its label.

/// Death in hospital, as HOSPITAL_EXPIRE_FLAG has it.
pub(crate) const MORTALITY: [&str; 2] = ["0", "1"];
/// Up to 3 days, up to 7, up to 14, and more.
pub(crate) const LENGTH_OF_STAY: [&str; 4] = ["0", "1", "2", "3"];

/// The class of a stay of so many seconds.
///
/// CORe rounds to tenths of a day before it compares, and half a tenth to the even one, so that a class goes on for 72 minutes
/// beyond its last day.
pub(super) fn length_of_stay(seconds: i64) -> usize {
    [3, 7, 14].iter().filter(|&&days| seconds > days * 86_400 + 4_320).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_end_as_the_study_rounds() {
        // Python: round(seconds / 86400, 1) <= 3, and so on.
        for (seconds, class) in [
            (-86_400, 0),
            (0, 0),
            (3 * 86_400 + 4_320, 0),
            (3 * 86_400 + 4_321, 1),
            (7 * 86_400 + 4_320, 1),
            (7 * 86_400 + 4_321, 2),
            (14 * 86_400 + 4_320, 2),
            (14 * 86_400 + 4_321, 3),
            (400 * 86_400, 3),
        ] {
            assert_eq!(length_of_stay(seconds), class, "{seconds}");
        }
    }
}
