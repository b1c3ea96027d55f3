//! One panel of a figure: frame, grid, ticks and titles.

use crate::axis::Axis;
use crate::svg::{Anchor, Area, Canvas, fit_text};

/// Room around the data of a panel.
const LEFT: f64 = 50.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 54.0;

/// The part of a panel that data is drawn in.
pub(crate) fn inner(panel: Area) -> Area {
    Area { x: panel.x + LEFT, y: panel.y + TOP, width: panel.width - LEFT - RIGHT, height: panel.height - TOP - BOTTOM }
}

/// Titles of a panel.
pub(crate) struct Titles<'a> {
    /// Above the panel, at its left.
    pub(crate) above: &'a str,
    /// Below the x axis.
    pub(crate) below: &'a str,
}

/// Draws everything but the data.
pub(crate) fn frame(
    canvas: &mut Canvas,
    panel: Area,
    (x, y): (&Axis, &Axis),
    x_label: impl Fn(f64) -> String,
    titles: &Titles<'_>,
) {
    let inner = inner(panel);
    for &tick in y.ticks() {
        let at = y.pixel(tick);
        canvas.line((inner.x, at), (inner.right(), at), "grid");
        let text = format!("{tick:.*}", y.decimals());
        canvas.text((inner.x - 8.0, at + 4.0), Anchor::End, "tick", &text);
    }
    for &tick in x.ticks() {
        let at = x.pixel(tick);
        canvas.line((at, inner.y), (at, inner.bottom()), "grid");
        canvas.text((at, inner.bottom() + 17.0), Anchor::Middle, "tick", &x_label(tick));
    }
    canvas.line((inner.x, inner.bottom()), (inner.right(), inner.bottom()), "frame");
    let above = fit_text(titles.above, panel.width - 16.0);
    canvas.text((panel.x + 8.0, panel.y + 14.0), Anchor::Start, "head", &above);
    let below = fit_text(titles.below, inner.width);
    let middle = inner.x + inner.width / 2.0;
    canvas.text((middle, inner.bottom() + 35.0), Anchor::Middle, "label", &below);
}

/// A tick as short as it can be: 1000 k becomes 1 M, 0.50 becomes 0.5.
pub(crate) fn short(value: f64) -> String {
    let (value, unit) = match value.abs() {
        m if m >= 1e9 => (value / 1e9, " G"),
        m if m >= 1e6 => (value / 1e6, " M"),
        m if m >= 1e4 => (value / 1e3, " k"),
        _ => (value, ""),
    };
    // Ticks are 1, 2, 2.5 or 5 times a power of ten: six decimals hold them, and rounding takes away float noise.
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}{unit}")
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn short_ticks() {
        let cases =
            [(0.1 + 0.2, "0.3"), (500.0, "500"), (5000.0, "5000"), (20_000.0, "20 k"), (1e6, "1 M"), (0.0, "0")];
        for (value, want) in cases {
            assert_eq!(short(value), want);
        }
    }
}
