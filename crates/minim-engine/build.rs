//! Says in every record what built the binary: the git commit, the compiler, burn's version.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../../Cargo.toml");
    if Path::new("../../.git/logs/HEAD").is_file() {
        println!("cargo:rerun-if-changed=../../.git/logs/HEAD");
    }
    let commit = output("git", &["rev-parse", "HEAD"]).map(|commit| {
        let dirty = output("git", &["status", "--porcelain", "--untracked-files=no"]).is_some();
        if dirty { format!("{commit}-dirty") } else { commit }
    });
    println!("cargo:rustc-env=MINIM_GIT_COMMIT={}", commit.unwrap_or_default());
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    println!("cargo:rustc-env=MINIM_RUSTC={}", output(&rustc, &["--version"]).unwrap_or_else(|| "unknown".into()));
    println!("cargo:rustc-env=MINIM_BURN={}", burn_version().unwrap_or_else(|| "unknown".into()));
}

/// The trimmed standard output of a command, if it succeeded and said anything.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_string();
    (output.status.success() && !text.is_empty()).then_some(text)
}

/// The exact version that the workspace pins: `burn = { version = "=0.22.1", ..`.
fn burn_version() -> Option<String> {
    let manifest = std::fs::read_to_string("../../Cargo.toml").ok()?;
    let line = manifest.lines().find(|line| line.starts_with("burn = "))?;
    let (_, rest) = line.split_once("\"=")?;
    rest.split_once('"').map(|(version, _)| version.to_string())
}
