//! Debug mode finds broken guards and second frees, says what and where, and
//! ends the process. Each misuse runs in a child of this test.

use std::alloc::Layout;
use std::process::Command;

use allocator_api2::alloc::Allocator;
use exuvia_core::alloc::is_freed_pattern;
use exuvia_core::{Gc, Heap, HeapAlloc, HeapVec, Mode};

const CASE: &str = "EXUVIA_DEBUG_MODE_CASE";

/// Runs a misuse in a child and returns what it printed.
fn report_of(case: &str) -> String {
    let this = std::env::current_exe().expect("the test's own path");
    let child = Command::new(this)
        .args(["--exact", "a_child_misuses_memory", "--nocapture"])
        .env(CASE, case)
        .output()
        .expect("a child of the test");
    assert!(!child.status.success(), "{case} was not found");
    String::from_utf8_lossy(&child.stderr).into_owned()
}

#[test]
fn a_child_misuses_memory() {
    let Ok(case) = std::env::var(CASE) else {
        return;
    };
    let heap = Heap::builder().mode(Mode::Debug).build();
    if case.ends_with("traced") {
        heap.tracemalloc().start(1).expect("tracing is compiled in");
    }
    let alloc = HeapAlloc::new(&heap);
    let layout = Layout::from_size_align(10, 1).expect("a layout");
    let block = alloc.allocate(layout).expect("memory").cast::<u8>();
    // SAFETY: none: these are the misuses that debug mode is for.
    unsafe {
        match case.trim_end_matches(" traced") {
            "overflow" => block.add(10).write(b'a'),
            "underflow" => block.sub(16 + 16 + 3).write(b'b'),
            "double free" => alloc.deallocate(block, layout),
            // The ID byte, behind the lead of the block and of its buffer.
            "wrong domain" => block.sub(16 + 16 + 8).write(b'o'),
            "buffer freed twice" => {
                let mut items = HeapVec::with_capacity(&heap, 4);
                items.push(&heap, 1_u64);
                drop(std::ptr::read(&raw const items));
                drop(items);
            }
            "object freed twice" => {
                let object = heap.alloc(7_u64);
                drop(std::ptr::read(&raw const object));
                drop(object);
            }
            "object of no type freed twice" => {
                let object = Gc::erase(heap.alloc(7_u64));
                drop(std::ptr::read(&raw const object));
                drop(object);
            }
            _ => {}
        }
        alloc.deallocate(block, layout);
    }
}

#[test]
fn a_write_behind_the_block_is_shown_byte_by_byte() {
    let report = report_of("overflow");
    for part in [
        "bad trailing pad byte",
        "42 bytes originally requested",
        "API 'm'",
        "The 7 pad bytes in front are 0xfd, as expected.",
        "The 8 pad bytes behind are not all 0xfd:",
        "at tail+0: 0x61 *** OUCH",
        "at tail+7: 0xfd",
        "start tracemalloc to know it",
    ] {
        assert!(report.contains(part), "no {part:?} in\n{report}");
    }
}

#[test]
fn a_traced_block_is_reported_with_its_site() {
    let report = report_of("overflow traced");
    assert!(report.contains("allocated at "), "{report}");
    assert!(report.contains(".rs:"), "{report}");
}

#[test]
fn a_write_in_front_and_a_second_free_are_found() {
    let report = report_of("underflow");
    assert!(report.contains("bad leading pad byte"), "{report}");
    assert!(report.contains("0x62 *** OUCH"), "{report}");
    assert!(report_of("double free").contains("double free"));
    let report = report_of("buffer freed twice");
    assert!(report.starts_with("buffer at 0x"), "{report}");
    assert!(report.contains("double free"), "{report}");
}

#[test]
fn a_handle_dropped_after_its_object_was_freed_is_found() {
    for case in ["object freed twice", "object of no type freed twice"] {
        let report = report_of(case);
        assert!(report.starts_with("object at 0x"), "{report}");
        assert!(
            report.contains("a handle is dropped after it was freed"),
            "{report}"
        );
    }
}

#[test]
fn a_free_through_another_domain_is_found() {
    let report = report_of("wrong domain");
    for part in [
        "bad ID: freed through another domain",
        "API 'o', freed through API 'm'",
        "The 8 pad bytes behind are 0xfd, as expected.",
    ] {
        assert!(report.contains(part), "no {part:?} in\n{report}");
    }
}

#[test]
fn patterns_of_debug_mode_are_no_objects() {
    for word in [
        0_u64,
        0xCDCD_CDCD_CDCD_CDCD,
        0xFDFD_FDFD_FDFD_FDFD,
        0xDDDD_DDDD_DDDD_DDDD,
    ] {
        assert!(is_freed_pattern(word as usize));
    }
    let heap = Heap::new();
    let object = heap.alloc(1);
    assert!(!is_freed_pattern(Gc::address(&object)));
}

#[test]
fn what_debug_mode_holds_back_is_bounded_and_given_up_with_the_heap() {
    let heap = Heap::builder().mode(Mode::Debug).build();
    for _ in 0..200 {
        drop(heap.alloc([7_u8; 20_000]));
    }
    assert_eq!(heap.memory().live_blocks, 0);
    heap.verify().unwrap();
}
