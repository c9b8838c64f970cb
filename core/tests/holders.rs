//! Who holds what is new: paths in words, the growing edge, retained bytes, and what changed by type.

use std::cell::RefCell;
use std::collections::HashMap;

use exuvia_core::object::{Class, Dict, List, Str, Value};
use exuvia_core::{Gc, Heap, Holder, HolderOrigin, Root, Trace};

#[derive(Trace)]
struct Node {
    next: RefCell<Option<Gc<Node>>>,
    leaf: Option<Gc<Leaf>>,
}

#[derive(Trace)]
struct Leaf(u64);

#[derive(Trace)]
struct Cache {
    by_name: RefCell<HashMap<String, Gc<Node>>>,
    recent: RefCell<Vec<Gc<Node>>>,
}

fn node(heap: &Heap, next: Option<Gc<Node>>) -> Gc<Node> {
    let next = RefCell::new(next);
    heap.alloc(Node { next, leaf: None })
}

fn cache(heap: &Heap) -> Root<Cache> {
    let by_name = RefCell::default();
    let recent = RefCell::default();
    heap.root("cache", heap.alloc(Cache { by_name, recent }))
}

fn grown(heap: &Heap, grow: impl FnOnce()) -> Vec<Holder> {
    heap.collect_all();
    let mark = heap.mark();
    grow();
    heap.collect_all();
    heap.holders_since(&mark, &|_, _| true)
}

#[test]
fn the_field_and_key_that_hold_new_objects_are_named() {
    let heap = Heap::new();
    let cache = cache(&heap);
    let found = grown(&heap, || {
        for key in 0..100 {
            let by_name = &mut *cache.by_name.borrow_mut();
            by_name.insert(format!("user {key}"), node(&heap, None));
        }
    });
    assert_eq!(found.len(), 1, "{found:?}");
    let holder = &found[0];
    assert!(
        holder
            .path
            .starts_with("root \"cache\" -> Cache.by_name[\"user ")
            && holder.path.ends_with("\"] => Node"),
        "{}",
        holder.path
    );
    assert_eq!(
        holder.stable_path,
        "root \"cache\" -> Cache.by_name[*] -> Node"
    );
    assert_eq!(holder.general_paths, [holder.stable_path.as_str()]);
    assert_eq!((holder.origin, holder.gained), (HolderOrigin::Root, 100));
    assert_eq!(holder.retained_bytes % 100, 0);
    assert!(holder.retained_bytes >= 100 * 16);
}

#[test]
fn python_paths_read_like_python() {
    let heap = Heap::new();
    let cache = heap.root("cache", Dict::new(&heap));
    let sessions = List::new(&heap);
    cache.insert(
        &heap,
        Value::from(Str::intern(&heap, "sessions")),
        Value::from(&sessions),
    );
    let class = Class::builder(&heap, "Session").slots(["user"]).build();
    let found = grown(&heap, || {
        (0..50).for_each(|_| sessions.push(&heap, Value::from(Class::instantiate(&class, &heap))));
    });
    drop(sessions);
    assert_eq!(
        found[0].path,
        "root \"cache\" -> dict[\"sessions\"] -> list[49] => Session"
    );
    assert_eq!(
        found[0].stable_path,
        "root \"cache\" -> dict[\"sessions\"] -> list[*] -> Session"
    );
    assert_eq!(found[0].type_name, "Session");
}

#[test]
fn attributes_of_instances_stay_apart() {
    let heap = Heap::new();
    let class = Class::builder(&heap, "App").slots(["log", "users"]).build();
    let app = heap.root("app", Class::instantiate(&class, &heap));
    let lists = ["log", "users"].map(|name| {
        let list = List::new(&heap);
        app.set_attr(&heap, &Str::intern(&heap, name), Value::from(&list))
            .expect("a slot");
        list
    });
    let found = grown(&heap, || {
        for _ in 0..40 {
            lists[0].push(&heap, Value::from(List::new(&heap)));
        }
        (0..9).for_each(|_| lists[1].push(&heap, Value::from(List::new(&heap))));
    });
    drop(lists);
    let stable: Vec<_> = found
        .iter()
        .map(|h| (h.stable_path.as_str(), h.gained))
        .collect();
    assert_eq!(
        stable,
        [
            ("root \"app\" -> App.log -> list[*] -> list", 40),
            ("root \"app\" -> App.users -> list[*] -> list", 9),
        ]
    );
}

#[test]
fn two_leaks_of_one_type_are_two_holders() {
    let heap = Heap::new();
    let cache = cache(&heap);
    let found = grown(&heap, || {
        for key in 0..30 {
            cache
                .by_name
                .borrow_mut()
                .insert(key.to_string(), node(&heap, None));
            cache.recent.borrow_mut().push(node(&heap, None));
        }
    });
    let mut fields: Vec<_> = found.iter().map(|h| h.stable_path.as_str()).collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "root \"cache\" -> Cache.by_name[*] -> Node",
            "root \"cache\" -> Cache.recent[*] -> Node"
        ]
    );
}

