//! Dates and times as MIMIC writes them, shifted into another century but with true differences.

/// Seconds since 1970 of `YYYY-MM-DD` or `YYYY-MM-DD HH:MM:SS`; `None` for anything else.
pub(super) fn seconds(text: &[u8]) -> Option<i64> {
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        digits.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0')))
    };
    let separators: &[(usize, u8)] = match text.len() {
        10 => &[(4, b'-'), (7, b'-')],
        19 => &[(4, b'-'), (7, b'-'), (10, b' '), (13, b':'), (16, b':')],
        _ => return None,
    };
    if separators.iter().any(|&(at, separator)| text[at] != separator) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = match text.len() {
        10 => (0, 0, 0),
        _ => (number(11, 13)?, number(14, 16)?, number(17, 19)?),
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    Some(days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`: years begin in March, so that the leap day comes
/// last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_python() {
        // Python: datetime(2180, 5, 7, 22, 27, tzinfo=timezone.utc).timestamp(), and so on.
        for (text, expected) in [
            ("2180-05-07 22:27:00", 6_638_020_020),
            ("1970-01-01", 0),
            ("2000-02-29 23:59:59", 951_868_799),
            ("2100-03-01", 4_107_542_400),
            ("1969-12-31 00:00:01", -86_399),
        ] {
            assert_eq!(seconds(text.as_bytes()), Some(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_time() {
        for text in [
            "",
            "2180-05",
            "2100-02-29",
            "2180-13-01",
            "2180-00-01",
            "2180-01-00",
            "2180-01-01 24:00:00",
            "2180-01-01T00:00:00",
            "2180-01-0é",
            "+180-01-01",
        ] {
            assert_eq!(seconds(text.as_bytes()), None, "{text}");
        }
    }
}
