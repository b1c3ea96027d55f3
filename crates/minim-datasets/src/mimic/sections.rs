//! The sections of a discharge summary that were known when the patient was admitted.
//!
//! A section begins at its heading, wherever that stands and however it is capitalised, and ends at the next heading: a line
//! after a blank one that has a colon, and before it no digit, full stop, bracket or bar (those make a line of a list, not a
//! heading). That is CORe's rule. Three things in which it falls short are mended here: a blank line may hold spaces, and lines
//! may end in CRLF (both as in MIMIC-IV; CORe then reads on into the hospital course); one of the eight headings ends a section
//! without a blank line before it; and a section that no heading follows ends at a blank line or with the note, and is not lost.

use memchr::{memchr_iter, memrchr};

/// The heading of each section as it ends in a note, in small letters, and as the example has it.
pub(super) const SECTIONS: [(&str, &str); 8] = [
    ("chief complaint", "CHIEF COMPLAINT"),
    ("present illness", "PRESENT ILLNESS"),
    ("medical history", "MEDICAL HISTORY"),
    ("medications on admission", "MEDICATION ON ADMISSION"),
    ("allergies", "ALLERGIES"),
    ("physical exam", "PHYSICAL EXAM"),
    ("family history", "FAMILY HISTORY"),
    ("social history", "SOCIAL HISTORY"),
];

/// The places of two of them that the clean-up of mortality treats on their own.
pub(super) const MEDICATION: usize = 3;
/// See [`MEDICATION`].
pub(super) const EXAM: usize = 5;
/// An example needs one of the first so many sections.
pub(super) const MAIN: usize = 3;

/// The text of each section, empty where the note lacks it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sections {
    text: Box<str>,
    ends: [u32; SECTIONS.len()],
}

impl Sections {
    /// Cuts them out of a note.
    pub(super) fn of(note: &str) -> Self {
        let headings = Headings::of(note);
        let mut found = Self::default();
        let mut text = String::new();
        for (section, begin) in headings.first.iter().enumerate() {
            if let Some(begin) = *begin {
                let raw = &note[begin..headings.end(note, section, begin)];
                let raw = if section == EXAM { before_discharge(raw) } else { raw };
                push_section(&mut text, raw);
            }
            found.ends[section] = text.len() as u32;
        }
        found.text = text.into_boxed_str();
        found
    }

    /// The text of one section, on one line.
    pub(super) fn get(&self, section: usize) -> &str {
        let begin = if section == 0 { 0 } else { self.ends[section - 1] };
        &self.text[begin as usize..self.ends[section] as usize]
    }
}

/// Appends a section on one line; `[]`, which stands for nothing, stays away.
fn push_section(text: &mut String, raw: &str) {
    let raw = raw.trim();
    if raw.starts_with("[]") {
        return;
    }
    for (place, line) in raw.split('\n').enumerate() {
        if place > 0 {
            text.push(' ');
        }
        text.push_str(line.strip_suffix('\r').unwrap_or(line));
    }
}

/// The example's text: every heading, be its section empty or not.
pub(super) fn joined(sections: [&str; SECTIONS.len()]) -> String {
    let length: usize = SECTIONS.iter().zip(sections).map(|((_, title), text)| title.len() + text.len() + 4).sum();
    let mut joined = String::with_capacity(length);
    for ((_, title), text) in SECTIONS.iter().zip(sections) {
        if !joined.is_empty() {
            joined.push_str("\n\n");
        }
        joined.push_str(title);
        joined.push_str(": ");
        joined.push_str(text);
    }
    joined
}

/// Which section's heading ends at this colon.
pub(super) fn section_at(note: &[u8], colon: usize) -> Option<usize> {
    SECTIONS.iter().position(|(heading, _)| {
        let begin = colon.checked_sub(heading.len());
        begin.is_some_and(|begin| note[begin..colon].eq_ignore_ascii_case(heading.as_bytes()))
    })
}

