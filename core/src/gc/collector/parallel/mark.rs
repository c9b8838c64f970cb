//! Marking by several threads.
//!
//! Each scans pages for candidates that are held from outside, follows what it
//! finds through a stack of its own, and gives half of a long stack away when
//! another thread has nothing to do. An object is followed by the thread that
//! changed its mark.

use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::super::header::{COPY_ONE, HAS_WEAK, Header, MARK_MASK, Mark as State, PREFIXED};
use super::super::phases::{drain_grey, follow_key, scan};
use super::super::visitors::Mark;
use super::super::wide;
use super::super::work::Work;
use super::visitors::{MarkShared, is_candidate};
use super::{Lent, Pages, on_threads, pages_of};
use crate::alloc::page::{Page, describe, describe_as};
use crate::heap::core::HeapCore;

/// Objects followed between two looks at whether another thread wants work.
const STRIDE: u32 = 128;
/// Entries of a stack that are worth giving away.
const SPARE: usize = 64;

/// Marks what is held from outside of the candidates, and what that reaches.
pub(in super::super) fn move_unreachable(core: &HeapCore, work: &mut Work) {
    let exchange = Exchange::new(pages_of(core, work.oldest, |_| true));
    let lent = Lent(core);
    let oldest = work.oldest;
    let parts = on_threads(work.threads, || {
        let mut part = Part::new(&exchange, Work::new(lent.get(), oldest));
        part.run();
        let keys = std::mem::take(&mut part.keys);
        (part.work.live, part.work.grey_lost, keys)
    });
    let mut keys = Vec::new();
    let mut lost = false;
    for (live, part_lost, part_keys) in parts {
        work.live += live;
        lost |= part_lost;
        keys.extend(part_keys);
    }
    wide::each_registered(core, oldest, |object| {
        // SAFETY: registered objects are live.
        let header = unsafe { object.as_ref() };
        if header.is_marked(State::Grey) {
            header.set_mark(State::Candidate);
        }
        scan(work, object);
    });
    drain_grey(work);
    for key in keys {
        // SAFETY: found by following edges: live, with weak references.
        unsafe { follow_key(work, key) };
        drain_grey(work);
    }
    if lost {
        follow_again(work);
    }
}

/// A stack could not grow: follows every reachable object once more, alone.
#[cold]
fn follow_again(work: &mut Work) {
    work.each_candidate(|work, object| {
        // SAFETY: candidates are live objects.
        unsafe {
            let header = object.as_ref();
            if header.is_marked(State::Live) {
                let (info, bytes) = describe(header);
                (info.trace.mark)(header, bytes, &mut Mark { work });
                if header.has(HAS_WEAK) {
                    follow_key(work, object);
                }
                drain_grey(work);
            }
        }
    });
}

/// What the threads share: pages to scan, stacks to take over.
struct Exchange {
    pages: Pages,
    spare: Mutex<Vec<Lent<Vec<NonNull<Header>>>>>,
    /// Threads that may still give something away.
    active: AtomicUsize,
    /// Threads that have nothing to do.
    idle: AtomicUsize,
}

impl Exchange {
    fn new(pages: Pages) -> Exchange {
        Exchange {
            pages,
            spare: Mutex::default(),
            active: AtomicUsize::new(0),
            idle: AtomicUsize::new(0),
        }
    }

    /// A stack that was given away; whoever takes one is active again before
    /// anybody can see that it is gone.
    fn take(&self) -> Option<Vec<NonNull<Header>>> {
        let mut spare = self.spare.lock().ok()?;
        let Lent(stack) = spare.pop()?;
        self.active.fetch_add(1, Ordering::SeqCst);
        Some(stack)
    }
}

/// One thread's share of the marking.
struct Part<'a> {
    exchange: &'a Exchange,
    work: Work,
    /// Reachable objects with weak references: ephemerons may be among these.
    keys: Vec<NonNull<Header>>,
    followed: u32,
    active: bool,
}

impl Drop for Part<'_> {
    /// After a panic the others must not wait for this one.
    fn drop(&mut self) {
        self.rest();
    }
}

