//! The outcome of an admission, spelled out in what should be known before it.
//!
//! A note that says that its patient died cannot be used to foretell it. In the physical examination and in the list of
//! medications such words are cut out (a form that was filled in later); anywhere else the example is left out. CORe's patterns
//! cut out only the first of several, have no word boundaries (`inpatient`, `kept expired`), and take "the expired drug" for
//! "he expired"; here the words are whole words.

use std::ops::Range;

use crate::mimic::sections::{EXAM, MEDICATION, SECTIONS, joined};

/// The example's text without the outcome; `None` where it is told in the history itself.
pub(super) fn without_outcome(sections: &[&str; SECTIONS.len()]) -> Option<String> {
    let mut kept: [String; 2] = [String::new(), String::new()];
    for (kept, section) in kept.iter_mut().zip([MEDICATION, EXAM]) {
        *kept = cut(sections[section], &mentions(sections[section], false));
    }
    let mut texts = *sections;
    [texts[MEDICATION], texts[EXAM]] = kept.each_ref().map(String::as_str);
    let told = texts.iter().any(|text| !mentions(text, true).is_empty() || pronounced(text));
    (!told).then(|| joined(texts))
}

/// Where a text says that somebody died: `expired`, `died`, `deceased` or `passed away`, after `had` or `has` or neither, and
/// after `patient` or `pt`, without which it counts only if `of_patient` is false.
fn mentions(text: &str, of_patient: bool) -> Vec<Range<usize>> {
    let words = words(text);
    let is = |place: usize, word: &str| text[words[place].clone()].eq_ignore_ascii_case(word);
    let joined = |place: usize| text[words[place].end..words[place + 1].start].chars().all(char::is_whitespace);
    let mut found = Vec::new();
    for place in 0..words.len() {
        let end = if ["expired", "died", "deceased"].iter().any(|word| is(place, word)) {
            place
        } else if is(place, "passed") && place + 1 < words.len() && joined(place) && is(place + 1, "away") {
            place + 1
        } else {
            continue;
        };
        let mut begin = place;
        if begin > 0 && joined(begin - 1) && (is(begin - 1, "had") || is(begin - 1, "has")) {
            begin -= 1;
        }
        let subject = begin > 0 && joined(begin - 1) && (is(begin - 1, "patient") || is(begin - 1, "pt"));
        if subject || !of_patient {
            found.push(words[begin - usize::from(subject)].start..words[end].end);
        }
    }
    found
}

/// Whether a text says `he expired`, `she expired`, `pronounced expired` or `time of death`.
fn pronounced(text: &str) -> bool {
    let words = words(text);
    let is = |place: usize, phrase: &[&str]| {
        words.get(place..place + phrase.len()).is_some_and(|words| {
            words.iter().zip(phrase).all(|(word, phrase)| text[word.clone()].eq_ignore_ascii_case(phrase))
                && words.windows(2).all(|pair| text[pair[0].end..pair[1].start].chars().all(char::is_whitespace))
        })
    };
    let phrases: [&[&str]; 4] =
        [&["he", "expired"], &["she", "expired"], &["pronounced", "expired"], &["time", "of", "death"]];
    (0..words.len()).any(|place| phrases.iter().any(|phrase| is(place, phrase)))
}

/// The words of a text: runs of letters and digits.
fn words(text: &str) -> Vec<Range<usize>> {
    // Most texts have none of these words, and need not be taken apart.
    let bytes = text.as_bytes();
    let tells = ["xpired", "died", "eceased", "assed", "eath", "XPIRED", "DIED", "ECEASED", "ASSED", "EATH", "Died"];
    if !tells.iter().any(|tell| memchr::memmem::find(bytes, tell.as_bytes()).is_some()) {
        return Vec::new();
    }
    let mut words = Vec::new();
    let mut begin = None;
    for (at, c) in text.char_indices() {
        match (c.is_alphanumeric(), begin) {
            (true, None) => begin = Some(at),
            (false, Some(from)) => {
                words.push(from..at);
                begin = None;
            }
            _ => {}
        }
    }
    words.extend(begin.map(|from| from..text.len()));
    words
}

/// A text without some of its parts.
fn cut(text: &str, parts: &[Range<usize>]) -> String {
    let mut left = String::with_capacity(text.len());
    let mut from = 0;
    for part in parts {
        left.push_str(text[from..part.start].trim_end());
        from = part.end;
    }
    left.push_str(&text[from..]);
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(section: usize, text: &str) -> Option<String> {
        let mut sections = [""; SECTIONS.len()];
        sections[section] = text;
        without_outcome(&sections).map(|joined| {
            let title = format!("{}: ", SECTIONS[section].1);
            let from = joined.find(&title).map_or(0, |at| at + title.len());
            joined[from..].split("\n\n").next().unwrap_or_default().to_owned()
        })
    }

    #[test]
    fn an_outcome_in_the_history_drops_the_example() {
        for text in [
            "The patient expired at home.",
            "Pt  had died",
            "the Patient has passed away.",
            "patient deceased",
            "She expired.",
            "was pronounced expired",
            "TIME OF DEATH 4 pm",
        ] {
            assert_eq!(example(1, text), None, "{text}");
        }
    }

    #[test]
    fn deaths_of_others_and_parts_of_words_stay() {
        for text in [
            "His father died of a stroke.",
            "mother deceased, passed away in 1990",
            "inpatient died",
            "he kept expired drugs",
            "the expired drug",
            "the patient's wife died",
            "patient. Died",
            "patients died",
        ] {
            assert_eq!(example(6, text).as_deref(), Some(text));
        }
    }

    #[test]
    fn every_mention_in_the_examination_is_cut_out() {
        assert_eq!(example(EXAM, "warm. Patient expired, pt has died; cold").as_deref(), Some("warm.,; cold"));
        assert_eq!(example(MEDICATION, "expired").as_deref(), Some(""));
        assert_eq!(example(EXAM, "he expired").as_deref(), Some("he"));
    }
}
