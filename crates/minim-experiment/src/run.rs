//! One run of an experiment's grid, fully resolved.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{MethodSpec, ModelSpec, TaskSpec, TrainingSpec};

/// One model adapted to one task by one method with one seed; nothing is left to defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Name of the experiment.
    pub experiment: String,
    /// The checkpoint.
    pub model: ModelSpec,
    /// The task.
    pub task: TaskSpec,
    /// How the checkpoint is adapted.
    pub method: MethodSpec,
    /// Training settings; the learning rate is the one that applies to this run.
    pub training: TrainingSpec,
    /// The seed that every random draw of the run comes from.
    pub seed: u64,
    /// Folder that the run's paths start from: not part of its id or its record.
    #[serde(skip)]
    pub root: PathBuf,
}

impl Run {
    /// `<model>-<method>-<task>-s<seed>-<8 hex digits>`, the digits from SHA-256 over the resolved run.
    ///
    /// Two runs that differ in any setting differ in their id; the folder and the machine do not enter it.
    pub fn id(&self) -> String {
        let value = serde_json::to_value(self).expect("a run has text keys and finite numbers");
        let mut canonical = String::new();
        write_canonical(&value, &mut canonical);
        let digest = Sha256::digest(canonical);
        let mut id = format!("{}-{}-{}-s{}-", self.model.name, self.method.name, self.task.name, self.seed);
        for byte in &digest[..4] {
            id.push_str(&format!("{byte:02x}"));
        }
        id
    }

    /// The run as an experiment file that expands to exactly this run, wherever the file lies.
    pub fn to_toml(&self) -> String {
        let table = |value: Result<toml::Value, toml::ser::Error>| {
            value.expect("a run's settings are text, numbers and lists of text")
        };
        let list = |value| toml::Value::Array(vec![table(value)]);
        // A plan that was parsed from text may have a relative root, or none.
        let root = std::path::absolute(Path::new(".").join(&self.root));
        let root = root.unwrap_or_else(|_| self.root.clone());
        let mut document = toml::Table::new();
        document.insert("name".into(), self.experiment.clone().into());
        document.insert("root".into(), table(toml::Value::try_from(&root)));
        document.insert("seeds".into(), list(toml::Value::try_from(self.seed)));
        document.insert("model".into(), list(toml::Value::try_from(&self.model)));
        document.insert("task".into(), list(toml::Value::try_from(&self.task)));
        document.insert("method".into(), list(toml::Value::try_from(&self.method)));
        document.insert("training".into(), table(toml::Value::try_from(&self.training)));
        toml::to_string(&document).expect("tables of text, numbers and lists are TOML")
    }
}

/// JSON with sorted keys and no spaces: the same for the same value, in whichever order its fields are declared.
fn write_canonical(value: &serde_json::Value, out: &mut String) {
    match value {
        serde_json::Value::Object(entries) => {
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (at, (key, value)) in sorted.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str(&serde_json::Value::from(key.as_str()).to_string());
                out.push(':');
                write_canonical(value, out);
            }
            out.push('}');
        }
        serde_json::Value::Array(elements) => {
            out.push('[');
            for (at, value) in elements.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_canonical(value, out);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::{Experiment, Run};

    const PLAN: &str = r#"
        name = "one"
        seeds = [7]
        model = [{ name = "m", path = "p" }]
        task = [{ name = "t", kind = "ner", dataset = "d", data = "d" }]
        method = [{ name = "l", kind = "lora" }]
    "#;

    fn run(text: &str, file: &str) -> Run {
        let experiment = Experiment::parse(text, Path::new(file)).expect("a plan");
        experiment.runs().remove(0)
    }

    #[test]
    fn an_id_is_the_same_wherever_the_plan_lies_and_never_changes() {
        assert_eq!(run(PLAN, "here/one.toml").id(), run(PLAN, "there/one.toml").id());
        // Finished runs are found by their id: a change here makes every sweep start over.
        assert_eq!(run(PLAN, "one.toml").id(), "m-l-t-s7-e5c1ef20");
    }

    #[test]
    fn every_setting_enters_the_id() {
        let base = run(PLAN, "one.toml").id();
        for (from, to) in [
            ("\"one\"", "\"two\""),
            ("path = \"p\"", "path = \"q\""),
            ("path = \"p\"", "path = \"p\", init = \"random\""),
            ("data = \"d\"", "data = \"e\""),
            ("kind = \"lora\"", "kind = \"lora\", alpha = 8"),
            ("kind = \"lora\"", "kind = \"lora\", learning_rate = 1e-5"),
        ] {
            assert_ne!(run(&PLAN.replace(from, to), "one.toml").id(), base, "{to}");
        }
    }

    #[test]
    fn a_run_survives_json() {
        let run = run(PLAN, "one.toml");
        let json = serde_json::to_string(&run).expect("JSON");
        assert_eq!(serde_json::from_str::<Run>(&json).expect("a run"), run);
    }
}
