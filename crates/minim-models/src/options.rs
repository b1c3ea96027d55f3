//! What the options of a `config.json` are checked for, whatever the family. The messages name the option.

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Refuses every value but the neutral one of options that would change the model; absent and null pass.
pub(crate) fn neutral(json: &Value, options: &[(&str, Value)]) -> Result<(), String> {
    for (key, neutral) in options {
        if let Some(value) = json.get(*key).filter(|value| !value.is_null() && *value != neutral) {
            return Err(format!("{key} {value} is not supported; expected {neutral}"));
        }
    }
    Ok(())
}

/// Refuses a value that `T` does not know. serde's own message would not name the option.
pub(crate) fn known<T: DeserializeOwned>(json: &Value, key: &str) -> Result<(), String> {
    match json.get(key) {
        Some(value) => serde_json::from_value::<T>(value.clone()).map(drop).map_err(|e| format!("{key}: {e}")),
        None => Ok(()),
    }
}

/// Refuses a size of 0, and one that no model has: products of sizes must not overflow.
pub(crate) fn positive(sizes: &[(&str, usize)]) -> Result<(), String> {
    const MOST: usize = 1 << 24;
    match sizes.iter().find(|(_, size)| !(1..=MOST).contains(size)) {
        Some((key, size)) => Err(format!("{key} is {size}; expected a size from 1 to {MOST}")),
        None => Ok(()),
    }
}

/// Refuses a width that heads of equal size don't fill.
pub(crate) fn divisible(width: (&str, usize), parts: (&str, usize)) -> Result<(), String> {
    match width.1.is_multiple_of(parts.1) {
        true => Ok(()),
        false => Err(format!("{} {} is no multiple of {} {}", width.0, width.1, parts.0, parts.1)),
    }
}

/// Refuses a dropout rate outside of [0, 1).
pub(crate) fn rates(rates: &[(&str, Option<f64>)]) -> Result<(), String> {
    for (key, rate) in rates {
        if let Some(rate) = rate.filter(|rate| !(0.0..1.0).contains(rate)) {
            return Err(format!("{key} {rate} is no probability in [0, 1)"));
        }
    }
    Ok(())
}
