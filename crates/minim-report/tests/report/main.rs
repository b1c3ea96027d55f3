//! The report of a study, from records to files.

mod figures;
mod page;
mod sample;
mod table;
