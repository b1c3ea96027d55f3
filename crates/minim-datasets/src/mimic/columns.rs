//! The header of a table: MIMIC-III writes its column names in capitals, MIMIC-IV in small letters, and neither promises an
//! order.

use crate::error::Error;
use crate::mimic::rows::{Row, Rows};

/// Where the wanted columns stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns<const N: usize> {
    /// The number of columns in the header.
    count: usize,
    places: [usize; N],
}

impl<const N: usize> Columns<N> {
    /// Reads the header; a name ending in `?` may be absent, and then its place is beyond every row.
    ///
    /// # Errors
    /// The file is empty, or a wanted column is missing or there twice.
    pub(super) fn read(rows: &mut Rows, wanted: [&str; N]) -> Result<Self, Error> {
        let names = wanted.map(|name| name.trim_end_matches('?'));
        let expected = || format!("a header with the columns {}", names.join(", "));
        let path = rows.path().to_owned();
        let Some(row) = rows.next()? else {
            return Err(Error::Empty { path, expected: expected() });
        };
        let mut places = [usize::MAX; N];
        for column in 0..row.len() {
            let name = row.bytes(column);
            let Some(slot) = names.iter().position(|known| known.as_bytes().eq_ignore_ascii_case(name.trim_ascii()))
            else {
                continue;
            };
            if places[slot] != usize::MAX {
                return Err(
                    row.malformed(format!("column {} is a second {} column", column + 1, names[slot]), expected())
                );
            }
            places[slot] = column;
        }
        // The names that are there are not shown: without a header they would be data.
        let missing = |&slot: &usize| places[slot] == usize::MAX && !wanted[slot].ends_with('?');
        match (0..N).find(missing) {
            Some(slot) => Err(row.malformed(format!("no {} column", names[slot]), expected())),
            None => Ok(Self { count: row.len(), places }),
        }
    }

    /// The places in a row, in the order in which the columns were asked for.
    ///
    /// # Errors
    /// The row has another number of fields than the header.
    pub(super) fn places(&self, row: &Row<'_>) -> Result<[usize; N], Error> {
        if row.len() == self.count {
            return Ok(self.places);
        }
        Err(row.malformed(format!("fields in this row: {}", row.len()), format!("{} as in the header", self.count)))
    }
}

/// A whole number, as MIMIC numbers patients, admissions and rows; `None` for an empty field.
///
/// Tables that went through pandas have `123.0` where a column also has empty fields.
///
/// # Errors
/// Something else.
pub(super) fn number(row: &Row<'_>, column: usize, name: &str) -> Result<Option<u64>, Error> {
    let field = row.bytes(column);
    let digits = field.trim_ascii();
    if digits.is_empty() {
        return Ok(None);
    }
    let digits = digits.strip_suffix(b".0").unwrap_or(digits);
    let all_digits = digits.iter().all(u8::is_ascii_digit);
    match std::str::from_utf8(digits).ok().filter(|_| all_digits).and_then(|digits| digits.parse().ok()) {
        Some(number) => Ok(Some(number)),
        None => Err(row.malformed(format!("a {name} that is no number"), "a whole number")),
    }
}
