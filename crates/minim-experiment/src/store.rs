//! A folder of records, one JSON file a run.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::{Error, Record, SCHEMA_VERSION, Status};

/// A result folder.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store in `folder`, which is made when the first record is written.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the record of `run_id` lies.
    pub fn record_path(&self, run_id: &str) -> PathBuf {
        self.folder.join(format!("{run_id}.json"))
    }

    /// Where the model files and the log of `run_id` lie.
    pub fn run_folder(&self, run_id: &str) -> PathBuf {
        self.folder.join(run_id)
    }

    /// The record of `run_id`, if there is one.
    ///
    /// # Errors
    /// The file is there but cannot be read, or is no record.
    pub fn read(&self, run_id: &str) -> Result<Option<Record>, Error> {
        let path = self.record_path(run_id);
        match std::fs::read_to_string(&path) {
            Ok(text) => parse(&path, &text).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(io(&path, "read the record", source)),
        }
    }

    /// Whether `run_id` has a record that says it finished.
    ///
    /// # Errors
    /// The file is there but cannot be read, or is no record.
    pub fn is_finished(&self, run_id: &str) -> Result<bool, Error> {
        Ok(self.read(run_id)?.is_some_and(|record| record.status == Status::Finished))
    }

    /// Writes `record` in place of an earlier one, whole or not at all.
    ///
    /// # Errors
    /// The folder cannot be made or written to, or the record holds a number that JSON cannot.
    pub fn write(&self, record: &Record) -> Result<(), Error> {
        let path = self.record_path(&record.run_id);
        let text = serde_json::to_string_pretty(record).map_err(|error| Error::Record {
            path: path.clone(),
            line: 0,
            message: error.to_string(),
        })?;
        // JSON has no NaN: serde_json writes null in its place, which would only be found out when it is read back.
        parse(&path, &text)?;
        std::fs::create_dir_all(&self.folder).map_err(|source| io(&self.folder, "make the folder", source))?;
        // The process id keeps two sweeps over one folder apart; neither name ends in .json.
        let partial = self.folder.join(format!("{}.{}.partial", record.run_id, std::process::id()));
        let written = std::fs::File::create(&partial).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()
        });
        written.and_then(|()| std::fs::rename(&partial, &path)).map_err(|source| io(&path, "write the record", source))
    }

    /// All records of the folder, sorted by file name.
    ///
    /// # Errors
    /// The folder cannot be read, or one of its `.json` files is no record.
    pub fn read_all(&self) -> Result<Vec<Record>, Error> {
        let list = |source| io(&self.folder, "list the folder", source);
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(list)? {
            let path = entry.map_err(list)?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                paths.push(path);
            }
        }
        paths.sort();
        paths
            .iter()
            .map(|path| {
                let text = std::fs::read_to_string(path).map_err(|source| io(path, "read the record", source))?;
                parse(path, &text)
            })
            .collect()
    }
}

fn io(path: &Path, action: &'static str, source: std::io::Error) -> Error {
    Error::Io { path: path.to_owned(), action, source }
}

fn parse(path: &Path, text: &str) -> Result<Record, Error> {
    let invalid = |line, message| Error::Record { path: path.to_owned(), line, message };
    let record: Record = serde_json::from_str(text).map_err(|error| invalid(error.line().max(1), error.to_string()))?;
    if record.schema_version != SCHEMA_VERSION {
        let message = format!("schema_version is {}", record.schema_version);
        return Err(invalid(1, message));
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use crate::{Experiment, Scores};

    use super::*;

    fn record() -> Record {
        let plan = r#"
            name = "one"
            seeds = [7]
            model = [{ name = "m", path = "p" }]
            task = [{ name = "t", kind = "ner", dataset = "d", data = "d" }]
            method = [{ name = "l", kind = "lora" }]
        "#;
        let experiment = Experiment::parse(plan, Path::new("one.toml")).expect("a plan");
        let mut record = Record::failed(experiment.runs().remove(0), "out of memory", "2026-01-31T12:00:00Z");
        record.scores = Scores { validation: [("entity_f1".to_owned(), 0.1 + 0.2)].into(), ..Scores::default() };
        record
    }

    #[test]
    fn a_failed_run_is_read_back_and_not_finished_until_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path().join("results"));
        let mut record = record();
        assert!(!store.is_finished(&record.run_id).expect("no record yet"));
        store.write(&record).expect("written");
        assert_eq!(store.read(&record.run_id).expect("readable"), Some(record.clone()));
        assert!(!store.is_finished(&record.run_id).expect("readable"));
        record.status = Status::Finished;
        store.write(&record).expect("written again");
        assert!(store.is_finished(&record.run_id).expect("readable"));
        std::fs::write(store.folder().join("x.9.partial"), "{").expect("a leftover");
        assert_eq!(store.read_all().expect("readable"), [record]);
    }

    #[test]
    fn a_number_that_json_lacks_is_refused_and_the_earlier_record_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path());
        let good = record();
        store.write(&good).expect("written");
        let mut bad = good.clone();
        bad.scores.test.insert("auroc".to_owned(), f64::NAN);
        let error = store.write(&bad).expect_err("NaN is no JSON");
        assert!(matches!(error, Error::Record { .. }), "{error}");
        assert_eq!(store.read_all().expect("readable"), [good]);
    }

    #[test]
    fn a_broken_record_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::new(folder.path());
        std::fs::write(folder.path().join("a.json"), "{\n  \"run\"").expect("written");
        let error = store.read_all().expect_err("half a file").to_string();
        assert!(error.contains("a.json:2: not a run record"), "{error}");

        let mut newer = record();
        newer.schema_version = 2;
        let text = serde_json::to_string(&newer).expect("JSON");
        std::fs::write(folder.path().join("a.json"), text).expect("written");
        let error = store.read_all().expect_err("another schema").to_string();
        assert!(error.contains("schema_version is 2"), "{error}");
    }
}
