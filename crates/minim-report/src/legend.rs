//! The key of a figure, laid out in rows.

use crate::figure::WIDTH;
use crate::palette;
use crate::svg::{Anchor, Area, Canvas, fit_text, text_width};

/// One entry of a key.
pub(crate) enum Key {
    /// A colour.
    Method(usize, String),
    /// A marker shape.
    Model(usize, String),
    /// A line of this CSS class.
    Line(&'static str, String),
    /// A shade of a bar, by CSS class.
    Shade(&'static str, String),
}

const ROW: f64 = 22.0;
const SYMBOL: f64 = 24.0;
const GAP: f64 = 20.0;

/// Draws the entries from the upper left corner and returns the height they take.
pub(crate) fn draw(canvas: &mut Canvas, keys: &[Key]) -> f64 {
    let (mut x, mut y) = (8.0, 15.0);
    for key in keys {
        let name = match key {
            Key::Method(_, name) | Key::Model(_, name) | Key::Line(_, name) | Key::Shade(_, name) => {
                fit_text(name, WIDTH - 2.0 * SYMBOL)
            }
        };
        let width = SYMBOL + text_width(&name) + GAP;
        if x > 8.0 && x + width > WIDTH {
            x = 8.0;
            y += ROW;
        }
        let middle = y - 4.0;
        match key {
            Key::Method(index, _) => palette::swatch(canvas, (x + 10.0, middle), *index),
            Key::Model(index, _) => palette::plain_marker(canvas, (x + 10.0, middle), *index),
            Key::Line(class, _) => canvas.line((x, middle), (x + 20.0, middle), class),
            Key::Shade(class, _) => {
                let area = Area { x: x + 2.0, y: middle - 6.0, width: 16.0, height: 12.0 };
                canvas.rect(area, class, "");
            }
        }
        canvas.text((x + SYMBOL, y), Anchor::Start, "label", &name);
        x += width;
    }
    y + ROW - 8.0
}
