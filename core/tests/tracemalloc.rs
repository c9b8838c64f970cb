//! What a heap records while it traces: exact bytes, true sites, statistics,
//! filters, files. Mirrors CPython's test_tracemalloc.

use std::fs;

use exuvia_core::object::{Class, Dict, Generator, List, Step, Str, Tuple, Value};
use exuvia_core::tracemalloc::{
    Domain, Filter, Frame, GroupBy, MAX_FRAMES, Snapshot, TraceError, Traceback,
};
use exuvia_core::{Gc, GcAny, Heap, HeapAlloc, HeapVec, Mode, Tailed};

fn tracing(frames: usize) -> Heap {
    let heap = Heap::new();
    heap.tracemalloc().start(frames).unwrap();
    heap
}

fn any(value: Value) -> GcAny {
    (*value.as_object().unwrap()).clone()
}

#[test]
fn one_allocation_moves_the_counters_by_exactly_its_bytes() {
    for mode in [Mode::Pages, Mode::System, Mode::Debug] {
        let heap = Heap::builder().mode(mode).build();
        let trace = heap.tracemalloc();
        trace.start(1).unwrap();
        let small = Str::new(&heap, "0123456789");
        let large = Str::new(&heap, &"x".repeat(20_000));
        let bytes = Gc::erase(small.clone()).size() + Gc::erase(large.clone()).size();
        assert_eq!(trace.traced_memory(), (bytes, bytes), "{mode:?}");
        heap.verify().unwrap();
        drop(large);
        assert_eq!(
            trace.traced_memory(),
            (Gc::erase(small.clone()).size(), bytes)
        );
        trace.reset_peak();
        assert_eq!(trace.traced_memory().1, Gc::erase(small.clone()).size());
        trace.clear_traces();
        assert_eq!(trace.traced_memory(), (0, 0));
        drop(small); // Unknown by now: moves nothing.
        assert_eq!(trace.traced_memory(), (0, 0));
        assert!(trace.is_tracing());
        trace.stop();
        assert!(!trace.is_tracing() && heap.memory().live_blocks == 0);
    }
}

#[test]
fn sizes_are_those_without_tracing_and_traced_objects_outlive_it() {
    let plain = Heap::new();
    let traced = tracing(1);
    let make = |heap: &Heap, n: usize| {
        (0..40).for_each(|_| drop(Str::new(heap, &"y".repeat(n)))); // A page of its own.
        Str::new(heap, &"y".repeat(n))
    };
    let mut kept = Vec::new();
    for n in [0, 1, 9, 17, 100, 500, 1000, 5000, 9000] {
        let (a, b) = (make(&plain, n), make(&traced, n));
        assert_eq!(
            Gc::erase(a).size(),
            Gc::erase(b.clone()).size(),
            "{n} bytes"
        );
        kept.push(b);
    }
    traced.tracemalloc().stop();
    kept.clear();
    assert_eq!(traced.memory().live_blocks, 0);
    traced.verify().unwrap();
}

#[test]
fn every_type_is_allocated_by_the_line_that_asked_for_it() {
    let heap = tracing(1);
    let class = Class::builder(&heap, "C").build();
    let slotted = Class::builder(&heap, "S").slots(["x"]).build();
    let name = Str::intern(&heap, "x");
    let made: Vec<(u32, Value)> = vec![
        (line!(), Value::str(&heap, "text")),
        (line!(), Value::float(&heap, 1.5)),
        (line!(), Value::int(&heap, i64::MAX)),
        (line!(), List::new(&heap).into()),
        (line!(), Tuple::new(&heap, [Value::NONE].into_iter()).into()),
        (line!(), Dict::new(&heap).into()),
        (line!(), Class::instantiate(&class, &heap).into()),
        (line!(), Class::instantiate(&slotted, &heap).into()),
        (line!(), Generator::from_fn(&heap, 0, |_, _| None).into()),
        (line!(), Gc::erase(heap.alloc(7_u64)).into()),
        (line!(), Gc::erase(heap.new_cyclic(|_| 7_u64)).into()),
        (line!(), Gc::erase(tailed(&heap)).into()),
    ];
    let tail = made.len() - 1;
    for (index, (line, value)) in made.into_iter().enumerate() {
        let site = heap.allocation_site(&any(value)).unwrap();
        assert!(site.file.ends_with("tests/tracemalloc.rs"), "{site}");
        assert!(site.line == line || index == tail, "{site}, made at {line}");
    }
    let weak = Gc::downgrade(&class);
    let _ = weak;
    let instance = Class::instantiate(&class, &heap);
    instance.set_attr(&heap, &name, Value::NONE).unwrap();
    let _ = instance.dict(&heap);
    let lines = heap.tracemalloc().take_snapshot().unwrap();
    let inside = lines.filter_traces(&[Filter::include("*core/src/*")]);
    assert_eq!(inside.traces(), [], "sites inside of the heap");
}