#[test]
fn a_list_that_grows_at_either_end_is_one_holder() {
    for at_head in [true, false] {
        let heap = Heap::new();
        let first = node(&heap, None);
        let cache = cache(&heap);
        cache.recent.borrow_mut().push(first.clone());
        let found = grown(&heap, || {
            let mut tail = first;
            for _ in 0..1_000 {
                if at_head {
                    let head = cache.recent.borrow_mut().pop();
                    cache.recent.borrow_mut().push(node(&heap, head));
                } else {
                    let new = node(&heap, None);
                    *tail.next.borrow_mut() = Some(new.clone());
                    tail = new;
                }
            }
        });
        let gained: u64 = found.iter().map(|holder| holder.gained).sum();
        assert_eq!(gained, 1_000, "{found:?}");
        assert!(
            found[0].path.contains("root \"cache\" -> Cache.recent[0] "),
            "{found:?}"
        );
        assert!(found[0].path.ends_with("=> Node"), "{found:?}");
    }
}

#[test]
fn what_a_ring_replaces_is_no_growth() {
    let heap = Heap::new();
    let cache = cache(&heap);
    let ring: Vec<_> = (0..64).map(|_| node(&heap, None)).collect();
    *cache.recent.borrow_mut() = ring;
    let found = grown(&heap, || {
        let old = std::mem::take(&mut *cache.recent.borrow_mut());
        // Held while the new ones are made, or they would take the blocks of the old.
        *cache.recent.borrow_mut() = (0..64).map(|_| node(&heap, None)).collect();
        drop(old);
    });
    assert_eq!(found, [], "{found:?}");
}

#[test]
fn what_hangs_below_is_retained_by_its_holder() {
    let heap = Heap::new();
    let cache = cache(&heap);
    let found = grown(&heap, || {
        for _ in 0..20 {
            let leaf = Some(heap.alloc(Leaf(1)));
            let next = RefCell::default();
            cache
                .recent
                .borrow_mut()
                .push(heap.alloc(Node { next, leaf }));
        }
    });
    let [node] = &found[..] else {
        panic!("{found:?}")
    };
    assert!(node.path.ends_with("=> Node"), "{found:?}");
    assert!(node.types[1].ends_with("::Leaf"), "{found:?}");
    assert!(
        node.general_paths[1].ends_with("Node.leaf -> Leaf"),
        "{found:?}"
    );
    let first = cache.recent.borrow()[0].clone();
    assert_eq!(first.leaf.as_ref().map(|leaf| leaf.0), Some(1));
    let leaf = first.leaf.clone().expect("a leaf");
    let sizes = Gc::erase(first).size() + Gc::erase(leaf).size();
    assert_eq!(node.retained_bytes, 20 * sizes as u64);
}

#[test]
fn origins_tell_the_four_kinds_of_holding_apart() {
    let heap = Heap::new();
    let cache = cache(&heap);
    let mut roots = Vec::new();
    let found = grown(&heap, || {
        cache.recent.borrow_mut().push(node(&heap, None));
        roots.push(heap.root("worker", node(&heap, None)));
        std::mem::forget(node(&heap, None));
        let ring = node(&heap, None);
        *ring.next.borrow_mut() = Some(ring.clone());
        heap.freeze();
        drop(ring);
    });
    let mut origins: Vec<_> = found.iter().map(|h| h.origin).collect();
    origins.sort_unstable();
    assert_eq!(
        origins,
        [
            HolderOrigin::Root,
            HolderOrigin::NewRoot,
            HolderOrigin::Lost,
            HolderOrigin::Unreachable
        ],
        "{found:?}"
    );
    let pinned = found.iter().find(|h| h.origin == HolderOrigin::NewRoot);
    assert_eq!(
        pinned.map(|h| h.path.as_str()),
        Some("root \"worker\" => Node")
    );
}

#[test]
fn a_census_since_a_mark_counts_new_and_gone_by_type() {
    let heap = Heap::new();
    let kept: Vec<_> = (0..10).map(|_| node(&heap, None)).collect();
    let mark = heap.mark();
    let leaf = heap.alloc(Leaf(1));
    let more = node(&heap, None);
    drop(kept);
    let rows = heap.census_since(&mark);
    let row = |name: &str| {
        rows.iter()
            .find(|row| row.name.ends_with(name))
            .expect("a row")
    };
    let leaves = row("Leaf");
    assert_eq!(
        (leaves.before, leaves.after, leaves.new, leaves.gone),
        (0, 1, 1, 0)
    );
    let nodes = row("Node");
    assert_eq!(
        (nodes.before, nodes.after, nodes.new, nodes.gone),
        (10, 1, 1, 10)
    );
    assert!(nodes.bytes < 0 && leaves.bytes > 0);
    drop((leaf, more));
}

