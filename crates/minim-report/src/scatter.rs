//! Quality against cost: one panel per cost, the Pareto front drawn.

use crate::axis::{Axis, Scale};
use crate::figure::{Figure, WIDTH};
use crate::legend::{self, Key};
use crate::plot::{self, Titles};
use crate::point_label::Placer;
use crate::svg::{Area, Canvas};
use crate::table::{Choice, Table, Task};
use crate::{Measure, Spread, metric, palette, pareto, quantity};

const PANEL_HEIGHT: f64 = 300.0;

struct Point<'a> {
    choice: &'a Choice,
    cost: f64,
    score: Spread,
}

/// The figure of one task; `None` if no run finished with a score.
pub(crate) fn figure(table: &Table, task: &Task, index: usize) -> Option<Figure> {
    let memory = if task.choices.iter().any(|c| c.cost(Measure::PeakDeviceMemoryBytes).is_some()) {
        Measure::PeakDeviceMemoryBytes
    } else {
        Measure::PeakMemoryBytes
    };
    let measures = [Measure::TrainS, Measure::TrainableParameters, memory, Measure::KeptBytes];
    let panels: Vec<(Measure, Vec<Point<'_>>)> = measures
        .into_iter()
        .map(|measure| (measure, points(task, measure)))
        .filter(|(_, points)| !points.is_empty())
        .collect();
    if panels.is_empty() {
        return None;
    }
    let mut canvas = Canvas::default();
    let top = legend::draw(&mut canvas, &keys(table, task)) + 8.0;
    for (i, (measure, points)) in panels.iter().enumerate() {
        let panel = Area {
            x: (i % 2) as f64 * WIDTH / 2.0,
            y: top + (i / 2) as f64 * PANEL_HEIGHT,
            width: WIDTH / 2.0,
            height: PANEL_HEIGHT,
        };
        draw(&mut canvas, panel, task, *measure, points)?;
    }
    let height = top + panels.len().div_ceil(2) as f64 * PANEL_HEIGHT;
    let title = format!("Quality against cost: {}", task.name);
    Some(Figure::new(format!("quality-cost-{}-{index}", task.name), title, describe(task, &panels), height, canvas))
}

fn points(task: &Task, measure: Measure) -> Vec<Point<'_>> {
    let with_both = |choice| Some(Point { choice, cost: choice_cost(choice, measure)?, score: task.score(choice)? });
    task.choices.iter().filter_map(with_both).collect()
}

/// A cost of zero has no place on a log axis and is no cost that a run can have.
fn choice_cost(choice: &Choice, measure: Measure) -> Option<f64> {
    choice.cost(measure).filter(|cost| *cost > 0.0)
}

