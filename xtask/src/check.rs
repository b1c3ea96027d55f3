//! Everything that must hold before a change goes in; CI runs exactly this.

use anyhow::{Context, Result, bail};

use crate::{engine, tidy};

enum Step {
    Cargo(&'static [&'static str]),
    Tidy,
}

/// Cheap before dear: the first failure ends the check.
const STEPS: [Step; 5] = [
    Step::Cargo(&["fmt", "--all", "--check"]),
    Step::Tidy,
    Step::Cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
    Step::Cargo(&["check", "-p", "minim-engine", "--features", "cuda"]),
    Step::Cargo(&["test", "--workspace"]),
];

/// `cargo xtask check`.
pub(crate) fn check() -> Result<()> {
    for step in &STEPS {
        match step {
            Step::Tidy => {
                eprintln!("\n== cargo xtask tidy");
                tidy::tidy().context("check: tidy")?;
            }
            Step::Cargo(arguments) => {
                let shown = format!("cargo {}", arguments.join(" "));
                eprintln!("\n== {shown}");
                let status =
                    engine::cargo().args(*arguments).status().with_context(|| format!("cannot start `{shown}`"))?;
                if !status.success() {
                    bail!("check failed at `{shown}`");
                }
            }
        }
    }
    eprintln!("\nAll {} checks passed.", STEPS.len());
    Ok(())
}
