//! One run in a process of its own.
//!
//! A fresh process measures peak memory from zero, and a run that exhausts the memory takes only itself down.

use std::fs::File;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use minim_experiment::{Record, Run, Store};

/// Trains `run` with `binary` and returns its record; if the process ends without one, writes a failed record.
///
/// `jobs` runs share the machine: each gets its part of the cores, and its record says so. The process's output goes to `log.txt` beside the model files, the run itself to `run.toml` there.
pub(crate) fn train(binary: &Path, run: &Run, store: &Store, device: &str, jobs: NonZeroUsize) -> Result<Record> {
    let id = run.id();
    let folder = store.run_folder(&id);
    let in_folder = || format!("cannot write to {}", folder.display());
    std::fs::create_dir_all(&folder).with_context(in_folder)?;
    let plan = folder.join("run.toml");
    std::fs::write(&plan, run.to_toml()).with_context(in_folder)?;
    let log_path = folder.join("log.txt");
    let log = File::create(&log_path).with_context(in_folder)?;
    // An earlier failure would be taken for this attempt's.
    if let Err(error) = std::fs::remove_file(store.record_path(&id))
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error).context(format!("cannot replace the record of {id}"));
    }
    let mut command = Command::new(binary);
    if jobs > NonZeroUsize::MIN {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        command.env("RAYON_NUM_THREADS", (cores.get() / jobs).max(1).to_string());
    }
    let status = command
        .env("MINIM_CONCURRENT_RUNS", jobs.to_string())
        .arg("train")
        .arg(&plan)
        .arg("--out")
        .arg(store.folder())
        .args(["--device", device])
        .stdin(Stdio::null())
        .stdout(log.try_clone().with_context(in_folder)?)
        .stderr(log)
        .status()
        .with_context(|| format!("cannot start {}", binary.display()))?;
    if let Some(record) = store.read(&id)? {
        return Ok(record);
    }
    let log = std::fs::read(&log_path).unwrap_or_default();
    let reason = reason(status, &String::from_utf8_lossy(&log));
    let record = Record::failed(run.clone(), reason, now_utc());
    store.write(&record)?;
    Ok(record)
}

/// Why a process ended without a record: its last `error:` line, or how it ended.
fn reason(status: ExitStatus, log: &str) -> String {
    if let Some(message) = log.lines().rev().find_map(|line| line.strip_prefix("error: ")) {
        return message.trim().to_owned();
    }
    if let Some(panic) = log.lines().rev().find(|line| line.contains("panicked at")) {
        return format!("stopped by a fault of minim: {}", panic.trim());
    }
    match (signal(status), status.code()) {
        (Some(9), _) => "killed by signal 9; the usual reason is that memory ran out".to_owned(),
        (Some(signal), _) => format!("killed by signal {signal}"),
        (None, Some(0)) => "ended without writing a record".to_owned(),
        (None, Some(code)) => format!("ended with exit code {code} and no error message"),
        (None, None) => "ended for an unknown reason".to_owned(),
    }
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<i32> {
    None
}

#[expect(clippy::disallowed_methods, reason = "the date on a failed record; nothing is measured with it")]
fn now_utc() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    minim_experiment::utc(since.as_secs())
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn the_reason_is_the_last_error_line_or_how_the_process_ended() {
        let code = |code: i32| ExitStatus::from_raw(code << 8);
        let log = "error: first\nstep 1\nerror: models/x/config.json: not found\nbye\n";
        assert_eq!(reason(code(2), log), "models/x/config.json: not found");
        assert_eq!(
            reason(code(101), "\nthread 'main' panicked at src/a.rs:1:2:\nboom\n"),
            "stopped by a fault of minim: thread 'main' panicked at src/a.rs:1:2:"
        );
        assert_eq!(reason(code(0), "step 1\n"), "ended without writing a record");
        assert_eq!(reason(code(7), ""), "ended with exit code 7 and no error message");
        assert_eq!(
            reason(ExitStatus::from_raw(9), "step 1\n"),
            "killed by signal 9; the usual reason is that memory ran out"
        );
    }
}
