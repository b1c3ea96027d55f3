//! Token ids kept beside a dataset, so that a second start need not tokenize.
//!
//! A split's windows lie in one file of the folder `.minim-cache`, named by the SHA-256 of all that decides them: every text, the files of
//! the tokenizer, the maximum length, how long texts are read, and the version of the format. So a file is never out of date, and an
//! unused one may be deleted at any time. **Ids are as confidential as the text**: whoever has the vocabulary can turn them back into it.
//! No plain text stands in a file, and on Unix only its owner can read it.
//!
//! The layout, all numbers little-endian: 8 bytes `minimids`; the 32 bytes of the key; as `u64` the number of examples, of windows
//! and of pieces, and whether words are named (0 or 1); as `u32` the windows of each example, then the pieces of each window; as `u8` whether
//! each window is truncated; as `u32` every id; as `u8` every token type; as `u32` the word of every piece, 2^32 - 1 for none, where words are
//! named; the SHA-256 of all before it.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use minim_datasets::Mention;
use sha2::{Digest, Sha256};

use crate::task::Long;
use crate::{Encoded, EncodedExample, Error, ExampleSlice, Task, Tokenizer};

/// A folder of encoded splits.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    /// Splits with less text, in bytes, are not kept.
    least_text: usize,
}

/// How a split came to be encoded.
#[derive(Debug)]
#[non_exhaustive]
pub enum Origin {
    /// Anew, and not kept: tokenizing so little text takes no longer than reading a file.
    Small,
    /// From the cache.
    Read,
    /// Anew, and kept.
    Written,
    /// Anew, and kept in place of a file that was damaged.
    Mended {
        /// The damaged file.
        file: PathBuf,
    },
    /// Anew, and not kept, because the cache cannot be written.
    Unwritable {
        /// The file that could not be written.
        file: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// Raised whenever the same texts and tokenizer files may give other ids, as with another version of the `tokenizers` crate.
const FORMAT: u32 = 1;
const MAGIC: &[u8; 8] = b"minimids";
const NO_WORD: u32 = u32::MAX;
/// Magic, key, four counts.
const HEADER: usize = 8 + 32 + 4 * 8;
const CHECKSUM: usize = 32;

impl Cache {
    /// The folder's name, inside the dataset's.
    pub const FOLDER: &'static str = ".minim-cache";
    /// Splits with less text, in bytes, are not kept.
    pub const LEAST_TEXT: usize = 1 << 20;

    /// The cache of the dataset in the folder `data`.
    pub fn beside(data: &Path) -> Self {
        Self { folder: data.join(Self::FOLDER), least_text: Self::LEAST_TEXT }
    }

    /// [`Task::encode_all`], from the cache where it has this split.
    ///
    /// # Errors
    ///
    /// Those of [`Task::encode_all`], and tokenizer files that cannot be read; never one of the cache itself.
    pub fn encode_all<'a>(
        &self,
        task: &Task,
        examples: impl Into<ExampleSlice<'a>>,
        tokenizer: &Tokenizer,
    ) -> Result<(Vec<EncodedExample>, Origin), Error> {
        let examples = examples.into();
        if task.kind() != examples.kind() || text_bytes(examples) < self.least_text {
            return Ok((task.encode_all(examples, tokenizer)?, Origin::Small));
        }
        let key = key(task, examples, tokenizer)?;
        let file = self.folder.join(format!("{}.ids", hex(&key)));
        let damaged = match fs::read(&file) {
            Ok(bytes) => match parse(&bytes, &key) {
                Some(windows) if windows.len() == examples.len() => {
                    return Ok((task.with_windows(examples, windows)?, Origin::Read));
                }
                _ => true,
            },
            Err(_) => false,
        };
        let encoded = task.encode_all(examples, tokenizer)?;
        let origin = match self.write(&file, &encoded, &key) {
            Ok(()) if damaged => Origin::Mended { file },
            Ok(()) => Origin::Written,
            Err(source) => Origin::Unwritable { file, source },
        };
        Ok((encoded, origin))
    }

    /// Writes a file whole or not at all.
    fn write(&self, file: &Path, encoded: &[EncodedExample], key: &[u8; 32]) -> Result<(), std::io::Error> {
        make_folder(&self.folder)?;
        // The process id keeps two runs over one dataset apart.
        let partial = file.with_extension(format!("{}.partial", std::process::id()));
        // A leftover may belong to somebody else or be open to others.
        match fs::remove_file(&partial) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let written = create(&partial).and_then(|mut open| {
            open.write_all(&bytes(encoded, key))?;
            open.sync_all()
        });
        let done = written.and_then(|()| fs::rename(&partial, file));
        if done.is_err() {
            let _ = fs::remove_file(&partial);
        }
        done
    }
}

/// A new file that only its owner can read.
fn create(path: &Path) -> Result<File, std::io::Error> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn make_folder(folder: &Path) -> Result<(), std::io::Error> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn text_bytes(examples: ExampleSlice<'_>) -> usize {
    match examples {
        ExampleSlice::Sequence(examples) => {
            examples.iter().map(|e| e.text.len() + e.text_pair.as_ref().map_or(0, String::len)).sum()
        }
        ExampleSlice::Tokens(examples) => examples.iter().flat_map(|e| &e.words).map(String::len).sum(),
        ExampleSlice::Relations(examples) => examples.iter().map(|e| e.text.len()).sum(),
    }
}

/// SHA-256 over everything that decides the windows of a split; labels do not.
fn key(task: &Task, examples: ExampleSlice<'_>, tokenizer: &Tokenizer) -> Result<[u8; 32], Error> {
    let mut hash = Sha256::new();
    let overlap = match task.long() {
        Long::Cut => u64::MAX,
        Long::Windows { overlap } => overlap as u64,
    };
    hash.update(FORMAT.to_le_bytes());
    hash.update(tokenizer.fingerprint()?);
    hash.update((task.max_length() as u64).to_le_bytes());
    hash.update(overlap.to_le_bytes());
    hash.update([task.kind() as u8]);
    let number = |hash: &mut Sha256, number: usize| hash.update((number as u64).to_le_bytes());
    let text = |hash: &mut Sha256, text: &str| {
        number(hash, text.len());
        hash.update(text);
    };
    number(&mut hash, examples.len());
    match examples {
        ExampleSlice::Sequence(examples) => {
            for example in examples {
                text(&mut hash, &example.text);
                number(&mut hash, usize::from(example.text_pair.is_some()));
                text(&mut hash, example.text_pair.as_deref().unwrap_or_default());
            }
        }
        ExampleSlice::Tokens(examples) => {
            for example in examples {
                number(&mut hash, example.words.len());
                example.words.iter().for_each(|word| text(&mut hash, word));
            }
        }
        ExampleSlice::Relations(examples) => {
            for example in examples {
                text(&mut hash, &example.text);
                for mention in [&example.head, &example.tail] {
                    number(&mut hash, usize::from(mention.is_some()));
                    if let Some(Mention { start, end, kind }) = mention {
                        number(&mut hash, *start);
                        number(&mut hash, *end);
                        text(&mut hash, kind);
                    }
                }
            }
        }
    }
    Ok(hash.finalize().into())
}

fn hex(key: &[u8; 32]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A split as a file.
fn bytes(encoded: &[EncodedExample], key: &[u8; 32]) -> Vec<u8> {
    let windows = || encoded.iter().flat_map(|example| &example.windows);
    let pieces: usize = windows().map(Encoded::len).sum();
    let worded = windows().any(|window| !window.words.is_empty());
    let mut bytes = Vec::with_capacity(HEADER + 9 * pieces + 9 * encoded.len() + CHECKSUM);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(key);
    for count in [encoded.len(), windows().count(), pieces, usize::from(worded)] {
        bytes.extend_from_slice(&(count as u64).to_le_bytes());
    }
    encoded.iter().for_each(|example| bytes.extend_from_slice(&(example.windows.len() as u32).to_le_bytes()));
    windows().for_each(|window| bytes.extend_from_slice(&(window.len() as u32).to_le_bytes()));
    bytes.extend(windows().map(|window| u8::from(window.truncated)));
    windows().flat_map(|window| &window.ids).for_each(|id| bytes.extend_from_slice(&id.to_le_bytes()));
    bytes.extend(windows().flat_map(|window| &window.types).map(|&kind| kind as u8));
    if worded {
        let words = windows().flat_map(|window| &window.words);
        words.for_each(|word| bytes.extend_from_slice(&word.unwrap_or(NO_WORD).to_le_bytes()));
    }
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum);
    bytes
}

/// The windows of each example; `None` for a file that is not whole, or not of this key.
fn parse(bytes: &[u8], key: &[u8; 32]) -> Option<Vec<Vec<Encoded>>> {
    let (body, checksum) = bytes.split_at_checked(bytes.len().checked_sub(CHECKSUM)?)?;
    if Sha256::digest(body)[..] != *checksum {
        return None;
    }
    let mut rest = body.strip_prefix(MAGIC)?.strip_prefix(key)?;
    let mut count = || -> Option<usize> {
        let (number, behind) = rest.split_first_chunk::<8>()?;
        rest = behind;
        usize::try_from(u64::from_le_bytes(*number)).ok()
    };
    let (examples, windows, pieces, worded) = (count()?, count()?, count()?, count()? == 1);
    // What the counts claim is checked against what is there before anything of that size is made.
    let mut take = |length: Option<usize>| -> Option<&[u8]> {
        let (taken, behind) = rest.split_at_checked(length?)?;
        rest = behind;
        Some(taken)
    };
    let windows_of = take(examples.checked_mul(4))?;
    let lengths = take(windows.checked_mul(4))?;
    let truncated = take(Some(windows))?;
    let ids = take(pieces.checked_mul(4))?;
    let types = take(Some(pieces))?;
    let words = take(if worded { pieces.checked_mul(4) } else { Some(0) })?;
    if !rest.is_empty() {
        return None;
    }
    let mut lengths = numbers(lengths).zip(truncated);
    let (mut ids, mut types, mut words) = (numbers(ids), types.iter(), numbers(words));
    let mut read = Vec::with_capacity(examples);
    for count in numbers(windows_of) {
        let mut of_example = Vec::with_capacity((count as usize).min(windows));
        for _ in 0..count {
            let (length, &truncated) = lengths.next()?;
            let length = length as usize;
            let window = Encoded {
                ids: ids.by_ref().take(length).collect(),
                types: types.by_ref().take(length).map(|&kind| u32::from(kind)).collect(),
                words: words.by_ref().take(length).map(|word| (word != NO_WORD).then_some(word)).collect(),
                truncated: truncated == 1,
            };
            if window.len() != length {
                return None;
            }
            of_example.push(window);
        }
        if of_example.is_empty() {
            return None;
        }
        read.push(of_example);
    }
    (lengths.next().is_none() && ids.next().is_none()).then_some(read)
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

#[cfg(test)]
mod tests {
    use minim_datasets::{Kind, LabelSet, Labelled, Related, Tagged};

    use super::*;
    use crate::Pool;

    const CANARY: &str = "xyzzyplugh";

    fn tokenizer(name: &str) -> Tokenizer {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/bert").join(name);
        Tokenizer::from_folder(&folder).unwrap()
    }

    fn task(kind: Kind, max_length: usize) -> Task {
        let names = ["O", "B-Disease", "I-Disease"].map(str::to_owned);
        Task::new(kind, LabelSet::new(names.to_vec()).unwrap(), max_length, None).unwrap()
    }

    /// A cache that keeps little text, too.
    fn cache(data: &tempfile::TempDir) -> Cache {
        Cache { least_text: 1 << 10, ..Cache::beside(data.path()) }
    }

    fn texts() -> Vec<Labelled> {
        let text = |index: usize| format!("patient {index} {CANARY} {}", "has chest pain. ".repeat(1 + index % 20));
        let example = |index| Labelled {
            id: format!("note-{index}#0"),
            text: text(index),
            text_pair: (index % 5 == 0).then(|| "no fever".to_owned()),
            label: index % 3,
        };
        (0..40).map(example).collect()
    }

    fn words() -> Vec<Tagged> {
        let example = |note: Labelled| {
            let words: Vec<String> = note.text.split(' ').map(str::to_owned).collect();
            Tagged { id: note.id, tags: vec![note.label; words.len()], words }
        };
        texts().into_iter().map(example).collect()
    }

    fn relations() -> Vec<Related> {
        let mention = |start| Some(Mention { start, end: start + 4, kind: "drug".to_owned() });
        let example = |note: Labelled| Related {
            head: mention(0),
            tail: mention(20 + note.label),
            id: note.id,
            text: note.text,
            label: note.label,
        };
        texts().into_iter().map(example).collect()
    }

    fn only_file(folder: &Path) -> PathBuf {
        let files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    }

    #[track_caller]
    fn check<'a, E>(task: &Task, examples: &'a [E])
    where
        &'a [E]: Into<ExampleSlice<'a>>,
    {
        let data = tempfile::tempdir().unwrap();
        let cache = cache(&data);
        let tokenizer = tokenizer("tokenizer-uncased");
        let (first, origin) = cache.encode_all(task, examples, &tokenizer).unwrap();
        assert!(matches!(origin, Origin::Written), "{origin:?}");
        assert_eq!(first, task.encode_all(examples, &tokenizer).unwrap());
        let (second, origin) = cache.encode_all(task, examples, &tokenizer).unwrap();
        assert!(matches!(origin, Origin::Read), "{origin:?}");
        assert_eq!(second, first);
    }

    #[test]
    fn a_second_start_reads_what_the_first_one_wrote() {
        let (texts, words, relations) = (texts(), words(), relations());
        check(&task(Kind::Sequence, 64), &texts[..]);
        check(&task(Kind::Sequence, 64).in_windows(9, Pool::Mean).unwrap(), &texts[..]);
        check(&task(Kind::Tokens, 64), &words[..]);
        check(&task(Kind::Tokens, 64).in_windows(0, Pool::Mean).unwrap(), &words[..]);
        check(&task(Kind::Relations, 64), &relations[..]);
    }

    #[test]
    fn every_setting_has_a_file_of_its_own() {
        let data = tempfile::tempdir().unwrap();
        let cache = cache(&data);
        let (uncased, cased) = (tokenizer("tokenizer-uncased"), tokenizer("tokenizer-cased"));
        let mut examples = texts();
        let cut = task(Kind::Sequence, 32);
        let windows = |overlap| task(Kind::Sequence, 32).in_windows(overlap, Pool::Max).unwrap();
        let fresh = |task: &Task, examples: &[Labelled], tokenizer| {
            let (encoded, origin) = cache.encode_all(task, examples, tokenizer).unwrap();
            assert!(matches!(origin, Origin::Written), "{origin:?}");
            assert_eq!(encoded, task.encode_all(examples, tokenizer).unwrap());
        };
        fresh(&cut, &examples, &uncased);
        fresh(&cut, &examples, &cased);
        fresh(&task(Kind::Sequence, 33), &examples, &uncased);
        fresh(&windows(0), &examples, &uncased);
        fresh(&windows(1), &examples, &uncased);
        examples[39].text.push('.');
        fresh(&cut, &examples, &uncased);
        examples[39].text_pair = Some(String::new());
        fresh(&cut, &examples, &uncased);
        // A label is no part of it, and comes from the examples.
        examples[39].label = 0;
        let (encoded, origin) = cache.encode_all(&cut, &examples[..], &uncased).unwrap();
        assert!(matches!(origin, Origin::Read));
        assert_eq!(encoded[39].labels, [0]);
        examples[39].label = 9;
        assert!(cache.encode_all(&cut, &examples[..], &uncased).unwrap_err().to_string().contains("label 9"));
    }

    #[test]
    fn a_damaged_file_is_written_anew() {
        let data = tempfile::tempdir().unwrap();
        let cache = cache(&data);
        let (task, tokenizer, examples) = (task(Kind::Sequence, 16), tokenizer("tokenizer-uncased"), texts());
        let (first, _) = cache.encode_all(&task, &examples[..], &tokenizer).unwrap();
        let file = only_file(&cache.folder);
        let whole = fs::read(&file).unwrap();
        let flipped = |at: usize| {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            bytes
        };
        let cases = [vec![], whole[..whole.len() / 2].to_vec(), [&whole[..], b"x"].concat(), flipped(3), flipped(20)];
        for damaged in cases.into_iter().chain([45, HEADER, whole.len() / 2, whole.len() - 1].map(flipped)) {
            fs::write(&file, damaged).unwrap();
            let (encoded, origin) = cache.encode_all(&task, &examples[..], &tokenizer).unwrap();
            assert!(matches!(&origin, Origin::Mended { file: named } if *named == file), "{origin:?}");
            assert_eq!(encoded, first);
            assert_eq!(fs::read(&file).unwrap(), whole, "the same bytes again");
        }
        assert_eq!(only_file(&cache.folder), file, "nothing is left over");
    }

    #[test]
    fn what_is_written_with_a_right_checksum_but_wrong_counts_is_refused() {
        let pieces =
            |ids: &[u32]| Encoded { ids: ids.to_vec(), types: vec![0; ids.len()], words: vec![], truncated: false };
        let split = [EncodedExample { windows: vec![pieces(&[1, 2]), pieces(&[3])], labels: vec![0] }];
        let key = [7; 32];
        let good = bytes(&split, &key);
        assert_eq!(parse(&good, &key).unwrap(), [split[0].windows.clone()]);
        assert!(parse(&good, &[8; 32]).is_none());
        for at in (40..HEADER + 12).filter(|at| at % 4 == 0) {
            for value in [0_u32, 1, 2, 3, 5, u32::MAX] {
                let mut body = good[..good.len() - CHECKSUM].to_vec();
                if body[at..at + 4] == value.to_le_bytes() {
                    continue;
                }
                body[at..at + 4].copy_from_slice(&value.to_le_bytes());
                let checksum = Sha256::digest(&body);
                body.extend_from_slice(&checksum);
                let read = parse(&body, &key);
                // Any number but 1 says that no words are named.
                let harmless = at == HEADER - 8 && value != 1 || at == HEADER - 4;
                assert!(read.is_none() || harmless, "{at} {value}: {read:?}");
            }
        }
    }

    #[test]
    fn no_text_stands_in_it_and_nobody_else_can_read_it() {
        let data = tempfile::tempdir().unwrap();
        let cache = cache(&data);
        let examples = texts();
        cache.encode_all(&task(Kind::Sequence, 512), &examples[..], &tokenizer("tokenizer-uncased")).unwrap();
        let file = only_file(&cache.folder);
        let bytes = fs::read(&file).unwrap();
        for word in [CANARY, "patient", "chest", "fever"] {
            assert!(!bytes.windows(word.len()).any(|window| window == word.as_bytes()), "{word}");
        }
        #[cfg(unix)]
        for (path, mode) in [(&file, 0o600), (&cache.folder, 0o700)] {
            let found = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions());
            assert_eq!(found & 0o777, mode, "{}", path.display());
        }
    }

    #[test]
    fn where_nothing_can_be_written_nothing_is_kept() {
        let data = tempfile::tempdir().unwrap();
        // A file where the folder should be: refused for everybody, root included.
        fs::write(data.path().join(Cache::FOLDER), "in the way").unwrap();
        let (task, tokenizer, examples) = (task(Kind::Sequence, 16), tokenizer("tokenizer-uncased"), texts());
        let (encoded, origin) = cache(&data).encode_all(&task, &examples[..], &tokenizer).unwrap();
        assert!(matches!(origin, Origin::Unwritable { .. }), "{origin:?}");
        assert_eq!(encoded, task.encode_all(&examples[..], &tokenizer).unwrap());
        let (_, origin) = cache(&data).encode_all(&task, &examples[..2], &tokenizer).unwrap();
        assert!(matches!(origin, Origin::Small), "{origin:?}");
    }
}
