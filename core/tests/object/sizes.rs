//! The table of sizes in `docs/sizes.md`, measured.

use exuvia_core::Heap;
use exuvia_core::object::{
    BoundMethod, ByteArray, Bytes, Class, ClosureCell, Dict, Function, Generator, List, MemoryView,
    Set, Str, Tuple, Value, WeakProxy, WeakRef, size_of,
};

/// More objects than a type puts into shared pages, so that sizes are exact.
const WARM: usize = 40;

fn measured(make: impl Fn() -> Value) -> usize {
    let _warm: Vec<Value> = (0..WARM).map(|_| make()).collect();
    size_of(&make())
}

fn row(heap: &Heap, name: &str) -> usize {
    let names = ["a", "b", "c", "d", "e"];
    let class = Class::builder(heap, "C").build();
    let slots = Class::builder(heap, "S").slots(["a", "b"]).build();
    let interned = names.map(|name| Str::intern(heap, name));
    let filled = |class| {
        let instance = Class::instantiate(class, heap);
        for name in &interned[..2] {
            instance.set_attr(heap, name, Value::NONE).unwrap();
        }
        Value::from(instance)
    };
    let function = || Function::new(heap, "f", |_| Value::NONE, []);
    let of = |make: &dyn Fn() -> Value| measured(make);
    match name {
        "None, True, int of 61 bits" => size_of(&Value::NONE) + size_of(&Value::small(1 << 59)),
        "int of 64 bits" => of(&|| Value::int(heap, i64::MAX)),
        "float" => of(&|| Value::float(heap, 1.5)),
        "str of 0 characters" => of(&|| Value::str(heap, "")),
        "str of 13 ASCII characters" => of(&|| Value::str(heap, "thirteen char")),
        "bytes of 0" => of(&|| Bytes::new(heap, b"").into()),
        "bytes of 13" => of(&|| Bytes::new(heap, b"thirteen char").into()),
        "bytearray of 0" => of(&|| ByteArray::new(heap, b"").into()),
        "bytearray of 13" => of(&|| ByteArray::new(heap, b"thirteen char").into()),
        "memoryview" => of(&|| {
            let bytes = Value::from(Bytes::new(heap, b"x"));
            MemoryView::new(heap, &bytes).unwrap().into()
        }),
        "tuple of 0" => of(&|| {
            Tuple::new(
                heap,
                std::iter::empty::<Value>().collect::<Vec<_>>().into_iter(),
            )
            .into()
        }),
        "tuple of 2" => of(&|| Tuple::new(heap, [Value::NONE, Value::NONE].into_iter()).into()),
        "list of 0" => of(&|| List::new(heap).into()),
        "list of 10 by repetition" => of(&|| List::repeat(heap, &Value::NONE, 10).into()),
        "dict of 0" => of(&|| Dict::new(heap).into()),
        "dict of 5 string keys" => of(&|| {
            let dict = Dict::new(heap);
            for name in &interned {
                dict.insert(heap, Value::from(name), Value::NONE);
            }
            dict.into()
        }),
        "set of 0" => of(&|| Set::new(heap).into()),
        "set of 5 ints" => of(&|| Set::from_iter(heap, (0..5).map(Value::small)).into()),
        "instance with slots of 2" => of(&|| filled(&slots)),
        "instance with inline values of 2" => of(&|| filled(&class)),
        "function" => of(&|| function().into()),
        "bound method" => of(&|| BoundMethod::new(heap, Value::NONE, function()).into()),
        "cell" => of(&|| ClosureCell::new(heap, None).into()),
        "generator with a frame of one int" => {
            of(&|| Generator::from_fn(heap, 0_i64, |_, _| None).into())
        }
        "weak reference" => of(&|| WeakRef::new(&List::new(heap)).into()),
        "weak proxy" => of(&|| WeakProxy::of(&List::new(heap).into()).unwrap().into()),
        "class without attributes" => of(&|| Class::builder(heap, "D").build().into()),
        other => panic!("docs/sizes.md has a row {other:?} that this test does not know"),
    }
}

#[test]
fn the_table_of_sizes_is_what_is_measured() {
    if std::env::var_os("EXUVIA_TEST_MODE").is_some() {
        return; // Other modes round differently.
    }
    let table = include_str!("../../docs/sizes.md");
    let mut rows = 0;
    let mut wrong = Vec::new();
    for line in table.lines().filter(|line| line.starts_with("| ")).skip(1) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, name, here, cpython, _] = cells[..] else {
            panic!("not a row of three cells: {line}");
        };
        let heap = Heap::new();
        let written: usize = here.parse().unwrap();
        let found = row(&heap, name).next_multiple_of(16);
        if found != written {
            wrong.push(format!("{name}: {found} measured, {written} in the table"));
        }
        let theirs: usize = cpython.parse().unwrap();
        assert!(written <= theirs, "{name} takes more than in CPython");
        rows += 1;
    }
    assert!(wrong.is_empty(), "docs/sizes.md: {wrong:#?}");
    assert!(rows >= 25);
}