fn tailed(heap: &Heap) -> Gc<Tailed<u64, u64>> {
    heap.alloc_with_tail(1_u64, [2_u64].into_iter())
}

#[test]
fn buffers_are_traced_where_they_last_grew() {
    let heap = tracing(1);
    let list = List::new(&heap);
    let dict = Dict::new(&heap);
    let mut vec = HeapVec::new();
    heap.tracemalloc().clear_traces();
    list.push(&heap, Value::NONE);
    let list_line = line!() - 1;
    dict.insert(&heap, Value::small(1), Value::NONE);
    vec.push(&heap, 1_u64);
    let alloc = allocator_api2::vec::Vec::<u8, _>::with_capacity_in(100, HeapAlloc::new(&heap));
    let snapshot = heap.tracemalloc().take_snapshot().unwrap();
    assert!(
        snapshot
            .traces()
            .iter()
            .all(|trace| trace.domain == Domain::Buffer)
    );
    let mine = snapshot.filter_traces(&[Filter::include("*/tests/tracemalloc.rs")]);
    let mut lines: Vec<u32> = mine
        .traces()
        .iter()
        .map(|t| t.traceback.newest().line)
        .collect();
    lines.sort_unstable();
    assert_eq!(lines, [list_line, list_line + 2, list_line + 3]);
    // Growing moves the trace to the line that made it grow.
    (0..5000).for_each(|_| list.push(&heap, Value::NONE));
    let (now, _) = heap.tracemalloc().traced_memory();
    let snapshot = heap.tracemalloc().take_snapshot().unwrap();
    assert_eq!(now, snapshot.traces().iter().map(|t| t.size).sum::<usize>());
    let grown = snapshot.traces().iter().max_by_key(|t| t.size).unwrap();
    assert_eq!(grown.size, list.capacity() * 8);
    drop((list, dict, vec, alloc));
    assert_eq!(heap.tracemalloc().traced_memory().0, 0);
    assert_eq!(heap.memory().live_blocks, 0);
}

#[test]
fn what_was_allocated_before_the_start_is_unknown() {
    let heap = Heap::new();
    let early = Str::new(&heap, "early");
    let trace = heap.tracemalloc();
    assert_eq!(trace.take_snapshot(), Err(TraceError::NotTracing));
    assert_eq!(trace.traceback_limit(), 1);
    trace.start(7).unwrap();
    trace.start(3).unwrap(); // Already on: nothing.
    assert_eq!(trace.traceback_limit(), 7);
    assert_eq!(heap.allocation_site(&Gc::erase(early.clone())), None);
    drop(early);
    assert_eq!(trace.traced_memory(), (0, 0));
    for bad in [0, MAX_FRAMES + 1] {
        let error = trace.start(bad).unwrap_err();
        assert_eq!(error, TraceError::BadFrames(bad));
        assert!(error.to_string().contains("from 1 to 65535"));
    }
    assert!(trace.tracemalloc_memory() < 1000);
    let late: Vec<_> = (0..100).map(|_| Str::new(&heap, "late")).collect();
    assert!(trace.tracemalloc_memory() > 1000);
    trace.stop();
    assert_eq!(heap.allocation_site(&Gc::erase(late[0].clone())), None);
}

#[inline(never)]
fn inner(heap: &Heap) -> Gc<Str> {
    std::hint::black_box(Str::new(heap, "deep"))
}

#[inline(never)]
fn outer(heap: &Heap) -> Gc<Str> {
    std::hint::black_box(inner(heap))
}

