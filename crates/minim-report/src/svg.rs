//! A small SVG writer: shapes by absolute coordinates, text escaped, nothing transformed.

use std::fmt::Write as _;

/// Escapes text for use in XML and HTML, in elements and in quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // XML 1.0 has no way to write these at all.
            c if c.is_control() && !matches!(c, '\n' | '\t') => out.push('\u{fffd}'),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Height of the letters of every text in a figure, in px.
pub(crate) const FONT_SIZE: f64 = 12.0;

/// An estimate of the width of `text` in px, on the wide side for the usual sans-serif fonts.
pub(crate) fn text_width(text: &str) -> f64 {
    let ems: f64 = text
        .chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.34,
            'f' | 't' | 'r' | '(' | ')' | ' ' | '-' | '/' => 0.41,
            'm' | 'w' | 'M' | 'W' | '%' | '@' => 0.95,
            'A'..='Z' => 0.72,
            '\u{0}'..='\u{2ff}' | '–' | '−' => 0.6,
            _ => 1.0,
        })
        .sum();
    ems * FONT_SIZE
}

/// Cuts `text` so that its estimated width is at most `width`, with an ellipsis where something is missing.
pub(crate) fn fit_text(text: &str, width: f64) -> String {
    if text_width(text) <= width {
        return text.to_owned();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.len() > 1 {
        kept.pop();
        let candidate: String = kept.iter().chain(&['…']).collect();
        if text_width(&candidate) <= width {
            return candidate;
        }
    }
    "…".into()
}

/// Where a text stands relative to its x coordinate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// x is the left edge.
    Start,
    /// x is the centre.
    Middle,
    /// x is the right edge.
    End,
}

impl Anchor {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// A rectangle in px.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Area {
    /// Left edge.
    pub(crate) x: f64,
    /// Upper edge.
    pub(crate) y: f64,
    /// Width.
    pub(crate) width: f64,
    /// Height.
    pub(crate) height: f64,
}

impl Area {
    /// The right edge.
    pub(crate) fn right(&self) -> f64 {
        self.x + self.width
    }

    /// The lower edge.
    pub(crate) fn bottom(&self) -> f64 {
        self.y + self.height
    }

    /// Whether two rectangles share any area.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.x < other.right() && other.x < self.right() && self.y < other.bottom() && other.y < self.bottom()
    }

    /// Whether `other` lies inside.
    pub(crate) fn contains(&self, other: &Self) -> bool {
        self.x <= other.x && other.right() <= self.right() && self.y <= other.y && other.bottom() <= self.bottom()
    }

    /// The box that a text with this baseline is estimated to fill.
    pub(crate) fn of_text(text: &str, (x, baseline): (f64, f64), anchor: Anchor) -> Self {
        let width = text_width(text);
        let x = match anchor {
            Anchor::Start => x,
            Anchor::Middle => x - width / 2.0,
            Anchor::End => x - width,
        };
        Self { x, y: baseline - 0.8 * FONT_SIZE, width, height: FONT_SIZE }
    }
}

/// A drawing under construction.
#[derive(Debug, Default)]
pub(crate) struct Canvas {
    body: String,
}

impl Canvas {
    /// A straight line.
    pub(crate) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), class: &str) {
        self.push(format_args!(
            "<line class=\"{class}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>",
            px(x1),
            px(y1),
            px(x2),
            px(y2)
        ));
    }

    /// Connected straight lines.
    pub(crate) fn polyline(&mut self, points: &[(f64, f64)], class: &str, tooltip: &str) {
        self.shape(&format!("<polyline class=\"{class}\" points=\"{}\"", list(points)), "polyline", tooltip);
    }

    /// A closed shape.
    pub(crate) fn polygon(&mut self, points: &[(f64, f64)], class: &str, tooltip: &str) {
        self.shape(&format!("<polygon class=\"{class}\" points=\"{}\"", list(points)), "polygon", tooltip);
    }

    /// A circle.
    pub(crate) fn circle(&mut self, (x, y): (f64, f64), radius: f64, class: &str, tooltip: &str) {
        let head = format!("<circle class=\"{class}\" cx=\"{}\" cy=\"{}\" r=\"{}\"", px(x), px(y), px(radius));
        self.shape(&head, "circle", tooltip);
    }

    /// A rectangle; nothing where it has no area.
    pub(crate) fn rect(&mut self, area: Area, class: &str, tooltip: &str) {
        if area.width <= 0.0 || area.height <= 0.0 {
            return;
        }
        let head = format!(
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
            px(area.x),
            px(area.y),
            px(area.width),
            px(area.height)
        );
        self.shape(&head, "rect", tooltip);
    }

    /// A line of text with its baseline at y.
    pub(crate) fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, class: &str, text: &str) {
        self.push(format_args!(
            "<text class=\"{class}\" x=\"{}\" y=\"{}\" text-anchor=\"{}\">{}</text>",
            px(x),
            px(y),
            anchor.name(),
            escape(text)
        ));
    }

    /// The elements drawn so far.
    pub(crate) fn into_elements(self) -> String {
        self.body
    }

    fn shape(&mut self, head: &str, element: &str, tooltip: &str) {
        if tooltip.is_empty() {
            self.push(format_args!("{head}/>"));
        } else {
            self.push(format_args!("{head}><title>{}</title></{element}>", escape(tooltip)));
        }
    }

    fn push(&mut self, element: std::fmt::Arguments<'_>) {
        // Writing to a String does not fail.
        let _ = writeln!(self.body, "{element}");
    }
}

/// A coordinate with at most one decimal.
pub(crate) fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn list(points: &[(f64, f64)]) -> String {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", px(*x), px(*y))).collect();
    points.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_everything_that_could_end_a_context() {
        assert_eq!(
            escape("<script>alert('a' & \"b\")</script>\u{1}"),
            "&lt;script&gt;alert(&#39;a&#39; &amp; &quot;b&quot;)&lt;/script&gt;\u{fffd}"
        );
    }

    #[test]
    fn cuts_long_text() {
        assert_eq!(fit_text("short", 100.0), "short");
        let cut = fit_text("a very long name of a model", 80.0);
        assert!(cut.ends_with('…') && text_width(&cut) <= 80.0, "{cut}");
    }

    #[test]
    fn a_drawing_is_well_formed_xml() {
        let mut canvas = Canvas::default();
        canvas.text((1.0, 2.0), Anchor::Start, "label", "p < 0.05 & \"more\"");
        canvas.circle((3.0, 4.0), 5.0, "marker", "a < b");
        let svg = format!("<svg>{}</svg>", canvas.into_elements());
        let parsed = roxmltree::Document::parse(&svg).expect("well-formed XML");
        let found = |name| parsed.descendants().find(|n| n.has_tag_name(name)).and_then(|n| n.text());
        assert_eq!(found("text"), Some("p < 0.05 & \"more\""));
        assert_eq!(found("title"), Some("a < b"));
    }
}