/// Whether a line that comes after a blank one is a heading, as CORe has it.
pub(super) fn is_heading(line: &[u8]) -> bool {
    for (at, byte) in line.iter().enumerate() {
        match byte {
            b':' if at > 0 => return true,
            b'(' | b')' | b'\\' | b'|' | b'.' | b'\n' | b'0'..=b'9' => return false,
            _ => {}
        }
    }
    false
}

/// Where the headings of a note stand.
struct Headings {
    /// Where the text after the first heading of each section begins.
    first: [Option<usize>; SECTIONS.len()],
    /// The lines that begin with the heading of a section, and which.
    lines: Vec<(usize, usize)>,
}

impl Headings {
    fn of(note: &str) -> Self {
        let bytes = note.as_bytes();
        let mut found = Self { first: [None; SECTIONS.len()], lines: Vec::new() };
        for colon in memchr_iter(b':', bytes) {
            let Some(section) = section_at(bytes, colon) else {
                continue;
            };
            let line = memrchr(b'\n', &bytes[..colon]).map_or(0, |end| end + 1);
            let words = bytes[line..colon - SECTIONS[section].0.len()].trim_ascii_start();
            let of_discharge = has(words, "discharge");
            if !of_discharge {
                found.first[section].get_or_insert(colon + 1);
            }
            // Words before the heading may belong to it (`past medical history`), but a sentence does not.
            let first = bytes[line..].trim_ascii_start().first();
            if first.is_some_and(u8::is_ascii_uppercase) && !words.contains(&b':') && spaces(words) <= 3 {
                found.lines.push((line, section));
            }
        }
        found
    }

    /// Where a section that begins here ends.
    fn end(&self, note: &str, section: usize, begin: usize) -> usize {
        let bytes = note.as_bytes();
        let other = self.lines.iter().find(|&&(line, other)| line > begin && other != section);
        let limit = other.map_or(bytes.len(), |&(line, _)| line);
        let mut anything = false;
        let mut blank_before = false;
        let mut first_blank = None;
        let mut line = begin;
        while line < limit {
            let next = bytes[line..limit].iter().position(|&byte| byte == b'\n').map_or(limit, |end| line + end + 1);
            let content = &bytes[line..next];
            let blank = content.trim_ascii().is_empty();
            if blank {
                if anything {
                    first_blank.get_or_insert(line);
                }
            } else if anything && blank_before && is_heading(content) && !self.lines.contains(&(line, section)) {
                return line;
            }
            anything |= !blank;
            blank_before = blank;
            line = next;
        }
        match other {
            Some(_) => limit,
            None => first_blank.unwrap_or(limit),
        }
    }
}

fn spaces(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| byte.is_ascii_whitespace()).count()
}

/// Whether a word stands in a text, in letters of any size.
fn has(text: &[u8], word: &str) -> bool {
    text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}