fn draw(canvas: &mut Canvas, panel: Area, task: &Task, measure: Measure, points: &[Point<'_>]) -> Option<()> {
    let inner = plot::inner(panel);
    let (divisor, unit) = unit(measure);
    let costs: Vec<f64> = points.iter().map(|p| p.cost / divisor).collect();
    let scale = if measure == Measure::TrainableParameters { Scale::Log } else { Axis::suited_scale(&costs) };
    let x = Axis::fit(scale, costs.iter().copied(), (inner.x, inner.right()), 5)?;
    let y = score_axis(task, inner)?;
    let suffix = match (unit, scale) {
        ("", Scale::Log) => " (log scale)".to_owned(),
        ("", Scale::Linear) => String::new(),
        (unit, Scale::Log) => format!(" ({unit}, log scale)"),
        (unit, Scale::Linear) => format!(" ({unit})"),
    };
    let titles = Titles {
        above: &format!("{} on the test split", metric::title(&task.metric)),
        below: &format!("{}{suffix}", measure.title()),
    };
    plot::frame(canvas, panel, (&x, &y), plot::short, &titles);

    if let Some(majority) = task.majority_score() {
        let at = y.pixel(majority);
        canvas.line((inner.x, at), (inner.right(), at), "majority");
    }
    let at: Vec<(f64, f64)> =
        points.iter().zip(&costs).map(|(point, cost)| (x.pixel(*cost), y.pixel(point.score.median))).collect();
    let values: Vec<(f64, f64)> = points.iter().map(|p| (p.cost, p.score.median)).collect();
    let front = pareto::front(&values);
    let path = staircase(&front, &at, inner.right());
    canvas.polyline(&path, "front", "");
    for (point, &(px, _)) in points.iter().zip(&at) {
        if point.score.n > 1 {
            let ends = (y.pixel(point.score.low), y.pixel(point.score.high));
            canvas.line((px, ends.0), (px, ends.1), "range");
        }
    }
    for (point, &place) in points.iter().zip(&at) {
        let tooltip = format!(
            "{}: {} {}, {} {}",
            point.choice.label(),
            metric::title(&task.metric),
            point.score.show(quantity::score),
            measure.title(),
            measure.format(point.cost)
        );
        palette::marker(canvas, place, point.choice.model_index, point.choice.method_index, &tooltip);
    }
    let mut placer = Placer::new(inner, &at);
    for pair in path.windows(2) {
        placer.avoid(pair[0], pair[1]);
    }
    if let Some(majority) = task.majority_score().map(|majority| y.pixel(majority)) {
        placer.avoid((inner.x, majority), (inner.right(), majority));
    }
    // The best first: where there is room for one label only, it is this one.
    for &i in front.iter().rev() {
        let label = points[i].choice.label();
        if let Some((place, anchor)) = placer.place(&label, at[i]) {
            canvas.text(place, anchor, "point", &label);
        }
    }
    Some(())
}

/// The same for all panels of a task: every score, its range, and the majority line.
fn score_axis(task: &Task, inner: Area) -> Option<Axis> {
    let spreads = task.choices.iter().filter_map(|choice| task.score(choice));
    let values = spreads.flat_map(|s| [s.low, s.high]).chain(task.majority_score());
    Axis::fit(Scale::Linear, values, (inner.bottom(), inner.y), 5)
}

/// From each point of the front level to the cost of the next, then up; from the last to the right edge.
fn staircase(front: &[usize], at: &[(f64, f64)], right: f64) -> Vec<(f64, f64)> {
    let mut path: Vec<(f64, f64)> = Vec::new();
    for &i in front {
        if let Some(&(_, y)) = path.last() {
            path.push((at[i].0, y));
        }
        path.push(at[i]);
    }
    if let Some(&(_, y)) = path.last() {
        path.push((right, y));
    }
    path
}

fn unit(measure: Measure) -> (f64, &'static str) {
    match measure {
        Measure::PeakMemoryBytes | Measure::PeakDeviceMemoryBytes | Measure::KeptBytes => (1024.0 * 1024.0, "MiB"),
        Measure::TrainS | Measure::BestS | Measure::LoadS | Measure::EvaluateS => (1.0, "s"),
        Measure::TrainTokensPerS => (1.0, "tokens/s"),
        Measure::TotalParameters
        | Measure::TrainableParameters
        | Measure::TrainableShare
        | Measure::AdapterParameters => (1.0, ""),
    }
}

fn keys(table: &Table, task: &Task) -> Vec<Key> {
    let mut keys = method_keys(table, task);
    let used = |index| task.choices.iter().any(|c| c.model_index == index && !c.finished.is_empty());
    let models = table.models().iter().enumerate().filter(|(index, _)| used(*index));
    keys.extend(models.map(|(index, name)| Key::Model(index, name.clone())));
    keys.push(Key::Line("front", "Pareto front".into()));
    if let Some(majority) = task.majority_score() {
        let name = format!("majority class ({})", quantity::score(majority));
        keys.push(Key::Line("majority", name));
    }
    keys
}

/// The colours of the methods that finished a run of a task.
pub(crate) fn method_keys(table: &Table, task: &Task) -> Vec<Key> {
    let used = |index| task.choices.iter().any(|c| c.method_index == index && !c.finished.is_empty());
    let methods = table.methods().iter().enumerate();
    methods.filter(|(index, _)| used(*index)).map(|(index, name)| Key::Method(index, name.clone())).collect()
}

fn describe(task: &Task, panels: &[(Measure, Vec<Point<'_>>)]) -> String {
    let mut sentences = vec![format!(
        "{} of every choice against what it costs. On the Pareto front, where no other choice is both cheaper and better, are:",
        metric::title(&task.metric)
    )];
    for (measure, points) in panels {
        let values: Vec<(f64, f64)> = points.iter().map(|p| (p.cost, p.score.median)).collect();
        let names: Vec<String> = pareto::front(&values)
            .into_iter()
            .map(|i| format!("{} ({})", points[i].choice.label(), quantity::score(points[i].score.median)))
            .collect();
        sentences.push(format!("by {}: {};", measure.title(), names.join(", ")));
    }
    let text = sentences.join(" ");
    format!("{}.", text.trim_end_matches(';'))
}
