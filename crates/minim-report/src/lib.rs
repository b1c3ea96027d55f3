//! From run records to what people read: a table for the terminal, `table.csv`, figures, and one HTML page.
//!
//! Everything here is a function of the [`Record`](minim_experiment::Record)s alone: no number of a report is written by hand.
//!
//! ```
//! use minim_report::{Options, Table, html};
//!
//! let records = []; // Store::new("results/quickstart").read_all()?
//! let table = Table::from_records(&records);
//! println!("{}", table.to_text(100));
//! let page = html(&records, &Options { title: "A first study".into(), ..Options::default() });
//! assert!(page.starts_with("<!doctype html>"));
//! ```

mod axis;
mod bars;
mod columns;
mod csv;
mod curves;
mod error;
mod figure;
mod findings;
mod html;
mod legend;
mod measure;
mod metric;
mod palette;
mod pareto;
mod plot;
mod point_label;
mod provenance;
mod quantity;
mod scatter;
mod settings;
mod spread;
mod svg;
mod table;
mod text;
mod write;

pub use error::Error;
pub use figure::{Figure, figures, style};
pub use findings::{Findings, MARGIN, findings};
pub use html::{Options, html};
pub use measure::Measure;
pub use pareto::front;
pub use spread::Spread;
pub use table::{Choice, Table, Task};
pub use write::{Written, write};
