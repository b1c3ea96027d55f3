//! Links in Markdown: a relative one leads to a tracked file or folder, an anchor to a heading.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::Finding;
use super::tree::Tree;

pub(super) fn scan(tree: &Tree) -> Vec<Finding> {
    let paths = tree.paths();
    let mut findings = Vec::new();
    for (path, text) in tree.texts(".md") {
        for (line, target) in links(text) {
            if let Some(message) = broken(tree, &paths, path, target) {
                findings.push(Finding::new(path, line, message));
            }
        }
    }
    findings
}

fn broken(tree: &Tree, paths: &BTreeSet<&Path>, page: &str, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let resolved = if file.is_empty() { PathBuf::from(page) } else { resolve(page, file) };
    if !paths.contains(resolved.as_path()) {
        return Some(format!("the link to `{target}` leads nowhere"));
    }
    let text = tree.text(resolved.to_str()?)?;
    let found = anchor.is_empty() || !file.ends_with(".md") && !file.is_empty() || anchors(text).any(|a| a == anchor);
    (!found).then(|| format!("the link to `{target}` leads to no heading"))
}

/// `target` seen from the folder of `page`, without `.` and `..`.
fn resolve(page: &str, target: &str) -> PathBuf {
    let mut resolved = PathBuf::from(page);
    resolved.pop();
    for part in Path::new(target).components() {
        match part {
            Component::ParentDir => {
                resolved.pop();
            }
            Component::CurDir => {}
            other => resolved.push(other),
        }
    }
    resolved
}

/// Lines outside fenced code, from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(at, line)| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return None;
        }
        (!fenced).then_some((at + 1, line))
    })
}

/// Targets of `[..](target)`, inline code left out.
fn links(text: &str) -> impl Iterator<Item = (usize, &str)> {
    prose(text).flat_map(|(number, line)| {
        line.match_indices("](").filter_map(move |(at, _)| {
            let in_code = line[..at].matches('`').count() % 2 == 1;
            let rest = &line[at + 2..];
            let target = rest[..rest.find(')')?].split_whitespace().next()?;
            (!in_code).then_some((number, target))
        })
    })
}

/// What headings are called in links: lower case, hyphens for spaces, other punctuation gone.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    prose(text).filter_map(|(_, line)| {
        let heading = line.strip_prefix('#')?.trim_start_matches('#').trim();
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        Some(kept.collect::<String>().to_lowercase().replace(' ', "-"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_links_are_found_and_sound_ones_are_not() {
        let page = "# Guide\n\
            [map](ARCHITECTURE.md), [readme](../README.md), [folder](../crates), [web](https://example.org/x)\n\
            [gone](gone.md) and [up](../../up.md)\n\
            `[code](nowhere.md)`\n\
            ```\n[fenced](nowhere.md)\n```\n\
            [here](#guide), [there](ARCHITECTURE.md#the-run-id), [not there](ARCHITECTURE.md#the-run)\n";
        let findings = scan(&Tree::of(&[
            ("docs/guide.md", page),
            ("docs/ARCHITECTURE.md", "# Map\n## The `run` id\n"),
            ("README.md", ""),
            ("crates/a/src/lib.rs", ""),
        ]));
        let found: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(
            found,
            [
                "docs/guide.md:3: the link to `gone.md` leads nowhere",
                "docs/guide.md:3: the link to `../../up.md` leads nowhere",
                "docs/guide.md:8: the link to `ARCHITECTURE.md#the-run` leads to no heading",
            ]
        );
    }
}
