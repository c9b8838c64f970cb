//! Wide collections by several threads.
//!
//! The heap's own thread stands still inside a phase and lends pages to the
//! others, a few at a time. What a thread may touch:
//!
//! | phase | headers of the page it took | other headers | values |
//! | --- | --- | --- | --- |
//! | `fill`, `settle` | as it likes | none | none |
//! | `subtract` | their scratch words, atomically | the same | those of its page |
//! | `mark` | the same | the same | of the object it claimed |
//! | an inspection | reads | reads | those of its part |
//!
//! Nobody writes a count, a page's metadata or a list of the heap meanwhile. A
//! phase ends when all threads have ended it. What may depend on the order of
//! visits is left to the heap's own thread, afterwards and in the usual order:
//! pages whose objects may turn out untracked, objects outside of pages, the
//! ephemerons of keys. So a parallel collection leaves the very same heap.
//!
//! In `subtract` the marks stand for other things than alone: `Candidate` for
//! *edges to be subtracted*, `Grey` for *subtracted already by the closure*, so
//! that no thread needs to write down which of its own objects are done.

mod mark;
mod visitors;

use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::header::{GENERATION_MASK, Header, IMMORTAL, Mark, UNTRACKED};
use super::promote::untracks_by_now;
use super::settle::Settling;
use super::wide;
use super::work::Work;
use crate::alloc::page::{Page, PageKind};
use crate::heap::core::HeapCore;
pub(super) use mark::move_unreachable;
use visitors::Breaches;
pub(crate) use visitors::{MarkShared, SubtractShared, subtract_page};

/// Objects in the collected generations below which a second thread costs more
/// than it saves.
const WORTH: usize = 100_000;
/// Pages that a thread takes at a time.
const PORTION: usize = 4;

/// Threads for a wide collection of all generations up to `oldest`.
pub(super) fn threads(core: &HeapCore, oldest: i32) -> usize {
    if core.threads < 2 || oldest < 0 {
        return 1;
    }
    let mut objects = 0;
    wide::each_page(core, oldest, |page| objects += page.live() as usize);
    threads_for(core, objects)
}

/// Threads for a wide collection, or an inspection, of so many objects.
pub(crate) fn threads_for(core: &HeapCore, objects: usize) -> usize {
    if objects < core.parallel_above.get().unwrap_or(WORTH) {
        1
    } else {
        core.threads.max(1)
    }
}

/// Lets other threads use what belongs to the heap's thread, which waits.
struct Lent<T>(T);

impl<T: Copy> Lent<T> {
    /// By a method, so that closures take the whole of it.
    fn get(&self) -> T {
        self.0
    }
}

// SAFETY: only made in this module and for its phases, whose table above says
// what each thread may touch; results come back after the threads have ended.
unsafe impl<T> Send for Lent<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Lent<T> {}

/// Pages to be worked off.
struct Pages {
    pages: Lent<Vec<NonNull<Page>>>,
    next: AtomicUsize,
}

impl Pages {
    fn new(pages: Vec<NonNull<Page>>) -> Pages {
        Pages {
            pages: Lent(pages),
            next: AtomicUsize::new(0),
        }
    }

    /// Visits pages that no other thread has taken until there are none.
    fn each(&self, mut visit: impl FnMut(usize, &Page)) {
        let pages = &self.pages.0;
        loop {
            let from = self.next.fetch_add(PORTION, Ordering::Relaxed);
            if from >= pages.len() {
                return;
            }
            for (index, page) in pages.iter().enumerate().skip(from).take(PORTION) {
                // SAFETY: listed pages stand in mapped arenas.
                visit(index, unsafe { page.as_ref() });
            }
        }
    }
}

/// Runs `part` on `threads` threads, this one among them, and returns what each
/// gave. Should the pool have fewer, the parts run one after the other; no part
/// waits for one that has not begun. A panic is handed on when all have ended.
fn on_threads<R>(threads: usize, part: impl Fn() -> R + Sync) -> Vec<R> {
    let results = Mutex::new(Vec::new());
    let run = || {
        let result = Lent(part());
        if let Ok(mut results) = results.lock() {
            results.push(result);
        }
    };
    rayon::in_place_scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|_| run());
        }
        run();
    });
    let results = results.into_inner().unwrap_or_default();
    results.into_iter().map(|Lent(result)| result).collect()
}

