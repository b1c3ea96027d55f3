//! What became of the notes of an archive, in numbers.

use std::fmt;

/// How many notes and admissions a recipe saw and left out, and why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows of the table of notes.
    pub rows: usize,
    /// Those of them that are discharge summaries or addenda to one.
    pub summaries: usize,
    /// Summaries without an admission number, or with one that the table of admissions lacks.
    pub without_admission: usize,
    /// Summaries of newborns.
    pub newborns: usize,
    /// Summaries that are marked as written in error.
    pub in_error: usize,
    /// Summaries without text.
    pub without_text: usize,
    /// Summaries whose text another one has, letter for letter.
    pub duplicates: usize,
    /// Admissions that have addenda only.
    pub addenda_only: usize,
    /// Admissions whose notes have neither complaint nor present illness nor history.
    pub without_main_section: usize,
    /// Admissions that ended in death, left out where the length of stay is asked for.
    pub died: usize,
    /// Admissions without both times, or that end before they begin, left out where the length of stay is asked for.
    pub without_stay: usize,
    /// Admissions whose text tells that the patient died, left out where mortality is asked for.
    pub told: usize,
    /// Admissions of patients who are in none of the study's lists.
    pub unlisted: usize,
    /// Examples of the training, validation and test split.
    pub examples: [usize; 3],
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [train, validation, test] = self.examples;
        write!(f, "{} notes, {} of them discharge summaries; ", self.rows, self.summaries)?;
        write!(f, "{train} training, {validation} validation and {test} test examples")?;
        let reasons = [
            (self.without_admission, "summaries of no admission in the table"),
            (self.newborns, "of newborns"),
            (self.in_error, "marked as errors"),
            (self.without_text, "without text"),
            (self.duplicates, "repeated"),
            (self.addenda_only, "admissions with addenda only"),
            (self.without_main_section, "without complaint, illness and history"),
            (self.died, "ended in death"),
            (self.without_stay, "without a length of stay"),
            (self.told, "whose text tells the outcome"),
            (self.unlisted, "of patients in no list"),
        ];
        let mut parting = "; left out: ";
        for (count, reason) in reasons.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{parting}{count} {reason}")?;
            parting = ", ";
        }
        Ok(())
    }
}