#[test]
fn a_survey_counts_what_the_audit_finds() {
    let heap = Heap::new();
    let cache = cache(&heap);
    cache.recent.borrow_mut().push(node(&heap, None));
    for _ in 0..3 {
        std::mem::forget(cache.recent.borrow()[0].clone());
    }
    let ring = node(&heap, None);
    *ring.next.borrow_mut() = Some(ring.clone());
    drop(ring);
    let (survey, audit) = (heap.survey(), heap.audit());
    assert_eq!((survey.objects, survey.edges), (audit.objects, audit.edges));
    let nodes = survey
        .types
        .iter()
        .find(|row| row.name.ends_with("Node"))
        .expect("nodes");
    assert_eq!(
        (
            nodes.objects,
            nodes.surplus,
            nodes.deficit,
            nodes.unreachable
        ),
        (2, 3, 0, 1)
    );
    assert_eq!(audit.findings.len(), 2);
    assert_eq!(survey.roots.len(), 1);
    let paths: u64 = survey.paths.iter().map(|row| row.objects).sum();
    assert_eq!(paths, survey.objects);
}

#[test]
fn objects_outside_pages_are_walked_like_those_inside() {
    for mode in [exuvia_core::Mode::System, exuvia_core::Mode::Debug] {
        let heap = Heap::builder().mode(mode).build();
        let cache = cache(&heap);
        let found = grown(&heap, || {
            (0..100).for_each(|_| cache.recent.borrow_mut().push(node(&heap, None)));
        });
        assert_eq!(found[0].gained, 100, "{found:?}");
        assert!(heap.audit().findings.is_empty());
    }
}

#[test]
fn the_line_that_allocated_what_grows_is_named_while_the_heap_traces() {
    let heap = Heap::new();
    let cache = cache(&heap);
    heap.tracemalloc()
        .start(1)
        .expect("the feature is on in tests");
    let line = line!() + 3;
    let found = grown(&heap, || {
        for _ in 0..20 {
            let new = heap.alloc(Leaf(2));
            let (next, leaf) = (RefCell::default(), Some(new));
            cache
                .recent
                .borrow_mut()
                .push(heap.alloc(Node { next, leaf }));
        }
    });
    let site = found[0].site.expect("a site");
    assert!(
        site.file.ends_with("holders.rs") && site.line > line,
        "{site}"
    );
    let survey = heap.survey();
    let leaves = survey
        .sites
        .iter()
        .find(|row| row.type_name.ends_with("Leaf"));
    assert_eq!(
        leaves.map(|row| (row.site.line, row.objects)),
        Some((line, 20))
    );
}

/// Of a size class of its own, so that its page has room when the next one is full.
#[derive(Trace)]
struct Wide {
    padding: [u64; 9],
    leaf: Option<Gc<Leaf>>,
}

#[test]
fn blocks_cut_after_a_mark_are_new_though_the_next_page_was_full() {
    let heap = Heap::new();
    let wide = |leaf| {
        let padding = [7; 9];
        heap.alloc(Wide { padding, leaf })
    };
    let first = wide(None);
    assert_eq!(first.padding[8], 7);
    let leaves: Vec<Gc<Leaf>> = (0..20_000).map(|n| heap.alloc(Leaf(n))).collect();
    let mark = heap.mark();
    let more: Vec<Gc<Wide>> = leaves[..700]
        .iter()
        .map(|leaf| wide(Some(leaf.clone())))
        .collect();
    let rows = heap.census_since(&mark);
    let row = rows.iter().find(|row| row.name.ends_with("Wide")).unwrap();
    assert_eq!((row.before, row.new, row.gone), (1, more.len() as u64, 0));
    assert!(more.iter().all(|wide| wide.leaf.is_some()));
}

#[test]
fn edges_to_another_heap_are_left_out_and_shift_no_path() {
    let (heap, other) = (Heap::new(), Heap::new());
    let cache = cache(&heap);
    let strangers: Vec<Gc<Node>> = (0..1_000).map(|_| node(&other, None)).collect();
    let found = grown(&heap, || {
        for (key, stranger) in strangers.iter().enumerate() {
            cache.recent.borrow_mut().push(stranger.clone());
            if key % 10 == 0 {
                let by_name = &mut *cache.by_name.borrow_mut();
                by_name.insert(format!("user {key}"), node(&heap, Some(stranger.clone())));
            }
        }
    });
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].gained, 100);
    assert_eq!(
        found[0].stable_path,
        "root \"cache\" -> Cache.by_name[*] -> Node"
    );
    let audit = heap.audit();
    assert_eq!((audit.edges, audit.findings), (100, Vec::new()));
}
