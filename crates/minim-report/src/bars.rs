//! What each choice costs: time, memory and disk as bars from zero.

use crate::figure::{Figure, WIDTH};
use crate::legend::{self, Key};
use crate::scatter::method_keys;
use crate::svg::{Anchor, Area, Canvas, fit_text};
use crate::table::{Choice, Table, Task};
use crate::{Measure, palette};

const NAMES: f64 = 190.0;
const ROW: f64 = 21.0;
const BAR: f64 = 13.0;
/// Room for the value behind the longest bar.
const VALUE: f64 = 84.0;

/// One column of bars: a title and the measures that are stacked, with the shade of each.
struct Stack {
    title: &'static str,
    parts: &'static [(Measure, &'static str)],
}

const TIME: Stack = Stack {
    title: "wall time",
    parts: &[(Measure::TrainS, ""), (Measure::EvaluateS, " second"), (Measure::LoadS, " third")],
};
const MEMORY: Stack = Stack { title: "peak memory", parts: &[(Measure::PeakMemoryBytes, "")] };
const DEVICE_MEMORY: Stack = Stack { title: "peak device memory", parts: &[(Measure::PeakDeviceMemoryBytes, "")] };
const DISK: Stack = Stack { title: "kept on disk", parts: &[(Measure::KeptBytes, "")] };

/// The figure of one task; `None` if no run finished.
pub(crate) fn figure(table: &Table, task: &Task, index: usize) -> Option<Figure> {
    let choices: Vec<&Choice> = task.choices.iter().filter(|c| !c.costs.is_empty()).collect();
    if choices.is_empty() {
        return None;
    }
    let stacks: Vec<Stack> = [TIME, MEMORY, DEVICE_MEMORY, DISK]
        .into_iter()
        .filter(|stack| choices.iter().any(|choice| stack.total(choice).is_some()))
        .collect();
    let mut canvas = Canvas::default();
    let mut keys = method_keys(table, task);
    keys.extend([
        Key::Shade("swatch", "training".into()),
        Key::Shade("swatch second", "evaluation".into()),
        Key::Shade("swatch third", "loading".into()),
    ]);
    let top = legend::draw(&mut canvas, &keys) + 8.0;
    let width = (WIDTH - NAMES) / stacks.len() as f64;
    for (i, stack) in stacks.iter().enumerate() {
        let x = NAMES + i as f64 * width;
        canvas.text((x, top + 12.0), Anchor::Start, "head", stack.title);
    }
    let first_row = top + 22.0;
    let mut y = first_row;
    let mut model = None;
    for choice in &choices {
        if model != Some(choice.model_index) {
            model = Some(choice.model_index);
            y += if y > first_row { 8.0 } else { 0.0 };
            let name = fit_text(&choice.model, NAMES - 16.0);
            canvas.text((8.0, y + 15.0), Anchor::Start, "head", &name);
            y += ROW;
        }
        let name = fit_text(&choice.method_label(), NAMES - 32.0);
        canvas.text((20.0, y + 15.0), Anchor::Start, "label", &name);
        for (i, stack) in stacks.iter().enumerate() {
            let longest = choices.iter().filter_map(|c| stack.total(c)).fold(0.0, f64::max);
            let area =
                Area { x: NAMES + i as f64 * width, y: y + (ROW - BAR) / 2.0, width: width - VALUE, height: BAR };
            stack.draw(&mut canvas, area, choice, longest);
        }
        y += ROW;
    }
    for i in 0..stacks.len() {
        let x = NAMES + i as f64 * width;
        canvas.line((x, first_row), (x, y), "frame");
    }
    let titles: Vec<&str> = stacks.iter().map(|stack| stack.title).collect();
    Some(Figure::new(
        format!("costs-{}-{index}", task.name),
        format!("What each choice costs: {}", task.name),
        format!(
            "Bars from zero for {} of each model and method; the wall time is split into training, evaluation and loading. The \
             values stand behind the bars.",
            titles.join(", ")
        ),
        y + 8.0,
        canvas,
    ))
}

impl Stack {
    fn total(&self, choice: &Choice) -> Option<f64> {
        self.parts.iter().filter_map(|(measure, _)| choice.cost(*measure)).reduce(|a, b| a + b)
    }

    fn draw(&self, canvas: &mut Canvas, area: Area, choice: &Choice, longest: f64) {
        let Some(total) = self.total(choice) else {
            return;
        };
        let mut x = area.x;
        for (measure, shade) in self.parts {
            let Some(value) = choice.cost(*measure) else {
                continue;
            };
            let width = if longest > 0.0 { area.width * value / longest } else { 0.0 };
            let class = format!("bar {}{shade}", palette::class(choice.method_index));
            let tooltip = format!("{}: {} {}", choice.label(), measure.title(), measure.format(value));
            canvas.rect(Area { x, width, ..area }, &class, &tooltip);
            x += width;
        }
        let text = self.parts[0].0.format(total);
        canvas.text((x + 6.0, area.y + 11.0), Anchor::Start, "label", &text);
    }
}
