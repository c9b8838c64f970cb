//! A small file, and everything that can be done to it.

use super::*;

/// Root -> a -> b -> a, root -weak-> c, c -> c; `element` edges carry a plain index, here far above the strings.
const GOOD: &str = concat!(
    r#"{"snapshot":{"meta":{"node_fields":["type","name","id","self_size","edge_count","detachedness"],"#,
    r#""node_types":[["synthetic","object"],"string","number","number","number","number"],"#,
    r#""edge_fields":["type","name_or_index","to_node"],"#,
    r#""edge_types":[["element","property","weak"],"string_or_number","node"]},"#,
    r#""node_count":4,"edge_count":5,"extra":[1,{"deep":[]}]},"#,
    r#""nodes":[0,0,1,0,2,0,1,1,3,48,1,0,1,1,5,64,1,0,1,2,7,32,1,0],"#,
    r#""edges":[1,1,6,2,2,18,0,900,12,1,0,6,0,901,18],"#,
    r#""trace_tree":[],"samples":[],"strings":["root","a","c"]}"#,
);

fn parse(text: &str) -> Result<Snapshot, ReadError> {
    Snapshot::from_bytes("t.heapsnapshot", text.as_bytes(), Limits::default())
}

/// Replaces the one occurrence of `old` and returns the refusal with the offset of the replacement.
fn refused(old: &str, new: &str) -> (ReadError, u64) {
    assert_eq!(GOOD.matches(old).count(), 1, "{old}");
    let at = GOOD.find(old).unwrap() as u64;
    let error = parse(&GOOD.replace(old, new)).unwrap_err();
    assert!(
        error.to_string().starts_with("t.heapsnapshot: byte "),
        "{error}"
    );
    (error, at)
}

/// What a snapshot promises to those who use it.
fn check_invariants(snapshot: &Snapshot) {
    assert!(snapshot.nodes() > 0);
    let mut edges = 0;
    for node in 0..snapshot.nodes() {
        for edge in snapshot.edges_of(node) {
            assert!(edge.target < snapshot.nodes());
            edges += 1;
        }
    }
    assert_eq!(edges, snapshot.edges());
    assert!(snapshot.recorded_bytes(snapshot.nodes() - 1) <= snapshot.total_recorded_bytes());
}

#[test]
fn a_good_file_gives_its_graph() {
    let snapshot = parse(GOOD).unwrap();
    check_invariants(&snapshot);
    assert_eq!((snapshot.nodes(), snapshot.edges()), (4, 5));
    assert_eq!(snapshot.total_recorded_bytes(), 144);
    let of = |node| -> Vec<_> {
        let edges = snapshot.edges_of(node);
        edges.map(|edge| (edge.target, edge.weak)).collect()
    };
    assert_eq!(of(0), [(1, false), (3, true)]);
    assert_eq!(of(1), [(2, false)]);
    assert_eq!(of(2), [(1, false)]);
    assert_eq!(of(3), [(3, false)]);
}

#[test]
fn white_space_and_another_order_of_the_fields_change_nothing() {
    let spaced = GOOD.replace(',', " ,\n\t").replace(':', " : ");
    assert_eq!(parse(&spaced).unwrap(), parse(GOOD).unwrap());
    let swapped = GOOD
        .replace(
            r#"["type","name_or_index","to_node"]"#,
            r#"["to_node","type","name_or_index"]"#,
        )
        .replace(
            r#"[["element","property","weak"],"string_or_number","node"]"#,
            r#"["node",["element","property","weak"],"string_or_number"]"#,
        )
        .replace(
            "[1,1,6,2,2,18,0,900,12,1,0,6,0,901,18]",
            "[6,1,1,18,2,2,12,0,900,6,1,0,18,0,901]",
        );
    assert_eq!(parse(&swapped).unwrap(), parse(GOOD).unwrap());
}

