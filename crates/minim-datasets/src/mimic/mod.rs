//! `mimic3-mortality`, `mimic3-los`, `mimic4-mortality`, `mimic4-los`: what is known when a patient is admitted, from the raw
//! tables of MIMIC-III and MIMIC-IV, with the outcome of the stay.
//!
//! van Aken, Papaioannou, Mayrdorfer, Budde, Gers and Löser, "Clinical Outcome Prediction from Admission Notes using
//! Self-Supervised Knowledge Integration", EACL 2021: the CORe recipe. Johnson and others, "MIMIC-III, a freely accessible
//! critical care database", Scientific Data 3 (2016); "MIMIC-IV, a freely accessible electronic health record dataset",
//! Scientific Data 10 (2023), and its module of notes.
//!
//! ```text
//! MIMIC-III   NOTEEVENTS.csv[.gz]  ADMISSIONS.csv[.gz]
//! MIMIC-IV    discharge.csv[.gz]   admissions.csv[.gz]      in one folder, or in note/ and hosp/
//! ```
//!
//! Of the discharge summaries of adults, with their addenda, the sections that were known at admission are kept ([`sections`]),
//! each on one line under its heading; `[]` at the start of a section empties it. An admission needs a report (not addenda alone)
//! and a complaint, a present illness or a medical history. Of notes with one and the same text the latest is kept. Where an admission has
//! several notes, a section is taken from the first that has it, by date, the report of a day before its addenda.
//!
//! - mortality: HOSPITAL_EXPIRE_FLAG; a text that tells the outcome is cleaned or left out ([`death_mentions`])
//! - length of stay: `0` up to 3 days, `1` up to 7, `2` up to 14, `3` more ([`labels`]); without admissions that ended in death
//!
//! An example's id is `<patient>#<admission>`. Patients, never admissions, are split 70/10/20 by the rule of `document_split`, on
//! `mimic3:<patient>` or `mimic4:<patient>`, so that both tasks have one split. The study's own variant is in
//! [`published`]. Cards: `mimic3-mortality`, `mimic3-los`, `mimic4-mortality`, `mimic4-los`.

mod admissions;
mod columns;
mod death_mentions;
pub(crate) mod labels;
mod published;
mod recipe;
mod rows;
mod sections;
mod tally;
mod time;

use std::path::Path;

pub use tally::Tally;

use crate::corpus::Corpus;
use crate::dataset::Splits;
use crate::document_split::Split;
use crate::error::Error;
use crate::example::Labelled;
use crate::label_set::LabelSet;

/// A release of MIMIC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// MIMIC-III, admissions of 2001 to 2012.
    Three,
    /// MIMIC-IV, admissions of 2008 to 2022.
    Four,
}

/// What is to be foretold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Death in hospital.
    Mortality,
    /// Days in hospital, in four classes.
    LengthOfStay,
}

/// The readers of `mimic3-mortality`, `mimic3-los`, `mimic4-mortality` and `mimic4-los`.
///
/// ```
/// use minim_datasets::Mimic;
///
/// let recipe = Mimic::named("mimic3-los").expect("a name of four");
/// let error = recipe.prepare("somewhere".as_ref(), &mut |_, _| Ok::<(), minim_datasets::Error>(())).unwrap_err();
/// assert!(error.to_string().contains("ADMISSIONS.csv: not found"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mimic {
    /// Which tables are read.
    pub release: Release,
    /// Which label an admission gets.
    pub outcome: Outcome,
    /// The study's own variant, flaws and all. It needs the study's lists of patients:
    /// `mimic_train.csv`, `mimic_val.csv` and `mimic_test.csv` beside the tables.
    pub as_published: bool,
}

impl Release {
    /// What the patients' numbers are told apart by in the split.
    pub(crate) fn corpus(self) -> &'static str {
        match self {
            Self::Three => "mimic3",
            Self::Four => "mimic4",
        }
    }

    fn admissions_file(self) -> &'static str {
        match self {
            Self::Three => "ADMISSIONS",
            Self::Four => "admissions",
        }
    }

    fn notes_file(self) -> &'static str {
        match self {
            Self::Three => "NOTEEVENTS",
            Self::Four => "discharge",
        }
    }

    /// Admission, date, category, description, mark of an error, text; `?` where a release lacks it.
    fn notes_columns(self) -> [&'static str; 6] {
        match self {
            Self::Three => ["HADM_ID", "CHARTDATE", "CATEGORY", "DESCRIPTION", "ISERROR?", "TEXT"],
            Self::Four => ["hadm_id", "charttime", "note_type", "description?", "iserror?", "text"],
        }
    }
}

impl Mimic {
    /// All four, without `as_published`.
    pub const ALL: [Self; 4] = [
        Self { release: Release::Three, outcome: Outcome::Mortality, as_published: false },
        Self { release: Release::Three, outcome: Outcome::LengthOfStay, as_published: false },
        Self { release: Release::Four, outcome: Outcome::Mortality, as_published: false },
        Self { release: Release::Four, outcome: Outcome::LengthOfStay, as_published: false },
    ];

    /// The reader of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|recipe| recipe.name() == name)
    }

    /// Its name in the registry.
    pub fn name(&self) -> &'static str {
        match (self.release, self.outcome) {
            (Release::Three, Outcome::Mortality) => "mimic3-mortality",
            (Release::Three, Outcome::LengthOfStay) => "mimic3-los",
            (Release::Four, Outcome::Mortality) => "mimic4-mortality",
            (Release::Four, Outcome::LengthOfStay) => "mimic4-los",
        }
    }

    /// Its labels.
    pub fn labels(&self) -> LabelSet {
        match self.outcome {
            Outcome::Mortality => LabelSet::fixed(&labels::MORTALITY),
            Outcome::LengthOfStay => LabelSet::fixed(&labels::LENGTH_OF_STAY),
        }
    }

    /// Reads the tables in a folder and hands out one example after the other, in the order of the table of admissions, with
    /// its split. What is held is the cut sections of the discharge summaries, and each is given up as it is handed out.
    ///
    /// # Errors
    /// A table that is missing or broken, a split without an example, or what `emit` returns.
    pub fn prepare<E: From<Error>>(
        &self,
        root: &Path,
        emit: &mut impl FnMut(Split, Labelled) -> Result<(), E>,
    ) -> Result<Tally, E> {
        recipe::run(self, root, emit)
    }

    /// Reads the corpus, and tells what was left out.
    ///
    /// # Errors
    /// Those of [`Corpus::read`].
    pub fn read_noting(&self, root: &Path) -> Result<(Splits<Labelled>, Tally), Error> {
        let mut splits = Splits { labels: self.labels(), train: Vec::new(), validation: Vec::new(), test: Vec::new() };
        let tally = self.prepare(root, &mut |split, example| {
            match split {
                Split::Train => splits.train.push(example),
                Split::Validation => splits.validation.push(example),
                Split::Test => splits.test.push(example),
            }
            Ok::<(), Error>(())
        })?;
        Ok((splits, tally))
    }
}

impl Corpus for Mimic {
    type Example = Labelled;

    fn read(&self, root: &Path) -> Result<Splits<Labelled>, Error> {
        self.read_noting(root).map(|(splits, _)| splits)
    }
}
