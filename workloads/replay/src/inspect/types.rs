//! Which nodes are counted together: objects by class, strings by being strings.

use std::collections::HashMap;

use crate::snapshot::{Labels, Snapshot};

/// Kinds whose nodes carry their content or their own name instead of a class.
const BY_KIND: [&str; 10] = [
    "string",
    "concatenated string",
    "sliced string",
    "symbol",
    "bigint",
    "number",
    "regexp",
    "closure",
    "code",
    "hidden",
];

/// Numbers the types of a snapshot.
pub(super) struct Types {
    pub(super) names: Vec<String>,
    /// By node.
    pub(super) of: Vec<u32>,
}

impl Types {
    pub(super) fn of(snapshot: &Snapshot, labels: &Labels) -> Types {
        let common = common_names(snapshot, labels);
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let mut names: Vec<String> = Vec::new();
        let of = (0..snapshot.nodes())
            .map(|node| {
                let kind = labels.kind(node);
                let name = match common.get(kind) {
                    Some(Common::One(name)) => name,
                    Some(Common::Many(in_words)) => in_words.as_str(),
                    None => labels.name(node),
                };
                *numbers.entry(name).or_insert_with(|| {
                    names.push(name.to_owned());
                    names.len() as u32 - 1
                })
            })
            .collect();
        Types { names, of }
    }

    pub(super) fn name(&self, node: usize) -> &str {
        &self.names[self.of[node] as usize]
    }
}

/// The name that nodes of a kind without classes go by.
enum Common<'a> {
    /// All of them have it: a runtime that puts the type there, as captures of CPython do.
    One(&'a str),
    /// They differ; the kind in parentheses stands for all.
    Many(String),
}

fn common_names<'a>(snapshot: &Snapshot, labels: &'a Labels) -> HashMap<&'a str, Common<'a>> {
    let mut common: HashMap<&str, Common<'_>> = HashMap::new();
    for node in 0..snapshot.nodes() {
        let (kind, name) = (labels.kind(node), labels.name(node));
        if !BY_KIND.contains(&kind) {
            continue;
        }
        let entry = common.entry(kind).or_insert(Common::One(name));
        if matches!(entry, Common::One(other) if *other != name) {
            *entry = Common::Many(format!("({kind})"));
        }
    }
    common
}
