//! Where plain Rust code allocates what it leaves behind: a pass of some iterations under dhat.

#[cfg(any(feature = "dhat", feature = "cli"))]
use std::path::Path;

/// One place that leaves blocks behind.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PlainSite {
    /// `file:line:column` of the first frame outside of the standard library.
    pub(crate) site: String,
    /// The function there.
    pub(crate) function: String,
    /// Blocks left per iteration.
    pub(crate) blocks: f64,
    /// Bytes left per iteration.
    pub(crate) bytes: f64,
}

impl PlainSite {
    /// What tells the place from others of its function and stays when lines above it come or go: the column, and the size
    /// of the blocks where all have one and none grows.
    pub(crate) fn identity(&self, is_buffer: bool) -> String {
        let column = self.site.rsplit(':').next().unwrap_or_default();
        let size = self.bytes / self.blocks.max(f64::MIN_POSITIVE);
        let size = Some(size).filter(|size| !is_buffer && size.fract() == 0.0);
        let size = size.map_or_else(String::new, |size| format!(" of {size:.0} B"));
        format!("{}:{column}{size}", self.function)
    }
}

/// Runs the body under dhat and returns what it left, most blocks first. Empty without the feature `dhat`.
///
/// The allocator stays in its counting mode before and after; blocks from before are freed correctly in every mode.
#[cfg(feature = "dhat")]
pub(crate) fn of(iterations: u64, body: &mut dyn FnMut()) -> Vec<PlainSite> {
    use crate::alloc::{self, AllocMode};
    let mut profiler = dhat::Profiler::builder().trim_backtraces(Some(24)).build();
    alloc::choose(AllocMode::Profile);
    (0..iterations).for_each(|_| body());
    alloc::choose(AllocMode::Count);
    let text = profiler.drop_and_get_memory_output();
    // It has ended; dropping it would end it twice.
    std::mem::forget(profiler);
    parse(&text, iterations)
}

#[cfg(not(feature = "dhat"))]
pub(crate) fn of(_: u64, _: &mut dyn FnMut()) -> Vec<PlainSite> {
    Vec::new()
}

/// Bytes alive at the peak of one run under dhat, and blocks that it allocated. `None` without the feature `dhat`.
#[cfg(feature = "dhat")]
pub(crate) fn use_of(body: &mut dyn FnMut()) -> Option<(u64, u64)> {
    use crate::alloc::{self, AllocMode};
    let profiler = dhat::Profiler::builder().testing().build();
    alloc::choose(AllocMode::Profile);
    body();
    let stats = dhat::HeapStats::get();
    alloc::choose(AllocMode::Count);
    drop(profiler);
    Some((stats.max_bytes as u64, stats.total_blocks))
}

#[cfg(not(feature = "dhat"))]
pub(crate) fn use_of(_: &mut dyn FnMut()) -> Option<(u64, u64)> {
    None
}

/// Reads dhat's own format, version 2: program points `pps` with blocks and bytes at the end, frames in `ftbl`.
#[cfg(feature = "dhat")]
fn parse(text: &str, iterations: u64) -> Vec<PlainSite> {
    use super::binomial::as_f64;
    use serde_json::Value;
    use std::collections::BTreeMap;
    let Ok(profile) = serde_json::from_str::<Value>(text) else {
        return Vec::new();
    };
    let frames: Vec<&str> = (profile["ftbl"].as_array().into_iter().flatten())
        .map(|frame| frame.as_str().unwrap_or_default())
        .collect();
    let mut sites: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    for point in profile["pps"].as_array().into_iter().flatten() {
        let (blocks, bytes) = (point["ebk"].as_u64(), point["eb"].as_u64());
        let stack = point["fs"].as_array().into_iter().flatten();
        let stack = stack.filter_map(|frame| frames.get(usize::try_from(frame.as_u64()?).ok()?));
        if let Some((Some(blocks @ 1..), Some(bytes), place)) =
            user_frame(stack.copied()).map(|place| (blocks, bytes, place))
        {
            let sum = sites.entry(place).or_default();
            *sum = (sum.0 + blocks, sum.1 + bytes);
        }
    }
    let per_iteration = |count| as_f64(count) / as_f64(iterations.max(1));
    let mut found: Vec<PlainSite> = sites
        .into_iter()
        .map(|((function, site), (blocks, bytes))| PlainSite {
            site,
            function,
            blocks: per_iteration(blocks),
            bytes: per_iteration(bytes),
        })
        .collect();
    found.sort_by(|a, b| {
        b.blocks
            .total_cmp(&a.blocks)
            .then(b.bytes.total_cmp(&a.bytes))
    });
    found
}

