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
//! | `prepared-csv` | train.csv, valid.csv, test.csv | [`Labelled`] |
//! | `prepared-conll` | train.txt.conll, dev.txt.conll, test.txt.conll | [`Tagged`] |
//! | `prepared-relations-tsv` | train.tsv, dev.tsv, test.tsv | [`Related`] |
//! | `jsonl` | train.jsonl, validation.jsonl, test.jsonl, labels.json | any |
//!
//! What each corpus is, under which licence, and what is wrong with it stands in its [`card`];
//! data that a program wrote has its card beside it ([`card_in`]). A new corpus is one card, one
//! file with a [`Corpus`], and one line in the registry.

mod bio;
mod card;
mod conll;
mod corpus;
mod dataset;
mod ddi_2013;
mod ddi_archive;
mod delimited;
mod document_split;
mod error;
mod example;
mod format;
mod jsonl;
mod label_set;
mod ncbi_disease;
mod negex;
mod prepared_conll;
mod prepared_csv;
mod prepared_relations;
mod read_file;
mod record;
mod registry;
mod source;
pub mod synthetic;
mod xml;

pub use card::{Card, Expected, card, card_in, card_names};
pub use corpus::Corpus;
pub use dataset::{Dataset, Kind, Sizes, Splits};
pub use ddi_2013::Ddi2013;
pub use error::Error;
pub use example::{Labelled, Mention, Related, Tagged, document};
pub use label_set::LabelSet;
pub use ncbi_disease::NcbiDisease;
pub use negex::Negex;
pub use prepared_conll::PreparedConll;
pub use prepared_csv::PreparedCsv;
pub use prepared_relations::PreparedRelations;
pub use read_file::{Examples, read_file, read_file_unlabelled};
pub use registry::{names, read};
