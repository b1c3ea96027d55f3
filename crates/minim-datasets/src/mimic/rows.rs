//! A CSV file as a stream of rows, so that a file of any size needs the memory of its longest row.
//!
//! The rules are those of `delimited`: a quote may open a field, close it, or stand doubled inside; fields in quotes may hold
//! commas and line ends; rows end in LF or CRLF; empty rows are passed over. A thread reads (and unpacks `.gz`) ahead of the
//! parser. A field is found by looking for the next quote or comma, not byte by byte, and is copied only where it is asked
//! for, so that the nine rows in ten which a recipe passes over cost a search and no more.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use flate2::read::MultiGzDecoder;
use memchr::{memchr, memchr_iter, memchr3};

use crate::error::Error;

/// Bytes that are read at once.
const BLOCK: usize = 1 << 20;
/// Blocks that may wait for the parser.
const WAITING: usize = 4;
/// Bytes of the longest row there may be: a quote that is never closed must not take the rest of the file into memory.
const LONGEST_ROW: usize = 32 << 20;

/// Runs `parse` on the rows of a file; `.gz` is unpacked on the way.
///
/// # Errors
/// The file is missing (then `expected` says what should be there), or what `parse` finds.
pub(super) fn with_rows<T>(
    path: &Path,
    expected: &str,
    parse: impl FnOnce(&mut Rows) -> Result<T, Error>,
) -> Result<T, Error> {
    let file = File::open(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::Missing { path: path.to_owned(), expected: expected.to_owned() },
        _ => Error::Io { path: path.to_owned(), source },
    })?;
    let packed = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("gz"));
    let input: Box<dyn Read + Send> = if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    thread::scope(|scope| {
        let (send, receive) = sync_channel(WAITING);
        scope.spawn(move || read_ahead(input, &send));
        let mut rows = Rows::new(path, receive);
        parse(&mut rows)
    })
}

/// Sends the blocks of a file until it ends, fails, or nobody wants more.
fn read_ahead(mut input: Box<dyn Read + Send>, send: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut block = Vec::with_capacity(BLOCK);
        let read = input.by_ref().take(BLOCK as u64).read_to_end(&mut block);
        let last = !matches!(read, Ok(1..));
        if send.send(read.map(|_| block)).is_err() || last {
            return;
        }
    }
}

/// The rows of a file, one at a time.
pub(super) struct Rows {
    path: PathBuf,
    blocks: Receiver<io::Result<Vec<u8>>>,
    buffer: Vec<u8>,
    /// Where the next row begins in the buffer.
    start: usize,
    /// The 1-based line of that row.
    line: usize,
    /// Whether the buffer holds all that is left of the file.
    ended: bool,
    fields: Vec<Field>,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    fields: &'a [Field],
    /// 1-based line where the row begins.
    pub(super) line: usize,
}

/// Where a field stands in its row, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Field {
    start: usize,
    end: usize,
    /// Whether it holds doubled quotes.
    doubled: bool,
}

/// What stands at the start of some bytes.
#[derive(Debug, PartialEq, Eq)]
enum Scan {
    /// A row of so many bytes, its line end among them.
    Row(usize),
    /// A part of a row, whose last field begins at this byte.
    Part(usize),
    /// A field that begins at this byte and breaks the rules.
    Broken(usize, &'static str),
}

impl Rows {
    fn new(path: &Path, blocks: Receiver<io::Result<Vec<u8>>>) -> Self {
        let (buffer, fields) = (Vec::new(), Vec::new());
        Self { path: path.to_owned(), blocks, buffer, start: 0, line: 1, ended: false, fields }
    }

    /// The path of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The next row that is not empty, or `None` after the last.
    ///
    /// # Errors
    /// A quote out of place, a row beyond all measure, or a file that cannot be read.
    pub(super) fn next(&mut self) -> Result<Option<Row<'_>>, Error> {
        let (begin, line) = loop {
            let rest = &self.buffer[self.start..];
            if rest.is_empty() && self.ended {
                return Ok(None);
            }
            match scan(rest, self.ended, &mut self.fields) {
                Scan::Row(length) => {
                    let (begin, line) = (self.start, self.line);
                    self.line += lines(&rest[..length]);
                    self.start += length;
                    let empty = matches!(self.fields[..], [field] if field.start == field.end);
                    if !empty {
                        break (begin, line);
                    }
                }
                Scan::Part(field) if rest.len() > LONGEST_ROW => {
                    let problem =
                        "a row that goes on for more than 32 MiB; a quote may be opened here and never closed";
                    return Err(self.malformed(field, problem));
                }
                Scan::Part(field) if self.ended => {
                    return Err(self.malformed(field, "a quote is opened here and never closed"));
                }
                Scan::Part(_) => self.fill()?,
                Scan::Broken(field, problem) => return Err(self.malformed(field, problem)),
            }
        };
        let bytes = &self.buffer[begin..self.start];
        Ok(Some(Row { path: &self.path, bytes, fields: &self.fields, line }))
    }

