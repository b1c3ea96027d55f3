//! Numbers as people read them: scores, counts, bytes, seconds.

/// What stands where a value is undefined or was not measured.
pub(crate) const MISSING: &str = "–";

/// A score in 0 to 1 with three decimals.
pub(crate) fn score(value: f64) -> String {
    format!("{value:.3}")
}

/// Three significant digits, without an exponent for the magnitudes of this crate.
pub(crate) fn significant(value: f64) -> String {
    let magnitude = value.abs();
    let decimals = match magnitude {
        0.0 => 0,
        m if m >= 99.95 => 0,
        m if m >= 9.995 => 1,
        m if m >= 0.9995 => 2,
        m if m >= 0.000_1 => (2 - m.log10().floor() as i32) as usize,
        _ => return format!("{value:.1e}"),
    };
    format!("{value:.decimals$}")
}

/// A number of things: 950, 16.5 k, 4.39 M, 1.24 G.
pub(crate) fn count(value: f64) -> String {
    scaled(value, 1000.0, &["", " k", " M", " G", " T"])
}

/// A size in memory or on disk: 950 B, 16.5 KiB, 4.39 MiB.
pub(crate) fn bytes(value: f64) -> String {
    scaled(value, 1024.0, &[" B", " KiB", " MiB", " GiB", " TiB"])
}

/// A duration: 0.42 s, 12.3 s, 3 min 05 s, 2 h 10 min.
pub(crate) fn seconds(value: f64) -> String {
    if value < 119.5 {
        return format!("{} s", significant(value));
    }
    let whole = value.round() as u64;
    if whole < 7200 {
        format!("{} min {:02} s", whole / 60, whole % 60)
    } else {
        let minutes = (value / 60.0).round() as u64;
        format!("{} h {:02} min", minutes / 60, minutes % 60)
    }
}

/// A share in 0 to 1 as a percentage.
pub(crate) fn percent(share: f64) -> String {
    format!("{} %", significant(100.0 * share))
}

/// A difference of scores with its sign: +0.012, −0.034.
pub(crate) fn difference(value: f64) -> String {
    let rounded = format!("{:.3}", value.abs());
    if rounded == "0.000" {
        return "±0.000".into();
    }
    format!("{}{rounded}", if value < 0.0 { "−" } else { "+" })
}

/// A whole number with a comma every three digits.
pub(crate) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn scaled(value: f64, base: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut unit = 0;
    // 999.5 would round to 1000 of the smaller unit.
    while value.abs() >= 999.5 && unit + 1 < units.len() {
        value /= base;
        unit += 1;
    }
    if unit == 0 { format!("{value:.0}{}", units[0]) } else { format!("{}{}", significant(value), units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn human_numbers() {
        let cases = [
            (count(0.0), "0"),
            (count(258.0), "258"),
            (count(999.4), "999"),
            (count(16_512.0), "16.5 k"),
            (count(4_386_178.0), "4.39 M"),
            (count(999_999.0), "1.00 M"),
            (bytes(1023.0), "0.999 KiB"),
            (bytes(68_608.0), "67.0 KiB"),
            (bytes(17_544_712.0), "16.7 MiB"),
            (seconds(0.4213), "0.421 s"),
            (seconds(61.3), "61.3 s"),
            (seconds(185.0), "3 min 05 s"),
            (seconds(7799.0), "2 h 10 min"),
            (percent(0.003_741), "0.374 %"),
            (percent(1.0), "100 %"),
            (difference(-0.0341), "−0.034"),
            (difference(0.012), "+0.012"),
            (difference(-0.0001), "±0.000"),
            (grouped(1_234_567), "1,234,567"),
            (grouped(999), "999"),
            (significant(0.000_02), "2.0e-5"),
        ];
        for (got, want) in cases {
            assert_eq!(got, want);
        }
    }
}
