//! The table of admissions: who was admitted, for how long, and who died.

use std::collections::HashMap;
use std::path::Path;

use crate::error::{Error, shown};
use crate::mimic::columns::{Columns, number};
use crate::mimic::rows::{Row, with_rows};
use crate::mimic::time::seconds;

/// One stay in hospital.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Admission {
    /// Its number, HADM_ID.
    pub(super) number: u64,
    /// The patient's number, SUBJECT_ID.
    pub(super) patient: u64,
    /// Whether somebody was admitted by being born.
    pub(super) newborn: bool,
    /// HOSPITAL_EXPIRE_FLAG.
    pub(super) died: bool,
    /// From ADMITTIME to DISCHTIME in seconds, where both are known; less than 0 in a few stays.
    pub(super) stay_s: Option<i64>,
}

/// All of them, in the order of the table.
#[derive(Debug)]
pub(super) struct Admissions {
    list: Vec<Admission>,
    places: HashMap<u64, u32>,
}

impl Admissions {
    /// Reads the table.
    ///
    /// # Errors
    /// A column is missing, a row is broken, or an admission stands twice.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        const EXPECTED: &str = "the table of admissions, as it comes or with .gz";
        with_rows(path, EXPECTED, |rows| {
            let wanted = ["SUBJECT_ID", "HADM_ID", "ADMITTIME", "DISCHTIME", "ADMISSION_TYPE", "HOSPITAL_EXPIRE_FLAG"];
            let columns = Columns::read(rows, wanted)?;
            let mut list = Vec::new();
            let mut places = HashMap::new();
            let mut first_lines = Vec::new();
            while let Some(row) = rows.next()? {
                let admission = admission(&row, columns.places(&row)?)?;
                let line = row.line;
                if let Some(first) = places.insert(admission.number, list.len() as u32) {
                    return Err(Error::DuplicateId {
                        path: path.to_owned(),
                        line,
                        id: shown(&admission.number.to_string()),
                        first_path: path.to_owned(),
                        first_line: first_lines[first as usize],
                    });
                }
                list.push(admission);
                first_lines.push(line);
            }
            match list.is_empty() {
                true => Err(Error::Empty { path: path.to_owned(), expected: EXPECTED.to_owned() }),
                false => Ok(Self { list, places }),
            }
        })
    }

    /// The place of an admission in the table.
    pub(super) fn place(&self, number: u64) -> Option<u32> {
        self.places.get(&number).copied()
    }

    /// The admission at a place.
    pub(super) fn at(&self, place: u32) -> Admission {
        self.list[place as usize]
    }
}

fn admission(row: &Row<'_>, columns: [usize; 6]) -> Result<Admission, Error> {
    let [patient, stay, admitted, discharged, kind, died] = columns;
    let need = |column, name| {
        number(row, column, name)?.ok_or_else(|| row.malformed(format!("no {name}"), "each admission to have one"))
    };
    let time = |column, name| {
        let field = row.bytes(column);
        match field.trim_ascii() {
            b"" => Ok(None),
            text => match seconds(text) {
                Some(seconds) => Ok(Some(seconds)),
                None => Err(row.malformed(format!("another form of {name}"), "YYYY-MM-DD HH:MM:SS")),
            },
        }
    };
    let (admitted, discharged) = (time(admitted, "ADMITTIME")?, time(discharged, "DISCHTIME")?);
    Ok(Admission {
        number: need(stay, "HADM_ID")?,
        patient: need(patient, "SUBJECT_ID")?,
        newborn: row.bytes(kind).trim_ascii().eq_ignore_ascii_case(b"NEWBORN"),
        died: match number(row, died, "HOSPITAL_EXPIRE_FLAG")? {
            Some(0) => false,
            Some(1) => true,
            _ => return Err(row.malformed("a HOSPITAL_EXPIRE_FLAG that is neither 0 nor 1", "0 or 1")),
        },
        stay_s: admitted.zip(discharged).map(|(from, to)| to - from),
    })
}