    /// Takes one more block.
    fn fill(&mut self) -> Result<(), Error> {
        let begun = self.line == 1 && self.start == 0 && self.buffer.is_empty();
        self.buffer.drain(..self.start);
        self.start = 0;
        let block = match self.blocks.recv() {
            Ok(block) => block.map_err(|source| Error::Io { path: self.path.clone(), source })?,
            Err(_) => Vec::new(),
        };
        self.ended = block.is_empty();
        // A byte-order mark is no text.
        let block = block.as_slice();
        self.buffer.extend_from_slice(if begun { block.strip_prefix(b"\xef\xbb\xbf").unwrap_or(block) } else { block });
        Ok(())
    }

    /// An error at the line where a field of the coming row begins.
    fn malformed(&self, field: usize, problem: &str) -> Error {
        Error::Malformed {
            path: self.path.clone(),
            line: self.line + lines(&self.buffer[self.start..][..field]),
            problem: problem.to_owned(),
            expected: "CSV with quotes around fields that hold quotes, commas or line ends".to_owned(),
        }
    }
}

impl<'a> Row<'a> {
    /// The number of its fields.
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// A field's bytes, doubled quotes made single.
    pub(super) fn bytes(&self, column: usize) -> Cow<'a, [u8]> {
        let Some(field) = self.fields.get(column) else {
            return Cow::Borrowed(&[]);
        };
        let raw = &self.bytes[field.start..field.end];
        if !field.doubled {
            return Cow::Borrowed(raw);
        }
        let mut single = Vec::with_capacity(raw.len());
        let mut rest = raw;
        while let Some(quote) = memchr(b'"', rest) {
            single.extend_from_slice(&rest[..=quote]);
            rest = rest.get(quote + 2..).unwrap_or_default();
        }
        single.extend_from_slice(rest);
        Cow::Owned(single)
    }

    /// A field as text.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub(super) fn text(&self, column: usize) -> Result<Cow<'a, str>, Error> {
        let wrong = |before: &[u8]| {
            let field = self.fields.get(column).map_or(0, |field| field.start);
            Error::NotUtf8 { path: self.path.to_owned(), line: self.line + lines(&self.bytes[..field]) + lines(before) }
        };
        match self.bytes(column) {
            Cow::Borrowed(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Cow::Borrowed(text)),
                Err(error) => Err(wrong(&bytes[..error.valid_up_to()])),
            },
            Cow::Owned(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Ok(Cow::Owned(text)),
                Err(error) => Err(wrong(&error.as_bytes()[..error.utf8_error().valid_up_to()])),
            },
        }
    }

    /// An error in this row.
    pub(super) fn malformed(&self, problem: impl Into<String>, expected: impl Into<String>) -> Error {
        Error::Malformed {
            path: self.path.to_owned(),
            line: self.line,
            problem: problem.into(),
            expected: expected.into(),
        }
    }
}

fn lines(bytes: &[u8]) -> usize {
    memchr_iter(b'\n', bytes).count()
}