impl<'a> Part<'a> {
    fn new(exchange: &'a Exchange, work: Work) -> Part<'a> {
        exchange.active.fetch_add(1, Ordering::SeqCst);
        Part {
            exchange,
            work,
            keys: Vec::new(),
            followed: 0,
            active: true,
        }
    }

    fn rest(&mut self) {
        if std::mem::take(&mut self.active) {
            self.exchange.active.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn run(&mut self) {
        let exchange = self.exchange;
        exchange.pages.each(|_, page| self.scan_page(page));
        loop {
            while let Some(object) = self.work.next_grey() {
                self.follow(object);
            }
            self.rest();
            exchange.idle.fetch_add(1, Ordering::Relaxed);
            let taken = self.await_work();
            exchange.idle.fetch_sub(1, Ordering::Relaxed);
            match taken {
                Some(stack) => self.work.grey = stack,
                None => return,
            }
        }
    }

    /// A stack that another thread gave away; `None` when none can any more.
    fn await_work(&mut self) -> Option<Vec<NonNull<Header>>> {
        loop {
            if let Some(stack) = self.exchange.take() {
                self.active = true;
                return Some(stack);
            }
            if self.exchange.active.load(Ordering::SeqCst) == 0 {
                return None;
            }
            std::thread::yield_now();
        }
    }

    fn scan_page(&mut self, page: &Page) {
        for object in page.headers().filter_map(NonNull::new) {
            // SAFETY: headers of carved blocks are initialised.
            let header = unsafe { object.as_ref() };
            let scratch = header.shared_scratch().load(Ordering::Relaxed);
            if !is_candidate(scratch) || header.is_vacant() {
                continue;
            }
            if scratch & MARK_MASK == State::Grey as u32 {
                // Subtracted by the closure: a candidate like any other now.
                change_mark(header, scratch, State::Candidate);
            }
            if scratch >= COPY_ONE {
                self.push(object);
                while let Some(object) = self.work.next_grey_ahead() {
                    self.follow(object);
                }
            }
        }
    }

    fn push(&mut self, object: NonNull<Header>) {
        if !self.work.try_push_grey(object) {
            self.work.grey_lost = true;
            self.follow(object); // Nobody's edge leads back to it.
        }
    }

    #[inline]
    fn follow(&mut self, object: NonNull<Header>) {
        // SAFETY: the stack holds live objects.
        unsafe {
            let header = object.as_ref();
            let scratch = header.shared_scratch().load(Ordering::Relaxed);
            if !change_mark(header, scratch, State::Live) {
                return;
            }
            self.work.live += 1;
            let (info, bytes) = describe_as(header, scratch & PREFIXED != 0);
            let work = &mut self.work;
            (info.trace.mark_shared)(header, bytes, &mut MarkShared { work });
            if scratch & HAS_WEAK != 0 {
                self.keys.push(object);
            }
        }
        self.followed += 1;
        if self.followed.is_multiple_of(STRIDE) {
            self.give_away();
        }
    }

    /// Gives the older half of the stack to whoever has nothing to do.
    fn give_away(&mut self) {
        let half = self.work.grey.len() / 2;
        if half >= SPARE / 2
            && self.exchange.idle.load(Ordering::Relaxed) > 0
            && let Ok(mut spare) = self.exchange.spare.lock()
            && spare.is_empty()
        {
            spare.push(Lent(self.work.grey.drain(..half).collect()));
        }
    }
}

/// Changes the mark of a candidate, unless another thread found it reachable.
/// True when it was this one that changed it.
#[inline]
fn change_mark(header: &Header, seen: u32, mark: State) -> bool {
    let scratch = header.shared_scratch();
    let mut seen = seen;
    while is_candidate(seen) {
        let changed = seen & !MARK_MASK | mark as u32;
        let result =
            scratch.compare_exchange_weak(seen, changed, Ordering::Relaxed, Ordering::Relaxed);
        match result {
            Ok(_) => return true,
            Err(now) => seen = now,
        }
    }
    false
}