#[test]
fn tracebacks_name_the_callers_oldest_first() {
    let heap = tracing(3);
    let (text, test) = (outer(&heap), line!());
    let traceback = heap
        .tracemalloc()
        .object_traceback(&Gc::erase(text.clone()))
        .unwrap();
    let frames = traceback.frames();
    assert_eq!(frames.len(), 3, "{frames:?}");
    assert!(traceback.total_frames() > 3);
    assert!(
        frames
            .iter()
            .all(|frame| frame.file.ends_with("tests/tracemalloc.rs"))
    );
    let lines: Vec<u32> = frames.iter().map(|frame| frame.line).collect();
    assert!(
        lines[0] == test && lines[1] < test && lines[2] < lines[1],
        "{lines:?}"
    );
    let snapshot = heap.tracemalloc().take_snapshot().unwrap();
    let by_file = snapshot.statistics(GroupBy::File, true);
    assert_eq!((by_file.len(), by_file[0].count), (1, 1));
    assert_eq!(snapshot.statistics(GroupBy::Line, true).len(), 3);
    assert_eq!(snapshot.statistics(GroupBy::Line, false).len(), 1);
    assert_eq!(
        snapshot.statistics(GroupBy::Traceback, false)[0].traceback,
        traceback
    );
    let caller = Filter::include("*").line(test);
    assert_eq!(
        snapshot
            .filter_traces(std::slice::from_ref(&caller))
            .traces()
            .len(),
        0
    );
    assert_eq!(
        snapshot
            .filter_traces(&[caller.all_frames()])
            .traces()
            .len(),
        1
    );
}

/// A snapshot that no program took.
fn sample(traces: &str) -> Snapshot {
    let path = temporary("sample");
    let text = format!(
        "exuvia.tracemalloc/1 4\nf a.rs\nf b.rs\nf <unknown>\nt 2 0:2 0:5\nt 1 0:1\nt 1 1:4\nt 1 2:0\n{traces}"
    );
    fs::write(&path, text).unwrap();
    let snapshot = Snapshot::load(&path).unwrap();
    fs::remove_file(path).unwrap();
    snapshot
}

fn temporary(name: &str) -> std::path::PathBuf {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    let file = format!("exuvia-{name}-{}-{next}.snapshot", std::process::id());
    std::env::temp_dir().join(file)
}

const BEFORE: &str = "o 10 0\no 10 0\no 10 0\no 2 1\nb 66 2\no 7 3\n";
const AFTER: &str = "o 10 0\no 10 0\no 10 0\no 2 1\no 2 0\no 5000 0\nb 400 3\n";

#[test]
fn statistics_group_by_line_file_and_traceback_largest_first() {
    let shown = |group, cumulative| -> Vec<String> {
        let rows = sample(BEFORE).statistics(group, cumulative);
        rows.iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        shown(GroupBy::Line, false),
        [
            "b.rs:4: size=66 B, count=1, average=66 B",
            "a.rs:5: size=30 B, count=3, average=10 B",
            "<unknown>:0: size=7 B, count=1, average=7 B",
            "a.rs:1: size=2 B, count=1, average=2 B",
        ]
    );
    assert_eq!(
        shown(GroupBy::File, false),
        [
            "b.rs:0: size=66 B, count=1, average=66 B",
            "a.rs:0: size=32 B, count=4, average=8 B",
            "<unknown>:0: size=7 B, count=1, average=7 B",
        ]
    );
    assert_eq!(shown(GroupBy::Traceback, false).len(), 4);
    assert_eq!(shown(GroupBy::File, true), shown(GroupBy::File, false));
    assert_eq!(shown(GroupBy::Line, true).len(), 5);
}

#[test]
fn comparisons_show_the_largest_change_first() {
    let (before, after) = (sample(BEFORE), sample(AFTER));
    let rows = after.compare_to(&before, GroupBy::Line, false);
    let shown: Vec<String> = rows.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "a.rs:5: size=5032 B (+5002 B), count=5 (+2), average=1006 B",
            "<unknown>:0: size=400 B (+393 B), count=1 (+0), average=400 B",
            "b.rs:4: size=0 B (-66 B), count=0 (-1)",
            "a.rs:1: size=2 B (+0 B), count=1 (+0), average=2 B",
        ]
    );
    assert!(
        before
            .compare_to(&before, GroupBy::Traceback, false)
            .iter()
            .all(|r| r.size_diff == 0)
    );
}

#[test]
fn sizes_are_written_with_units() {
    let big = sample("o 105906176 1\no 4096 3\no 20480 2\n");
    let shown: Vec<String> = big
        .statistics(GroupBy::Line, false)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        shown,
        [
            "a.rs:1: size=101 MiB, count=1, average=101 MiB",
            "b.rs:4: size=20.0 KiB, count=1, average=20.0 KiB",
            "<unknown>:0: size=4096 B, count=1, average=4096 B",
        ]
    );
}

