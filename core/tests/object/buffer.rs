//! Bytes, bytearrays and views on them.

use exuvia_core::object::{
    BufferError, ByteArray, Bytes, Class, Dict, Format, Function, MemoryView, Str, Value, WeakRef,
    ref_count,
};
use exuvia_core::{Gc, Heap};

use super::heap;

fn array(heap: &Heap, bytes: &[u8]) -> (Gc<ByteArray>, Gc<MemoryView>) {
    let array = ByteArray::new(heap, bytes);
    let view = MemoryView::new(heap, &Value::from(&array)).unwrap();
    (array, view)
}

#[test]
fn bytes_are_keys_by_content() {
    let heap = heap();
    let keys = Dict::new(&heap);
    keys.insert(&heap, Bytes::new(&heap, b"k").into(), Value::small(1));
    assert_eq!(
        keys.get(&Bytes::new(&heap, b"k").into()),
        Some(Value::small(1))
    );
    assert!(!keys.contains(&Bytes::new(&heap, b"K").into()));
    let bytes = Value::from(Bytes::new(&heap, b"k"));
    let view = MemoryView::new(&heap, &bytes).unwrap();
    assert!(
        keys.contains(&Value::from(view)),
        "a read-only view hashes like its bytes"
    );
    assert_eq!(bytes.type_name(), "bytes");
    assert!(bytes.is_true() && !Value::from(Bytes::new(&heap, b"")).is_true());
}

#[test]
fn a_bytearray_with_a_view_refuses_to_change_its_length() {
    let heap = heap();
    let (array, view) = array(&heap, b"abc");
    for refused in [
        array.push(&heap, 1),
        array.extend(&heap, b"xyz"),
        array.resize(&heap, 1),
        array.remove(0).map(|_| ()),
        array.clear(),
    ] {
        assert_eq!(refused, Err(BufferError::Exported));
    }
    assert_eq!(array.to_vec(), b"abc");
    let text = BufferError::Exported.to_string();
    assert_eq!(text, "Existing exports of data: object cannot be re-sized");
    array.set(1, b'B').unwrap();
    assert_eq!(view.item(&heap, 1), Ok(Value::small(i64::from(b'B'))));
    let slice = view.slice(&heap, Some(1), None, 1).unwrap();
    view.release().unwrap();
    view.release().unwrap();
    assert_eq!(array.exports(), 1, "the slice holds the export");
    assert_eq!(array.push(&heap, 1), Err(BufferError::Exported));
    drop(slice);
    assert_eq!(array.exports(), 0);
    array.push(&heap, b'd').unwrap();
    assert_eq!(array.remove(0), Ok(b'a'));
    assert_eq!(array.to_vec(), b"Bcd");
    array.resize(&heap, 5).unwrap();
    assert_eq!(array.to_vec(), b"Bcd\0\0");
    array.clear().unwrap();
    assert!(array.is_empty());
}

#[test]
fn every_use_of_a_released_view_is_an_error() {
    let heap = heap();
    let (_array, view) = array(&heap, b"abc");
    let other = MemoryView::new(&heap, &Value::from(&view)).unwrap();
    view.release().unwrap();
    let gone = BufferError::Released;
    assert_eq!(view.item(&heap, 0), Err(gone.clone()));
    assert_eq!(view.set_item(0, &Value::small(1)), Err(gone.clone()));
    assert_eq!(view.len(), Err(gone.clone()));
    assert_eq!(view.nbytes(), Err(gone.clone()));
    assert_eq!(view.to_bytes(), Err(gone.clone()));
    assert_eq!(view.to_list(&heap), Err(gone.clone()));
    assert_eq!(view.hex(), Err(gone.clone()));
    assert_eq!(view.hash(), Err(gone.clone()));
    assert!(view.slice(&heap, None, None, 1).is_err() && view.cast(&heap, Format::I8).is_err());
    assert!(view.obj().is_err() && view.export().is_err() && view.format().is_err());
    assert!(view.equals(&Value::from(&view)) && !view.equals(&Value::from(&other)));
    assert_eq!(
        gone.to_string(),
        "operation forbidden on released memoryview object"
    );
    assert_eq!(
        other.to_bytes().unwrap(),
        b"abc",
        "a view of a view outlives it"
    );
}

