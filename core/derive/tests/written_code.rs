//! What the derive writes, compiled against a small stand-in of `exuvia_core` that records visits, and run.

#![deny(warnings)]

/// A stand-in of the core's traits: an edge is a number, a visitor the list of edges it saw.
mod stand_in {
    pub(crate) trait Visitor {
        fn edge(&mut self, edge: u32);
        fn at_field(&mut self, _name: &'static str) {}
    }

    impl Visitor for Vec<u32> {
        fn edge(&mut self, edge: u32) {
            self.push(edge);
        }
    }

    /// The shape of the core's trait.
    ///
    /// # Safety
    ///
    /// None here: a list of numbers cannot be misused.
    pub(crate) unsafe trait Trace: Sized + 'static {
        const HOLDS: bool = true;
        const QUIET_DROP: bool = !std::mem::needs_drop::<Self>();
        const SPREAD: u32 = 0;
        const EDGES_ONLY: bool = !std::mem::needs_drop::<Self>();
        const FINALIZE: Option<fn(&Gc<Self>)> = None;
        fn trace<V: Visitor>(&self, visitor: &mut V);
    }

    pub(crate) trait Finalize: Trace {
        fn finalize(this: &Gc<Self>);
    }

    pub(crate) struct Gc<T>(pub(crate) T);

    /// A reference, told apart by its number.
    pub(crate) struct Edge(pub(crate) u32);

    impl Drop for Edge {
        /// Makes an edge something that must be dropped, like a counted handle.
        fn drop(&mut self) {}
    }

    // SAFETY: visits its one edge once.
    unsafe impl Trace for Edge {
        const QUIET_DROP: bool = true;
        const EDGES_ONLY: bool = true;
        fn trace<V: Visitor>(&self, visitor: &mut V) {
            visitor.edge(self.0);
        }
    }

    // SAFETY: holds no edge.
    unsafe impl Trace for u64 {
        const HOLDS: bool = false;
        fn trace<V: Visitor>(&self, _: &mut V) {}
    }

    // SAFETY: visits each item once.
    unsafe impl<T: Trace> Trace for Vec<T> {
        const HOLDS: bool = T::HOLDS;
        const QUIET_DROP: bool = T::QUIET_DROP;
        fn trace<V: Visitor>(&self, visitor: &mut V) {
            self.iter().for_each(|item| item.trace(visitor));
        }
    }
}

#[forbid(unsafe_code)]
mod derived {
    use super::stand_in::{self, Edge, Finalize, Gc, Trace};
    use exuvia_derive::Trace;
    use std::cell::Cell;

    fn visited<T: Trace>(value: &T) -> Vec<u32> {
        let mut seen = Vec::new();
        value.trace(&mut seen);
        seen
    }

    #[derive(Trace)]
    #[trace(crate = stand_in)]
    struct Named {
        first: Edge,
        number: u64,
        second: Vec<Edge>,
    }

    #[derive(Trace)]
    #[trace(crate = stand_in)]
    struct Tuple(Edge, u64, Edge);

    #[derive(Trace)]
    #[trace(crate = crate::stand_in)]
    struct Unit;

    #[derive(Trace)]
    #[trace(crate = stand_in)]
    enum Choice {
        Nothing,
        Tuple(Edge, u64, Edge),
        Named { left: Edge, right: Edge },
    }

    #[derive(Trace)]
    #[trace(crate = stand_in)]
    enum Never {}

    #[derive(Trace)]
    #[trace(crate = stand_in)]
    struct Generic<T, const N: usize = 1>
    where
        T: Clone,
    {
        item: Vec<T>,
    }

    #[derive(Trace)]
    #[trace(crate = stand_in)]
    struct Bounded<V: Trace>(V);

    #[test]
    fn fields_are_visited_once_in_the_order_of_declaration() {
        let named = Named {
            first: Edge(1),
            number: 7,
            second: vec![Edge(2), Edge(3)],
        };
        assert_eq!(visited(&named), [1, 2, 3]);
        assert_eq!(named.number, 7);
        assert_eq!(visited(&Tuple(Edge(4), 0, Edge(5))), [4, 5]);
        assert_eq!(visited(&Unit), []);
        assert_eq!(visited(&Bounded(Edge(6))), [6]);
    }

