//! The binary `minim`: built, found, started.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// The cargo that started this process, or the one on the search path.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace::root());
    command
}

/// Builds `minim` in release, cargo's progress on standard error, and says where the binary lies.
///
/// The path is cargo's own answer: the target folder may be set by the environment or by a configuration file.
pub(crate) fn build(features: Option<&str>) -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--release", "-p", "minim-engine"]);
    command.arg("--message-format=json-render-diagnostics");
    if let Some(features) = features {
        command.args(["--features", features]);
    }
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
    let messages = child.stdout.take().context("cargo has no output")?;
    let mut binary = None;
    for line in BufReader::new(messages).lines() {
        let line = line.context("cannot read cargo's output")?;
        binary = executable(&line).or(binary);
    }
    let status = child.wait().context("cannot wait for cargo")?;
    if !status.success() {
        bail!("minim could not be built; cargo says why above");
    }
    binary.context("cargo built no binary `minim`")
}

/// The path in cargo's message about the finished binary `minim`.
fn executable(message: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let is_minim = message["reason"] == "compiler-artifact" && message["target"]["name"] == "minim";
    let path = message["executable"].as_str().filter(|_| is_minim)?;
    Some(PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_binary_is_the_one_cargo_names() {
        let built = r#"{"reason":"compiler-artifact","target":{"name":"minim"},"executable":"t/release/minim"}"#;
        assert_eq!(executable(built), Some(PathBuf::from("t/release/minim")));
        let library = r#"{"reason":"compiler-artifact","target":{"name":"minim_engine"},"executable":null}"#;
        assert_eq!(executable(library), None);
        assert_eq!(executable("   Compiling minim"), None);
    }
}
