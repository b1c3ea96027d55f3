//! The settings of a run as flat key and value pairs, to tell runs apart that carry the same names.

use std::collections::BTreeMap;

use minim_experiment::Run;
use serde_json::Value;

/// Dotted key (`training.epochs`) to value, as JSON text.
pub(crate) type Settings = BTreeMap<String, String>;

/// Every setting of a run but its seed.
pub(crate) fn of(run: &Run) -> Settings {
    let mut settings = Settings::new();
    // A run that cannot be written as JSON has no record to read it from.
    if let Ok(value) = serde_json::to_value(run) {
        flatten("", &value, &mut settings);
    }
    settings.remove("seed");
    settings
}

/// `key = value` for every setting of `this` that is not the same in all of `all`.
pub(crate) fn differences(this: &Settings, all: &[&Settings]) -> Vec<String> {
    let keys: std::collections::BTreeSet<&String> = all.iter().flat_map(|s| s.keys()).collect();
    keys.into_iter()
        .filter(|key| all.iter().any(|other| other.get(*key) != this.get(*key)))
        .map(|key| match this.get(key) {
            Some(value) => format!("{key} = {value}"),
            None => format!("no {key}"),
        })
        .collect()
}

fn flatten(prefix: &str, value: &Value, into: &mut Settings) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                flatten(&key, value, into);
            }
        }
        Value::Null => {}
        Value::String(text) => {
            into.insert(prefix.to_owned(), text.clone());
        }
        other => {
            into.insert(prefix.to_owned(), other.to_string());
        }
    }
}