/// Finds the fields of the first row; `ended` says that nothing follows the bytes.
fn scan(bytes: &[u8], ended: bool, fields: &mut Vec<Field>) -> Scan {
    fields.clear();
    let mut at = 0;
    loop {
        let begin = at;
        if bytes.get(at) == Some(&b'"') {
            let mut doubled = false;
            let mut from = at + 1;
            let close = loop {
                let Some(quote) = memchr(b'"', &bytes[from..]).map(|quote| from + quote) else {
                    return Scan::Part(begin);
                };
                match bytes.get(quote + 1) {
                    Some(b'"') => {
                        doubled = true;
                        from = quote + 2;
                    }
                    None if !ended => return Scan::Part(begin),
                    _ => break quote,
                }
            };
            fields.push(Field { start: begin + 1, end: close, doubled });
            at = close + 1;
        } else {
            match memchr3(b',', b'\n', b'"', &bytes[at..]).map(|found| at + found) {
                Some(found) if bytes[found] == b'"' => {
                    return Scan::Broken(begin, "a quote inside a field that does not begin with one");
                }
                Some(found) => at = found,
                None if ended => at = bytes.len(),
                None => return Scan::Part(begin),
            }
            let returned = bytes.get(at) == Some(&b'\n') && bytes[begin..at].ends_with(b"\r");
            fields.push(Field { start: begin, end: at - usize::from(returned), doubled: false });
        }
        match &bytes[at..] {
            [] if ended => return Scan::Row(at),
            [b','] if ended => {
                fields.push(Field { start: at + 1, end: at + 1, doubled: false });
                return Scan::Row(at + 1);
            }
            [b',', ..] => at += 1,
            [b'\n', ..] => return Scan::Row(at + 1),
            [b'\r', b'\n', ..] => return Scan::Row(at + 2),
            [] | [b'\r'] if !ended => return Scan::Part(begin),
            _ => return Scan::Broken(begin, "a quoted field goes on after its closing quote"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delimited;
    use crate::format::Origin;

    /// The rows of a text, cut into blocks of this many bytes.
    fn rows(text: &[u8], block: usize) -> Result<Vec<(usize, Vec<String>)>, String> {
        let (send, receive) = sync_channel(text.len() + 2);
        for block in text.chunks(block) {
            send.send(Ok(block.to_vec())).unwrap();
        }
        drop(send);
        let mut rows = Rows::new(Path::new("x.csv"), receive);
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(|error| error.to_string())? {
            let fields: Result<Vec<_>, _> = (0..row.len()).map(|at| row.text(at).map(Cow::into_owned)).collect();
            found.push((row.line, fields.map_err(|error| error.to_string())?));
        }
        Ok(found)
    }

    const TEXTS: [&str; 16] = [
        "id,text\r\n1,\"a, \"\"b\"\"\r\nc\"\n\n\n2,\n3,\"\"\"\"\n",
        "a,b\nc,",
        "a,b\nc",
        "",
        "\n\r\n\n",
        "a\rb,c\r",
        "a\rb,c\r\n",
        "\"\"\n\"\",\"\"\r\n",
        "id,text\n1,te\"xt\n",
        "id,text\n1,\"text\n2,more\n",
        "id,text\n1,\"text\n2,\"more\"\n",
        "id,text\n1,\"a\" b\n",
        "\"",
        "\"\"\"",
        "\"é\",µ\r\n\"ß\"",
        "1,\"a\"\r",
    ];

    #[test]
    fn it_reads_what_the_reader_of_whole_files_reads_wherever_the_blocks_end() {
        for text in TEXTS {
            let origin = Origin { path: Path::new("x.csv"), stem: "x" };
            let whole = delimited::rows(origin, text, ',').map_err(|error| error.to_string());
            let whole = whole.map(|rows| rows.into_iter().map(|row| (row.line, row.fields)).collect::<Vec<_>>());
            for block in [1, 2, 3, 5, 7, 1000] {
                match (&whole, rows(text.as_bytes(), block)) {
                    (Ok(whole), Ok(streamed)) => {
                        assert_eq!(&streamed, whole, "{text:?} {block}");
                    }
                    (Err(whole), Err(streamed)) => {
                        let head = |error: &str| error.split(';').next().map(str::to_owned);
                        assert_eq!(head(whole), head(&streamed), "{text:?} {block}");
                    }
                    (whole, streamed) => panic!("{text:?} {block}: {whole:?} {streamed:?}"),
                }
            }
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_text_and_wrong_bytes_have_a_line() {
        assert_eq!(rows(b"\xef\xbb\xbfid\n", 100).unwrap(), [(1, vec!["id".to_owned()])]);
        for text in [&b"id\n1,\"a\n\xff\"\n"[..], b"id\n1,\"\"\"a\n\xff\"\n"] {
            assert_eq!(rows(text, 4).unwrap_err(), "x.csv:3: not valid UTF-8");
        }
    }

    #[test]
    fn a_quote_that_is_never_closed_does_not_fill_the_memory() {
        let (send, receive) = sync_channel(1);
        let sender = thread::spawn(move || {
            let _ = send.send(Ok(b"id\n1,\"".to_vec()));
            let mut sent = 0;
            while send.send(Ok(vec![b'x'; BLOCK])).is_ok() {
                sent += 1;
            }
            sent
        });
        let mut rows = Rows::new(Path::new("x.csv"), receive);
        rows.next().unwrap();
        let error = rows.next().unwrap_err().to_string();
        assert!(error.starts_with("x.csv:2: a row that goes on"), "{error}");
        drop(rows);
        assert!(sender.join().unwrap() < 40);
    }
}