    #[test]
    fn only_the_live_variant_is_visited() {
        assert_eq!(visited(&Choice::Nothing), []);
        assert_eq!(visited(&Choice::Tuple(Edge(1), 0, Edge(2))), [1, 2]);
        let named = Choice::Named {
            left: Edge(3),
            right: Edge(4),
        };
        assert_eq!(visited(&named), [3, 4]);
    }

    #[derive(Trace)]
    #[trace(crate = stand_in)]
    struct Numbers(u64, Vec<u64>);

    #[test]
    fn holds_is_true_only_if_a_visited_field_holds() {
        let derived = [
            (Named::HOLDS, true),
            (Choice::HOLDS, true),
            (Unit::HOLDS, false),
            (Never::HOLDS, false),
            (Numbers::HOLDS, false),
            (Generic::<u64>::HOLDS, false),
            (Leafy::HOLDS, false),
            (Recursive::HOLDS, true),
            (Even::HOLDS, true),
        ];
        for (index, (holds, expected)) in derived.into_iter().enumerate() {
            assert_eq!(holds, expected, "type {index}");
        }
        assert_eq!(visited(&Numbers(1, vec![2])), []);
        let generic = Generic::<u64> { item: vec![1] };
        assert_eq!(visited(&generic), []);
    }

    #[derive(Trace)]
    #[trace(crate = stand_in)]
    struct Noisy {
        edge: Edge,
        #[trace(leaf)]
        text: String,
    }

    #[test]
    fn a_drop_gives_up_edges_only_if_that_is_all_that_every_field_does() {
        let derived = [
            (Tuple::EDGES_ONLY, true),
            (Choice::EDGES_ONLY, true),
            (Unit::EDGES_ONLY, true),
            (Bounded::<Edge>::EDGES_ONLY, true),
            (Bounded::<u64>::EDGES_ONLY, true),
            (Named::EDGES_ONLY, false), // A buffer to be freed.
            (Noisy::EDGES_ONLY, false),
            (WholeLeaf::<u64>::EDGES_ONLY, false),
            (Recursive::EDGES_ONLY, false),
        ];
        for (index, (only, expected)) in derived.into_iter().enumerate() {
            assert_eq!(only, expected, "type {index}");
        }
    }

    #[test]
    fn a_drop_is_quiet_if_every_field_is_and_no_leaf_needs_one() {
        let derived = [
            (Named::QUIET_DROP, true),
            (Choice::QUIET_DROP, true),
            (Generic::<u64>::QUIET_DROP, true),
            (Leafy::QUIET_DROP, true),
            (Noisy::QUIET_DROP, false),
            (WholeLeaf::<u64>::QUIET_DROP, false),
            (Recursive::QUIET_DROP, false),
            (Even::QUIET_DROP, false),
        ];
        for (index, (quiet, expected)) in derived.into_iter().enumerate() {
            assert_eq!(quiet, expected, "type {index}");
        }
        let noisy = Noisy {
            edge: Edge(1),
            text: String::new(),
        };
        assert_eq!(visited(&noisy), [1]);
        assert!(noisy.text.is_empty());
    }

    struct NotTraced(Cell<u32>);

    #[derive(Trace)]
    #[trace(crate = stand_in)]
    struct Leafy {
        #[trace(leaf)]
        cell: NotTraced,
        number: u64,
    }

    #[derive(Trace)]
    #[trace(crate = stand_in, leaf)]
    struct WholeLeaf<T> {
        edge: Edge,
        other: Option<T>,
    }

    impl<T> Drop for WholeLeaf<T> {
        fn drop(&mut self) {
            self.edge.0 = 0;
        }
    }

    #[test]
    fn a_leaf_is_not_visited_and_a_leaf_type_may_implement_drop() {
        let leafy = Leafy {
            cell: NotTraced(Cell::new(1)),
            number: 2,
        };
        assert_eq!(visited(&leafy), []);
        assert_eq!(leafy.cell.0.get() + 1, 2);
        assert_eq!(leafy.number, 2);
        let whole = WholeLeaf {
            edge: Edge(1),
            other: Some(NotTraced(Cell::new(0))),
        };
        assert_eq!(visited(&whole), []);
        assert!(whole.other.is_some());
        let holds = [WholeLeaf::<u8>::HOLDS];
        assert_eq!(holds, [false]);
    }

