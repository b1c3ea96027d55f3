//! The study's own variant: what CORe's scripts make of MIMIC-III under the pandas they were written for.
//!
//! The facts are those of `tasks/mimic_utils.py`, `tasks/mp/mp.py` and `tasks/los/los.py` of CORe's repository. It differs from
//! the recipe of this crate in what the card lists: sections that are lost or run on, clean-ups that do less than they say, and
//! a split by fixed lists of patients. The lists, `mimic_train.csv`, `mimic_val.csv` and `mimic_test.csv` in that repository's
//! `tasks`, must lie beside the tables: nobody can make them again.

use std::borrow::Cow;
use std::collections::HashMap;
use std::iter;
use std::path::Path;

use memchr::{memchr_iter, memmem};

use crate::document_split::Split;
use crate::error::Error;
use crate::mimic::columns::{Columns, number};
use crate::mimic::rows::with_rows;
use crate::mimic::sections::{MAIN, SECTIONS, is_heading, joined, section_at};

/// What is held of a note: its sections, and what the sections of an earlier note may need of it.
///
/// The scripts join the notes of an admission before they look for sections, so that one which a note leaves open ends in the
/// next. Of the next note only the text up to its first break can matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Note {
    sections: [Found; SECTIONS.len()],
    lead: Box<str>,
}

/// What the first heading of a section begins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Found {
    /// There is no such heading.
    #[default]
    Nothing,
    /// A section that the note ends.
    Closed(Box<str>),
    /// All that follows the heading: no other heading ends it.
    Open(Box<str>),
}

impl Note {
    pub(super) fn of(note: &str) -> Self {
        // The scripts write line ends as `\n` in two characters before they look for sections, so that both are the same to them.
        let note = match memmem::find(note.as_bytes(), b"\\n") {
            Some(_) => Cow::Owned(note.replace("\\n", "\n")),
            None => Cow::Borrowed(note),
        };
        let mut first = [None; SECTIONS.len()];
        for colon in memchr_iter(b':', note.as_bytes()) {
            if let Some(section) = section_at(note.as_bytes(), colon) {
                first[section].get_or_insert(colon + 1);
            }
        }
        let breaks: Vec<usize> = breaks(&note).collect();
        let sections = first.map(|begin| {
            let Some(begin) = begin else {
                return Found::Nothing;
            };
            match breaks.get(breaks.partition_point(|&end| end <= begin)) {
                Some(&end) => Found::Closed(on_one_line(&note[begin..end])),
                None => Found::Open(note[begin..].into()),
            }
        });
        // Up to the end of the line that makes it a break.
        let lead =
            breaks.first().map_or(note.len(), |&at| note[at + 2..].find('\n').map_or(note.len(), |end| at + 2 + end));
        Self { sections, lead: note[..lead].into() }
    }
}

/// Where a blank line comes before a heading.
fn breaks(note: &str) -> impl Iterator<Item = usize> {
    let bytes = note.as_bytes();
    let blank = move |&at: &usize| bytes.get(at + 1) == Some(&b'\n') && is_heading(&bytes[at + 2..]);
    memchr_iter(b'\n', bytes).filter(blank)
}

fn on_one_line(section: &str) -> Box<str> {
    section.replace('\n', " ").trim().into()
}

/// The example's text from the notes of one admission; `None` where the three main sections are missing.
pub(super) fn admission_text(notes: &[&Note]) -> Option<String> {
    let text = |section: usize| -> Cow<'_, str> {
        let Some(place) = notes.iter().position(|note| note.sections[section] != Found::Nothing) else {
            return Cow::Borrowed("");
        };
        match &notes[place].sections[section] {
            Found::Nothing => Cow::Borrowed(""),
            Found::Closed(text) => Cow::Borrowed(text),
            Found::Open(tail) => {
                let leads = notes[place + 1..].iter().map(|note| &*note.lead);
                let joined = iter::once(&**tail).chain(leads).collect::<Vec<_>>().join("\n\n");
                // Something has to stand between the heading and the break.
                let end = breaks(&joined).find(|&end| end > 0);
                Cow::Owned(end.map(|end| on_one_line(&joined[..end]).into_string()).unwrap_or_default())
            }
        }
    };
    let texts: [Cow<'_, str>; SECTIONS.len()] = std::array::from_fn(text);
    let texts = texts.each_ref().map(|text| &**text);
    texts[..MAIN].iter().any(|text| !text.is_empty()).then(|| joined(texts))
}

/// The text without the outcome, as far as the scripts' patterns find it; `None` where they drop the example.
pub(super) fn without_outcome(mut text: String) -> Option<String> {
    let mut from = 0;
    loop {
        let lower = text.to_ascii_lowercase();
        let heading = |name: &str| lower[from..].find(name).map(|at| from + at + name.len());
        let headings = [heading("physical exam:"), heading("medication on admission:")];
        let Some(begin) = headings.into_iter().flatten().min() else {
            break;
        };
        let line = lower[begin..].find('\n').map_or(lower.len(), |end| begin + end);
        from = begin;
        if let Some((start, end)) = mention(&lower, begin, false).filter(|&(start, _)| start <= line) {
            text.replace_range(start..end, "");
            from = start;
        }
    }
    let lower = text.to_ascii_lowercase();
    let told = mention(&lower, 0, true).is_some()
        || ["he expired", "pronounced expired", "time of death"].iter().any(|phrase| lower.contains(phrase));
    (!told).then_some(text)
}

