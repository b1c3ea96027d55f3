//! Archives with one broken file: no panic, no endless reading, an error that says where, and none of the text in it.
//!
//! The inputs lie packed in `tests/mutated`, one file a reader, and were made from small synthetic archives by
//! `cargo test -p minim-datasets --test it -- --ignored write_the_inputs`. Each takes its file's place in the archive that it was
//! made from, is read, and goes again.

mod archive;
mod mutate;

use std::collections::HashSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use minim_datasets::{Error, Statistics, names, pass, published_names, read};

pub(crate) use archive::archive;
use mutate::{Input, Mutator, pack, unpack};

use crate::canaries::{files, texts};

/// From the package's folder.
const FIXTURES: &str = "../../tests/fixtures/mimic";

/// Far longer than all inputs together take: who waits that long waits for ever.
const FOR_EVER: Duration = Duration::from_secs(900);

/// A run of so many characters of a text shows the text.
const RUN: usize = 12;

fn packed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mutated").join(format!("{name}.gz"))
}

/// Inputs of each reader.
const INPUTS: usize = 125;

#[test]
#[ignore = "writes tests/mutated anew"]
fn write_the_inputs() {
    for (seed, name) in names().enumerate() {
        let folder = archive(name);
        let files: Vec<_> = files(folder.path()).into_iter().filter(|(path, _)| path != "card.toml").collect();
        let mut mutator = Mutator::new(seed as u64);
        // By file, so that alike inputs lie side by side and pack well.
        let mut seen: HashSet<(String, Vec<u8>)> = files.iter().cloned().collect();
        let mut inputs = Vec::with_capacity(INPUTS);
        while inputs.len() < INPUTS {
            let (path, bytes) = &files[inputs.len() * files.len() / INPUTS];
            let bytes = mutator.broken(bytes);
            if seen.insert((path.clone(), bytes.clone())) {
                inputs.push(Input { path: path.clone(), bytes });
            }
        }
        fs::create_dir_all(packed(name).parent().unwrap()).unwrap();
        fs::write(packed(name), pack(&inputs)).unwrap();
    }
}

/// Every run of some length in the texts of an archive.
fn runs(name: &str, root: &Path) -> HashSet<String> {
    let texts = texts(&read(name, root).unwrap_or_else(|error| panic!("{name}: {error}")));
    texts.iter().flat_map(|text| windows(text)).collect()
}

fn windows(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.windows(RUN).map(|window| window.iter().collect()).collect()
}

/// Where an error says that it is: a path, and a line where it is about one.
fn place(error: &Error) -> Option<(&Path, Option<usize>)> {
    match error {
        Error::Malformed { path, line, .. }
        | Error::UnknownLabel { path, line, .. }
        | Error::DuplicateId { path, line, .. }
        | Error::SharedDocument { path, line, .. }
        | Error::NotUtf8 { path, line } => Some((path, Some(*line))),
        Error::Missing { path, .. }
        | Error::Empty { path, .. }
        | Error::Io { path, .. }
        | Error::Archive { path, .. }
        | Error::Ambiguous { first: path, .. } => Some((path, None)),
        _ => None,
    }
}

/// What is wrong with an error, if anything is.
fn complaint(error: &Error, root: &Path, runs: &HashSet<String>) -> Option<String> {
    let message = error.to_string().replace(&root.display().to_string(), "");
    if message.contains('\n') {
        return Some("an error of several lines".to_owned());
    }
    if windows(&message).iter().any(|window| runs.contains(window)) {
        return Some(format!("an error with text in it: {message}"));
    }
    let Some((path, line)) = place(error).filter(|(path, _)| path.starts_with(root)) else {
        return Some(format!("an error without a file: {message}"));
    };
    // Lines of a packed table are those of what is in it.
    let text = fs::read(path).ok().filter(|_| path.extension().is_none_or(|ending| ending != "gz"));
    let lines = text.map_or(usize::MAX, |text| text.split(|&byte| byte == b'\n').count().max(1));
    match line {
        Some(line) if line == 0 || line > lines => Some(format!("line {line} of {lines}: {message}")),
        _ => None,
    }
}

/// Reads every input of a reader; what it finds wrong, and how many inputs were refused.
fn read_all(name: &str, now: &Mutex<String>) -> (Vec<String>, [usize; 2]) {
    let folder = archive(name);
    let root = folder.path();
    let runs = runs(name, root);
    let (mut complaints, mut counts) = (Vec::new(), [0, 0]);
    for (number, Input { path, bytes }) in unpack(&fs::read(packed(name)).unwrap()).into_iter().enumerate() {
        let case = format!("{name}, input {number}, {path}");
        now.lock().unwrap().clone_from(&case);
        let file = root.join(&path);
        let whole = fs::read(&file).unwrap();
        fs::write(&file, bytes).unwrap();
        let published = published_names().any(|published| published == name);
        for as_published in [false, true].into_iter().take(1 + usize::from(published)) {
            let sink = &mut Statistics::default();
            let done = catch_unwind(AssertUnwindSafe(|| pass(name, root, as_published, sink)));
            counts[1] += usize::from(!as_published && matches!(done, Ok(Err(_))));
            let complaint = match done {
                Err(_) => Some("panicked".to_owned()),
                Ok(Ok(_)) => None,
                Ok(Err(error)) => complaint(&error, root, &runs),
            };
            complaints.extend(complaint.map(|complaint| format!("{case}: {complaint}")));
        }
        counts[0] += 1;
        fs::write(&file, whole).unwrap();
    }
    (complaints, counts)
}

#[test]
fn what_is_wrong_with_an_error_is_found() {
    let folder = crate::folder(&[("a.csv", "one\ntwo")]);
    let runs: HashSet<String> = windows("no fever since monday").into_iter().collect();
    let found = |path: &str, line, problem: &str| {
        let (path, expected) = (folder.path().join(path), "fever".to_owned());
        complaint(&Error::Malformed { path, line, problem: problem.into(), expected }, folder.path(), &runs)
    };
    assert_eq!(found("a.csv", 2, "fever sin"), None);
    assert!(found("a.csv", 2, "a fever since monday").unwrap().starts_with("an error with text in it"));
    assert!(found("a.csv", 3, "").unwrap().starts_with("line 3 of 2") && found("a.csv", 0, "").is_some());
    assert!(found("../b.csv", 0, "a\nb").unwrap().starts_with("an error of several lines"));
    let nowhere = Error::LabelSet { problem: "none".into() };
    assert!(complaint(&nowhere, folder.path(), &runs).unwrap().starts_with("an error without a file"));
}

#[test]
fn no_broken_file_does_harm() {
    let now = Arc::new(Mutex::new(String::new()));
    let (send, receive) = channel();
    let reader = std::thread::spawn({
        let now = Arc::clone(&now);
        move || {
            let all: Vec<_> = names().map(|name| read_all(name, &now)).collect();
            // Nobody listens any more if this took for ever.
            let _ = send.send(all);
        }
    });
    let all = match receive.recv_timeout(FOR_EVER) {
        Ok(all) => all,
        Err(RecvTimeoutError::Timeout) => panic!("never ends: {}", now.lock().unwrap()),
        Err(RecvTimeoutError::Disconnected) => panic!("{:?}: {}", reader.join(), now.lock().unwrap()),
    };
    let (complaints, counts): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    let complaints = complaints.concat();
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
    let [inputs, refused] = counts.iter().fold([0, 0], |[a, b], [c, d]| [a + c, b + d]);
    assert!(inputs >= 2000 && refused * 2 > inputs, "{inputs} inputs, {refused} refused");
}