    #[derive(Trace)]
    #[trace(crate = stand_in)]
    struct Recursive(Vec<Recursive>);

    #[derive(Trace)]
    #[trace(crate = stand_in, holds)]
    struct Even(Vec<Odd>);

    #[derive(Trace)]
    #[trace(crate = stand_in)]
    struct Odd(Vec<Even>);

    #[test]
    fn types_that_contain_themselves_or_each_other_compile() {
        assert_eq!(visited(&Recursive(vec![Recursive(vec![])])), []);
        assert_eq!(visited(&Even(vec![Odd(vec![])])), []);
    }

    thread_local!(static FINALIZED: Cell<u32> = const { Cell::new(0) });

    #[derive(Trace)]
    #[trace(crate = stand_in)]
    #[trace(finalize)]
    struct Finalized(u64);

    impl Finalize for Finalized {
        fn finalize(_: &Gc<Self>) {
            FINALIZED.set(FINALIZED.get() + 1);
        }
    }

    #[test]
    fn the_finalizer_is_the_types_own() {
        assert!(Named::FINALIZE.is_none());
        let finalize = Finalized::FINALIZE.expect("declared");
        finalize(&Gc(Finalized(1)));
        assert_eq!(FINALIZED.get(), 1);
        assert_eq!(Gc(Finalized(3)).0.0, 3);
    }

    macro_rules! declare {
        ($name:ident, $($field:ident: $ty:ty),*; $module:ident, $variant:ident) => {
            #[derive(Trace)]
            #[trace(crate = stand_in)]
            struct $name { $($field: $ty,)* inner: Edge }

            mod $module {
                use crate::stand_in::{self, Edge};
                #[derive(exuvia_derive::Trace)]
                #[trace(crate = stand_in)]
                pub(super) enum Of { $variant { $($field: $ty),* } }
            }
        };
    }
    declare!(InMacro, field_0: Edge, visitor: Edge; in_enum, Variant);

    #[test]
    fn name_and_parameters_tell_types_of_one_shape_apart() {
        let spreads = [
            Named::SPREAD,
            Tuple::SPREAD,
            Generic::<u64>::SPREAD,
            Generic::<Vec<u64>>::SPREAD,
            Generic::<u64, 2>::SPREAD,
            Bounded::<Named>::SPREAD,
            Bounded::<Tuple>::SPREAD,
            WholeLeaf::<u64>::SPREAD,
        ];
        let different: std::collections::BTreeSet<u32> = spreads.into_iter().collect();
        assert_eq!(different.len(), spreads.len());
    }

    #[test]
    fn the_derive_works_inside_macro_rules_with_any_field_name() {
        let value = InMacro {
            field_0: Edge(1),
            visitor: Edge(2),
            inner: Edge(3),
        };
        assert_eq!(visited(&value), [1, 2, 3]);
        let value = in_enum::Of::Variant {
            field_0: Edge(4),
            visitor: Edge(5),
        };
        assert_eq!(visited(&value), [4, 5]);
    }

    /// Types and variants named like items of the prelude, with nothing else in scope.
    #[allow(dead_code, reason = "most of it only has to compile")]
    mod shadowed {
        use crate::stand_in::{self as root, Edge};

        #[derive(exuvia_derive::Trace)]
        #[trace(crate = root)]
        pub(super) struct Option<Some>(Edge, Some);

        #[derive(exuvia_derive::Trace)]
        #[trace(crate = root)]
        pub(super) enum Result {
            Ok(Edge),
            None,
        }

        #[derive(exuvia_derive::Trace)]
        #[trace(crate = root)]
        pub(super) struct Drop(Option<Edge>);

        #[derive(exuvia_derive::Trace)]
        #[trace(crate = root)]
        pub(super) struct Visitor(pub(super) Edge);

        #[derive(exuvia_derive::Trace)]
        #[trace(crate = root)]
        pub(super) struct Trace(Visitor);
    }

    #[test]
    fn types_may_be_named_like_items_of_the_prelude() {
        assert_eq!(visited(&shadowed::Result::Ok(Edge(1))), [1]);
        assert_eq!(visited(&shadowed::Result::None), []);
        assert_eq!(visited(&shadowed::Visitor(Edge(2))), [2]);
    }
}
