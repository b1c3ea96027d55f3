//! The recipe: one pass over the notes, and then one over the admissions that have some.
//!
//! A summary is cut down to its sections as soon as it is read, so that only those are held (about a twentieth of
//! NOTEEVENTS.csv). What needs all notes of an archive is done with a digest of each text (repeated notes) and with its place,
//! date and kind (which note of an admission comes first). The parser is one thread, the cutting another.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::{panic, thread};

use sha2::{Digest, Sha256};

use crate::document_split::{Split, split_of};
use crate::error::Error;
use crate::example::Labelled;
use crate::mimic::admissions::{Admission, Admissions};
use crate::mimic::columns::{Columns, number};
use crate::mimic::death_mentions;
use crate::mimic::labels::length_of_stay;
use crate::mimic::published::{self, SplitLists};
use crate::mimic::rows::{Row, with_rows};
use crate::mimic::sections::{MAIN, SECTIONS, Sections, joined};
use crate::mimic::tally::Tally;
use crate::mimic::time::seconds;
use crate::mimic::{Mimic, Outcome, Release};

/// Summaries that go to the cutting thread at once.
const BATCH: usize = 32;
/// Batches that may wait for it, some forty megabytes: NOTEEVENTS.csv begins with its summaries, and the parser need not wait.
const WAITING: usize = 128;

/// A summary as it was read.
struct Summary {
    key: Key,
    text: String,
}

/// A summary as it is held.
struct Note {
    key: Key,
    /// The first half of the text's SHA-256.
    digest: [u8; 16],
    content: Content,
}

/// Where a summary belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// The place of its admission.
    admission: u32,
    /// Its date, as seconds; the greatest number where it has none.
    date: i64,
    /// An addendum comes after the report of its day.
    addendum: bool,
    /// Its place in the file.
    order: u32,
}

enum Content {
    Mended(Sections),
    Published(published::Note),
}

/// Reads an archive and hands out its examples, in the order of the table of admissions.
pub(super) fn run<E: From<Error>>(
    recipe: &Mimic,
    root: &Path,
    emit: &mut impl FnMut(Split, Labelled) -> Result<(), E>,
) -> Result<Tally, E> {
    let mut tally = Tally::default();
    let lists = if recipe.as_published { Some(SplitLists::read(root)?) } else { None };
    let admissions = Admissions::read(&find(root, recipe.release.admissions_file())?)?;
    let path = find(root, recipe.release.notes_file())?;
    let mut notes = gather(recipe, &path, &admissions, &mut tally)?;
    drop_repeated(&mut notes, &mut tally);
    notes.sort_unstable_by_key(|note| {
        let Key { addendum, .. } = note.key;
        Key { addendum: addendum && !recipe.as_published, ..note.key }
    });
    let mut notes = notes.into_iter().peekable();
    while let Some(first) = notes.next() {
        let place = first.key.admission;
        let mut group = vec![first];
        while let Some(note) = notes.next_if(|note| note.key.admission == place) {
            group.push(note);
        }
        let admission = admissions.at(place);
        let Some((text, label)) = example(recipe, admission, &group, &mut tally) else {
            continue;
        };
        let split = match &lists {
            Some(lists) => lists.split(admission.patient),
            None => Some(split_of(recipe.release.corpus(), &admission.patient.to_string())),
        };
        let Some(split) = split else {
            tally.unlisted += 1;
            continue;
        };
        tally.examples[split as usize] += 1;
        let id = format!("{}#{}", admission.patient, admission.number);
        emit(split, Labelled { id, text, text_pair: None, label })?;
    }
    for split in Split::ALL {
        if tally.examples[split as usize] == 0 {
            let expected =
                format!("discharge summaries of enough patients that one falls to the {} split", split.name());
            return Err(Error::Empty { path, expected }.into());
        }
    }
    Ok(tally)
}

/// The table of that name, in capitals or small letters, packed or not, in the folder or where MIMIC-IV keeps it.
fn find(root: &Path, name: &str) -> Result<PathBuf, Error> {
    let names = [name.to_ascii_uppercase(), name.to_ascii_lowercase()];
    for folder in [root.to_owned(), root.join("hosp"), root.join("note")] {
        for ending in [".csv", ".csv.gz"] {
            for name in &names {
                let path = folder.join(format!("{name}{ending}"));
                if path.exists() {
                    return Ok(path);
                }
            }
        }
    }
    let path = root.join(format!("{name}.csv"));
    Err(Error::Missing { path, expected: format!("{name}.csv or {name}.csv.gz, in capitals or small letters") })
}

/// The summaries of all admissions that count, in the order of the file.
fn gather(recipe: &Mimic, path: &Path, admissions: &Admissions, tally: &mut Tally) -> Result<Vec<Note>, Error> {
    thread::scope(|scope| {
        let (send, receive) = sync_channel::<Vec<Summary>>(WAITING);
        // Shared, so that it goes when the last worker goes, and nobody waits for it for ever.
        let receive = Arc::new(Mutex::new(receive));
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..cores.saturating_sub(1).clamp(1, 3))
            .map(|_| {
                let receive = Arc::clone(&receive);
                scope.spawn(move || cut(&receive, recipe.as_published))
            })
            .collect();
        drop(receive);
        let read = with_rows(path, "the table of notes, as it comes or with .gz", |rows| {
            let columns = Columns::read(rows, recipe.release.notes_columns())?;
            let mut batch = Vec::with_capacity(BATCH);
            while let Some(row) = rows.next()? {
                tally.rows += 1;
                let places = columns.places(&row)?;
                if let Some(summary) = summary(recipe, &row, places, admissions, tally)? {
                    batch.push(summary);
                }
                if batch.len() == BATCH && send.send(std::mem::take(&mut batch)).is_err() {
                    break;
                }
            }
            let _ = send.send(batch);
            Ok(())
        });
        drop(send);
        let done = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|cause| panic::resume_unwind(cause)));
        let mut notes: Vec<Note> = done.flatten().collect();
        read?;
        notes.sort_unstable_by_key(|note| note.key.order);
        Ok(notes)
    })
}

