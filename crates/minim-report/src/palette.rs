//! Colours of methods and marker shapes of models.
//!
//! Okabe and Ito's palette (<https://jfly.uni-koeln.de/color/>), chosen so that people with any kind of colour vision tell the
//! colours apart. The hexadecimal values stand in `palette.css`, which the page and every figure carry.

use crate::svg::Canvas;

/// How many colours there are; the next method gets the first colour again with a hollow marker.
pub(crate) const COLOURS: usize = 8;

/// The stylesheet that gives the colour names their values, for light and dark screens and for paper.
pub(crate) const CSS: &str = include_str!("palette.css");

/// The CSS class that sets `fill` and `stroke` of the method at `index`.
pub(crate) fn class(index: usize) -> String {
    format!("m{}", index % COLOURS)
}

/// Whether the markers of the method at `index` are drawn hollow.
pub(crate) fn is_hollow(index: usize) -> bool {
    index / COLOURS % 2 == 1
}

/// Draws the marker of `model` in the colour of `method`, centred, about 10 px wide.
pub(crate) fn marker(canvas: &mut Canvas, (x, y): (f64, f64), model: usize, method: usize, tooltip: &str) {
    let hollow = if is_hollow(method) { " hollow" } else { "" };
    marker_in(canvas, (x, y), model, &format!("marker {}{hollow}", class(method)), tooltip);
}

/// The same shape in a colour that stands for no method, for legends.
pub(crate) fn plain_marker(canvas: &mut Canvas, at: (f64, f64), model: usize) {
    marker_in(canvas, at, model, "marker plain", "");
}

fn marker_in(canvas: &mut Canvas, (x, y): (f64, f64), model: usize, class: &str, tooltip: &str) {
    let polygon =
        |offsets: &[(f64, f64)]| -> Vec<(f64, f64)> { offsets.iter().map(|(dx, dy)| (x + dx, y + dy)).collect() };
    let points = match model % 7 {
        0 => return canvas.circle((x, y), 5.0, class, tooltip),
        1 => polygon(&[(-4.6, -4.6), (4.6, -4.6), (4.6, 4.6), (-4.6, 4.6)]),
        2 => polygon(&[(0.0, -5.8), (5.4, 4.2), (-5.4, 4.2)]),
        3 => polygon(&[(0.0, -6.4), (6.0, 0.0), (0.0, 6.4), (-6.0, 0.0)]),
        4 => polygon(&[(0.0, 5.8), (5.4, -4.2), (-5.4, -4.2)]),
        5 => polygon(&[
            (-2.0, -6.0),
            (2.0, -6.0),
            (2.0, -2.0),
            (6.0, -2.0),
            (6.0, 2.0),
            (2.0, 2.0),
            (2.0, 6.0),
            (-2.0, 6.0),
            (-2.0, 2.0),
            (-6.0, 2.0),
            (-6.0, -2.0),
            (-2.0, -2.0),
        ]),
        _ => polygon(&[(-3.0, -5.4), (3.0, -5.4), (6.0, 0.0), (3.0, 5.4), (-3.0, 5.4), (-6.0, 0.0)]),
    };
    canvas.polygon(&points, class, tooltip);
}

/// The colour of the method at `index` as a rounded square, for legends.
pub(crate) fn swatch(canvas: &mut Canvas, (x, y): (f64, f64), index: usize) {
    let hollow = if is_hollow(index) { " hollow" } else { "" };
    let area = crate::svg::Area { x: x - 7.0, y: y - 6.0, width: 14.0, height: 12.0 };
    canvas.rect(area, &format!("marker {}{hollow}", class(index)), "");
}
