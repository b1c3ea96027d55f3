//! Parameter counts from a `config.json` alone.

use std::path::Path;

use burn::tensor::Device;
use minim_adapters::{Counts, Method, attach, count};
use minim_models::{Config, HeadKind, published_name};

use crate::Error;

/// Counts what a method, chosen by the configuration, would train; no weight is read and none is allocated.
///
/// # Errors
/// [`Error::Model`] for a configuration that isn't supported, [`Error::Adapter`] for settings out of range or targets that match nothing.
pub fn from_config(
    config: &Path,
    head: HeadKind,
    labels: usize,
    method: impl FnOnce(&Config) -> Method,
    device: &Device,
) -> Result<Counts, Error> {
    if labels == 0 {
        return Err(Error::Input("--labels 0: expected at least 1".into()));
    }
    let config = Config::read(config)?;
    let method = method(&config);
    let modules_to_save = config.head_modules();
    let model = config.classifier(head, labels, device);
    let model = attach(model, &method, &modules_to_save, 0, published_name)?;
    Ok(count(&model, &method, &modules_to_save, published_name))
}
