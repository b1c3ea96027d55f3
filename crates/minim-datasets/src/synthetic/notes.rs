//! Plain synthetic notes for masked-language modelling, one note per line.
//!
//! They speak the language of all three tasks, from a stream of their own, and carry no labels. Many of them say a thing
//! twice, as notes do: an impression lists what is active and what is not, a relation is stated again in other words. A
//! model that fills in the masked words of one place has to read the other one, negation and all.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use super::draw::Draw;
use super::grammar::Grammar;
use super::{CONCEPTS, Error, MORTALITY, RELATIONS, concepts, mortality, relations};

/// Notes in each of the three styles, in proportion: admission notes, tagged sentences' style, relations' style.
const STYLES: [usize; 3] = [45, 25, 30];

/// The first `n` notes of a seed, each a single line.
pub fn notes(n: usize, seed: u64) -> impl Iterator<Item = String> {
    let mut draw = Draw::stream(seed, "synthetic-notes");
    let [mortality, concepts, relations] = [MORTALITY, CONCEPTS, RELATIONS].map(Grammar::read);
    (0..n).map(move |_| match draw.weighted(&STYLES) {
        0 => mortality::restated(&mortality, &mut draw),
        1 => {
            let sentences = draw.between(2, 4);
            join(sentences, || concepts::plain(&concepts::sentence(&concepts, &mut draw)))
        }
        _ => {
            let sentences = draw.between(2, 3);
            join(sentences, || relations::restated(&relations, &mut draw))
        }
    })
}

/// Writes the first `n` notes of a seed into a text file, one per line; its folder is created.
///
/// # Errors
/// [`Error::Write`] when the file cannot be written.
pub fn write_notes(path: &Path, n: usize, seed: u64) -> Result<(), Error> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = BufWriter::new(File::create(path).map_err(failed)?);
    for note in notes(n, seed) {
        writeln!(file, "{note}").map_err(failed)?;
    }
    file.flush().map_err(failed)
}

fn join(count: usize, mut next: impl FnMut() -> String) -> String {
    (0..count).map(|_| next()).collect::<Vec<_>>().join(" ")
}