#[test]
fn slices_and_indexes_follow_python() {
    let heap = heap();
    let (array, view) = array(&heap, b"abcdef");
    let cut = |start, stop, step| {
        let slice = view.slice(&heap, start, stop, step).unwrap();
        String::from_utf8(slice.to_bytes().unwrap()).unwrap()
    };
    assert_eq!(cut(None, None, 1), "abcdef");
    assert_eq!(cut(Some(1), Some(4), 1), "bcd");
    assert_eq!(cut(Some(-2), None, 1), "ef");
    assert_eq!(cut(None, None, 2), "ace");
    assert_eq!(cut(None, None, -1), "fedcba");
    assert_eq!(cut(Some(4), Some(1), -2), "ec");
    assert_eq!(cut(Some(9), None, 1), "");
    assert_eq!(cut(Some(-99), Some(99), 3), "ad");
    assert_eq!(cut(Some(3), Some(1), 1), "");
    assert_eq!(cut(None, Some(-99), -1), "fedcba");
    assert!(view.slice(&heap, None, None, 0).is_err());
    let evens = view.slice(&heap, None, None, 2).unwrap();
    let middle = evens.slice(&heap, Some(1), None, 1).unwrap();
    assert_eq!(middle.to_bytes().unwrap(), b"ce");
    assert_eq!((middle.stride(), middle.contiguous()), (Ok(2), Ok(false)));
    assert!(view.item(&heap, -1) == Ok(Value::small(i64::from(b'f'))));
    assert_eq!(view.item(&heap, 6), Err(BufferError::Index));
    assert_eq!(view.item(&heap, -7), Err(BufferError::Index));
    // Overlapping assignment, backwards.
    let back = view.slice(&heap, None, None, -1).unwrap();
    view.assign(&back).unwrap();
    assert_eq!(array.to_vec(), b"fedcba");
    assert_eq!(view.assign(&middle), Err(BufferError::Structure));
    assert_eq!(view.del_item(0), Err(BufferError::Delete));
    assert_eq!(view.count(&heap, &Value::small(i64::from(b'f'))), Ok(1));
    assert_eq!(
        view.index(&heap, &Value::small(i64::from(b'd'))),
        Ok(Some(2))
    );
    assert_eq!(view.hex().unwrap(), "666564636261");
}

