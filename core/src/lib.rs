//! A CPython-style managed heap: reference counts, generational cycle collection, weak references, finalizers and a private heap.
