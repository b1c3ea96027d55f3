//! Delimited text, read strictly: RFC 4180 with any delimiter.
//!
//! A lenient reader takes `te"xt` as it is and lets an unclosed quote run to the end of the file, so that half a corpus
//! silently becomes one field. Here a quote may open a field, close it, or stand doubled inside; anything else is an error
//! that names the line where the field began. Fields in quotes may hold delimiters and line ends. Rows end in LF or CRLF;
//! empty rows are passed over.

use std::iter::Peekable;
use std::str::CharIndices;

use crate::error::Error;
use crate::format::Origin;

/// One row of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// 1-based line where the row begins.
    pub(crate) line: usize,
    pub(crate) fields: Vec<String>,
}

/// A row that has as many fields as its header.
pub(crate) struct Fields<'a> {
    origin: Origin<'a>,
    line: usize,
    fields: Vec<String>,
}

impl Row {
    /// Its fields, to be taken one by one.
    ///
    /// # Errors
    /// Another number of fields than the header's.
    pub(crate) fn of_width(self, origin: Origin<'_>, width: usize) -> Result<Fields<'_>, Error> {
        let Self { line, fields } = self;
        if fields.len() != width {
            let problem = format!("fields in this row: {}", fields.len());
            return Err(origin.malformed(line, problem, format!("{width} as in the header")));
        }
        Ok(Fields { origin, line, fields })
    }
}

impl Fields<'_> {
    /// The field of a column, which errors call by this name; a column is taken once.
    ///
    /// # Errors
    /// Nothing but white space in it.
    pub(crate) fn take(&mut self, column: usize, name: &str) -> Result<String, Error> {
        let field = std::mem::take(&mut self.fields[column]);
        if field.trim().is_empty() {
            return Err(self.origin.malformed(self.line, format!("the {name} is empty"), "each row to have one"));
        }
        Ok(field)
    }
}

/// The rows of a file, as many fields in each as there are.
///
/// # Errors
/// A quote out of place.
pub(crate) fn rows(origin: Origin<'_>, text: &str, delimiter: char) -> Result<Vec<Row>, Error> {
    let mut cursor = Cursor { origin, text, delimiter, line: 1, chars: text.char_indices().peekable() };
    let mut rows = Vec::new();
    while cursor.chars.peek().is_some() {
        let line = cursor.line;
        let fields = cursor.row()?;
        if fields != [""] {
            rows.push(Row { line, fields });
        }
    }
    Ok(rows)
}

struct Cursor<'a> {
    origin: Origin<'a>,
    text: &'a str,
    delimiter: char,
    line: usize,
    chars: Peekable<CharIndices<'a>>,
}

impl Cursor<'_> {
    fn row(&mut self) -> Result<Vec<String>, Error> {
        let mut fields = Vec::new();
        loop {
            let quoted = self.chars.next_if(|&(_, c)| c == '"').is_some();
            fields.push(if quoted { self.quoted()? } else { self.plain()? });
            match self.chars.next() {
                Some((_, c)) if c == self.delimiter => {}
                Some((at, _)) => {
                    self.line += 1;
                    if self.text[at..].starts_with('\r') {
                        self.chars.next();
                    }
                    return Ok(fields);
                }
                None => return Ok(fields),
            }
        }
    }

    /// A field up to its delimiter or line end, neither of them taken.
    fn plain(&mut self) -> Result<String, Error> {
        let start = self.at();
        while let Some(&(at, c)) = self.chars.peek() {
            if c == '"' {
                return Err(self.malformed(self.line, "a quote inside a field that does not begin with one"));
            }
            if self.ends_field(at, c) {
                break;
            }
            self.chars.next();
        }
        Ok(self.text[start..self.at()].to_owned())
    }

    /// A field whose opening quote is taken, up to and with its closing quote.
    fn quoted(&mut self) -> Result<String, Error> {
        let begun = self.line;
        let mut field = String::new();
        let mut start = self.at();
        while let Some((at, c)) = self.chars.next() {
            match c {
                '\n' => self.line += 1,
                '"' => {
                    field.push_str(&self.text[start..at]);
                    match self.chars.peek().copied() {
                        Some((second, '"')) => {
                            self.chars.next();
                            start = second;
                        }
                        Some((next, c)) if !self.ends_field(next, c) => {
                            return Err(self.malformed(begun, "a quoted field goes on after its closing quote"));
                        }
                        _ => return Ok(field),
                    }
                }
                _ => {}
            }
        }
        Err(self.malformed(begun, "a quote is opened here and never closed"))
    }

    fn ends_field(&self, at: usize, c: char) -> bool {
        c == self.delimiter || c == '\n' || self.text[at..].starts_with("\r\n")
    }

    fn at(&mut self) -> usize {
        self.chars.peek().map_or(self.text.len(), |&(at, _)| at)
    }

    fn malformed(&self, line: usize, problem: &str) -> Error {
        self.origin.malformed(
            line,
            problem,
            "a field with a quote in it to stand in quotes, with each inner quote doubled",
        )
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn read(text: &str) -> Result<Vec<Row>, Error> {
        rows(Origin { path: Path::new("x.csv"), stem: "x" }, text, ',')
    }

    fn fields(text: &str) -> Vec<(usize, Vec<String>)> {
        let rows = read(text).unwrap();
        rows.into_iter().map(|row| (row.line, row.fields)).collect()
    }

    fn row(line: usize, fields: &[&str]) -> (usize, Vec<String>) {
        (line, fields.iter().map(|&field| field.to_owned()).collect())
    }

    #[test]
    fn quotes_hold_delimiters_quotes_and_line_ends() {
        let text = "id,text\r\n1,\"a, \"\"b\"\"\r\nc\"\n\n2,\"\"\n3,\"\"\"\"";
        assert_eq!(
            fields(text),
            [row(1, &["id", "text"]), row(2, &["1", "a, \"b\"\r\nc"]), row(5, &["2", ""]), row(6, &["3", "\""])]
        );
    }

    #[test]
    fn the_last_row_needs_no_line_end() {
        assert_eq!(fields("a,b\nc,"), [row(1, &["a", "b"]), row(2, &["c", ""])]);
        assert_eq!(fields(""), []);
        assert_eq!(fields("\n\r\n\n"), []);
    }

    #[test]
    fn a_lone_carriage_return_is_text() {
        assert_eq!(fields("a\rb,c\r"), [row(1, &["a\rb", "c\r"])]);
    }

    #[test]
    fn broken_quotes_are_named_by_the_line_where_the_field_begins() {
        for (text, line, problem) in [
            ("id,text\n1,te\"xt\n", 2, "a quote inside"),
            ("id,text\n1,\"text\n2,more\n", 2, "never closed"),
            ("id,text\n1,\"text\n2,\"more\"\n", 2, "goes on"),
            ("id,text\n1,\"a\" b\n", 2, "goes on"),
            ("\"", 1, "never closed"),
            ("\"\"\"", 1, "never closed"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("x.csv:{line}: ")) && error.contains(problem), "{error}");
        }
    }
}
