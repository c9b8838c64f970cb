//! Small snapshots with known answers, and the real cuts against what was counted when they were made.

use std::ffi::OsString;

use super::command::Request;
use super::report::Tables;
use super::since::changes;
use super::*;
use crate::embedded;
use crate::snapshot::{Labels, Snapshot};
use crate::text::{Limits, Text};

/// Nodes as (kind, name, id, size), edges as (from, kind, name, to); kinds by name.
fn snapshot(
    nodes: &[(&str, &str, u64, u64)],
    edges: &[(usize, &str, &str, usize)],
) -> (Snapshot, Labels) {
    const NODE_KINDS: [&str; 5] = ["synthetic", "object", "array", "string", "closure"];
    const EDGE_KINDS: [&str; 4] = ["element", "property", "weak", "internal"];
    let mut strings: Vec<&str> = Vec::new();
    let mut string = |text| match strings.iter().position(|&known| known == text) {
        Some(known) => known,
        None => {
            strings.push(text);
            strings.len() - 1
        }
    };
    let kind = |kinds: &[&str], name| kinds.iter().position(|&kind| kind == name).unwrap();
    let mut node_numbers = Vec::new();
    let mut edge_numbers = Vec::new();
    for (node, &(node_kind, name, id, size)) in nodes.iter().enumerate() {
        let own = || edges.iter().filter(|edge| edge.0 == node);
        let numbers = [kind(&NODE_KINDS, node_kind), string(name), id as usize];
        node_numbers.extend(numbers);
        node_numbers.extend([size as usize, own().count()]);
        for &(_, edge_kind, name, to) in own() {
            let name = match edge_kind {
                "element" => name.parse().unwrap(),
                _ => string(name),
            };
            edge_numbers.extend([kind(&EDGE_KINDS, edge_kind), name, to * 5]);
        }
    }
    let text = serde_json::json!({
        "snapshot": {
            "meta": {
                "node_fields": ["type", "name", "id", "self_size", "edge_count"],
                "node_types": [NODE_KINDS, "string", "number", "number", "number"],
                "edge_fields": ["type", "name_or_index", "to_node"],
                "edge_types": [EDGE_KINDS, "string_or_number", "node"],
            },
            "node_count": nodes.len(),
            "edge_count": edges.len(),
        }
    });
    // In V8's order, which a JSON map of serde's does not keep.
    let head = serde_json::to_string(&text).unwrap();
    let text = format!(
        r#"{},"nodes":{},"edges":{},"strings":{}}}"#,
        head.strip_suffix('}').unwrap(),
        serde_json::to_string(&node_numbers).unwrap(),
        serde_json::to_string(&edge_numbers).unwrap(),
        serde_json::to_string(&strings).unwrap(),
    );
    let mut text = Text::from_bytes("small", text.as_bytes(), Limits::default()).unwrap();
    Snapshot::read_labelled(&mut text).unwrap()
}

/// root -> cache -> list -> [session, session] -> user shared; a ring of two jobs hangs nowhere.
fn sessions() -> (Snapshot, Labels) {
    snapshot(
        &[
            ("synthetic", "", 1, 0),
            ("object", "Cache", 3, 16),
            ("array", "list", 5, 100),
            ("object", "Session", 7, 10),
            ("object", "Session", 9, 10),
            ("object", "User", 11, 5),
            ("object", "Job", 13, 7),
            ("object", "Job", 15, 7),
            ("string", "hello", 17, 3),
            ("string", "world", 19, 3),
        ],
        &[
            (0, "property", "cache", 1),
            (1, "property", "rows", 2),
            (2, "element", "0", 3),
            (2, "element", "1", 4),
            (3, "property", "user", 5),
            (3, "property", "greeting", 8),
            (4, "property", "user", 5),
            (4, "property", "greeting", 9),
            (5, "weak", "last", 6),
            (6, "property", "next", 7),
            (7, "property", "next", 6),
        ],
    )
}

#[test]
fn types_are_counted_with_what_they_retain_and_who_holds_them() {
    let (snapshot, labels) = sessions();
    let found = Inspection::of(&snapshot, &labels, 20);
    assert_eq!((found.nodes, found.edges, found.bytes), (10, 11, 161));
    assert_eq!((found.garbage_nodes, found.garbage_bytes), (2, 14));
    let row = |name: &str| {
        let found = found.types.iter().find(|row| row.type_name == name);
        let row = found.unwrap_or_else(|| panic!("no {name}"));
        (
            row.objects,
            row.retained_bytes,
            row.garbage,
            row.holder.as_deref(),
            row.held,
        )
    };
    assert_eq!(row("Cache"), (1, 147, 0, Some(".cache"), 1));
    assert_eq!(row("list"), (1, 131, 0, Some("Cache.rows"), 1));
    // Each with its greeting; the user goes only with both.
    assert_eq!(row("Session"), (2, 26, 0, Some("list[*]"), 2));
    assert_eq!(row("User"), (1, 5, 0, Some("Session.user"), 1));
    assert_eq!(row("Job"), (2, 0, 2, None, 0));
    assert_eq!(row("(string)"), (2, 6, 0, Some("Session.greeting"), 2));
    assert_eq!(found.cycles.groups, 1);
    assert_eq!(found.cycles.garbage_types, [("Job".to_owned(), 1)]);
}

#[test]
fn the_largest_holders_come_with_their_paths() {
    let (snapshot, labels) = sessions();
    let found = Inspection::of(&snapshot, &labels, 3);
    let largest: Vec<(&str, u64)> = found
        .largest
        .iter()
        .map(|row| (row.path.as_str(), row.retained_bytes))
        .collect();
    assert_eq!(
        largest,
        [
            ("root.cache -> Cache", 147),
            ("root.cache -> Cache.rows -> list", 131),
            ("root.cache -> Cache.rows -> list[0] -> Session", 13),
        ]
    );
}

