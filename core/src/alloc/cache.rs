//! The way from a type and size class to the page that it allocates from,
//! without a look-up.
//!
//! A table of lines, in which a type has two. The first is chosen by what is
//! constant of the type and costs the fast path a comparison. Where another
//! type came before, the second serves, chosen by the address of the type's
//! table: a few instructions more. Only who shares a *second* line is up to the
//! linker; were it the first, moving a table would make one program 1.4 times
//! as slow and another faster.

use std::cell::Cell;
use std::ptr;

use super::page::Page;
use super::pools::pool_key;
use crate::gc::type_info::TypeInfo;

const LINES: usize = 256;

/// One line; key 0 is empty.
struct Line {
    key: Cell<usize>,
    page: Cell<*const Page>,
}

impl Line {
    /// The page that a key leads to, if the line is not another's.
    #[inline(always)]
    fn page(&self, key: usize) -> Option<*const Page> {
        (self.key.get() == key).then(|| self.page.get())
    }
}

pub(crate) struct PageCache {
    lines: [Line; LINES],
}

impl PageCache {
    pub(crate) fn new() -> PageCache {
        PageCache {
            lines: std::array::from_fn(|_| Line {
                key: Cell::new(0),
                page: Cell::new(ptr::null()),
            }),
        }
    }

    /// The page in the type's first line.
    #[inline(always)]
    pub(super) fn first(&self, info: &'static TypeInfo, class: usize) -> Option<*const Page> {
        self.lines[first_line(info, class)].page(pool_key(info, class))
    }

    /// The page in the type's second line.
    #[inline]
    pub(super) fn second(&self, info: &'static TypeInfo, class: usize) -> Option<*const Page> {
        self.lines[second_line(info, class)].page(pool_key(info, class))
    }

    /// Lets a type and class lead to `page`. Its first line is never taken from
    /// another, its second one is.
    pub(super) fn lead(&self, info: &'static TypeInfo, class: usize, page: *const Page) {
        let key = pool_key(info, class);
        let first = &self.lines[first_line(info, class)];
        let line = match first.key.get() {
            held if held == 0 || held == key => first,
            _ => &self.lines[second_line(info, class)],
        };
        line.key.set(key);
        line.page.set(page);
    }

    /// Forgets every page.
    pub(super) fn forget(&self) {
        for line in &self.lines {
            line.key.set(0);
        }
    }
}

#[inline(always)]
fn first_line(info: &'static TypeInfo, class: usize) -> usize {
    (usize::from(info.line) + class) % LINES
}

/// Never the first one. Tables are constants of about a hundred bytes, so
/// neighbours differ here.
#[inline]
fn second_line(info: &'static TypeInfo, class: usize) -> usize {
    let distance = 1 + (ptr::from_ref(info).addr() >> 5) % (LINES / 2);
    (first_line(info, class) + distance) % LINES
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::alloc::size_class::CLASSES;
    use crate::object::{
        BoundMethod, ByteArray, ClosureCell, Dict, Float, Generator, Int, List, MemoryView, Set,
        WeakRef,
    };
    use crate::{Gc, Trace, Visitor};

    /// Two tables alike in everything from which a line is chosen.
    struct Twin<const N: usize>(#[allow(dead_code)] u64);

    // SAFETY: it holds nothing.
    unsafe impl<const N: usize> Trace for Twin<N> {
        fn trace<V: Visitor>(&self, _: &mut V) {}
    }

    fn page(number: usize) -> *const Page {
        ptr::without_provenance(number)
    }

    #[test]
    fn a_type_leads_to_its_page_until_that_is_forgotten() {
        let cache = PageCache::new();
        let info = TypeInfo::of::<u64>();
        assert!(cache.first(info, 3).is_none());
        cache.lead(info, 3, page(1));
        cache.lead(info, 4, page(2));
        assert_eq!(
            [3, 4].map(|class| cache.first(info, class)),
            [Some(page(1)), Some(page(2))]
        );
        cache.lead(info, 3, page(3));
        assert_eq!(cache.first(info, 3), Some(page(3)));
        assert!(cache.second(info, 3).is_none(), "one line is enough");
        cache.forget();
        assert!(cache.first(info, 3).is_none());
    }

    #[test]
    fn who_comes_second_to_a_line_is_found_in_its_own_second_one() {
        let (one, other) = (TypeInfo::of::<Twin<1>>(), TypeInfo::of::<Twin<2>>());
        for class in 0..CLASSES {
            assert_eq!(first_line(one, class), first_line(other, class));
            assert_ne!(first_line(one, class), second_line(one, class));
            let cache = PageCache::new();
            cache.lead(one, class, page(1));
            cache.lead(other, class, page(2));
            cache.lead(one, class, page(3));
            cache.lead(other, class, page(4));
            assert_eq!(cache.first(one, class), Some(page(3)));
            assert!(cache.first(other, class).is_none());
            assert_eq!(cache.second(other, class), Some(page(4)));
            cache.forget();
            assert!(cache.second(other, class).is_none());
        }
    }

    #[test]
    fn second_lines_lie_behind_the_first_and_tell_like_types_apart() {
        let twins = [
            TypeInfo::of::<Twin<1>>(),
            TypeInfo::of::<Twin<2>>(),
            TypeInfo::of::<Twin<3>>(),
            TypeInfo::of::<Twin<4>>(),
            TypeInfo::of::<Twin<5>>(),
            TypeInfo::of::<Twin<6>>(),
        ];
        let distance =
            |info, class| (second_line(info, class) + LINES - first_line(info, class)) % LINES;
        for info in twins {
            for class in 0..CLASSES {
                assert!((1..=LINES / 2).contains(&distance(info, class)));
                assert_eq!(distance(info, class), distance(info, 0), "for all classes");
            }
        }
        let different: BTreeSet<_> = twins.iter().map(|info| second_line(info, 0)).collect();
        assert!(different.len() > 1, "{different:?}");
    }

    #[test]
    fn the_object_model_and_derived_types_have_lines_of_their_own() {
        #[derive(Trace)]
        #[trace(crate = crate)]
        struct Left(Option<Gc<u64>>);
        #[derive(Trace)]
        #[trace(crate = crate)]
        struct Right(Option<Gc<u64>>);
        #[derive(Trace)]
        #[trace(crate = crate)]
        struct Tagged<const N: usize>(Option<Gc<u64>>);
        #[derive(Trace)]
        #[trace(crate = crate)]
        struct Both<A, B>(A, B);
        let tables = [
            TypeInfo::of::<List>(),
            TypeInfo::of::<Dict>(),
            TypeInfo::of::<Int>(),
            TypeInfo::of::<Float>(),
            TypeInfo::of::<ClosureCell>(),
            TypeInfo::of::<Generator>(),
            TypeInfo::of::<WeakRef>(),
            TypeInfo::of::<Set>(),
            TypeInfo::of::<BoundMethod>(),
            TypeInfo::of::<ByteArray>(),
            TypeInfo::of::<MemoryView>(),
            TypeInfo::of::<Left>(),
            TypeInfo::of::<Right>(),
            TypeInfo::of::<Tagged<0>>(),
            TypeInfo::of::<Tagged<1>>(),
            TypeInfo::of::<Both<Left, Right>>(),
            TypeInfo::of::<Both<Right, Left>>(),
        ];
        let lines = tables.map(|info| first_line(info, 1));
        let different: BTreeSet<usize> = lines.into_iter().collect();
        assert_eq!(different.len(), lines.len(), "{lines:?}");
    }
}