/// What `map` makes of each part, in the order of the parts.
///
/// # Safety
/// 1. `map` keeps to the last row of the table above: it changes nothing but through atomics and locks, and visits no
///    value that it visits for another part.
pub(crate) unsafe fn map_parts<T, R>(threads: usize, parts: &[T], map: impl Fn(&T) -> R) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let lent = Lent((parts, &map));
    let done = on_threads(threads.min(parts.len()), || {
        let (parts, map) = lent.get();
        let mut mine = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = parts.get(index) else {
                return mine;
            };
            mine.push((index, map(part)));
        }
    });
    let mut done: Vec<(usize, R)> = done.into_iter().flatten().collect();
    done.sort_unstable_by_key(|&(index, _)| index);
    done.into_iter().map(|(_, result)| result).collect()
}

fn pages_of(core: &HeapCore, oldest: i32, mut wanted: impl FnMut(&Page) -> bool) -> Pages {
    let mut pages = Vec::new();
    wide::each_page(core, oldest, |page| {
        if wanted(page) {
            pages.push(NonNull::from(page));
        }
    });
    Pages::new(pages)
}

/// Makes every object of the collected generations a candidate.
pub(super) fn fill(core: &HeapCore, work: &mut Work) {
    let oldest = work.oldest;
    let mut asks = Vec::new();
    let pages = pages_of(core, oldest, |page| {
        let collected = i32::from(page.floor.get()) <= oldest;
        let untracks = wide::may_untrack(page);
        if collected && untracks {
            asks.push(NonNull::from(page));
        }
        collected && !untracks
    });
    let lent = Lent(core);
    let parts = on_threads(work.threads, || {
        let mut part = Work::new(lent.get(), oldest);
        pages.each(|_, page| enlist_page(&mut part, page, false));
        part
    });
    for part in parts {
        work.examined += part.examined;
        work.large_counts.extend(part.large_counts);
    }
    Pages::new(asks).each(|_, page| enlist_page(work, page, true));
    wide::each_registered(core, oldest, |object| enlist(work, object, true));
    work.candidates = Vec::new();
    work.filled = true;
}

fn enlist_page(work: &mut Work, page: &Page, may_untrack: bool) {
    for object in page.headers().filter_map(NonNull::new) {
        enlist(work, object, may_untrack);
    }
}

/// Makes an object a candidate whose edges are to be subtracted, unless that
/// was done.
#[inline]
fn enlist(work: &mut Work, object: NonNull<Header>, may_untrack: bool) {
    // SAFETY: headers of pages and registry are initialised.
    let header = unsafe { object.as_ref() };
    if header.word.get() == 0 || header.word.get() & IMMORTAL != 0 {
        return;
    }
    let scratch = header.scratch.get();
    if header.is_marked(Mark::Candidate) {
        header.set_mark(Mark::Grey);
    } else if header.is_marked(Mark::Pending) {
        header.set_mark(Mark::Candidate);
    } else if header.is_marked(Mark::None)
        && scratch & UNTRACKED == 0
        && (scratch & GENERATION_MASK).cast_signed() <= work.oldest
    {
        // SAFETY: not vacant, hence live.
        if may_untrack && unsafe { untracks_by_now(header) } {
            header.set(UNTRACKED);
        } else {
            work.mark_candidate(object);
            header.set_mark(Mark::Candidate);
        }
    }
}

/// Subtracts the edges of every candidate that still awaits it.
pub(super) fn subtract(core: &HeapCore, work: &mut Work) {
    let breaches = Breaches::new(std::mem::take(&mut work.large_counts));
    let pages = pages_of(core, work.oldest, |_| true);
    on_threads(work.threads, || {
        let mut visitor = SubtractShared::new(&breaches);
        pages.each(|_, page| subtract_in(page, &mut visitor));
        visitor.finish();
    });
    let mut visitor = SubtractShared::new(&breaches);
    wide::each_registered(core, work.oldest, |object| {
        // SAFETY: registered objects are live.
        unsafe { visitor.subtract_edges(object.as_ptr()) };
    });
    visitor.finish();
    work.breach = breaches.found();
}