/// Function and place of the innermost frame that is neither the allocator's nor the standard library's.
///
/// A frame reads `0x5581: crate::function (path/file.rs:12:5)`; dhat keeps the last three parts of a path.
#[cfg(feature = "dhat")]
fn user_frame<'a>(stack: impl Iterator<Item = &'a str>) -> Option<(String, String)> {
    let frames: Vec<(&str, &str)> = stack.filter_map(parts_of).collect();
    // The allocator's own frames end where the compiler's shim calls it.
    let shim = frames
        .iter()
        .rposition(|(function, _)| function.contains("__rust_"));
    let frames = &frames[shim.map_or(0, |at| at + 1)..];
    let found = frames
        .iter()
        .find(|(function, place)| !is_foreign(function, place, Path::new("")));
    found.map(|(function, place)| ((*function).to_owned(), (*place).to_owned()))
}

#[cfg(feature = "dhat")]
fn parts_of(frame: &str) -> Option<(&str, &str)> {
    let (_, named) = frame.split_once(": ")?;
    let (function, place) = named.rsplit_once(" (")?;
    Some((function, place.trim_end_matches(')')))
}

/// Whether a frame is the standard library's or a dependency's. Inlined frames have a bare function name, so the file
/// decides too, unless there is such a file in the program's own folder.
#[cfg(any(feature = "dhat", feature = "cli"))]
pub(crate) fn is_foreign(function: &str, place: &str, folder: &Path) -> bool {
    const FUNCTIONS: [&str; 6] = [
        "alloc::",
        "core::",
        "std::",
        "hashbrown::",
        "dhat::",
        "__rust",
    ];
    const FILES: [&str; 28] = [
        "alloc/src/",
        "core/src/",
        "std/src/",
        "src/alloc",
        "src/raw_vec",
        "src/vec/",
        "src/collections",
        "src/slice",
        "src/boxed",
        "src/rc.rs",
        "src/sync",
        "src/string",
        "src/ops/",
        "src/iter/",
        "src/thread",
        "src/io/",
        "src/fmt",
        "collections/",
        "iter/",
        "vec_deque/",
        "ops/",
        "btree/",
        "hash/",
        "sync/",
        "mpmc/",
        "thread/",
        "raw/",
        "hashbrown",
    ];
    let path = function.trim_start_matches(['<', '&', '[']);
    // `<T as alloc::slice::..>::to_vec`: a parameter tells nothing, the trait does
    let told = match path.split_once(" as ") {
        Some((of, does)) if !of.contains("::") => does,
        _ => path,
    };
    if FUNCTIONS.iter().any(|start| told.starts_with(start)) {
        return true;
    }
    let file = place.split(':').next().unwrap_or(place);
    let of_a_dependency = file.split('/').next().is_some_and(is_versioned);
    let looks_foreign = of_a_dependency || FILES.iter().any(|start| file.starts_with(start));
    looks_foreign && !folder.join(file).exists()
}

/// Whether a folder is named like an unpacked dependency, `name-1.2.3`.
#[cfg(any(feature = "dhat", feature = "cli"))]
fn is_versioned(folder: &str) -> bool {
    let version = folder.rsplit_once('-').map_or("", |(_, version)| version);
    version.starts_with(|c: char| c.is_ascii_digit()) && version.contains('.')
}

#[cfg(all(test, feature = "dhat"))]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_frame_of_the_users_code_is_chosen() {
        let stack = [
            "0x1: alloc (dhat-0.3.3/src/lib.rs:1176:9)",
            "0x2: __rust_alloc (app/src/main.rs:12:15)",
            "0x3: alloc_impl (alloc/src/alloc.rs:312:9)",
            "0x4: alloc::raw_vec::RawVec<T>::grow_one (src/raw_vec/mod.rs:340:1)",
            "0x4: <T as alloc::slice::<impl [T]>::to_vec_in::ConvertVec>::to_vec (???:0:0)",
            "0x5: remember (app/src/cache.rs:38:51)",
            "0x6: app::main (app/src/main.rs:20:5)",
        ];
        let found = user_frame(stack.into_iter()).expect("a frame");
        assert_eq!(
            found,
            ("remember".to_owned(), "app/src/cache.rs:38:51".to_owned())
        );
        assert!(is_versioned("serde-1.0.2") && !is_versioned("my-crate"));
    }
}