#[test]
fn an_edge_out_of_range_is_named_with_its_byte() {
    let (error, at) = refused("0,900,12", "0,900,24");
    assert_eq!(error.offset, at + 6);
    assert!(matches!(
        error.fault,
        Fault::OutOfRange {
            what: "edge",
            index: 2,
            field: "to_node",
            value: 24,
            bound: 24
        }
    ));
    let (error, _) = refused("0,900,12", "0,900,18446744073709551612");
    assert!(matches!(error.fault, Fault::OutOfRange { .. }), "{error}");
}

#[test]
fn a_target_inside_a_node_is_named_with_its_byte() {
    let (error, at) = refused("0,900,12", "0,900,13");
    assert_eq!(error.offset, at + 6);
    assert!(matches!(
        error.fault,
        Fault::MisalignedTarget {
            edge: 2,
            to_node: 13,
            fields: 6
        }
    ));
}

#[test]
fn a_repeated_id_is_named_with_its_byte() {
    let (error, at) = refused("1,1,5,64", "1,1,3,64");
    assert_eq!(error.offset, at + 4);
    assert!(matches!(error.fault, Fault::DuplicateId { node: 2, id: 3 }));
}

#[test]
fn counts_that_disagree_are_refused() {
    let counts = [
        (r#""node_count":4"#, r#""node_count":3"#),
        (r#""node_count":4"#, r#""node_count":5"#),
        (r#""edge_count":5"#, r#""edge_count":4"#),
        (r#""edge_count":5"#, r#""edge_count":6"#),
        ("1,1,3,48,1,0", "1,1,3,48,2,0"),
        ("1,1,3,48,1,0", "1,1,3,48,0,0"),
        ("1,1,3,48,1,0", "1,1,3,48,18446744073709551615,0"),
        ("0,901,18]", "0,901,18,0,0,0]"),
        (",0,901,18]", "]"),
    ];
    for (old, new) in counts {
        let (error, _) = refused(old, new);
        assert!(
            matches!(error.fault, Fault::CountsDisagree { .. }),
            "{old} -> {new}: {error}"
        );
    }
}

#[test]
fn an_array_that_ends_inside_a_record_is_refused() {
    for (old, new) in [("7,32,1,0]", "7,32]"), ("0,901,18]", "0,901]")] {
        let (error, at) = refused(old, new);
        assert!(
            matches!(error.fault, Fault::PartialRecord { .. }),
            "{error}"
        );
        assert_eq!(error.offset, at + new.len() as u64 - 1);
    }
}

#[test]
fn names_and_types_past_their_tables_are_refused() {
    let cases = [
        (r#"["root","a","c"]"#, r#"["root","a"]"#),
        ("2,2,18", "2,3,18"),
        ("1,2,7,32", "1,3,7,32"),
        ("1,2,7,32", "2,2,7,32"),
        ("2,2,18", "3,2,18"),
    ];
    for (old, new) in cases {
        let (error, _) = refused(old, new);
        assert!(
            matches!(error.fault, Fault::OutOfRange { .. }),
            "{old} -> {new}: {error}"
        );
    }
}

#[test]
fn an_announced_count_reserves_no_memory() {
    let (error, _) = refused(
        r#""node_count":4,"edge_count":5"#,
        r#""node_count":4294967294,"edge_count":4294967294"#,
    );
    assert!(
        matches!(error.fault, Fault::CountsDisagree { .. }),
        "{error}"
    );
    let (error, _) = refused(r#""node_count":4"#, r#""node_count":4294967295"#);
    assert!(matches!(error.fault, Fault::TooMany { .. }), "{error}");
}

#[test]
fn a_size_that_the_file_cannot_justify_is_refused() {
    for size in ["1099511627776", "18446744073709551615"] {
        let (error, _) = refused("1,1,5,64", &format!("1,1,5,{size}"));
        assert!(
            matches!(error.fault, Fault::ContentTooLarge { .. }),
            "{error}"
        );
    }
}

#[test]
fn sections_that_are_missing_or_out_of_order_are_refused() {
    let (error, _) = refused(r#","strings":["root","a","c"]"#, "");
    assert!(matches!(error.fault, Fault::MissingSection("strings")));
    let (error, at) = refused(r#""trace_tree":"#, r#""nodes":"#);
    assert!(matches!(
        error.fault,
        Fault::MisplacedSection {
            section: "nodes",
            ..
        }
    ));
    assert!(error.offset > at && error.offset <= at + 8, "{error}");
    let (error, _) = refused(r#""self_size","edge_count""#, r#""self_size","count""#);
    assert!(matches!(
        error.fault,
        Fault::MissingField {
            list: "node_fields",
            field: "edge_count"
        }
    ));
    assert!(matches!(
        parse("{}").unwrap_err().fault,
        Fault::MissingSection("snapshot")
    ));
}

#[test]
fn anything_but_unsigned_integers_is_refused_in_place() {
    for number in [
        "-12",
        "12.5",
        "1e3",
        "\"12\"",
        "null",
        "[12]",
        "18446744073709551616",
        "012",
    ] {
        let (error, at) = refused("0,900,12", &format!("0,900,{number}"));
        assert!(matches!(error.fault, Fault::Json(_)), "{number}: {error}");
        let end = at + 7 + number.len() as u64;
        assert!((at + 6..=end).contains(&error.offset), "{number}: {error}");
    }
}

#[test]
fn deep_nesting_and_text_behind_the_end_are_refused() {
    let deep = format!(r#""samples":{}"#, "[".repeat(1_000_000));
    let (error, _) = refused(r#""samples":[]"#, &deep);
    assert!(matches!(error.fault, Fault::Json(_)), "{error}");
    let error = parse(&format!("{GOOD} x")).unwrap_err();
    assert!(matches!(error.fault, Fault::Json(_)), "{error}");
    assert!(error.offset >= GOOD.len() as u64);
}

#[test]
fn every_truncation_is_an_error_at_its_end() {
    for length in 0..GOOD.len() {
        let error = parse(&GOOD[..length]).unwrap_err();
        assert!(error.offset <= length as u64, "{length}: {error}");
        assert!(error.offset + 2 >= length as u64, "{length}: {error}");
    }
}

#[test]
fn every_other_byte_at_every_place_is_an_error_or_a_sound_graph() {
    let mut bytes = GOOD.as_bytes().to_vec();
    for at in 0..bytes.len() {
        let good = bytes[at];
        for bad in 0..=u8::MAX {
            bytes[at] = bad;
            match Snapshot::from_bytes("t", &bytes, Limits::default()) {
                Ok(snapshot) => check_invariants(&snapshot),
                Err(error) => assert!(error.offset <= bytes.len() as u64),
            }
        }
        bytes[at] = good;
    }
}

#[test]
fn other_numbers_anywhere_are_an_error_or_a_sound_graph() {
    let mut rng = fastrand::Rng::with_seed(5);
    let numbers: Vec<_> = GOOD.match_indices(|c: char| c.is_ascii_digit()).collect();
    let values = [
        "",
        "0",
        "1",
        "6",
        "12",
        "23",
        "24",
        "4294967295",
        "18446744073709551615",
    ];
    for _ in 0..20_000 {
        let mut text = GOOD.to_owned();
        for _ in 0..rng.usize(1..4) {
            let (at, _) = numbers[rng.usize(..numbers.len())];
            text.replace_range(at..=at, values[rng.usize(..values.len())]);
        }
        if let Ok(snapshot) = parse(&text) {
            check_invariants(&snapshot);
        }
    }
}

#[test]
fn a_damaged_compressed_file_is_an_error_or_the_same_graph() {
    let packed = zstd::encode_all(GOOD.as_bytes(), 9).unwrap();
    let good = parse(GOOD).unwrap();
    assert_eq!(
        Snapshot::from_bytes("t", &packed, Limits::default()).unwrap(),
        good
    );
    for length in 0..packed.len() {
        assert!(Snapshot::from_bytes("t", &packed[..length], Limits::default()).is_err());
    }
    for at in 0..packed.len() * 8 {
        let mut bad = packed.clone();
        bad[at / 8] ^= 1 << (at % 8);
        if let Ok(snapshot) = Snapshot::from_bytes("t", &bad, Limits::default()) {
            check_invariants(&snapshot);
        }
    }
}

mod rebuilding {
    use exuvia_core::{Heap, Mode};

    use super::*;
    use crate::replay::replay_snapshot;

    fn built(snapshot: &Snapshot, heap: &Heap) -> Rebuilt {
        rebuild(snapshot, heap, Spread::AsLoaded, |_| Ok::<_, ()>(())).unwrap()
    }

    #[test]
    fn a_weak_edge_holds_nothing() {
        let summary = replay_snapshot(&parse(GOOD).unwrap(), Spread::AsLoaded, |_| {}).unwrap();
        assert_eq!(
            (summary.freed, summary.kept, summary.freed_bytes),
            (1, 3, 32)
        );
        let strong = GOOD.replace("2,2,18", "1,2,18");
        let summary = replay_snapshot(&parse(&strong).unwrap(), Spread::AsLoaded, |_| {}).unwrap();
        assert_eq!((summary.freed, summary.kept), (0, 4));
    }

    #[test]
    fn what_nothing_refers_to_dies_by_count_and_is_told_apart() {
        let alone = GOOD.replace("0,901,18", "0,901,6");
        let summary =
            replay_snapshot(&parse(&alone).unwrap(), Spread::Generations, |_| {}).unwrap();
        assert_eq!(
            (summary.freed, summary.freed_by_count, summary.kept),
            (0, 1, 3)
        );
        assert_eq!(summary.left_at_end, 0);
    }

    #[test]
    fn nodes_take_their_recorded_size_up_to_a_block_s_rounding() {
        for recorded in [0, 16, 24, 48, 88, 96, 104, 1000, 70_000] {
            let text = GOOD.replace("1,1,5,64", &format!("1,1,5,{recorded}"));
            let snapshot = parse(&text).unwrap();
            let heap = Heap::builder().mode(Mode::System).build();
            let root = built(&snapshot, &heap);
            assert_eq!(heap.memory().live_blocks, blocks(&snapshot));
            let bytes = heap.memory().live_bytes as u64;
            let rest = 144 - 64;
            assert!(bytes >= rest + recorded, "{recorded}: {bytes}");
            // Four nodes and a buffer: at most a prefix of 16 bytes and 16 bytes of rounding each, and the edges.
            assert!(
                bytes <= rest + recorded + 5 * 32 + 5 * 24,
                "{recorded}: {bytes}"
            );
            drop(root);
        }
    }

    #[test]
    fn every_mode_of_the_heap_gives_the_same_answer() {
        let snapshot = parse(GOOD).unwrap();
        for mode in [Mode::Pages, Mode::System, Mode::Debug] {
            let heap = Heap::builder().mode(mode).build();
            let root = built(&snapshot, &heap);
            assert_eq!(heap.collect_all(), 1, "{mode:?}");
            drop(root);
            assert_eq!(heap.collect_all(), 2, "{mode:?}");
            assert_eq!(heap.memory().live_blocks, 0, "{mode:?}");
        }
    }

    #[test]
    fn a_heap_without_room_gives_an_error_and_can_be_emptied() {
        let text = GOOD.replace("1,1,5,64", "1,1,5,4000000");
        let snapshot = parse(&text).unwrap();
        let heap = Heap::builder().limit_bytes(1 << 20).build();
        let result = rebuild(&snapshot, &heap, Spread::AsLoaded, |_| Ok::<_, ()>(()));
        assert!(matches!(result, Err(RebuildError::Alloc(_))));
        heap.collect_all();
        assert_eq!(heap.memory().live_blocks, 0);
    }
}