fn subtract_in(page: &Page, visitor: &mut SubtractShared<'_>) {
    // SAFETY: a typed page has a type, which is that of its objects; headers of
    // carved blocks are initialised.
    unsafe {
        if page.kind.get() == PageKind::Typed {
            ((*page.info.get()).trace.subtract_page_shared)(page, visitor);
        } else {
            for header in page.headers() {
                visitor.subtract_edges(header);
            }
        }
    }
}

/// Settles every survivor and gathers the trash, in the order of pages.
pub(super) fn settle(core: &HeapCore, threads: usize, settling: &mut Settling) {
    let generation = settling.generation();
    let pages = pages_of(core, generation as i32, |_| true);
    let lent = Lent(core);
    let parts = on_threads(threads, || {
        let mut parts = Vec::new();
        pages.each(|index, page| {
            if !wide::may_untrack(page) {
                let mut part = Settling::new(lent.get(), generation);
                part.visit_page(page);
                parts.push((index, part));
            }
        });
        parts
    });
    let mut parts: Vec<_> = parts.into_iter().flatten().collect();
    parts.sort_unstable_by_key(|&(index, _)| index);
    let mut parts = parts.into_iter().peekable();
    for (index, page) in pages.pages.0.iter().enumerate() {
        // SAFETY: listed pages stand in mapped arenas.
        let page = unsafe { page.as_ref() };
        match parts.next_if(|&(at, _)| at == index) {
            Some((_, part)) => settling.take_over(part),
            None => settling.visit_page(page),
        }
        settling.end_page(page);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{Gc, Heap};

    #[test]
    fn small_heaps_and_single_threads_stay_with_one() {
        let of = |threads: usize| Heap::builder().enabled(false).threads(threads).build();
        let heap = of(3);
        assert_eq!(threads_for(heap.core(), WORTH - 1), 1);
        assert_eq!(threads_for(heap.core(), WORTH), 3);
        heap.examine_in_parallel_above(Some(100));
        assert_eq!(threads_for(heap.core(), 99), 1);
        assert_eq!(threads_for(heap.core(), 100), 3);
        let lists: Vec<Gc<Option<Gc<u64>>>> = (0..400).map(|_| heap.alloc(None)).collect();
        assert_eq!(threads(heap.core(), 2), 3);
        assert_eq!(threads(heap.core(), 0), 3);
        assert_eq!(threads(heap.core(), -1), 1, "a second look at trash");
        heap.examine_in_parallel_above(Some(1000));
        assert_eq!(threads(heap.core(), 2), 1);
        drop(lists);
        let (one, two) = (of(1), of(2));
        for heap in [&one, &two] {
            heap.examine_in_parallel_above(Some(0));
        }
        assert_eq!(threads(one.core(), 2), 1);
        assert_eq!(threads(two.core(), 2), 2);
    }

    #[test]
    fn every_thread_has_its_part_and_every_page_one_thread() {
        let heap = Heap::builder().enabled(false).threads(3).build();
        let lists: Vec<Gc<[Option<Gc<u64>>; 30]>> = (0..6000)
            .map(|_| heap.alloc([const { None }; 30]))
            .collect();
        let pages = pages_of(heap.core(), 2, |_| true);
        let expected: Vec<_> = pages.pages.0.iter().copied().enumerate().collect();
        assert!(expected.len() > 4 * PORTION, "{}", expected.len());
        let parts = on_threads(3, || {
            let mut seen = Vec::new();
            pages.each(|index, page| seen.push((index, NonNull::from(page))));
            Lent(seen)
        });
        assert_eq!(parts.len(), 3);
        let mut seen = BTreeMap::new();
        for (index, page) in parts.into_iter().flat_map(|Lent(part)| part) {
            assert_eq!(seen.insert(index, page), None, "visited twice");
        }
        assert!(seen.into_iter().eq(expected));
        assert_eq!(pages_of(heap.core(), 2, |_| false).pages.0.len(), 0);
        drop(lists);
    }
}
