//! Who depends on whom: read from the manifests and `Cargo.lock`, so that nothing is built and no network is needed.
//!
//! The lock file lists the dependencies of every feature and platform: what it proves absent is absent from every build.

use std::collections::{BTreeMap, VecDeque};

use super::Finding;
use super::tree::Tree;

/// The only crate that may choose a backend.
pub(super) const ENGINE: &str = "minim-engine";

/// Has operations of its own for two backends, which its features of these names turn on.
pub(super) const KERNELS: (&str, [&str; 2]) = ("minim-kernels", ["flex", "cuda"]);

/// Backends: burn's features of these names, and this workspace's own.
pub(super) const BACKENDS: [&str; 13] = [
    "candle", "cpu", "cuda", "flex", "metal", "ndarray", "remote", "rocm", "router", "tch", "vulkan", "webgpu", "wgpu",
];

/// The backend that unit tests compute with.
const TEST_BACKEND: &str = "flex";

/// Crates that must compile in seconds and run anywhere, so nothing of burn may reach them.
const WITHOUT_BURN: [&str; 6] =
    ["minim-datasets", "minim-metrics", "minim-experiment", "minim-report", "minim-efficiency", "xtask"];

/// Every crate and those of the workspace that it may use (`docs/ARCHITECTURE.md`).
const ARROWS: [(&str, &[&str]); 12] = [
    ("minim-kernels", &[]),
    ("minim-adapters", &["minim-kernels"]),
    ("minim-models", &["minim-kernels", "minim-adapters"]),
    ("minim-datasets", &[]),
    ("minim-metrics", &[]),
    ("minim-efficiency", &[]),
    ("minim-experiment", &[]),
    ("minim-tasks", &["minim-adapters", "minim-models", "minim-datasets", "minim-metrics"]),
    (
        ENGINE,
        &[
            "minim-kernels",
            "minim-adapters",
            "minim-models",
            "minim-datasets",
            "minim-metrics",
            "minim-tasks",
            "minim-efficiency",
            "minim-experiment",
        ],
    ),
    ("minim-report", &["minim-experiment"]),
    ("minim-fuzz", &["minim-datasets"]),
    ("xtask", &["minim-datasets", "minim-experiment", "minim-report"]),
];

/// Holds the integration tests and may use everything.
const TESTS: &str = "minim-tests";

pub(super) fn scan(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let lock = tree.text("Cargo.lock").and_then(Lock::parse);
    if lock.is_none() {
        findings.push(Finding::new("Cargo.lock", 1, "expected cargo's lock file, tracked"));
    }
    for (path, text) in tree.texts("Cargo.toml").filter(|(path, _)| !path.starts_with("third-party/")) {
        let manifest = match Manifest::parse(path, text) {
            Ok(manifest) => manifest,
            Err(error) => {
                findings.push(Finding::new(path, 1, format!("not a manifest: {}", error.message())));
                continue;
            }
        };
        findings.extend(manifest.backends());
        findings.extend(manifest.arrows());
        if let Some(lock) = &lock
            && WITHOUT_BURN.contains(&manifest.name.as_str())
        {
            findings.extend(manifest.burn(lock));
        }
    }
    findings
}

struct Manifest<'t> {
    path: &'t str,
    text: &'t str,
    /// Empty for the workspace's own manifest.
    name: String,
    dependencies: Vec<Dependency>,
    /// What the crate's own features turn on.
    features: Vec<String>,
}

struct Dependency {
    name: String,
    features: Vec<String>,
    for_tests: bool,
}

impl<'t> Manifest<'t> {
    fn parse(path: &'t str, text: &'t str) -> Result<Self, toml::de::Error> {
        let table: toml::Table = toml::from_str(text)?;
        let package = table.get("package").and_then(|package| package.get("name"));
        let mut dependencies = Vec::new();
        let mut read = |table: Option<&toml::Value>, for_tests| {
            let entries = table.and_then(toml::Value::as_table);
            for (name, value) in entries.into_iter().flatten() {
                dependencies.push(Dependency { name: name.clone(), features: texts(value.get("features")), for_tests });
            }
        };
        let targets = table.get("target").and_then(toml::Value::as_table);
        let tables = std::iter::once(&table).chain(targets.into_iter().flatten().filter_map(|(_, t)| t.as_table()));
        for table in tables {
            read(table.get("dependencies"), false);
            read(table.get("build-dependencies"), false);
            read(table.get("dev-dependencies"), true);
        }
        read(table.get("workspace").and_then(|workspace| workspace.get("dependencies")), false);
        let features = table.get("features").and_then(toml::Value::as_table);
        Ok(Self {
            path,
            text,
            name: package.and_then(toml::Value::as_str).unwrap_or_default().to_owned(),
            dependencies,
            features: features.into_iter().flatten().flat_map(|(_, on)| texts(Some(on))).collect(),
        })
    }