/// The first match at or after `from` of `(patient|pt)\s+(had\s|has\s)?(expired|died|passed away|deceased)` in a lower-cased
/// text; without `of_patient` the first group may be absent.
fn mention(lower: &str, from: usize, of_patient: bool) -> Option<(usize, usize)> {
    let spaces_before = |at: usize| lower[from..at].trim_end().len() + from;
    let mut found: Option<(usize, usize)> = None;
    for verb in ["expired", "died", "passed away", "deceased"] {
        for (at, _) in lower[from..].match_indices(verb) {
            let at = from + at;
            let mut heads = vec![at];
            let auxiliary = lower[from..at].char_indices().next_back().filter(|(_, c)| c.is_whitespace());
            if let Some((space, _)) = auxiliary.map(|(space, c)| (from + space, c)) {
                heads.extend(
                    ["had", "has"].iter().filter(|word| lower[from..space].ends_with(**word)).map(|_| space - 3),
                );
            }
            for head in heads {
                let spaces = spaces_before(head);
                if spaces == head {
                    continue;
                }
                let subject = ["patient", "pt"].iter().find(|word| lower[from..spaces].ends_with(**word));
                let start = match subject {
                    Some(word) => spaces - word.len(),
                    None if of_patient => continue,
                    None => spaces,
                };
                if found.is_none_or(|(first, _)| start < first) {
                    found = Some((start, at + verb.len()));
                }
            }
        }
    }
    found
}

/// The study's lists of patients.
pub(super) struct SplitLists(HashMap<u64, Split>);

impl SplitLists {
    /// Reads the three lists.
    ///
    /// # Errors
    /// One is missing or broken.
    pub(super) fn read(root: &Path) -> Result<Self, Error> {
        let mut lists = HashMap::new();
        for (split, name) in Split::ALL.into_iter().zip(["mimic_train.csv", "mimic_val.csv", "mimic_test.csv"]) {
            let expected = "the study's list of patients of this split, from the folder `tasks` of CORe's repository";
            with_rows(&root.join(name), expected, |rows| {
                let columns = Columns::read(rows, ["SUBJECT_ID"])?;
                while let Some(row) = rows.next()? {
                    let [patient] = columns.places(&row)?;
                    if let Some(patient) = number(&row, patient, "SUBJECT_ID")? {
                        lists.entry(patient).or_insert(split);
                    }
                }
                Ok(())
            })?;
        }
        Ok(Self(lists))
    }

    /// The split of a patient, if a list has them.
    pub(super) fn split(&self, patient: u64) -> Option<Split> {
        self.0.get(&patient).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(note: &str) -> Option<String> {
        admission_text(&[&Note::of(note)])
    }

    #[test]
    fn a_section_needs_a_heading_after_a_truly_blank_line() {
        let found = text("Chief Complaint:\nfall\n\nHospital Course:\nlong").unwrap();
        assert!(found.starts_with("CHIEF COMPLAINT: fall\n\nPRESENT ILLNESS: \n\n"), "{found}");
        for lost in
            ["Chief Complaint:\nfall", "Chief Complaint:\r\nfall\r\n\r\nX:\r\n", "Chief Complaint:\nfall\n \nX:\n"]
        {
            assert_eq!(text(lost), None, "{lost:?}");
        }
        let found = text("Chief Complaint:\nfall\n\n2. X: y\n\nX: y").unwrap();
        assert!(found.starts_with("CHIEF COMPLAINT: fall  2. X: y\n\n"), "{found}");
    }

    #[test]
    fn an_empty_section_swallows_the_next_unless_two_lines_are_blank() {
        let found = text("Chief Complaint:\n\nAttending: X\n\nCourse: y").unwrap();
        assert!(found.starts_with("CHIEF COMPLAINT: Attending: X\n\n"), "{found}");
        assert_eq!(text("Chief Complaint:\n\n\nAttending: X\n\nCourse: y"), None);
    }

    #[test]
    fn an_addendum_ends_the_last_section_and_the_sign_for_nothing_stays() {
        let notes = ["Chief Complaint:\n[] none", "more\n1. of it\n\n", "Name: X"].map(Note::of);
        let found = admission_text(&[&notes[0], &notes[2]]).unwrap();
        assert!(found.starts_with("CHIEF COMPLAINT: [] none\n\n"), "{found}");
        let found = admission_text(&[&notes[0], &notes[1], &notes[2]]).unwrap();
        assert!(found.starts_with("CHIEF COMPLAINT: [] none  more 1. of it\n\n"), "{found}");
        assert_eq!(admission_text(&[&notes[0], &notes[1]]), None);
    }

    #[test]
    fn only_the_first_mention_in_the_examination_goes() {
        // Python: re.sub and re.search with the patterns of CORe's mp.py.
        for (text, expected) in [
            ("PHYSICAL EXAM: a patient expired b\n\nX: c", Some("PHYSICAL EXAM: a  b\n\nX: c")),
            ("PHYSICAL EXAM: wife died, son died\n\nX: c", Some("PHYSICAL EXAM: wife, son died\n\nX: c")),
            ("PHYSICAL EXAM: pt died, pt has died\n\nX: c", None),
            ("X: inpatient died", None),
            ("X: kept the expired drug", None),
            ("X: father died", Some("X: father died")),
            ("X: patient  had  died", Some("X: patient  had  died")),
            ("X: patient  had died", None),
            ("X: Time of Death", None),
        ] {
            assert_eq!(without_outcome(text.to_owned()).as_deref(), expected, "{text}");
        }
    }
}
