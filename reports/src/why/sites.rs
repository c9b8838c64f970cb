//! Bytes and blocks per allocation site, from the profiles of dhat (its JSON, version 2).

use super::Part;
use crate::record::CaseKey;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The sites of one case.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CaseSites {
    /// `crate/name`.
    pub workload: String,
    /// Variant of the workload.
    pub variant: String,
    /// Parameters by name.
    pub params: BTreeMap<String, u64>,
    /// Bytes and blocks by site.
    pub sites: BTreeMap<String, Site>,
    /// Live objects and bytes at the end, by type; empty where no heap with types was used.
    pub types: BTreeMap<String, (u64, u64)>,
}

/// What one site allocated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Bytes in all.
    pub bytes: u64,
    /// Blocks in all.
    pub blocks: u64,
}

impl CaseSites {
    /// The case.
    pub fn case(&self) -> CaseKey {
        CaseKey::new(&self.workload, &self.variant, &self.params)
    }
}

#[derive(Deserialize)]
struct Profile {
    pps: Vec<Point>,
    ftbl: Vec<String>,
}

#[derive(Deserialize)]
struct Point {
    tb: u64,
    tbk: u64,
    fs: Vec<usize>,
}

/// Frames that allocate for others: the site is the first one that is none of them.
const PLUMBING: [&str; 14] = [
    "alloc::",
    "core::",
    "std::",
    "<alloc::",
    "<core::",
    "<std::",
    "dhat::",
    "<dhat::",
    "hashbrown::",
    "<hashbrown::",
    "exuvia_harness::",
    "<exuvia_harness::",
    "__rust",
    "allocator_api2::",
];

/// Frames of the heap below which the user's own frame is more telling.
const HEAP: [&str; 2] = ["exuvia_core::alloc", "<exuvia_core::alloc"];

/// Sites of a profile: `function (file:line)`, without addresses and folders.
///
/// # Errors
/// When the text is no profile of dhat.
pub fn parse(text: &str) -> Result<BTreeMap<String, Site>, serde_json::Error> {
    let profile: Profile = serde_json::from_str(text)?;
    let mut sites: BTreeMap<String, Site> = BTreeMap::new();
    for point in profile.pps {
        let frames = point
            .fs
            .iter()
            .filter_map(|f| profile.ftbl.get(*f))
            .map(|f| frame(f));
        let site = sites.entry(site_of(frames.collect())).or_default();
        site.bytes += point.tb;
        site.blocks += point.tbk;
    }
    Ok(sites)
}

/// `0x5581: my::f (src/lib.rs:3:5)` without address and column, the path from its last `src`'s parent on.
fn frame(text: &str) -> String {
    let text = text.split_once(": ").map_or(text, |(_, rest)| rest);
    let Some((name, place)) = text.rsplit_once(" (") else {
        return text.to_owned();
    };
    let place = place.trim_end_matches(')');
    let place = place
        .rsplit_once(':')
        .map_or(place, |(before, _column)| before);
    format!("{name} ({})", short(place))
}

/// A path without the folders that differ from machine to machine.
fn short(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').collect();
    let from = parts
        .iter()
        .rposition(|part| matches!(*part, "src" | "benches" | "tests" | "examples"));
    let from = from.map_or(parts.len().saturating_sub(2), |at| at.saturating_sub(1));
    parts[from..].join("/")
}

/// The first frame of the code that wanted the memory, with the frame of the heap it asked.
fn site_of(frames: Vec<String>) -> String {
    let is = |frame: &String, of: &[&str]| of.iter().any(|prefix| frame.starts_with(prefix));
    let own = frames
        .iter()
        .filter(|frame| !is(frame, &PLUMBING) && !is_for_any_type(frame) && *frame != "[root]");
    let mut own = own.skip_while(|frame| is(frame, &HEAP)).peekable();
    let Some(first) = own.next() else {
        return frames
            .first()
            .cloned()
            .unwrap_or_else(|| "unknown".to_owned());
    };
    let asked = own
        .find(|frame| !frame.starts_with("exuvia_core::") && !frame.starts_with("<exuvia_core::"));
    match asked {
        Some(asked) if first.contains("exuvia_core::") => format!("{asked} through {first}"),
        _ => first.clone(),
    }
}

/// Whether a frame is what the standard library does for a type that its name does not tell: `<T as alloc::..>::to_vec`.
fn is_for_any_type(frame: &str) -> bool {
    let parts = frame
        .strip_prefix('<')
        .and_then(|frame| frame.split_once(" as "));
    parts.is_some_and(|(of, does)| {
        let is_parameter = of.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_parameter
            && ["alloc::", "core::", "std::"]
                .iter()
                .any(|root| does.starts_with(root))
    })
}

/// Each site with its part of the difference in `unit` (`B` or `blocks`).
pub(super) fn differences(base: &CaseSites, head: &CaseSites, unit: &str) -> Vec<Part> {
    let amount = |site: Option<&Site>| {
        let site = site.copied().unwrap_or_default();
        if unit == "B" {
            site.bytes as f64
        } else {
            site.blocks as f64
        }
    };
    let names: std::collections::BTreeSet<&String> =
        base.sites.keys().chain(head.sites.keys()).collect();
    let types = types(base, head);
    names
        .into_iter()
        .filter_map(|name| {
            let (before, after) = (base.sites.get(name), head.sites.get(name));
            let difference = amount(after) - amount(before);
            let blocks = |site: Option<&Site>| site.map_or(0, |site| site.blocks);
            let detail = format!(
                "{} blocks instead of {}{types}",
                blocks(after),
                blocks(before)
            );
            (difference != 0.0).then(|| Part {
                name: name.clone(),
                difference,
                detail,
            })
        })
        .collect()
}

/// The types of which more objects are alive at the end, in words.
fn types(base: &CaseSites, head: &CaseSites) -> String {
    let more: Vec<String> = head
        .types
        .iter()
        .filter_map(|(name, (objects, _))| {
            let before = base.types.get(name).map_or(0, |(objects, _)| *objects);
            (*objects > before).then(|| format!("{name} +{}", objects - before))
        })
        .collect();
    if more.is_empty() {
        String::new()
    } else {
        format!("; alive at the end: {}", more.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_site_is_where_the_memory_was_wanted() {
        let text = r#"{"pps": [{"tb": 64, "tbk": 2, "fs": [1, 2, 3, 4]}], "ftbl": ["[root]",
            "0x1: alloc::alloc::alloc (alloc/src/alloc.rs:95:9)",
            "0x1: <T as alloc::slice::<impl [T]>::to_vec_in::ConvertVec>::to_vec (alloc/src/slice.rs:448:9)",
            "0x2: exuvia_core::alloc::blocks::take (/home/x/core/src/alloc/blocks.rs:7:3)",
            "0x3: my::cache::insert (/home/x/my/src/cache.rs:12:5)"]}"#;
        let sites = parse(text).expect("a profile");
        assert_eq!(
            sites.keys().collect::<Vec<_>>(),
            ["my::cache::insert (my/src/cache.rs:12)"]
        );
    }

    #[test]
    fn a_site_that_allocates_more_is_named_with_its_blocks() {
        let side = |blocks| CaseSites {
            sites: BTreeMap::from([(
                "f (a/src/f.rs:1)".to_owned(),
                Site {
                    bytes: 32 * blocks,
                    blocks,
                },
            )]),
            ..CaseSites::default()
        };
        let parts = differences(&side(10), &side(11), "B");
        assert_eq!(
            (parts[0].difference, parts[0].detail.as_str()),
            (32.0, "11 blocks instead of 10")
        );
    }
}
