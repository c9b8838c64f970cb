//! Real heaps on our heap: one collection frees exactly what the root does not reach, and nothing is left without it.
//!
//! The embedded cuts are tested everywhere. The full recordings are tested when `EXUVIA_DATA` names a folder with
//! `heaps/`, `traces/` and a `README.md` whose tables give the counts.

use std::path::{Path, PathBuf};

use exuvia_core::Heap;
use exuvia_replay::{
    Limits, Snapshot, SnapshotSummary, Spread, Trace, blocks, embedded, live_ordinals, rebuild,
    replay_snapshot,
};

/// Ordinals that the root reaches over strong edges, by a search of the test's own.
fn reached(snapshot: &Snapshot) -> Vec<usize> {
    let mut seen = vec![false; snapshot.nodes()];
    let mut queue = vec![0];
    seen[0] = true;
    while let Some(node) = queue.pop() {
        for edge in snapshot.edges_of(node).filter(|edge| !edge.weak) {
            if !std::mem::replace(&mut seen[edge.target], true) {
                queue.push(edge.target);
            }
        }
    }
    (0..snapshot.nodes()).filter(|&node| seen[node]).collect()
}

struct Expected {
    nodes: usize,
    edges: usize,
    garbage_nodes: usize,
    garbage_bytes: u64,
    bytes: u64,
}

/// Replays with every placement and checks every number, and at the end which nodes are alive.
fn check_snapshot(name: &str, snapshot: &Snapshot, expected: &Expected) {
    assert_eq!(snapshot.nodes(), expected.nodes, "{name}");
    assert_eq!(snapshot.edges(), expected.edges, "{name}");
    assert_eq!(snapshot.total_recorded_bytes(), expected.bytes, "{name}");
    for spread in [Spread::AsLoaded, Spread::Generations] {
        let summary = replay_snapshot(snapshot, spread, |_| {}).unwrap();
        println!("{name} {spread:?}: {summary:?}");
        let exact = SnapshotSummary {
            nodes: expected.nodes,
            edges: expected.edges,
            freed: expected.garbage_nodes,
            freed_by_count: 0,
            kept: expected.nodes - expected.garbage_nodes,
            freed_bytes: expected.garbage_bytes,
            collect_ns: summary.collect_ns,
            left_at_end: 0,
        };
        assert_eq!(summary, exact, "{name} {spread:?}");
        check_identity(name, snapshot, spread);
    }
}

/// The nodes alive after the collection are those that the test's own search reaches.
fn check_identity(name: &str, snapshot: &Snapshot, spread: Spread) {
    let heap = Heap::builder().enabled(false).build();
    let built = rebuild(snapshot, &heap, spread, |_| Ok::<_, ()>(())).unwrap();
    assert_eq!(heap.memory().live_blocks, blocks(snapshot), "{name}");
    let in_generation = |generation| heap.objects(Some(generation)).unwrap().len();
    let (nodes, third) = (snapshot.nodes(), snapshot.nodes() / 3);
    let placed = match spread {
        Spread::AsLoaded => [nodes, 0, 0],
        Spread::Generations => [nodes - 2 * third, third, third],
    };
    assert_eq!([0, 1, 2].map(in_generation), placed, "{name} {spread:?}");
    heap.collect_all();
    let mut live = live_ordinals(&heap);
    live.sort_unstable();
    assert_eq!(live, reached(snapshot), "{name} {spread:?}");
    drop(built);
}

#[test]
fn each_embedded_heap_loses_its_garbage_and_nothing_else() {
    assert_eq!(embedded::counts().heaps.len(), embedded::SNAPSHOTS.len());
    for cut in embedded::SNAPSHOTS {
        let counts = cut.counts();
        let snapshot = cut.snapshot();
        let edges = (0..snapshot.nodes()).flat_map(|node| snapshot.edges_of(node));
        assert_eq!(edges.filter(|edge| edge.weak).count(), counts.weak_edges);
        let expected = Expected {
            nodes: counts.nodes,
            edges: counts.edges,
            garbage_nodes: counts.garbage_nodes,
            garbage_bytes: counts.garbage_bytes,
            bytes: counts.bytes,
        };
        check_snapshot(cut.name, &snapshot, &expected);
    }
}