#[test]
fn a_type_below_itself_retains_once_whatever_stands_between() {
    // A -> B -> A -> B: without the types in between, A's 1 would count twice.
    let chain = ["A", "B", "A", "B"];
    let mut nodes = vec![("synthetic", "", 1, 0)];
    nodes.extend(
        chain
            .iter()
            .zip([3, 5, 7, 9])
            .map(|(&name, id)| ("object", name, id, 1)),
    );
    let edges: Vec<_> = (0..4)
        .map(|node| (node, "property", "next", node + 1))
        .collect();
    let (snapshot, labels) = snapshot(&nodes, &edges);
    let found = Inspection::of(&snapshot, &labels, 20);
    let retained: Vec<(&str, u64)> = found
        .types
        .iter()
        .filter(|row| !row.type_name.is_empty())
        .map(|row| (row.type_name.as_str(), row.retained_bytes))
        .collect();
    assert_eq!(retained, [("A", 4), ("B", 3)]);
}

#[test]
fn slots_are_estimated_from_dicts_that_an_instance_owns_alone() {
    let (snapshot, labels) = snapshot(
        &[
            ("synthetic", "", 1, 0),
            ("object", "Point", 3, 48),
            ("array", "dict", 5, 184),
            ("object", "Point", 7, 48),
            ("array", "dict", 9, 184),
            ("object", "Shared", 11, 48),
            ("array", "dict", 13, 184),
            ("object", "int", 15, 28),
        ],
        &[
            (0, "property", "a", 1),
            (0, "property", "b", 3),
            (0, "property", "c", 5),
            (0, "property", "vars", 6),
            (1, "property", "__dict__", 2),
            (2, "property", "x", 7),
            (3, "property", "__dict__", 4),
            (4, "property", "y", 7),
            (5, "property", "__dict__", 6),
        ],
    );
    let found = Inspection::of(&snapshot, &labels, 20);
    let [row] = &found.slots[..] else {
        panic!("{:?}", found.slots)
    };
    assert_eq!(
        (row.type_name.as_str(), row.instances, row.attributes),
        ("Point", 2, 2)
    );
    assert_eq!((row.bytes, row.saved_bytes), (464, 464 - 2 * 32));
}

#[test]
fn two_snapshots_differ_by_id() {
    let old = sessions();
    let new = snapshot(
        &[
            ("synthetic", "", 1, 0),
            ("object", "Cache", 3, 20),
            ("object", "Session", 21, 10),
        ],
        &[(0, "property", "cache", 1), (1, "property", "last", 2)],
    );
    let changes = changes(&old, &new);
    let row = |name: &str| changes.iter().find(|row| row.type_name == name);
    let session = row("Session").unwrap();
    assert_eq!((session.before, session.after), (2, 1));
    assert_eq!((session.new, session.gone, session.bytes), (1, 2, -10));
    let cache = row("Cache").unwrap();
    assert_eq!((cache.new, cache.gone, cache.bytes), (0, 0, 4));
    assert_eq!(changes[0].type_name, "Cache", "the largest growth first");
}

#[test]
fn the_real_cuts_hold_what_was_counted() {
    for cut in embedded::SNAPSHOTS {
        let (snapshot, labels) = cut.labelled();
        let (found, counts) = (Inspection::of(&snapshot, &labels, 20), cut.counts());
        assert_eq!((found.nodes, found.edges), (counts.nodes, counts.edges));
        assert_eq!(found.garbage_nodes, counts.garbage_nodes, "{}", cut.name);
        assert_eq!(found.garbage_bytes, counts.garbage_bytes, "{}", cut.name);
        let sum = |of: fn(&analysis::TypeRow) -> u64| found.types.iter().map(of).sum::<u64>();
        assert_eq!(sum(|row| row.objects), counts.nodes as u64);
        assert_eq!(sum(|row| row.bytes), counts.bytes);
        assert_eq!(sum(|row| row.garbage), counts.garbage_nodes as u64);
        // The root retains all that it reaches.
        let root = found.types.iter().map(|row| row.retained_bytes).max();
        assert_eq!(root, Some(counts.bytes - counts.garbage_bytes));
        let text = Tables {
            found: &found,
            rows: 20,
        }
        .to_string();
        assert!(text.contains("objects that hold most"), "{text}");
        assert!(text.contains("root") && text.contains(" -> "), "{text}");
    }
}

#[test]
fn the_reading_with_labels_gives_the_same_graph() {
    for cut in embedded::SNAPSHOTS {
        assert_eq!(cut.labelled().0, cut.snapshot(), "{}", cut.name);
    }
}

fn parse(words: &[&str]) -> Option<Request> {
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    Request::parse(&words)
}

#[test]
fn unknown_arguments_and_bad_files_are_refused_in_words() {
    let refused: [&[&str]; 5] = [
        &[],
        &["a", "b"],
        &["--jsno", "a"],
        &["a", "--top"],
        &["a", "--top", "x"],
    ];
    for bad in refused {
        assert!(parse(bad).is_none(), "{bad:?}");
    }
    let error = parse(&["no-such.heapsnapshot"])
        .unwrap()
        .inspect()
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("no-such.heapsnapshot: cannot read")
    );
    let this = parse(&[concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")]).unwrap();
    let error = this.inspect().unwrap_err().to_string();
    assert!(error.contains("not a heap snapshot"), "{error}");
}