/// A physical examination up to where that of the discharge begins, which nobody knew at admission: a short heading with that
/// word, or a short line with it and the word for an examination. (`no discharge` is a finding.)
fn before_discharge(exam: &str) -> &str {
    const LONGEST: usize = 40;
    let mut at = 0;
    for line in exam.split_inclusive('\n') {
        let words = line.as_bytes().trim_ascii();
        let heading = words.iter().position(|&byte| byte == b':').map(|colon| &words[..colon]);
        let named = match heading {
            Some(heading) => heading.len() <= LONGEST && has(heading, "discharge"),
            None => words.len() <= LONGEST && has(words, "discharge") && (has(words, "exam") || has(words, "physical")),
        };
        if named {
            return &exam[..at];
        }
        at += line.len();
    }
    exam
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(note: &str) -> Vec<(&'static str, String)> {
        let sections = Sections::of(note);
        let all = SECTIONS.iter().enumerate().map(|(at, (_, title))| (*title, sections.get(at).to_owned()));
        all.filter(|(_, text)| !text.is_empty()).collect()
    }

    fn check(note: &str, expected: &[(&str, &str)]) {
        let expected: Vec<_> = expected.iter().map(|&(title, text)| (title, text.to_owned())).collect();
        assert_eq!(cut(note), expected, "{note:?}");
    }

    #[test]
    fn a_section_goes_from_its_heading_to_the_next() {
        let note = "Service: MED\n\nChief Complaint:\nfall\nat home\n\nMajor Procedure:\nnone\n\nHISTORY OF PRESENT ILLNESS:  Mr. \
                    X fell.\n\nHe was\nfound.\n\n1. Pain: none.\n\nPast Medical History:\ngout\n\nHospital Course:\nlong\n";
        let illness = "Mr. X fell.  He was found.  1. Pain: none.";
        check(note, &[("CHIEF COMPLAINT", "fall at home"), ("PRESENT ILLNESS", illness), ("MEDICAL HISTORY", "gout")]);
    }

    #[test]
    fn blank_lines_may_hold_spaces_and_lines_end_in_crlf() {
        check("Chief Complaint:\n___\n \nHospital Course:\nlong", &[("CHIEF COMPLAINT", "___")]);
        check("Chief Complaint:\r\nfall\r\ndown\r\n\r\nHospital Course:\r\nlong", &[("CHIEF COMPLAINT", "fall down")]);
    }

    #[test]
    fn the_eight_headings_need_no_blank_line() {
        let note = "Social History:\n___\nFamily History:\nmother: gout\n\nPhysical Exam:\n\nADMISSION PHYSICAL EXAM:\nwarm\n\n\
                    DISCHARGE PHYSICAL EXAM:\ncold\n\nPertinent Results:\nnone";
        check(
            note,
            &[
                ("PHYSICAL EXAM", "ADMISSION PHYSICAL EXAM: warm"),
                ("FAMILY HISTORY", "mother: gout"),
                ("SOCIAL HISTORY", "___"),
            ],
        );
    }

    #[test]
    fn the_examination_of_the_discharge_is_not_known_at_admission() {
        let note = "Physical Exam:\nOn admission: warm\n\n  Discharge:\ncold\n\nLabs:\n";
        check(note, &[("PHYSICAL EXAM", "On admission: warm")]);
        check("DISCHARGE PHYSICAL EXAM:\ncold\n\nLabs:\n", &[]);
        check(
            "Physical Exam:\nwarm, no discharge\nEyes: no discharge\n\nX:",
            &[("PHYSICAL EXAM", "warm, no discharge Eyes: no discharge")],
        );
    }

    #[test]
    fn a_last_section_is_not_lost_and_does_not_swallow_the_note() {
        check("Chief Complaint:\nfall", &[("CHIEF COMPLAINT", "fall")]);
        check("Chief Complaint:\nfall\n\nwas then discharged home.\n", &[("CHIEF COMPLAINT", "fall")]);
    }

    #[test]
    fn a_sentence_with_the_words_of_a_heading_ends_nothing() {
        let note = "History of Present Illness:\nHe has no known drug\nallergies: none at all were\nfound.\n\nCourse:";
        let found = cut(note);
        assert_eq!(found[0], ("PRESENT ILLNESS", "He has no known drug allergies: none at all were found.".to_owned()));
    }

    #[test]
    fn nothing_and_its_sign_are_empty() {
        check("", &[]);
        check("Allergies:", &[]);
        check("Allergies:\n\n\n", &[]);
        check(
            "Allergies:\n[] none\n\nChief Complaint:\n \n\nHistory of Present Illness:\nfall\n\nX:",
            &[("PRESENT ILLNESS", "fall")],
        );
    }

    #[test]
    fn the_text_has_every_heading() {
        let text = joined(["a", "", "", "", "", "", "", "é"]);
        assert!(
            text.starts_with(
                "CHIEF COMPLAINT: a\n\nPRESENT ILLNESS: \n\nMEDICAL HISTORY: \n\nMEDICATION ON ADMISSION: "
            )
        );
        assert!(text.ends_with("\n\nFAMILY HISTORY: \n\nSOCIAL HISTORY: é"));
    }
}
