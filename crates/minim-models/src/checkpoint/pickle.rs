//! What a `pytorch_model.bin` names, before anything reads it: a pickle is a program, and one that names another function than those which
//! rebuild tensors is no weight file. The reader runs none of it, but would pass over it in silence.
//!
//! Source of the instructions: CPython's `Lib/pickletools.py`. The names are those that torch's `weights_only` loading allows for plain tensors.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The longest pickle that is looked at: names and shapes of a thousand tensors take a hundredth of it.
const MOST_BYTES: u64 = 64 << 20;
/// Of a file before torch 1.6: magic number, protocol, system, the object, the storages' keys.
const LEGACY_PICKLES: usize = 5;

/// Says what is wrong with the pickles of a PyTorch weight file, if they name anything but what tensors are made with.
pub(super) fn check(path: &Path) -> Result<(), String> {
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    let mut start = [0; 4];
    file.read_exact(&mut start).map_err(|_| "shorter than any weight file; is it truncated?".to_string())?;
    if &start != b"PK\x03\x04" {
        let file = File::open(path).map_err(|error| error.to_string())?;
        return scan(&read(file)?, LEGACY_PICKLES);
    }
    let broken = |error: zip::result::ZipError| format!("no whole archive ({error}); is it truncated?");
    let mut archive = zip::ZipArchive::new(file).map_err(broken)?;
    let names = archive.file_names().filter_map(|name| name.ok().map(|name| name.into_owned()));
    let pickles: Vec<String> = names.filter(|name| name.ends_with("data.pkl")).collect();
    for name in &pickles {
        scan(&read(archive.by_name(name).map_err(broken)?)?, 1)?;
    }
    if pickles.is_empty() { Err("no data.pkl in the archive; expected what torch.save writes".into()) } else { Ok(()) }
}

fn read(source: impl Read) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    source.take(MOST_BYTES).read_to_end(&mut bytes).map_err(|error| format!("can't be read ({error})"))?;
    Ok(bytes)
}

/// Follows the instructions of `pickles` pickles, one behind the other.
fn scan(bytes: &[u8], pickles: usize) -> Result<(), String> {
    let mut bytes = Bytes(bytes);
    for _ in 0..pickles {
        loop {
            match bytes.next()? {
                b'.' => break,
                b'c' => {
                    let (module, name) = (bytes.line()?, bytes.line()?);
                    if !is_of_tensors(module, name) {
                        let named = format!("{}.{}", shown(module), shown(name));
                        return Err(format!("it calls {named}, which no tensor is made with; nothing of it was run"));
                    }
                }
                b'i' | 0x93 => {
                    return Err(
                        "it calls a function by a name that torch.save doesn't write so; nothing of it was run".into(),
                    );
                }
                b'F' | b'I' | b'L' | b'P' | b'S' | b'V' | b'g' | b'p' => drop(bytes.line()?),
                b'K' | b'h' | b'q' | 0x80 | 0x82 => bytes.skip(1)?,
                b'M' | 0x83 => bytes.skip(2)?,
                b'J' | b'j' | b'r' | 0x84 => bytes.skip(4)?,
                b'G' | 0x95 => bytes.skip(8)?,
                b'U' | b'C' | 0x8a | 0x8c => bytes.skip_counted(1)?,
                b'T' | b'X' | b'B' | 0x8b => bytes.skip_counted(4)?,
                0x8d | 0x8e | 0x96 => bytes.skip_counted(8)?,
                // Instructions without an argument.
                b'('
                | b')'
                | b'0'
                | b'1'
                | b'2'
                | b'N'
                | b'Q'
                | b'R'
                | b']'
                | b'a'
                | b'b'
                | b'd'
                | b'e'
                | b'l'
                | b'o'
                | b's'
                | b't'
                | b'u'
                | b'}'
                | 0x81
                | 0x85..=0x89
                | 0x8f..=0x92
                | 0x94 => {}
                other => {
                    return Err(format!("byte {other:#04x} is no instruction of a pickle; expected a weight file"));
                }
            }
        }
    }
    Ok(())
}

fn is_of_tensors(module: &[u8], name: &[u8]) -> bool {
    match module {
        b"collections" => name == b"OrderedDict",
        b"torch._utils" => {
            matches!(name, b"_rebuild_tensor" | b"_rebuild_tensor_v2" | b"_rebuild_tensor_v3" | b"_rebuild_parameter")
        }
        b"torch._tensor" => name == b"_rebuild_from_type_v2",
        b"torch.nn.parameter" => name == b"Parameter",
        b"torch" => {
            let dtype = [b"float".as_slice(), b"bfloat", b"int", b"uint"].iter().any(|kind| name.starts_with(kind));
            dtype
                || name.ends_with(b"Storage")
                || matches!(name, b"Tensor" | b"Size" | b"device" | b"bool" | b"half" | b"long")
        }
        b"torch.storage" => name.ends_with(b"Storage"),
        b"builtins" | b"__builtin__" => matches!(name, b"set" | b"frozenset"),
        _ => false,
    }
}

/// A name as an error may show it: it is the file's own, of any length and content.
fn shown(name: &[u8]) -> String {
    let safe = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.');
    if name.len() <= 60 && name.iter().all(safe) { String::from_utf8_lossy(name).into_owned() } else { "?".into() }
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, n: usize) -> Result<&'a [u8], String> {
        let (head, tail) = self.0.split_at_checked(n).ok_or("its pickle ends in the middle; is the file truncated?")?;
        self.0 = tail;
        Ok(head)
    }

    fn next(&mut self) -> Result<u8, String> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn skip(&mut self, n: usize) -> Result<(), String> {
        self.take(n).map(drop)
    }

    /// Skips what the next `width` bytes count, little-endian.
    fn skip_counted(&mut self, width: usize) -> Result<(), String> {
        let count = self.take(width)?.iter().rev().fold(0_u64, |count, byte| count << 8 | u64::from(*byte));
        let count = usize::try_from(count).map_err(|_| "it claims more bytes than there are".to_string())?;
        self.skip(count)
    }

    fn line(&mut self) -> Result<&'a [u8], String> {
        let end = self.0.iter().position(|byte| *byte == b'\n').ok_or("a line of its pickle has no end")?;
        let line = &self.0[..end];
        self.0 = &self.0[end + 1..];
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::scan;

    #[test]
    fn only_names_that_tensors_are_made_with_pass() {
        assert_eq!(scan(b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01.", 1), Ok(()));
        let error = scan(b"\x80\x02cposix\nsystem\nX\x04\x00\x00\x00trueq\x00\x85R.", 1).unwrap_err();
        assert!(error.starts_with("it calls posix.system,"), "{error}");
        let error = scan(b"\x80\x02ctorch._utils\nos.system\n.", 1).unwrap_err();
        assert!(error.contains("torch._utils.os.system"), "{error}");
        assert!(scan(b"\x80\x04\x8c\x05posix\x8c\x06system\x93.", 1).is_err());
        assert!(scan(b"X\xff\xff\xff\xffa.", 1).unwrap_err().contains("in the middle"));
        assert!(scan(b"\x80\x02N.", 2).unwrap_err().contains("in the middle"), "the second pickle is missing");
    }
}
