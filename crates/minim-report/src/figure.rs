//! A finished figure, for the page and as a file of its own.

use crate::svg::{Canvas, escape, px};
use crate::{Table, bars, curves, palette, scatter};

/// Width of every figure in px.
pub(crate) const WIDTH: f64 = 960.0;

const STYLE: &str = include_str!("figure.css");

/// A drawing with its title and a description for those who do not see it.
#[derive(Debug)]
pub struct Figure {
    /// Slug of the figure, unique within a report: file name and element id.
    pub name: String,
    /// What the figure shows, in a few words.
    pub title: String,
    /// What there is to see, in a sentence or two.
    pub description: String,
    height: f64,
    elements: String,
}

/// All figures of a table: for each task quality against cost, costs as bars, and learning curves.
pub fn figures(table: &Table) -> Vec<Figure> {
    let mut figures = Vec::new();
    for (index, task) in table.tasks().iter().enumerate() {
        figures.extend(scatter::figure(table, task, index));
        figures.extend(bars::figure(table, task, index));
        figures.extend(curves::figure(table, task, index));
    }
    figures
}

impl Figure {
    pub(crate) fn new(name: String, title: String, description: String, height: f64, canvas: Canvas) -> Self {
        // A name is a file name too: nothing but letters, digits and hyphens of it stays.
        let name = name.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        Self { name, title, description, height: height.ceil(), elements: canvas.into_elements() }
    }

    /// The `<svg>` element for a page that carries [`style`].
    pub fn inline(&self) -> String {
        self.element("")
    }

    /// A file of its own, with its style inside and the light colours fixed, so that programs that know no CSS variables show it too.
    pub fn to_svg(&self) -> String {
        let head =
            format!("<style>{}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n", fixed_style());
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", self.element(&head))
    }

    fn element(&self, head: &str) -> String {
        let id = escape(&self.name);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"figure\" role=\"img\" viewBox=\"0 0 {} {}\" \
             aria-labelledby=\"{id}-title {id}-desc\">\n<title id=\"{id}-title\">{}</title>\n\
             <desc id=\"{id}-desc\">{}</desc>\n{head}{}</svg>\n",
            px(WIDTH),
            px(self.height),
            escape(&self.title),
            escape(&self.description),
            self.elements
        )
    }
}

/// The style that the elements of all figures need, with the palette as CSS variables.
pub fn style() -> String {
    format!("{}{STYLE}", palette::CSS)
}

fn fixed_style() -> String {
    // The first block of the palette is the light one.
    let light = palette::CSS.split('}').next().unwrap_or_default();
    let mut css = STYLE.to_owned();
    let declarations = light.split([';', '{', '\n']).filter_map(|part| part.trim().split_once(':'));
    let colours: Vec<(&str, &str)> =
        declarations.filter(|(name, _)| name.starts_with("--")).map(|(name, value)| (name, value.trim())).collect();
    for (name, value) in &colours {
        css = css.replace(&format!("var({name})"), value);
    }
    // What is left refers to a method's colour through `--c`.
    for index in 0..palette::COLOURS {
        let class = palette::class(index);
        let colour = colours.iter().find(|(name, _)| name.strip_prefix("--") == Some(class.as_str()));
        for (shape, property) in [("marker", "fill"), ("bar", "fill"), ("curve", "stroke")] {
            if let Some((_, value)) = colour {
                css.push_str(&format!("svg.figure .{shape}.{class} {{ {property}: {value}; }}\n"));
            }
        }
        if let Some((_, value)) = colour {
            css.push_str(&format!("svg.figure .marker.hollow.{class} {{ fill: #ffffff; stroke: {value}; }}\n"));
        }
    }
    css
}
