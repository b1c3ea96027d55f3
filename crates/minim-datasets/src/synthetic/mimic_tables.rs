//! The tables of the twins of MIMIC, in the columns and the quoting of each release, written row by row.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::Error;
use super::draw::Draw;
use super::mimic_admission::{Admission, Pool, take};
use crate::mimic::Release;

/// A discharge summary as it goes into the table.
pub(super) struct SummaryRow {
    pub(super) admission: Option<u64>,
    pub(super) day: i64,
    pub(super) addendum: bool,
    pub(super) error: bool,
    pub(super) text: String,
}

/// The two tables.
pub(super) struct Tables {
    release: Release,
    notes: Table,
    admissions: Table,
}

/// A CSV file that is being written.
struct Table {
    path: PathBuf,
    file: Sink,
    rows: usize,
}

/// A file, packed or not.
enum Sink {
    Plain(BufWriter<File>),
    Packed(Box<GzEncoder<BufWriter<File>>>),
}

impl Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(bytes),
            Self::Packed(file) => file.write_all(bytes),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Packed(file) => file.try_finish().and_then(|()| file.get_mut().flush()),
        }
    }
}

impl Table {
    fn create(path: PathBuf, header: &str) -> Result<Self, Error> {
        let failed = |source| Error::Write { path: path.clone(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let file = BufWriter::with_capacity(1 << 20, File::create(&path).map_err(failed)?);
        let packed = path.extension().is_some_and(|ending| ending == "gz");
        // Stored, not compressed: a compressor's bytes depend on its version, and the same seed is to give the same bytes.
        let file =
            if packed { Sink::Packed(Box::new(GzEncoder::new(file, Compression::none()))) } else { Sink::Plain(file) };
        let mut table = Self { path, file, rows: 0 };
        table.line(header)?;
        table.rows = 0;
        Ok(table)
    }

    fn line(&mut self, line: &str) -> Result<(), Error> {
        self.rows += 1;
        let failed = |source: io::Error| Error::Write { path: self.path.clone(), source };
        self.file.write(line.as_bytes()).and_then(|()| self.file.write(b"\n")).map_err(failed)
    }
}

impl Tables {
    pub(super) fn create(release: Release, out: &Path) -> Result<Self, Error> {
        let (notes, admissions) = match release {
            Release::Three => (
                Table::create(
                    out.join("NOTEEVENTS.csv"),
                    "\"ROW_ID\",\"SUBJECT_ID\",\"HADM_ID\",\"CHARTDATE\",\"CHARTTIME\",\"STORETIME\",\"CATEGORY\",\"DESCRIPTION\",\"CGID\",\"ISERROR\",\"TEXT\"",
                )?,
                Table::create(
                    out.join("ADMISSIONS.csv"),
                    "\"ROW_ID\",\"SUBJECT_ID\",\"HADM_ID\",\"ADMITTIME\",\"DISCHTIME\",\"DEATHTIME\",\"ADMISSION_TYPE\",\"ADMISSION_LOCATION\",\"DISCHARGE_LOCATION\",\"INSURANCE\",\"LANGUAGE\",\"RELIGION\",\"MARITAL_STATUS\",\"ETHNICITY\",\"EDREGTIME\",\"EDOUTTIME\",\"DIAGNOSIS\",\"HOSPITAL_EXPIRE_FLAG\",\"HAS_CHARTEVENTS_DATA\"",
                )?,
            ),
            Release::Four => (
                Table::create(
                    out.join("note/discharge.csv.gz"),
                    "note_id,subject_id,hadm_id,note_type,note_seq,charttime,storetime,text",
                )?,
                Table::create(
                    out.join("hosp/admissions.csv.gz"),
                    "subject_id,hadm_id,admittime,dischtime,deathtime,admission_type,admit_provider_id,admission_location,discharge_location,insurance,language,marital_status,race,edregtime,edouttime,hospital_expire_flag",
                )?,
            ),
        };
        Ok(Self { release, notes, admissions })
    }

    pub(super) fn admission(&mut self, admission: &Admission) -> Result<(), Error> {
        let Admission { number, patient, .. } = admission;
        let died = u8::from(admission.stay.died());
        let [admitted, discharged] = admission.times().map(time);
        let death = if died == 1 { discharged.as_str() } else { "" };
        let place = if died == 1 { "DEAD/EXPIRED" } else { "HOME HEALTH CARE" };
        let row = self.admissions.rows + 21;
        let line = match self.release {
            Release::Three => {
                let kind = if admission.newborn { "NEWBORN" } else { "EMERGENCY" };
                let complaint = admission.story.complaint.to_uppercase();
                format!(
                    "{row},{patient},{number},{admitted},{discharged},{death},\"{kind}\",\"EMERGENCY ROOM ADMIT\",\"{place}\",\"Medicare\",,\"NOT \
                     SPECIFIED\",\"MARRIED\",\"UNKNOWN/NOT SPECIFIED\",,,\"{complaint}, SYNTHETIC\",{died},1"
                )
            }
            Release::Four => {
                let kind = if admission.newborn { "NEWBORN" } else { "EW EMER." };
                format!(
                    "{patient},{number},{admitted},{discharged},{death},{kind},P49AFC,EMERGENCY ROOM,{place},Medicare,English,MARRIED,\"UNKNOWN, \
                     SYNTHETIC\",,,{died}"
                )
            }
        };
        self.admissions.line(&line)
    }

    pub(super) fn summary(&mut self, admission: &Admission, row: &SummaryRow) -> Result<(), Error> {
        let number = row.admission.map(|number| number.to_string()).unwrap_or_default();
        let date = &time(row.day * 1_440)[..10];
        let patient = admission.patient;
        let place = self.notes.rows + 1;
        let text = row.text.replace('"', "\"\"");
        let line = match self.release {
            Release::Three => {
                let description = if row.addendum { "Addendum" } else { "Report" };
                let error = if row.error { "1" } else { "" };
                let text = if text.is_empty() { String::new() } else { format!("\"{text}\"") };
                format!(
                    "{},{patient},{number},{date},,,\"Discharge summary\",\"{description}\",,{error},{text}",
                    place + 173
                )
            }
            Release::Four => {
                // This release marks no errors: what would be one comes as a note of another kind.
                let kind = if row.error {
                    "XX"
                } else if row.addendum {
                    "AD"
                } else {
                    "DS"
                };
                let text = if text.is_empty() { String::new() } else { format!("\"{text}\"") };
                format!(
                    "{patient}-{kind}-{place},{patient},{number},{kind},{place},{date} 00:00:00,{date} 12:34:00,{text}"
                )
            }
        };
        self.notes.line(&line)
    }

    pub(super) fn other(
        &mut self,
        pool: &Pool,
        draw: &mut Draw,
        patient: u64,
        number: u64,
        day: i64,
    ) -> Result<(), Error> {
        let (category, description, lines) = match draw.weighted(&[40, 28, 12, 10, 7, 3]) {
            0 => ("Nursing/other", "Report", take(draw, &pool.nursing, 10, 40)),
            1 => ("Radiology", "CHEST (PORTABLE AP)", take(draw, &pool.radiology, 12, 50)),
            2 => ("Nursing", "Nursing Progress Note", take(draw, &pool.nursing, 15, 60)),
            3 => ("ECG", "Report", take(draw, &pool.ecg, 2, 6)),
            4 => ("Physician ", "Physician Resident Progress Note", take(draw, &pool.course, 40, 110)),
            _ => ("Echo", "Report", take(draw, &pool.radiology, 30, 60)),
        };
        let day = day + draw.below(9) as i64;
        let at = time(day * 1_440 + draw.below(1_440) as i64);
        let date = &at[..10];
        let number = if draw.chance(8) { String::new() } else { number.to_string() };
        let row = self.notes.rows + 174;
        let quoted = if draw.chance(10) { "He says: \"\"better\"\".\n" } else { "" };
        let text = lines.join("\n");
        self.notes.line(&format!(
            "{row},{patient},{number},{date},{at},{at},\"{category}\",\"{description}\",{},,\"{text}\n{quoted}\"",
            15_000 + draw.below(2_000)
        ))
    }

    pub(super) fn finish(mut self) -> Result<(), Error> {
        for table in [&mut self.notes, &mut self.admissions] {
            let failed = |source| Error::Write { path: table.path.clone(), source };
            table.file.finish().map_err(failed)?;
        }
        Ok(())
    }
}

/// `YYYY-MM-DD HH:MM:00`, minutes after the first one of 2100.
pub(super) fn time(minutes: i64) -> String {
    let (year, month, day) = date(minutes.div_euclid(1_440));
    let minute = minutes.rem_euclid(1_440);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:00", minute / 60, minute % 60)
}

/// Year, month and day, so many days after 2100-01-01.
pub(super) fn date(days: i64) -> (i64, i64, i64) {
    // Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`; 2100-01-01 is day 766,950 of its count.
    let days = days + 766_950;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        // Python: date(2100, 1, 1) + timedelta(days), and so on.
        assert_eq!(time(0), "2100-01-01 00:00:00");
        assert_eq!(time(59 * 1_440 - 1), "2100-02-28 23:59:00");
        assert_eq!(time(59 * 1_440), "2100-03-01 00:00:00");
        assert_eq!(time(-1), "2099-12-31 23:59:00");
        assert_eq!(time(36_583 * 1_440), "2200-03-01 00:00:00");
    }
}
