//! Clinical corpora, from files on disk to typed examples, without a deep-learning framework.
//!
//! A reader takes a folder and gives three splits of examples under one label set. It is strict: what is missing, broken or
//! contradictory is an error that names file, line and what was expected, and never carries the data's text.
//!
//! ```
//! let error = minim_datasets::read("ncbi_disease", "somewhere".as_ref()).unwrap_err();
//! assert!(error.to_string().contains("did you mean `ncbi-disease`?"));
//! ```
//!
//! | name | files | examples |
//! |---|---|---|
//! | `ncbi-disease` | train.tsv, devel.tsv, test.tsv | [`Tagged`] |
//! | `negex` | annotations.tsv | [`Labelled`] |
//! | `ddi-2013` | train.zip, or the XML files of it | [`Related`] |
//! | `i2b2-2010-concepts` | the release: .txt and .con files | [`Tagged`] |
//! | `i2b2-2010-relations` | the release: .txt, .con and .rel files | [`Related`] |
//! | `i2b2-2012-events` | the release: .xml files | [`Tagged`] |
//! | `i2b2-2014-phi` | the release: .xml files | [`Tagged`] |
//! | `mimic3-mortality`, `mimic3-los` | NOTEEVENTS.csv, ADMISSIONS.csv, or with .gz | [`Labelled`] |
//! | `mimic4-mortality`, `mimic4-los` | discharge.csv, admissions.csv, or with .gz | [`Labelled`] |
//! | `icd9-triage` | train.csv, valid.csv, test.csv | [`Labelled`] |
//! | `mednli` | mli_train_v1.jsonl, mli_dev_v1.jsonl, mli_test_v1.jsonl | [`Labelled`] |
//! | `prepared-csv` | train.csv, valid.csv, test.csv | [`Labelled`] |
//! | `prepared-conll` | train.txt.conll, dev.txt.conll, test.txt.conll | [`Tagged`] |
//! | `prepared-relations-tsv` | train.tsv, dev.tsv, test.tsv | [`Related`] |
//! | `jsonl` | train.jsonl, validation.jsonl, test.jsonl, labels.json | any |
//!
//! What each corpus is, under which licence, and what is wrong with it stands in its [`card`];
//! data that a program wrote has its card beside it ([`card_in`]). A new corpus is one card, one
//! file with a [`Corpus`], and one line in the registry.

mod annotation_notes;
mod bio;
mod card;
mod completeness;
mod conll;
mod corpus;
mod dataset;
mod ddi_2013;
mod ddi_archive;
mod delimited;
mod document_split;
mod error;
mod example;
mod example_ref;
mod few_shot;
mod format;
mod i2b2_2010;
mod i2b2_2012;
mod i2b2_2014;
mod i2b2_xml;
mod icd9_triage;
mod jsonl;
mod label_set;
mod mednli;
mod mimic;
mod ncbi_disease;
mod negex;
mod official_parts;
mod pass;
mod prepared_conll;
mod prepared_csv;
mod prepared_relations;
mod read_file;
mod record;
mod registry;
mod release_folder;
mod source;
mod standoff;
mod statistics;
pub mod synthetic;
mod write_jsonl;
mod xml;

pub use annotation_notes::Notes;
pub use card::{Card, Expected, card, card_in, card_names};
pub use completeness::{Count, counts};
pub use corpus::Corpus;
pub use dataset::{Dataset, Kind, Sizes, Splits};
pub use ddi_2013::Ddi2013;
pub use document_split::Split;
pub use error::Error;
pub use example::{Labelled, Mention, Related, Tagged, document};
pub use example_ref::{ExampleRef, Sink};
pub use few_shot::{ClassShots, FewShot, Shots};
pub use i2b2_2010::{I2b2Concepts, I2b2Relations};
pub use i2b2_2012::I2b2Events;
pub use i2b2_2014::I2b2Phi;
pub use icd9_triage::Icd9Triage;
pub use label_set::LabelSet;
pub use mednli::MedNli;
pub use mimic::{Mimic, Outcome, Release, Tally};
pub use ncbi_disease::NcbiDisease;
pub use negex::Negex;
pub use pass::{Remarks, pass, published_names};
pub use prepared_conll::PreparedConll;
pub use prepared_csv::PreparedCsv;
pub use prepared_relations::PreparedRelations;
pub use read_file::{Examples, read_file, read_file_unlabelled};
pub use registry::{names, read};
pub use statistics::{LIMITS, Lengths, SplitStatistics, Statistics};
pub use write_jsonl::{JsonlWriter, write_jsonl};
