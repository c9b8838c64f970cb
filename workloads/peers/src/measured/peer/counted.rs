//! The peers whose handle owns what it refers to.

use std::cell::{Cell, RefCell};

use super::place::Place;
use super::{Cadence, Peer};

/// The parts that are the same in each: how nodes are made, linked, read and counted.
macro_rules! nodes_of {
    ($node:ty, $handle:ty) => {
        type Ref<'gc> = $handle;
        type Heap<'gc> = ();

        #[inline]
        fn node<'gc>(
            (): Self::Heap<'gc>,
            a: Option<Self::Ref<'gc>>,
            b: Option<Self::Ref<'gc>>,
            value: u64,
        ) -> Self::Ref<'gc> {
            <$handle>::new(<$node>::new(a, b, value))
        }

        #[inline]
        fn enter<R>(&mut self, work: impl for<'gc> FnOnce((), &mut Vec<$handle>) -> R) -> R {
            work((), &mut self.roots)
        }

        #[inline]
        fn value(node: &$handle) -> u64 {
            node.value
        }

        #[inline]
        fn a<'gc>(node: &Self::Ref<'gc>) -> Option<Self::Ref<'gc>> {
            node.a.lend(|held| held.cloned())
        }

        #[inline]
        fn set_a<'gc>((): Self::Heap<'gc>, node: &Self::Ref<'gc>, to: Option<Self::Ref<'gc>>) {
            node.a.put(to);
        }

        #[inline]
        fn set_b<'gc>((): Self::Heap<'gc>, node: &Self::Ref<'gc>, to: Option<Self::Ref<'gc>>) {
            node.b.put(to);
        }

        fn count(node: &$handle) -> u64 {
            let under = |held: Option<&$handle>| held.map_or(0, Self::count);
            1 + node.a.lend(under) + node.b.lend(under)
        }
    };
}

macro_rules! make_node {
    ($node:ty, $handle:ty) => {
        impl $node {
            #[inline]
            fn new(a: Option<$handle>, b: Option<$handle>, value: u64) -> Self {
                Self {
                    a: Place::holding(a),
                    b: Place::holding(b),
                    value,
                }
            }
        }
    };
}

/// `std::rc::Rc`: the floor of counting, which leaks every cycle.
pub(crate) struct StdRc {
    roots: Vec<std::rc::Rc<RcNode>>,
}

pub(crate) struct RcNode {
    a: Cell<Option<std::rc::Rc<RcNode>>>,
    b: Cell<Option<std::rc::Rc<RcNode>>>,
    value: u64,
}

const _: () = assert!(size_of::<RcNode>() == 24);
make_node!(RcNode, std::rc::Rc<RcNode>);

impl Peer for StdRc {
    const FREES_CYCLES: bool = false;
    nodes_of!(RcNode, std::rc::Rc<RcNode>);

    fn new() -> Self {
        StdRc { roots: Vec::new() }
    }

    fn collect(&mut self) -> Option<usize> {
        None
    }
}

/// gcmodule: CPython's trial deletion over one list, without generations; never begins by itself.
pub(crate) struct GcModule {
    roots: Vec<gcmodule::Cc<ModuleNode>>,
    cadence: Cadence,
}

pub(crate) struct ModuleNode {
    a: Cell<Option<gcmodule::Cc<ModuleNode>>>,
    b: Cell<Option<gcmodule::Cc<ModuleNode>>>,
    value: u64,
}

const _: () = assert!(size_of::<ModuleNode>() == 24);
make_node!(ModuleNode, gcmodule::Cc<ModuleNode>);

impl gcmodule::Trace for ModuleNode {
    fn trace(&self, tracer: &mut gcmodule::Tracer) {
        self.a
            .lend(|held| held.inspect(|node| node.trace(tracer)).is_some());
        self.b
            .lend(|held| held.inspect(|node| node.trace(tracer)).is_some());
    }

    fn is_type_tracked() -> bool {
        true
    }
}

impl Peer for GcModule {
    nodes_of!(ModuleNode, gcmodule::Cc<ModuleNode>);

    fn new() -> Self {
        GcModule {
            roots: Vec::new(),
            cadence: Cadence::default(),
        }
    }

    fn collect(&mut self) -> Option<usize> {
        Some(gcmodule::collect_thread_cycles())
    }

    fn pace(&mut self, allocations: usize) {
        if self.cadence.is_due(allocations) {
            gcmodule::collect_thread_cycles();
        }
    }
}

/// bacon_rajan_cc: candidate buffers of Bacon and Rajan; never begins by itself.
pub(crate) struct Bacon {
    roots: Vec<bacon_rajan_cc::Cc<BaconNode>>,
    cadence: Cadence,
}

pub(crate) struct BaconNode {
    a: RefCell<Option<bacon_rajan_cc::Cc<BaconNode>>>,
    b: RefCell<Option<bacon_rajan_cc::Cc<BaconNode>>>,
    value: u64,
}