    /// The line that names `dependency`, from 1.
    fn line(&self, dependency: &str) -> usize {
        let names = |line: &str| {
            let rest = line.trim_start().strip_prefix(dependency);
            rest.is_some_and(|rest| rest.trim_start().starts_with(['=', '.']))
        };
        self.text.lines().position(names).map_or(1, |at| at + 1)
    }

    /// Only the engine turns a backend of burn on; unit tests may use the portable one.
    fn backends(&self) -> Vec<Finding> {
        if self.name == ENGINE || self.name == TESTS {
            return Vec::new();
        }
        let mut findings = Vec::new();
        for dependency in self.dependencies.iter().filter(|dependency| dependency.name == "burn") {
            for feature in &dependency.features {
                let allowed = dependency.for_tests && feature == TEST_BACKEND;
                if BACKENDS.contains(&feature.as_str()) && !allowed {
                    let message = format!("turns on burn's backend `{feature}`; only {ENGINE} chooses a backend");
                    findings.push(Finding::new(self.path, self.line("burn"), message));
                }
            }
        }
        for feature in &self.features {
            let backend = feature.strip_prefix("burn/").filter(|backend| BACKENDS.contains(backend));
            let backend = backend.filter(|backend| self.name != KERNELS.0 || !KERNELS.1.contains(backend));
            if let Some(backend) = backend {
                let message = format!("a feature turns on burn's backend `{backend}`; only {ENGINE} chooses a backend");
                findings.push(Finding::new(self.path, 1, message));
            }
        }
        findings
    }

    /// Dependencies within the workspace follow the arrows.
    fn arrows(&self) -> Vec<Finding> {
        if self.name.is_empty() || self.name == TESTS {
            return Vec::new();
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == self.name) else {
            let message = format!("`{}` is not in the table of arrows (xtask/src/tidy/graph.rs)", self.name);
            return vec![Finding::new(self.path, 1, message)];
        };
        self.dependencies
            .iter()
            .filter(|dependency| dependency.name.starts_with("minim-") && !allowed.contains(&dependency.name.as_str()))
            .map(|dependency| {
                let message = format!("`{}` may not use `{}` (docs/ARCHITECTURE.md)", self.name, dependency.name);
                Finding::new(self.path, self.line(&dependency.name), message)
            })
            .collect()
    }

    /// Nothing of burn is reached.
    fn burn(&self, lock: &Lock) -> Option<Finding> {
        let way = lock.way(&self.name, |name| name == "burn-core" || name == "burn")?;
        let message = format!(
            "reaches burn: {}; this crate compiles in seconds and runs without a deep-learning framework",
            way.join(" -> ")
        );
        Some(Finding::new(self.path, self.line(way.get(1)?), message))
    }
}

fn texts(value: Option<&toml::Value>) -> Vec<String> {
    let array = value.and_then(toml::Value::as_array);
    array.into_iter().flatten().filter_map(toml::Value::as_str).map(str::to_owned).collect()
}

/// Package names to the names that they depend on, versions of one name taken together.
struct Lock(BTreeMap<String, Vec<String>>);

impl Lock {
    fn parse(text: &str) -> Option<Self> {
        let table: toml::Table = toml::from_str(text).ok()?;
        let mut packages: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for package in table.get("package")?.as_array()? {
            let name = package.get("name")?.as_str()?.to_owned();
            // An entry is `name`, or `name version` where there are several.
            let names = texts(package.get("dependencies")).into_iter();
            let names = names.map(|entry| entry.split(' ').next().unwrap_or_default().to_owned());
            packages.entry(name).or_default().extend(names);
        }
        Some(Self(packages))
    }