#[test]
fn filters_combine_as_in_cpython() {
    let snapshot = sample(BEFORE);
    let count = |filters: &[Filter]| snapshot.filter_traces(filters).traces().len();
    assert_eq!(count(&[]), 6);
    assert_eq!(count(&[Filter::include("a.rs")]), 4);
    assert_eq!(count(&[Filter::exclude("a.rs")]), 2);
    assert_eq!(
        count(&[Filter::include("?.rs").line(4), Filter::include("<*>")]),
        2
    );
    assert_eq!(count(&[Filter::include("*.rs"), Filter::exclude("b*")]), 4);
    assert_eq!(count(&[Filter::include("a.rs").line(2)]), 0);
    assert_eq!(count(&[Filter::include("a.rs").line(2).all_frames()]), 3);
    assert_eq!(count(&[Filter::only(Domain::Buffer)]), 1);
    assert_eq!(count(&[Filter::without(Domain::Buffer)]), 5);
    assert_eq!(count(&[Filter::exclude("*").domain(Domain::Buffer)]), 5);
    assert_eq!(count(&[Filter::include("a.rs").domain(Domain::Buffer)]), 0);
}

#[test]
fn a_snapshot_comes_back_from_its_file() {
    let heap = tracing(2);
    let kept = (outer(&heap), List::repeat(&heap, &Value::NONE, 9));
    let snapshot = heap.tracemalloc().take_snapshot().unwrap();
    let path = temporary("dump");
    snapshot.dump(&path).unwrap();
    let loaded = Snapshot::load(&path).unwrap();
    assert_eq!(loaded, snapshot);
    assert_eq!(loaded.traceback_limit(), 2);
    drop(kept);
    for (text, line, what) in [
        ("", 1, "does not begin with"),
        ("exuvia.tracemalloc/1 x", 1, "does not begin with"),
        ("exuvia.tracemalloc/1 1\nq", 2, "unknown kind of line \"q\""),
        (
            "exuvia.tracemalloc/1 1\nt 1",
            2,
            "a traceback without a frame",
        ),
        ("exuvia.tracemalloc/1 1\nt 1 0:1", 2, "names no file above"),
        ("exuvia.tracemalloc/1 1\nf a\nt 1 0:b", 3, "not a number"),
        (
            "exuvia.tracemalloc/1 1\no 1 0",
            2,
            "names no traceback above",
        ),
        ("exuvia.tracemalloc/1 1\no 1", 2, "is not BYTES TRACEBACK"),
    ] {
        fs::write(&path, text).unwrap();
        let error = Snapshot::load(&path).unwrap_err().to_string();
        assert!(
            error.contains(&format!(":{line}: ")) && error.contains(what),
            "{error}"
        );
    }
    fs::remove_file(&path).unwrap();
    let error = Snapshot::load(&path).unwrap_err();
    assert!(error.to_string().contains("dump") && std::error::Error::source(&error).is_some());
    assert!(snapshot.dump(path.join("no").join("folder")).is_err());
}

#[test]
fn collections_and_instances_work_while_tracing() {
    let heap = tracing(1);
    let class = Class::builder(&heap, "Node").slots(["next"]).build();
    let next = Str::intern(&heap, "next");
    let before = heap.tracemalloc().traced_memory().0;
    for _ in 0..500 {
        let a = Class::instantiate(&class, &heap);
        let b = Class::instantiate(&class, &heap);
        a.set_attr(&heap, &next, Value::from(&b)).unwrap();
        b.set_attr(&heap, &next, Value::from(&a)).unwrap();
    }
    heap.verify().unwrap();
    assert_eq!(heap.collect_all(), 1000);
    assert_eq!(heap.tracemalloc().traced_memory().0, before);
    let generator = Generator::from_fn(&heap, 0, |n: &mut i64, heap| {
        *n += 1;
        Some(Value::str(heap, "yielded"))
    });
    let Ok(Step::Yield(text)) = generator.step(&heap, Value::NONE) else {
        panic!("a value");
    };
    assert_eq!(heap.allocation_site(&any(text)).unwrap().line, line!() - 5);
    let _: (Frame, Option<Traceback>) = (Frame::new("a", 1), None);
}