#[test]
fn the_embedded_heaps_have_garbage_and_weak_edges_to_test_with() {
    let counts = embedded::counts();
    assert!(counts.heaps.values().any(|heap| heap.garbage_nodes > 1000));
    assert!(counts.heaps.values().any(|heap| heap.weak_edges > 0));
}

#[test]
fn collections_while_a_heap_is_built_lose_nothing_and_find_the_same_garbage() {
    for cut in embedded::SNAPSHOTS {
        let snapshot = cut.snapshot();
        let heap = Heap::builder().thresholds(100, 3, 3).build();
        let built = rebuild(&snapshot, &heap, Spread::AsLoaded, |_| Ok::<_, ()>(())).unwrap();
        assert!(heap.stats()[0].collections > 0, "{}", cut.name);
        assert_eq!(
            heap.collect_all(),
            cut.counts().garbage_nodes,
            "{}",
            cut.name
        );
        drop(built);
        heap.collect_all();
        assert_eq!(heap.memory().live_blocks, 0, "{}", cut.name);
    }
}

#[test]
fn the_embedded_trace_is_what_was_cut() {
    let counts = embedded::trace_counts();
    let trace = embedded::trace();
    assert_eq!(trace.events().len(), counts.events);
    assert_eq!(trace.ids(), counts.ids);
    assert_eq!(trace.peak_live_bytes(), counts.peak_live_bytes);
    assert_eq!(trace.live_blocks_at_end(), counts.live_blocks_at_end);
}

/// The folder of full recordings, if the caller named one.
fn recordings() -> Option<PathBuf> {
    let folder = std::env::var_os("EXUVIA_DATA").map(PathBuf::from);
    if folder.is_none() {
        println!("EXUVIA_DATA is not set: only the embedded cuts are tested");
    }
    folder
}

/// Rows of the tables in the folder's README: the cells of each line that names a file under `kind`.
fn rows(folder: &Path, kind: &str, suffix: &str) -> Vec<(String, Recorded)> {
    let readme = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let rows = readme.lines().filter_map(|line| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let name = (*cells.get(1)?).to_owned();
        let path = folder.join(kind).join(format!("{name}{suffix}"));
        let numbers = cells[2..]
            .iter()
            .filter_map(|cell| cell.replace(',', "").parse().ok());
        Some((
            name,
            Recorded {
                path,
                numbers: numbers.collect(),
            },
        ))
    });
    rows.filter(|(_, row)| !row.numbers.is_empty()).collect()
}

/// A file of the folder and the numbers that its row gives.
struct Recorded {
    path: PathBuf,
    numbers: Vec<u64>,
}

#[test]
fn each_full_heap_loses_its_garbage_and_nothing_else() {
    let Some(folder) = recordings() else { return };
    let heaps = rows(&folder, "heaps", ".heapsnapshot.zst");
    let heaps: Vec<_> = heaps
        .into_iter()
        .filter(|(_, row)| row.numbers.len() == 5)
        .collect();
    assert!(!heaps.is_empty());
    for (name, row) in heaps {
        let snapshot = Snapshot::open(&row.path, Limits::default()).unwrap();
        let expected = Expected {
            nodes: row.numbers[0] as usize,
            edges: row.numbers[1] as usize,
            garbage_nodes: row.numbers[2] as usize,
            garbage_bytes: row.numbers[3],
            bytes: row.numbers[4],
        };
        check_snapshot(&name, &snapshot, &expected);
    }
}

#[test]
fn each_full_trace_is_read_to_its_last_event() {
    let Some(folder) = recordings() else { return };
    let traces = rows(&folder, "traces", ".trace.zst");
    let traces: Vec<_> = traces
        .into_iter()
        .filter(|(_, row)| row.numbers.len() == 1)
        .collect();
    assert!(!traces.is_empty());
    for (name, row) in traces {
        let trace = Trace::open(&row.path, Limits::default()).unwrap();
        assert_eq!(trace.events().len() as u64, row.numbers[0], "{name}");
    }
}
