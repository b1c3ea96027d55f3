//! Nothing that is counted or told of a corpus has a word of it: its words are made-up ones here, looked for in all that comes
//! out. Errors are looked through in `mutated`, and what the commands print in the tests of `xtask`.

use minim_datasets::synthetic::{archive_names, write_archive};
use minim_datasets::{Lengths, Statistics, counts, pass, read};

use crate::canaries::plant;

#[test]
fn no_statistics_have_a_word_of_the_text() {
    // Of MIMIC-IV the tables are packed, and its notes are those of MIMIC-III.
    for name in archive_names().filter(|name| !name.starts_with("mimic4")) {
        let folder = tempfile::tempdir().unwrap();
        write_archive(name, folder.path(), 40, 5).unwrap();
        let before = read(name, folder.path()).unwrap().sizes();
        let canaries = plant(name, folder.path());
        assert!(canaries.len() > 30, "{name}: {}", canaries.len());
        let mut statistics = Statistics::default();
        let remarks = pass(name, folder.path(), false, &mut statistics).unwrap();
        assert_eq!(statistics.splits[0].examples, before.train, "{name}");
        let card = minim_datasets::card(name).unwrap();
        let lengths = statistics.splits.each_ref().map(|split| Lengths::of(&split.words));
        let counts = counts(&card.expected, &statistics, &remarks);
        let said = format!("{statistics:?} {remarks} {remarks:?} {lengths:?} {counts:?}").to_lowercase();
        // Not printed: it would show what must not be shown.
        assert!(!canaries.iter().any(|canary| said.contains(canary)), "{name}");
    }
}