make_node!(BaconNode, bacon_rajan_cc::Cc<BaconNode>);

impl bacon_rajan_cc::Trace for BaconNode {
    fn trace(&self, tracer: &mut bacon_rajan_cc::Tracer) {
        // It may come back to a node that it is still tracing, so nothing may be taken out of a cell.
        self.a.trace(tracer);
        self.b.trace(tracer);
    }
}

impl Peer for Bacon {
    nodes_of!(BaconNode, bacon_rajan_cc::Cc<BaconNode>);

    fn new() -> Self {
        Bacon {
            roots: Vec::new(),
            cadence: Cadence::default(),
        }
    }

    fn collect(&mut self) -> Option<usize> {
        bacon_rajan_cc::collect_cycles();
        None
    }

    fn pace(&mut self, allocations: usize) {
        if self.cadence.is_due(allocations) {
            bacon_rajan_cc::collect_cycles();
        }
    }
}

/// rust-cc: a list of candidates, a byte threshold.
pub(crate) struct RustCc {
    roots: Vec<rust_cc::Cc<CcNode>>,
}

#[derive(rust_cc::Trace, rust_cc::Finalize)]
pub(crate) struct CcNode {
    a: RefCell<Option<rust_cc::Cc<CcNode>>>,
    b: RefCell<Option<rust_cc::Cc<CcNode>>>,
    value: u64,
}

make_node!(CcNode, rust_cc::Cc<CcNode>);

impl Peer for RustCc {
    nodes_of!(CcNode, rust_cc::Cc<CcNode>);

    fn new() -> Self {
        RustCc { roots: Vec::new() }
    }

    fn collect(&mut self) -> Option<usize> {
        rust_cc::collect_cycles();
        None
    }

    fn automatic(&mut self, on: bool) {
        rust_cc::config::config(|config| config.set_auto_collect(on))
            .expect("no collection is running");
    }
}

/// dumpster, for one thread: candidates in a hash map.
pub(crate) struct Dumpster {
    roots: Vec<dumpster::unsync::Gc<DumpsterNode>>,
}

#[derive(dumpster::Trace)]
pub(crate) struct DumpsterNode {
    a: RefCell<Option<dumpster::unsync::Gc<DumpsterNode>>>,
    b: RefCell<Option<dumpster::unsync::Gc<DumpsterNode>>>,
    value: u64,
}

make_node!(DumpsterNode, dumpster::unsync::Gc<DumpsterNode>);

impl Peer for Dumpster {
    nodes_of!(DumpsterNode, dumpster::unsync::Gc<DumpsterNode>);

    fn new() -> Self {
        Dumpster { roots: Vec::new() }
    }

    fn collect(&mut self) -> Option<usize> {
        dumpster::unsync::collect();
        None
    }

    fn automatic(&mut self, on: bool) {
        use dumpster::unsync::{default_collect_condition, set_collect_condition};
        if on {
            set_collect_condition(default_collect_condition);
        } else {
            set_collect_condition(|_| false);
        }
    }
}

/// gc: counted roots, mark and sweep, a byte threshold.
pub(crate) struct RustGc {
    roots: Vec<gc::Gc<GcNode>>,
}

#[derive(gc::Trace, gc::Finalize)]
pub(crate) struct GcNode {
    a: gc::GcCell<Option<gc::Gc<GcNode>>>,
    b: gc::GcCell<Option<gc::Gc<GcNode>>>,
    value: u64,
}

make_node!(GcNode, gc::Gc<GcNode>);

impl Peer for RustGc {
    const TRACES: bool = true;
    nodes_of!(GcNode, gc::Gc<GcNode>);

    fn new() -> Self {
        RustGc { roots: Vec::new() }
    }

    fn collect(&mut self) -> Option<usize> {
        gc::force_collect();
        None
    }

    fn automatic(&mut self, on: bool) {
        /// Bytes at which the crate begins as it is shipped.
        const SHIPPED: usize = 100;
        gc::configure(|config| config.threshold = if on { SHIPPED } else { usize::MAX });
    }
}

/// boa_gc: counted roots found in a table of all objects, mark and sweep; always automatic.
pub(crate) struct Boa {
    roots: Vec<boa_gc::Gc<BoaNode>>,
}

#[derive(boa_gc::Trace, boa_gc::Finalize)]
pub(crate) struct BoaNode {
    a: Cell<Option<boa_gc::Gc<BoaNode>>>,
    b: Cell<Option<boa_gc::Gc<BoaNode>>>,
    value: u64,
}

const _: () = assert!(size_of::<BoaNode>() == 24);
make_node!(BoaNode, boa_gc::Gc<BoaNode>);

impl Peer for Boa {
    const TRACES: bool = true;
    nodes_of!(BoaNode, boa_gc::Gc<BoaNode>);

    fn new() -> Self {
        Boa { roots: Vec::new() }
    }

    fn collect(&mut self) -> Option<usize> {
        boa_gc::force_collect();
        None
    }
}
