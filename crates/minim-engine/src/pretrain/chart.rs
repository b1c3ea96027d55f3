//! The loss curve as a small SVG line chart.

use std::fmt::Write;

use super::Point;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 620.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 312.0;

const STYLE: &str = "\
text { font: 12px system-ui, sans-serif; fill: #444 }
.grid { stroke: #ddd } .axis { stroke: #888 }
.train { stroke: #2a6fbb; fill: none; stroke-width: 1.5 } .train-key { fill: #2a6fbb }
.validation { stroke: #d9762b; fill: none; stroke-width: 2.5 } .validation-key { fill: #b85c17 }
@media (prefers-color-scheme: dark) {
svg { background: #181a1f } text { fill: #ccc } .grid { stroke: #333 } .axis { stroke: #777 }
.train { stroke: #6aa9ef } .train-key { fill: #6aa9ef } .validation { stroke: #f0a05a } .validation-key { fill: #f0a05a }
}";

/// Training and validation loss by step.
pub(super) fn svg(curve: &[Point]) -> String {
    let train: Vec<(f64, f64)> = curve.iter().map(|point| (point.step as f64, point.train_loss)).collect();
    let validation: Vec<(f64, f64)> =
        curve.iter().filter_map(|point| Some((point.step as f64, point.validation_loss?))).collect();
    let losses = || train.iter().chain(&validation).map(|&(_, loss)| loss);
    let highest = losses().fold(f64::MIN_POSITIVE, f64::max);
    let last = curve.last().map_or(1.0, |point| point.step as f64);
    let x = |step: f64| LEFT + (RIGHT - LEFT) * step / last;
    let y = |loss: f64| BOTTOM - (BOTTOM - TOP) * loss / highest;

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">\n\
         <title>Masked-language-modelling loss by optimiser step</title>\n<style>\n{STYLE}\n</style>\n"
    );
    for tick in ticks(highest) {
        let at = y(tick);
        _ = writeln!(svg, "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>");
        _ = writeln!(svg, "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{tick}</text>", LEFT - 8.0, at + 4.0);
    }
    for tick in ticks(last) {
        _ = writeln!(svg, "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{tick}</text>", x(tick), BOTTOM + 18.0);
    }
    _ = writeln!(svg, "<line class=\"axis\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{BOTTOM}\" y2=\"{BOTTOM}\"/>");
    _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">optimiser step</text>",
        (LEFT + RIGHT) / 2.0,
        BOTTOM + 38.0
    );
    let mut key = LEFT;
    for (class, line) in [("train", &train), ("validation", &validation)] {
        let Some((_, loss)) = line.last() else { continue };
        let mut points = String::new();
        for &(step, loss) in line {
            _ = write!(points, "{:.1},{:.1} ", x(step), y(loss));
        }
        _ = writeln!(svg, "<polyline class=\"{class}\" points=\"{}\"/>", points.trim_end());
        _ = writeln!(svg, "<text class=\"{class}-key\" x=\"{key}\" y=\"24\">{class} loss, {loss:.3} at the end</text>");
        key += 240.0;
    }
    svg + "</svg>\n"
}

/// Round numbers from 0 to `highest`, at most six of them.
fn ticks(highest: f64) -> Vec<f64> {
    let power = 10_f64.powf((highest / 5.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| highest / step <= 5.0);
    let step = step.unwrap_or(highest);
    // Rounded, so that 3 * 0.2 is written 0.6.
    (0..=5).map(|i| (i as f64 * step * 1e9).round() / 1e9).filter(|&tick| tick <= highest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(ticks(5.3), [0.0, 2.0, 4.0]);
        assert_eq!(ticks(0.95), [0.0, 0.2, 0.4, 0.6, 0.8]);
        assert_eq!(ticks(2000.0), [0.0, 500.0, 1000.0, 1500.0, 2000.0]);
    }

    #[test]
    fn both_lines_lie_inside_the_frame() {
        let point = |step, train_loss, validation_loss| Point {
            step,
            epoch: 0.1,
            train_loss,
            validation_loss,
            learning_rate: 0.1,
        };
        let chart = svg(&[point(10, 5.0, Some(4.5)), point(20, 2.5, Some(2.25))]);
        assert!(chart.contains("class=\"train\" points=\"338.0,44.0 620.0,178.0\""), "{chart}");
        assert!(chart.contains("class=\"validation\" points=\"338.0,70.8 620.0,191.4\""), "{chart}");
        assert!(chart.contains("validation loss, 2.250 at the end"));
        assert!(!svg(&[point(10, 5.0, None)]).contains("points=\"\""));
    }
}
