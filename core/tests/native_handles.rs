//! Native handles: the audit knows who has an object, and a lost decrement beside them is still one.

use exuvia_core::{FindingClass, Gc, Heap, NativeHandle};

#[test]
fn an_undeclared_handle_is_a_surplus_and_a_declared_one_is_a_pin() {
    let heap = Heap::new();
    let undeclared = heap.alloc(1_u64);
    let audit = heap.audit();
    assert_eq!(audit.findings.len(), 1);
    assert_eq!(audit.findings[0].class, FindingClass::CountLeak);
    let line = line!() + 1;
    let handle = heap.native("event loop", undeclared);
    let audit = heap.audit();
    assert_eq!(audit.findings, []);
    let [pin] = &audit.pins[..] else {
        panic!("{:?}", audit.pins)
    };
    assert_eq!((pin.owner.as_str(), pin.type_name), ("event loop", "u64"));
    assert_eq!(pin.address, Gc::address(&handle));
    assert_eq!((pin.declared_at.line, pin.alone), (line, true));
    assert!(pin.declared_at.to_string().contains("native_handles.rs"));
}

#[test]
fn a_lost_decrement_beside_a_native_handle_is_told_from_it() {
    let heap = Heap::new();
    let handle = heap.native("queue", heap.alloc(1_u64));
    std::mem::forget(Gc::clone(&handle));
    let audit = heap.audit();
    assert_eq!(audit.pins.len(), 1);
    let [finding] = &audit.findings[..] else {
        panic!("{:?}", audit.findings)
    };
    assert_eq!(
        (finding.stored, finding.declared, finding.surplus),
        (2, 1, 1)
    );
    assert_eq!(finding.class, FindingClass::CountLeak);
}

#[test]
fn a_pin_is_alone_only_where_no_root_reaches() {
    let heap = Heap::new();
    let shared = heap.alloc(1_u64);
    let native = heap.native("library", shared.clone());
    let root = heap.root("table", shared);
    assert!(!heap.audit().pins[0].alone);
    let paths = heap.survey().paths;
    assert!(paths[0].path.starts_with("root \"table\""), "{paths:?}");
    drop(root);
    assert!(heap.audit().pins[0].alone);
    let survey = heap.survey();
    assert!(survey.paths[0].path.starts_with("native \"library\""));
    assert_eq!((survey.roots.len(), survey.natives[0].roots), (0, 1));
    drop(native);
    assert_eq!((heap.audit().pins.len(), heap.live_objects()), (0, 0));
}

#[test]
fn a_token_stays_declared_and_comes_back_once_and_as_its_type_only() {
    let heap = Heap::new();
    let token = heap.native("user data", heap.alloc(5_u64)).into_token();
    assert_eq!(heap.collect_all(), 0);
    let audit = heap.audit();
    assert_eq!((audit.findings.len(), audit.pins.len()), (0, 1));
    assert!(
        heap.native_from_token::<u32>(token).is_none(),
        "another type"
    );
    assert!(
        heap.native_from_token::<u64>(token + 1).is_none(),
        "never given out"
    );
    let handle: NativeHandle<u64> = heap.native_from_token(token).unwrap();
    assert_eq!((**handle, Gc::ref_count(&handle)), (5, 1));
    assert!(
        heap.native_from_token::<u64>(token).is_none(),
        "not out any more"
    );
    drop(handle);
    assert_eq!((heap.live_objects(), heap.audit().pins.len()), (0, 0));
    // Its place is used again, by a token of another generation.
    let next = heap.native("user data", heap.alloc(6_u64)).into_token();
    assert_ne!(next, token);
    assert!(
        heap.native_from_token::<u64>(token).is_none(),
        "an old token"
    );
    assert_eq!(**heap.native_from_token::<u64>(next).unwrap(), 6);
    heap.verify().unwrap();
}

#[test]
fn a_token_does_not_keep_the_heap_open() {
    let heap = Heap::new();
    let other = heap.clone();
    let token = heap.native("user data", heap.alloc(5_u64)).into_token();
    drop(heap);
    drop(other.native_from_token::<u64>(token));
    assert_eq!(other.live_objects(), 0);
}