#[test]
fn read_only_views_refuse_writes() {
    let heap = heap();
    let bytes = Value::from(Bytes::new(&heap, b"ab"));
    let view = MemoryView::new(&heap, &bytes).unwrap();
    assert_eq!(view.read_only(), Ok(true));
    assert_eq!(
        view.set_item(0, &Value::small(1)),
        Err(BufferError::ReadOnly)
    );
    assert_eq!(view.del_item(0), Err(BufferError::ReadOnly));
    let (array, writable) = array(&heap, b"ab");
    let frozen = writable.to_read_only(&heap).unwrap();
    assert_eq!(
        frozen.set_item(0, &Value::small(1)),
        Err(BufferError::ReadOnly)
    );
    writable.set_item(0, &Value::small(1)).unwrap();
    assert_eq!(frozen.byte(0), Ok(1));
    assert_eq!(array.exports(), 1);
    assert_eq!(
        writable.set_item(0, &Value::small(300)),
        Err(BufferError::ItemRange(Format::U8))
    );
    let none = writable.set_item(0, &Value::NONE).unwrap_err();
    assert_eq!(none.to_string(), "memoryview: invalid type for format 'B'");
    let error = MemoryView::new(&heap, &Value::small(1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "memoryview: a bytes-like object is required, not 'int'"
    );
}

#[test]
fn casts_read_and_write_other_formats() {
    let heap = heap();
    let (array, view) = array(&heap, &[0; 16]);
    let all = [
        (Format::I8, Value::small(-5)),
        (Format::Bool, Value::TRUE),
        (Format::Char, Bytes::new(&heap, b"x").into()),
        (Format::U16, Value::small(65_535)),
        (Format::I16, Value::small(-2)),
        (Format::U32, Value::small(4_294_967_295)),
        (Format::I32, Value::small(-3)),
        (Format::U64, Value::small(9)),
        (Format::I64, Value::int(&heap, i64::MIN)),
        (Format::F32, Value::float(&heap, 0.5)),
        (Format::F64, Value::float(&heap, -1.25)),
    ];
    for (format, value) in all {
        let cast = view.cast(&heap, format).unwrap();
        assert_eq!(cast.len(), Ok(16 / format.size()));
        cast.set_item(1, &value).unwrap();
        assert_eq!(cast.item(&heap, 1).unwrap(), value, "{format:?}");
        assert_eq!(
            cast.item(&heap, -1),
            cast.item(&heap, cast.len().unwrap() as isize - 1)
        );
        assert!(
            view.slice(&heap, None, None, 2)
                .unwrap()
                .cast(&heap, format)
                .is_err()
        );
    }
    let shorts = view.cast(&heap, Format::I16).unwrap();
    assert_eq!(
        shorts.cast(&heap, Format::I32).unwrap_err(),
        BufferError::CastFormats
    );
    let odd = view.slice(&heap, Some(1), None, 1).unwrap();
    assert_eq!(
        odd.cast(&heap, Format::I16).unwrap_err(),
        BufferError::CastLength
    );
    drop(view);
    let back = shorts.cast(&heap, Format::U8).unwrap();
    drop(shorts);
    assert_eq!(
        back.to_bytes().unwrap(),
        array.to_vec(),
        "a chain of casts keeps the export"
    );
}

#[test]
fn equality_is_by_content() {
    let heap = heap();
    let (first, a) = array(&heap, b"abc");
    let (_, b) = array(&heap, b"abc");
    let bytes = Value::from(Bytes::new(&heap, b"abc"));
    assert!(a.equals(&Value::from(&b)) && a.equals(&bytes));
    assert_eq!(bytes, Value::from(&a));
    assert_eq!(Value::from(&first), bytes);
    let signed = a.cast(&heap, Format::I8).unwrap();
    assert!(
        signed.equals(&Value::from(&b)),
        "items are compared, not formats"
    );
    a.set_item(0, &Value::small(200)).unwrap();
    assert!(!signed.equals(&Value::from(&a)));
    assert!(!a.equals(&Value::from(&b)) && !a.equals(&Value::NONE));
}

#[test]
fn hashes_are_kept_and_only_of_what_cannot_change() {
    let heap = heap();
    let bytes = Value::from(Bytes::new(&heap, b"abcd"));
    let view = MemoryView::new(&heap, &bytes).unwrap();
    let hash = view.hash().unwrap();
    assert_eq!(hash, exuvia_core::object::hash_value(&bytes));
    let late = MemoryView::new(&heap, &bytes).unwrap();
    let shorts = view.cast(&heap, Format::U16).unwrap();
    assert_eq!(shorts.hash(), Err(BufferError::HashFormat));
    view.release().unwrap();
    late.release().unwrap();
    assert_eq!(view.hash(), Ok(hash));
    assert_eq!(late.hash(), Err(BufferError::Released));
    let (_, writable) = array(&heap, b"abcd");
    assert_eq!(writable.hash(), Err(BufferError::HashWritable));
}

#[test]
fn views_hold_their_exporter_and_give_it_back() {
    let heap = heap();
    let bytes = Value::from(Bytes::new(&heap, b"abc"));
    let before = ref_count(&bytes);
    let view = MemoryView::new(&heap, &bytes).unwrap();
    assert!(ref_count(&bytes) > before);
    let during = ref_count(&bytes);
    let slice = view.slice(&heap, None, Some(1), 1).unwrap();
    assert_eq!(ref_count(&bytes), during, "a slice shares the export");
    drop((view, slice));
    assert_eq!(ref_count(&bytes), before);
    let weak = {
        let view = MemoryView::new(&heap, &bytes).unwrap();
        WeakRef::new(&view)
    };
    assert!(weak.is_dead());
}

#[test]
fn cycles_through_views_are_collected_and_end_the_export() {
    let heap = heap();
    let class = Class::builder(&heap, "Owner").build();
    let name = Str::intern(&heap, "view");
    let outside = ByteArray::new(&heap, b"abc");
    for _ in 0..10 {
        let owner = Class::instantiate(&class, &heap);
        let view =
            MemoryView::on_behalf(&heap, &Value::from(&outside), &Value::from(&owner)).unwrap();
        assert!(view.obj().unwrap().is(&Value::from(&owner)));
        let half = view.slice(&heap, None, None, 2).unwrap();
        owner.set_attr(&heap, &name, Value::from(view)).unwrap();
        owner
            .set_attr(&heap, &Str::intern(&heap, "half"), Value::from(half))
            .unwrap();
    }
    assert_eq!(outside.exports(), 10);
    assert_eq!(heap.collect_all(), 40); // owner, export, two views
    assert_eq!(outside.exports(), 0);
    outside.push(&heap, b'd').unwrap();
    let inside = ByteArray::new(&heap, b"abc");
    let owner = Class::instantiate(&class, &heap);
    let view = MemoryView::on_behalf(&heap, &Value::from(inside), &Value::from(&owner)).unwrap();
    owner.set_attr(&heap, &name, Value::from(view)).unwrap();
    drop(owner);
    assert_eq!(heap.collect_all(), 3);
    heap.verify().unwrap();
}

#[test]
fn raw_buffers_pin_their_view() {
    let heap = heap();
    let (array, view) = array(&heap, b"abcd");
    let raw = view.export().unwrap();
    assert_eq!(view.release(), Err(BufferError::InUse(1)));
    let text = view.release().unwrap_err().to_string();
    assert_eq!(text, "memoryview has 1 exported buffer");
    assert!(raw.as_slice().is_none());
    raw.as_cells().unwrap()[0].set(b'A');
    array.set(1, b'B').unwrap();
    assert_eq!(raw.as_cells().unwrap()[1].get(), b'B');
    let slice = view.slice(&heap, Some(2), None, 1).unwrap();
    slice.release().unwrap(); // Another view: not pinned.
    drop(raw);
    view.release().unwrap();
    assert_eq!(array.to_vec(), b"ABcd");
    let bytes = Value::from(Bytes::new(&heap, b"0123456789"));
    let tail = MemoryView::new(&heap, &bytes)
        .unwrap()
        .slice(&heap, Some(4), Some(7), 1)
        .unwrap();
    let raw = tail.export().unwrap();
    assert_eq!(raw.as_slice(), Some(&b"456"[..]));
    assert!(raw.as_cells().is_none());
}

#[test]
fn a_view_released_in_the_middle_of_an_operation_is_an_error() {
    let heap = super::builder().thresholds(1, 10, 10).build();
    let class = Class::builder(&heap, "Releaser")
        .finalizer(|this| {
            let heap = Gc::heap(this);
            let view = this.get_attr(&Str::intern(&heap, "view")).unwrap();
            let _ = view.as_memory_view().unwrap().release();
        })
        .build();
    let array = ByteArray::new(&heap, &[1; 64]);
    let view = MemoryView::new(&heap, &Value::from(&array)).unwrap();
    let view = view.cast(&heap, Format::F64).unwrap();
    let ring = Class::instantiate(&class, &heap);
    let me = Str::intern(&heap, "me");
    ring.set_attr(&heap, &me, Value::from(&ring)).unwrap();
    ring.set_attr(&heap, &Str::intern(&heap, "view"), Value::from(&view))
        .unwrap();
    drop(ring);
    // Bytes of items allocate no container; a function between them does.
    let mut seen = Vec::new();
    for index in 0..8 {
        drop(Function::new(&heap, "f", |_| Value::NONE, []));
        seen.push(view.item(&heap, index).is_ok());
    }
    assert!(seen.contains(&false), "the finalizer released the view");
    assert_eq!(array.len(), 64);
}

#[test]
fn a_bytearray_grows_by_an_eighth() {
    let heap = heap();
    let array = ByteArray::new(&heap, &[]);
    let mut capacities = Vec::new();
    for _ in 0..100 {
        array.push(&heap, 7).unwrap();
        if capacities.last() != Some(&array.capacity()) {
            capacities.push(array.capacity());
        }
    }
    assert!(
        capacities.len() < 20 && capacities.is_sorted(),
        "{capacities:?}"
    );
    array.resize(&heap, 10).unwrap();
    assert!(array.capacity() < 30);
    assert_eq!(array.to_vec(), [7; 10]);
}