/// The row's note, if it is a discharge summary of an admission that counts.
fn summary(
    recipe: &Mimic,
    row: &Row<'_>,
    [admission, date, category, description, error, text]: [usize; 6],
    admissions: &Admissions,
    tally: &mut Tally,
) -> Result<Option<Summary>, Error> {
    let addendum = match recipe.release {
        Release::Three if row.bytes(category).trim_ascii() != b"Discharge summary" => return Ok(None),
        Release::Three => row.bytes(description).trim_ascii() != b"Report",
        Release::Four => match row.bytes(category).trim_ascii() {
            b"DS" => false,
            b"AD" => true,
            _ => return Ok(None),
        },
    };
    tally.summaries += 1;
    let place = number(row, admission, "HADM_ID")?.and_then(|number| admissions.place(number));
    let Some(place) = place else {
        tally.without_admission += 1;
        return Ok(None);
    };
    if admissions.at(place).newborn {
        tally.newborns += 1;
        return Ok(None);
    }
    if !recipe.as_published && row.bytes(error).trim_ascii() == b"1" {
        tally.in_error += 1;
        return Ok(None);
    }
    let text = row.text(text)?;
    if text.is_empty() {
        tally.without_text += 1;
        return Ok(None);
    }
    let field = row.bytes(date);
    let date = match field.trim_ascii() {
        b"" => i64::MAX,
        date => seconds(date)
            .ok_or_else(|| row.malformed("another form of date", "YYYY-MM-DD, with or without HH:MM:SS"))?,
    };
    let key = Key { admission: place, date, addendum, order: tally.summaries as u32 };
    Ok(Some(Summary { key, text: text.into_owned() }))
}

/// Cuts batch after batch until no more come.
fn cut(batches: &Mutex<Receiver<Vec<Summary>>>, as_published: bool) -> Vec<Note> {
    let mut notes = Vec::new();
    loop {
        let batch = batches.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(batch) = batch else {
            return notes;
        };
        notes.extend(batch.into_iter().map(|Summary { key, text }| {
            let mut digest = [0; 16];
            digest.copy_from_slice(&Sha256::digest(&text)[..16]);
            let content = match as_published {
                false => Content::Mended(Sections::of(&text)),
                true => Content::Published(published::Note::of(&text)),
            };
            Note { key, digest, content }
        }));
    }
}

/// Of several notes with one text, even of several admissions, keeps the one with the latest date, and of those the last in the
/// file.
fn drop_repeated(notes: &mut Vec<Note>, tally: &mut Tally) {
    let mut last: HashMap<[u8; 16], (i64, u32)> = HashMap::with_capacity(notes.len());
    for note in notes.iter() {
        let age = (note.key.date, note.key.order);
        let kept = last.entry(note.digest).or_insert(age);
        *kept = age.max(*kept);
    }
    let before = notes.len();
    notes.retain(|note| last[&note.digest].1 == note.key.order);
    tally.duplicates = before - notes.len();
}

/// The text and the label of an admission, or `None` if it gives no example.
fn example(recipe: &Mimic, admission: Admission, notes: &[Note], tally: &mut Tally) -> Option<(String, usize)> {
    let left_out = |count: &mut usize| -> Option<(String, usize)> {
        *count += 1;
        None
    };
    if notes.iter().all(|note| note.key.addendum) {
        return left_out(&mut tally.addenda_only);
    }
    let label = match recipe.outcome {
        Outcome::Mortality => usize::from(admission.died),
        Outcome::LengthOfStay if admission.died => return left_out(&mut tally.died),
        Outcome::LengthOfStay => match admission.stay_s {
            Some(stay_s) if stay_s >= 0 || recipe.as_published => length_of_stay(stay_s),
            _ => return left_out(&mut tally.without_stay),
        },
    };
    if recipe.as_published {
        let published = notes.iter().filter_map(|note| match &note.content {
            Content::Published(note) => Some(note),
            Content::Mended(_) => None,
        });
        let Some(text) = published::admission_text(&published.collect::<Vec<_>>()) else {
            return left_out(&mut tally.without_main_section);
        };
        return match recipe.outcome {
            Outcome::LengthOfStay => Some((text, label)),
            Outcome::Mortality => match published::without_outcome(text) {
                Some(text) => Some((text, label)),
                None => left_out(&mut tally.told),
            },
        };
    }
    let sections = first_of(notes);
    if sections[..MAIN].iter().all(|text| text.is_empty()) {
        return left_out(&mut tally.without_main_section);
    }
    let text = match recipe.outcome {
        Outcome::LengthOfStay => Some(joined(sections)),
        Outcome::Mortality => death_mentions::without_outcome(&sections),
    };
    match text {
        Some(text) => Some((text, label)),
        None => left_out(&mut tally.told),
    }
}

/// Each section from the first note that has it.
fn first_of(notes: &[Note]) -> [&str; SECTIONS.len()] {
    std::array::from_fn(|section| {
        let texts = notes.iter().filter_map(|note| match &note.content {
            Content::Mended(sections) => Some(sections.get(section)),
            Content::Published(_) => None,
        });
        texts.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
    })
}