    /// The shortest way from `start` to a package that is `wanted`.
    fn way<'l>(&'l self, start: &'l str, wanted: impl Fn(&str) -> bool) -> Option<Vec<&'l str>> {
        let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(name) = queue.pop_front() {
            if wanted(name) {
                let mut way = vec![name];
                while let Some(&before) = came_from.get(way[0]) {
                    way.insert(0, before);
                }
                return Some(way);
            }
            for next in self.0.get(name).into_iter().flatten() {
                if next != start && !came_from.contains_key(next.as_str()) {
                    came_from.insert(next, name);
                    queue.push_back(next);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
        [[package]]
        name = "minim-report"
        dependencies = ["csv", "plot 1.0.0"]
        [[package]]
        name = "plot"
        dependencies = ["burn-core"]
        [[package]]
        name = "csv"
        [[package]]
        name = "burn-core"
    "#;

    fn check(path: &str, manifest: &str, expected: &[(usize, &str)]) {
        let findings = scan(&Tree::of(&[("Cargo.lock", LOCK), (path, manifest)]));
        assert_eq!(findings.len(), expected.len(), "{findings:?}");
        for (finding, (line, message)) in findings.iter().zip(expected) {
            assert_eq!((finding.file.as_str(), finding.line), (path, *line));
            assert!(finding.message.contains(message), "{finding}");
        }
    }

    #[test]
    fn burn_is_found_however_far_it_lies() {
        check(
            "crates/minim-report/Cargo.toml",
            "[package]\nname = \"minim-report\"\n[dependencies]\ncsv = \"1\"\nplot = \"1\"\n",
            &[(5, "minim-report -> plot -> burn-core")],
        );
        check("crates/minim-metrics/Cargo.toml", "[package]\nname = \"minim-metrics\"\n", &[]);
    }

    #[test]
    fn arrows_run_one_way() {
        check(
            "crates/minim-models/Cargo.toml",
            "[package]\nname = \"minim-models\"\n[dependencies]\nminim-adapters.workspace = true\nminim-tasks = { path = \"x\" }\n",
            &[(5, "`minim-models` may not use `minim-tasks`")],
        );
        check("crates/minim-new/Cargo.toml", "[package]\nname = \"minim-new\"\n", &[(1, "not in the table of arrows")]);
    }

    #[test]
    fn backends_are_chosen_by_the_engine_alone() {
        let with = |name: &str, table: &str| {
            format!(
                "[package]\nname = \"{name}\"\n[{table}]\nburn = {{ workspace = true, features = [\"autodiff\", \"flex\"] }}\n"
            )
        };
        let message = "backend `flex`; only minim-engine";
        check("crates/minim-tasks/Cargo.toml", &with("minim-tasks", "dependencies"), &[(4, message)]);
        check("crates/minim-tasks/Cargo.toml", &with("minim-tasks", "dev-dependencies"), &[]);
        check("crates/minim-engine/Cargo.toml", &with("minim-engine", "dependencies"), &[]);
        check(
            "Cargo.toml",
            "[workspace.dependencies]\nburn = { version = \"1\", features = [\"std\", \"cuda\"] }\n",
            &[(2, "backend `cuda`")],
        );
        check(
            "crates/minim-tasks/Cargo.toml",
            "[package]\nname = \"minim-tasks\"\n[features]\nfast = [\"burn/wgpu\"]\n",
            &[(1, "backend `wgpu`")],
        );
        let kernels =
            |backend| format!("[package]\nname = \"minim-kernels\"\n[features]\n{backend} = [\"burn/{backend}\"]\n");
        check("crates/minim-kernels/Cargo.toml", &kernels("flex"), &[]);
        check("crates/minim-kernels/Cargo.toml", &kernels("cuda"), &[]);
        check("crates/minim-kernels/Cargo.toml", &kernels("wgpu"), &[(1, "backend `wgpu`")]);
        let always = with("minim-kernels", "dependencies");
        check("crates/minim-kernels/Cargo.toml", &always, &[(4, message)]);
    }

    #[test]
    fn a_missing_lock_file_is_found() {
        let findings = scan(&Tree::of(&[]));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].file, "Cargo.lock");
    }
}
