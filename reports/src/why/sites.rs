//! Bytes and blocks per allocation site, from the profiles of dhat (its JSON, version 2).

use super::Part;
use super::standard::{has_path, is_standard};
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

/// Crates that allocate for others, as the standard library does.
const PLUMBING: [&str; 4] = [
    "dhat::",
    "hashbrown::",
    "exuvia_harness::",
    "allocator_api2::",
];

/// Frames of the heap below which the user's own frame is more telling.
const HEAP: [&str; 1] = ["exuvia_core::alloc"];

/// Sites of a profile: `function (file:line)`, without addresses and folders.
///
/// An inlined function has a bare name where debug information is no more than line tables. Whether such a frame is a
/// library's is for `is_foreign` to tell, by its name and its place.
///
/// # Errors
/// When the text is no profile of dhat.
pub fn parse(
    text: &str,
    is_foreign: impl Fn(&str, &str) -> bool,
) -> Result<BTreeMap<String, Site>, serde_json::Error> {
    let profile: Profile = serde_json::from_str(text)?;
    let mut sites: BTreeMap<String, Site> = BTreeMap::new();
    for point in profile.pps {
        let frames = point
            .fs
            .iter()
            .filter_map(|f| profile.ftbl.get(*f))
            .map(|f| Frame::new(f));
        let frames: Vec<Frame<'_>> = frames.collect();
        let site = sites.entry(site_of(&frames, &is_foreign)).or_default();
        site.bytes += point.tb;
        site.blocks += point.tbk;
    }
    Ok(sites)
}

/// `0x5581: my::f (src/lib.rs:3:5)`.
struct Frame<'a> {
    name: &'a str,
    /// File, line and column; empty where there is none.
    place: &'a str,
}

impl<'a> Frame<'a> {
    fn new(text: &'a str) -> Self {
        let text = text.split_once(": ").map_or(text, |(_, rest)| rest);
        let (name, place) = text.rsplit_once(" (").unwrap_or((text, ""));
        let place = place.trim_end_matches(')');
        Self { name, place }
    }

    /// Whether it belongs to one of the crates, as a function or as a method.
    fn is_of(&self, crates: &[&str]) -> bool {
        let path = self.name.strip_prefix('<').unwrap_or(self.name);
        crates.iter().any(|start| path.starts_with(start))
    }

    fn is_plumbing(&self, is_foreign: &impl Fn(&str, &str) -> bool) -> bool {
        match has_path(self.name) {
            true => is_standard(self.name) || self.is_of(&PLUMBING),
            false => self.name == "[root]" || is_foreign(self.name, self.place),
        }
    }

    /// Without address and column, the path from its last `src`'s parent on.
    fn shown(&self) -> String {
        if self.place.is_empty() {
            return self.name.to_owned();
        }
        let place = self.place.rsplit_once(':');
        let place = place.map_or(self.place, |(before, _column)| before);
        format!("{} ({})", self.name, short(place))
    }
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
fn site_of(frames: &[Frame<'_>], is_foreign: &impl Fn(&str, &str) -> bool) -> String {
    let own = frames.iter().filter(|frame| !frame.is_plumbing(is_foreign));
    let mut own = own.skip_while(|frame| frame.is_of(&HEAP)).peekable();
    let Some(first) = own.next() else {
        return frames
            .first()
            .map_or_else(|| "unknown".to_owned(), Frame::shown);
    };
    let asked = own.find(|frame| !frame.is_of(&["exuvia_core::"]));
    match asked {
        Some(asked) if first.name.contains("exuvia_core::") => {
            format!("{} through {}", asked.shown(), first.shown())
        }
        _ => first.shown(),
    }
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
        let sites = parse(text, |_, _| false).expect("a profile");
        assert_eq!(
            sites.keys().collect::<Vec<_>>(),
            ["my::cache::insert (my/src/cache.rs:12)"]
        );
    }

    #[test]
    fn of_bare_names_the_place_tells_whose_they_are() {
        let text = r#"{"pps": [{"tb": 64, "tbk": 2, "fs": [0, 1, 2, 3, 4]}], "ftbl": [
            "0x1: alloc (dhat-0.3.3/src/lib.rs:1176:9)",
            "0x2: alloc (alloc/src/alloc.rs:95:9)",
            "0x2: grow_one<my::cache::Entry> (src/raw_vec/mod.rs:188:29)",
            "0x2: insert (my/src/cache.rs:12:5)",
            "0x3: my::main (my/src/main.rs:3:5)"]}"#;
        let is_foreign = |_: &str, place: &str| !place.starts_with("my/");
        let sites = parse(text, is_foreign).expect("a profile");
        assert_eq!(
            sites.keys().collect::<Vec<_>>(),
            ["insert (my/src/cache.rs:12)"]
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
