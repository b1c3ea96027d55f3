//! How inputs are broken, and how broken ones are kept: one packed file a reader, so that thousands take little room.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A file of an archive in a broken form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Input {
    /// Its path in the archive.
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
}

/// What no file expects.
const INSERTED: [&[u8]; 24] = [
    b"\"",
    b"\"\"",
    b"\0",
    b"\xff",
    b"\xc3",
    b"\xef\xbb\xbf",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"\t",
    b",",
    b"|",
    b"||",
    b" ",
    b"\xc2\xa0",
    b"99999999999999999999999",
    b"18446744073709551615",
    b"-1",
    b"]]>",
    b"&",
    b"<",
    b"{",
    b"\\",
    "\u{1F489}\u{301}".as_bytes(),
];

/// Breaks inputs, always alike for a seed.
pub(super) struct Mutator(ChaCha8Rng);

impl Mutator {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number in `0..bound`; 0 for a bound of 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        ((u64::from(self.0.next_u32()) * bound as u64) >> 32) as usize
    }

    /// The bytes with one to three things broken.
    pub(super) fn broken(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..1 + self.below(3) {
            self.once(&mut bytes);
        }
        bytes
    }

    fn once(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        let (start, end) = line_at(bytes, at);
        match self.below(13) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
            1 => bytes.truncate(at),
            2 => drop(bytes.drain(at..(at + 1 + self.below(40)).min(bytes.len()))),
            // A line twice, a line less, two lines in the other's place.
            3 => drop(bytes.splice(start..start, bytes[start..end].to_vec())),
            4 => drop(bytes.drain(start..end)),
            5 => {
                let other = self.below(bytes.len());
                let (first, last) = line_at(bytes, other);
                let line = bytes[first..last].to_vec();
                drop(bytes.splice(start..end, line));
            }
            6 => self.swap_fields(bytes, start, end),
            7 => self.another_number(bytes, at),
            8 => drop(bytes.splice(at..at, bytes[at..(at + 200).min(bytes.len())].repeat(20))),
            _ => drop(bytes.splice(at..at, INSERTED[self.below(INSERTED.len())].iter().copied())),
        }
    }

    /// Two fields of a line in each other's place, whatever parts them.
    fn swap_fields(&mut self, bytes: &mut Vec<u8>, start: usize, end: usize) {
        let line = &bytes[start..end];
        let parting =
            [b',', b'\t', b'|', b':', b' '].into_iter().find(|parting| line.contains(parting)).unwrap_or(b' ');
        let mut fields: Vec<&[u8]> = line.split(|&byte| byte == parting).collect();
        let (one, other) = (self.below(fields.len()), self.below(fields.len()));
        fields.swap(one, other);
        let swapped = fields.join(&parting);
        drop(bytes.splice(start..end, swapped));
    }

    /// The next number as a greater, a smaller or a negative one.
    fn another_number(&mut self, bytes: &mut Vec<u8>, at: usize) {
        let Some(first) = bytes[at..].iter().position(u8::is_ascii_digit).map(|first| at + first) else {
            return;
        };
        let digits = bytes[first..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let numbers = ["0", "1", "7", "-3", "1e9", "4294967296", "9223372036854775807", "99999999999999999999"];
        drop(bytes.splice(first..first + digits, numbers[self.below(numbers.len())].bytes()));
    }
}

/// The line around a byte, its end with it.
fn line_at(bytes: &[u8], at: usize) -> (usize, usize) {
    let start = bytes[..at].iter().rposition(|&byte| byte == b'\n').map_or(0, |before| before + 1);
    let end = bytes[at..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |end| at + end + 1);
    (start, end)
}

/// Inputs as one file: each path and each content after its length.
pub(super) fn pack(inputs: &[Input]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    for Input { path, bytes } in inputs {
        for part in [path.as_bytes(), bytes] {
            packed.write_all(&u32::try_from(part.len()).unwrap().to_le_bytes()).unwrap();
            packed.write_all(part).unwrap();
        }
    }
    packed.finish().unwrap()
}

/// What [`pack`] packed.
pub(super) fn unpack(packed: &[u8]) -> Vec<Input> {
    let mut bytes = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    let mut rest = bytes.as_slice();
    let mut inputs = Vec::new();
    while !rest.is_empty() {
        let mut part = || {
            let (length, behind) = rest.split_first_chunk().unwrap();
            let (part, behind) = behind.split_at(u32::from_le_bytes(*length) as usize);
            rest = behind;
            part.to_vec()
        };
        inputs.push(Input { path: String::from_utf8(part()).unwrap(), bytes: part() });
    }
    inputs
}
