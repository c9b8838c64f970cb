//! Which published code the measured code is linked with: the part of the lock file that can move a count.
//!
//! The executable also holds the command line, the reports and the instruments, and their dependencies change often and
//! run outside of what is counted. So the closure of the measured package's dependencies is followed, and from the
//! harness only to what runs between the two ends of a measurement. Packages of the source tree itself are left out:
//! a change in them is what a comparison is about.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use serde_json::Value;

use super::environment::{hash, output_in};

const HARNESS: &str = "exuvia-harness";
/// What of the harness's dependencies runs while something is counted.
const MEASURED_WITH: [&str; 3] = ["exuvia_core", "exuvia-core", "fastrand"];

/// A hash of name, version and features of every published package that measured code can call; `None` where cargo
/// cannot tell (no lock file, packages not downloaded).
pub(crate) fn hash_of(manifest_dir: &Path, target: Option<&str>) -> Option<String> {
    let metadata: Value = serde_json::from_str(&metadata(manifest_dir, target)?).ok()?;
    let packages = linked(&metadata, &manifest_dir.join("Cargo.toml"))?;
    Some(hash(
        packages
            .into_iter()
            .collect::<Vec<_>>()
            .join("\n")
            .as_bytes(),
    ))
}

fn metadata(manifest_dir: &Path, target: Option<&str>) -> Option<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut args = vec!["metadata", "--locked", "--offline", "--format-version", "1"];
    if let Some(target) = target {
        args.extend(["--filter-platform", target]);
    }
    output_in(manifest_dir, cargo, &args)
}

/// `name version [features]` of each published package, from cargo's metadata.
fn linked(metadata: &Value, manifest: &Path) -> Option<BTreeSet<String>> {
    let packages: HashMap<&str, &Value> = by_id(metadata.get("packages")?)?;
    let nodes: HashMap<&str, &Value> = by_id(metadata.pointer("/resolve/nodes")?)?;
    let root = packages
        .iter()
        .find(|(_, package)| same_file(package, manifest))?;
    let (mut seen, mut open) = (BTreeSet::new(), vec![(*root.0, true)]);
    let mut linked = BTreeSet::new();
    while let Some((id, is_root)) = open.pop() {
        if !seen.insert(id) {
            continue;
        }
        let (package, node) = (packages.get(id)?, nodes.get(id)?);
        if !package.get("source")?.is_null() {
            linked.insert(described(package, node)?);
        }
        let from_harness = package.get("name")?.as_str()? == HARNESS;
        for dependency in node.get("deps")?.as_array()? {
            let name = dependency.get("name")?.as_str()?;
            if links(dependency, is_root) && (!from_harness || MEASURED_WITH.contains(&name)) {
                open.push((dependency.get("pkg")?.as_str()?, false));
            }
        }
    }
    Some(linked)
}

fn by_id(list: &Value) -> Option<HashMap<&str, &Value>> {
    let entries = list.as_array()?.iter();
    entries
        .map(|entry| Some((entry.get("id")?.as_str()?, entry)))
        .collect()
}

fn same_file(package: &Value, manifest: &Path) -> bool {
    let path = package.get("manifest_path").and_then(Value::as_str);
    let canonical = |path: &Path| path.canonicalize().ok();
    path.and_then(|path| canonical(Path::new(path)))
        .is_some_and(|path| Some(path) == canonical(manifest))
}

/// Normal dependencies are linked; of the measured package also those of its bench target.
fn links(dependency: &Value, of_root: bool) -> bool {
    let kinds = dependency.get("dep_kinds").and_then(Value::as_array);
    kinds.into_iter().flatten().any(|kind| {
        let kind = kind.get("kind").unwrap_or(&Value::Null);
        kind.is_null() || (of_root && kind == "dev")
    })
}

fn described(package: &Value, node: &Value) -> Option<String> {
    let text = |name| package.get(name).and_then(Value::as_str);
    let features = node.get("features")?.as_array()?;
    let features: Vec<_> = features.iter().filter_map(Value::as_str).collect();
    Some(format!(
        "{} {} [{}]",
        text("name")?,
        text("version")?,
        features.join(" ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn metadata(clap: &str, fastrand: &str) -> Value {
        let package = |name: &str, version: &str, source: Value| json!({"id": name, "name": name, "version": version, "source": source, "manifest_path": format!("/nowhere/{name}/Cargo.toml")});
        let node = |name: &str, deps: &[(&str, Value)]| {
            let deps: Vec<_> = deps
                .iter()
                .map(|(name, kind)| json!({"name": name, "pkg": name, "dep_kinds": [{"kind": kind}]}))
                .collect();
            json!({"id": name, "features": ["std"], "deps": deps})
        };
        let published = json!("registry");
        json!({
            "packages": [
                package("mine", "0.1.0", Value::Null), package(HARNESS, "0.1.0", Value::Null),
                package("clap", clap, published.clone()), package("fastrand", fastrand, published.clone()),
                package("zstd", "1.0.0", published.clone()), package("cc", "1.0.0", published),
            ],
            "resolve": {"nodes": [
                node("mine", &[(HARNESS, json!("dev")), ("zstd", Value::Null)]),
                node(HARNESS, &[("clap", Value::Null), ("fastrand", Value::Null)]),
                node("zstd", &[("cc", json!("build"))]),
                node("clap", &[]), node("fastrand", &[]), node("cc", &[]),
            ]},
        })
    }

    fn packages(metadata: &Value) -> Vec<String> {
        let mut metadata = metadata.clone();
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        metadata["packages"][0]["manifest_path"] = json!(manifest.display().to_string());
        linked(&metadata, &manifest)
            .expect("complete")
            .into_iter()
            .collect()
    }

    #[test]
    fn only_what_measured_code_can_call_is_part_of_the_key() {
        let linked = packages(&metadata("4.0.0", "2.0.0"));
        assert_eq!(linked, ["fastrand 2.0.0 [std]", "zstd 1.0.0 [std]"]);
    }

    #[test]
    fn a_tool_of_the_harness_may_move_and_a_library_of_the_workload_may_not() {
        let before = packages(&metadata("4.0.0", "2.0.0"));
        assert_eq!(before, packages(&metadata("5.0.0", "2.0.0")));
        assert_ne!(before, packages(&metadata("4.0.0", "3.0.0")));
    }
}
