//! Mistakes in what the user gave, told apart from what went wrong while doing it.

/// What the user asked for cannot be done: the message says what was expected. The exit code is 2.
#[derive(Debug)]
pub(crate) struct InputError(pub(crate) String);

impl std::fmt::Display for InputError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InputError {}

/// 2 for a mistake in the input, as clap's for a mistake on the command line; 1 for everything else.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    let input = error.chain().any(|cause| {
        cause.is::<InputError>() || cause.is::<minim_experiment::Error>() || cause.is::<minim_datasets::Error>()
    });
    if input { 2 } else { 1 }
}

/// The error and its causes in one line; a cause that the message before it ends with is not said again.
pub(crate) fn line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if line.is_empty() {
            line = text;
        } else if !line.ends_with(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
    }
    line
}

/// The complaint that there is no `what` called `name`, with the nearest of `known`.
pub(crate) fn unknown(what: &str, name: &str, known: &[&str]) -> InputError {
    let nearest = known.iter().min_by_key(|candidate| strsim::damerau_levenshtein(name, candidate));
    InputError(match nearest {
        Some(nearest) => format!("no {what} is called `{name}`; the nearest of {} is `{nearest}`", known.join(", ")),
        None => format!("no {what} is called `{name}`"),
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let io = || std::io::Error::other("disk full");
        let silent = anyhow::Error::from(io()).context("cannot write a.csv");
        assert_eq!(line(&silent), "cannot write a.csv: disk full");
        let told = minim_experiment::Error::Io { path: "a.toml".into(), action: "read the experiment", source: io() };
        assert_eq!(line(&told.into()), "a.toml: cannot read the experiment: disk full");
    }

    #[test]
    fn exit_codes_tell_input_from_failure() {
        let input: anyhow::Error = unknown("model", "brt", &["bert", "gpt"]).into();
        assert_eq!(input.to_string(), "no model is called `brt`; the nearest of bert, gpt is `bert`");
        assert_eq!(exit_code(&input), 2);
        let wrapped = Err::<(), _>(input).context("fetch").expect_err("an error");
        assert_eq!(exit_code(&wrapped), 2);
        assert_eq!(exit_code(&anyhow::anyhow!("2 of 3 runs failed")), 1);
    }
}
