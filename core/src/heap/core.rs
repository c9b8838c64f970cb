//! The state of a heap and its lifetime.

use std::cell::{Cell, RefCell};
use std::ptr::{self, NonNull};

use super::Heap;
use super::builder::{HeapBuilder, Mode};
use super::debug_text::DebugSink;
use super::errors::{AllocError, HeapError};
use super::pauses::Histogram;
use super::records::{GenerationStats, Records};
use super::roots::RootTable;
use super::surface::{DebugFlags, Hooks};
use crate::alloc::arena::{Arena, PAGE_BYTES, PAGES, Region};
use crate::alloc::cache::PageCache;
use crate::alloc::page::{IN_SUSPECT, Page, PageKind, describe};
use crate::alloc::pools::Pools;
use crate::alloc::prefix::Prefix;
use crate::alloc::size_class::CLASSES;
use crate::alloc::source::Quarantine;
use crate::gc::collector::cycle::Bounded;
use crate::gc::handle::GcAny;
use crate::gc::header::{Header, Mark};
use crate::gc::type_info::TypeInfo;
use crate::gc::weak::Hashes;
use crate::inspect::tracemalloc::Site;
use crate::inspect::tracemalloc::recorder::Tracer;
use crate::object::runtime::ObjectRuntime;

/// Registry slot of leaf objects, behind the four generations.
const LEAVES: usize = 4;

/// Everything a heap knows. One thread, interior mutability throughout; no
/// borrow of a `RefCell` field is held while user code runs.
pub(crate) struct HeapCore {
    // What the allocation and drop paths touch, first.
    pub(crate) young_count: Cell<usize>,
    /// `young_count` above this asks for a collection; `usize::MAX` when
    /// automatic collection is off.
    pub(crate) trigger: Cell<usize>,
    pub(crate) depth: Cell<u32>,
    pub(crate) closed: Cell<bool>,
    /// The outermost death has more to do: a queue, or a closed heap.
    pub(crate) attention: Cell<bool>,
    pub(crate) collecting: Cell<bool>,
    pub(crate) mode: Mode,
    pub(crate) deferred: RefCell<Vec<NonNull<Header>>>,
    pub(crate) cache: PageCache,
    /// Current pages of buffers by size class; null where not known.
    pub(crate) buffer_pages: [Cell<*const Page>; CLASSES],

    handles: Cell<usize>,
    /// Set while the last handle runs its collection.
    closing: Cell<bool>,

    // Memory.
    pub(crate) pools: RefCell<Pools>,
    pub(crate) arenas: RefCell<Vec<NonNull<Arena>>>,
    pub(crate) partial_arenas: RefCell<Vec<NonNull<Arena>>>,
    /// Regions with room for another arena.
    pub(crate) regions: RefCell<Vec<NonNull<Region>>>,
    pub(crate) pages_in_use: Cell<usize>,
    pub(crate) source_objects: Cell<usize>,
    /// Blocks of objects that died while an incremental cycle had them listed.
    pub(crate) left_blocks: Cell<usize>,
    pub(crate) source_buffers: Cell<usize>,
    pub(crate) source_buffer_bytes: Cell<usize>,
    pub(crate) footprint_bytes: Cell<usize>,
    pub(crate) peak_footprint_bytes: Cell<usize>,
    pub(crate) side_table_bytes: Cell<usize>,
    pub(crate) weak_hashes: Hashes,
    limit_bytes: usize,
    /// Allocations left before an injected failure; `None` when off.
    pub(crate) fail_after: Cell<Option<usize>>,

    // Generations. Pages of generations 0 and 1 by list, the rest by arena;
    // objects outside pages by generation.
    pub(crate) young_pages: RefCell<Vec<*const Page>>,
    pub(crate) middle_pages: RefCell<Vec<*const Page>>,
    pub(crate) registry: RefCell<[Vec<*mut Header>; LEAVES + 1]>,
    suspect_pages: Cell<*const Page>,

    // The collector.
    pub(crate) enabled: Cell<bool>,
    pub(crate) collect_on_allocation: bool,
    pub(crate) thresholds: Cell<(usize, usize, usize)>,
    pub(crate) older_counts: Cell<[usize; 2]>,
    pub(crate) long_lived_total: Cell<usize>,
    pub(crate) long_lived_pending: Cell<usize>,
    /// Objects promoted by the running collection.
    pub(crate) promoted: Cell<usize>,
    pub(crate) stats: Cell<[GenerationStats; 3]>,
    pub(crate) records: RefCell<Records>,
    pub(crate) pauses: RefCell<[Histogram; 3]>,
    pub(crate) hooks: Hooks,
    pub(crate) debug: Cell<DebugFlags>,
    pub(crate) debug_sink: RefCell<Option<DebugSink>>,
    pub(crate) garbage: RefCell<Vec<GcAny>>,
    pub(crate) errors: RefCell<Vec<HeapError>>,
    pub(crate) roots: RefCell<RootTable>,
    /// Entries that a collector list may hold before its growth is refused
    /// (a test hook); `usize::MAX` normally.
    pub(crate) list_limit: Cell<usize>,
    /// What the next trash is put in another order by; 0 normally.
    #[cfg(feature = "testing")]
    pub(crate) trash_order: Cell<u64>,
    /// Candidates above which a collection becomes wide, if a test says so.
    pub(crate) wide_above: Cell<Option<usize>>,
    /// Threads that a wide collection may use.
    #[cfg(feature = "parallel")]
    pub(crate) threads: usize,
    /// Objects above which it uses them, if a test says so.
    #[cfg(feature = "parallel")]
    pub(crate) parallel_above: Cell<Option<usize>>,
    /// Times that pages left the list of young ones, so that who takes a block
    /// before it runs user code sees whether that happened meanwhile.
    pub(crate) promotions: Cell<usize>,
    /// The incremental cycle of a heap with bounded pauses.
    pub(crate) bounded: Option<Box<Bounded>>,
    pub(crate) objects: ObjectRuntime,
    pub(crate) tracer: Tracer,
    pub(crate) quarantine: Quarantine,
}

impl HeapCore {
    pub(crate) fn create(settings: &HeapBuilder) -> NonNull<HeapCore> {
        let core = Box::new(HeapCore {
            young_count: Cell::new(0),
            trigger: Cell::new(usize::MAX),
            depth: Cell::new(0),
            closed: Cell::new(false),
            attention: Cell::new(false),
            collecting: Cell::new(false),
            mode: settings.mode,
            deferred: RefCell::default(),
            cache: PageCache::new(),
            buffer_pages: std::array::from_fn(|_| Cell::new(ptr::null())),
            handles: Cell::new(1),
            closing: Cell::new(false),
            pools: RefCell::new(Pools::new()),
            arenas: RefCell::default(),
            partial_arenas: RefCell::default(),
            regions: RefCell::default(),
            pages_in_use: Cell::new(0),
            source_objects: Cell::new(0),
            left_blocks: Cell::new(0),
            source_buffers: Cell::new(0),
            source_buffer_bytes: Cell::new(0),
            footprint_bytes: Cell::new(0),
            peak_footprint_bytes: Cell::new(0),
            side_table_bytes: Cell::new(0),
            weak_hashes: Hashes::default(),
            limit_bytes: settings.limit_bytes,
            fail_after: Cell::new(None),
            young_pages: RefCell::default(),
            middle_pages: RefCell::default(),
            registry: RefCell::default(),
            suspect_pages: Cell::new(ptr::null()),
            enabled: Cell::new(settings.enabled),
            collect_on_allocation: settings.collect_on_allocation,
            thresholds: Cell::new(settings.thresholds),
            older_counts: Cell::new([0; 2]),
            long_lived_total: Cell::new(0),
            long_lived_pending: Cell::new(0),
            promoted: Cell::new(0),
            stats: Cell::default(),
            records: RefCell::new(Records::new()),
            pauses: RefCell::new(std::array::from_fn(|_| Histogram::new())),
            hooks: Hooks::default(),
            debug: Cell::default(),
            debug_sink: RefCell::default(),
            garbage: RefCell::default(),
            errors: RefCell::default(),
            roots: RefCell::default(),
            list_limit: Cell::new(usize::MAX),
            #[cfg(feature = "testing")]
            trash_order: Cell::new(0),
            wide_above: Cell::new(None),
            #[cfg(feature = "parallel")]
            threads: settings.threads,
            #[cfg(feature = "parallel")]
            parallel_above: Cell::new(None),
            promotions: Cell::new(0),
            bounded: settings.bounded.map(Bounded::new),
            objects: ObjectRuntime::default(),
            tracer: Tracer::default(),
            quarantine: Quarantine::default(),
        });
        core.update_trigger();
        NonNull::from(Box::leak(core))
    }

    // --- lifetime ---------------------------------------------------------

    pub(crate) fn retain_handle(&self) {
        self.handles.set(self.handles.get() + 1);
    }

    pub(crate) fn release_handle(core: NonNull<HeapCore>) {
        // SAFETY: the caller gives up a handle, so the core is alive.
        let this = unsafe { core.as_ref() };
        if this.handles.get() == 1 && !this.closed.get() && !this.closing.get() {
            this.close();
        }
        this.handles.set(this.handles.get() - 1);
        // SAFETY: alive until here; not touched afterwards.
        unsafe { HeapCore::destroy_if_abandoned(core.as_ptr()) };
    }

    /// The last handle goes: collect once, then refuse allocation. Finalizers
    /// may make new handles meanwhile; the heap then stays open.
    fn close(&self) {
        self.closing.set(true);
        if !self.objects.finalizers.is_empty() {
            let heap = Heap::from_core(NonNull::from(self));
            self.objects.finalizers.exit(&heap);
        }
        self.collect_quietly(2);
        self.closing.set(false);
        if self.handles.get() > 1 {
            return;
        }
        self.give_up_cycle(); // The collection may have been refused inside another one.
        self.closed.set(true);
        self.attention.set(true);
        self.update_trigger();
        self.tell_leftovers();
        self.hooks.clear();
        drop(self.debug_sink.take());
        let garbage = std::mem::take(&mut *self.garbage.borrow_mut());
        drop(garbage); // The borrow has ended: finalizers may use the heap.
        self.retire_current_pages();
    }

    /// Frees the core once it is closed and neither handle nor block is left.
    ///
    /// # Safety
    /// 1. `core` is alive; the caller does not touch it afterwards.
    #[inline]
    pub(crate) unsafe fn destroy_if_abandoned(core: *mut HeapCore) {
        // SAFETY: duty 1.
        if unsafe { (*core).closed.get() } {
            // SAFETY: duty 1.
            unsafe { HeapCore::destroy_if_empty(core) };
        }
    }

    #[cold]
    unsafe fn destroy_if_empty(core: *mut HeapCore) {
        // SAFETY: alive, as the caller says.
        let this = unsafe { &*core };
        let busy = this.depth.get() != 0 || this.collecting.get() || this.handles.get() != 0;
        let blocks =
            this.pages_in_use.get() + this.source_objects.get() + this.source_buffers.get();
        if busy || blocks != 0 {
            return;
        }
        for arena in this.arenas.take() {
            // SAFETY: no page is in use.
            unsafe { Arena::unmap(arena) };
        }
        // SAFETY: made by `Box::leak`; nothing refers to it any more.
        drop(unsafe { Box::from_raw(core) });
    }

    // --- accounting -------------------------------------------------------

    /// Whether an allocation may go ahead at all (slow paths only).
    pub(crate) fn admit(&self, _bytes: usize) -> Result<(), AllocError> {
        if self.closed.get() {
            return Err(AllocError::Closed);
        }
        match self.fail_after.get() {
            None => Ok(()),
            Some(0) => Err(AllocError::Injected),
            Some(left) => {
                self.fail_after.set(Some(left - 1));
                Ok(())
            }
        }
    }

    /// The fast path may be used: nobody counts or records allocations.
    pub(crate) fn may_cache(&self) -> bool {
        self.fail_after.get().is_none() && !self.closed.get() && !self.tracer.is_on()
    }

    /// Where a block was allocated, for debug mode's report, if that is known.
    pub(crate) fn site_for_report(&self, address: usize) -> Option<Site> {
        (self.mode == Mode::Debug)
            .then(|| self.tracer.site(address))
            .flatten()
    }

    pub(crate) fn charge(&self, bytes: usize) -> Result<(), AllocError> {
        let needed_bytes = self.footprint_bytes.get().saturating_add(bytes);
        if needed_bytes > self.limit_bytes {
            return Err(AllocError::Limit {
                limit_bytes: self.limit_bytes,
                needed_bytes,
            });
        }
        self.charge_anyway(bytes);
        Ok(())
    }

    pub(crate) fn charge_anyway(&self, bytes: usize) {
        let footprint = self.footprint_bytes.get() + bytes;
        self.footprint_bytes.set(footprint);
        if footprint > self.peak_footprint_bytes.get() {
            self.peak_footprint_bytes.set(footprint);
        }
    }

    pub(crate) fn discharge(&self, bytes: usize) {
        self.footprint_bytes.set(self.footprint_bytes.get() - bytes);
    }

    pub(crate) fn charge_side_table(&self, bytes: usize) {
        self.side_table_bytes
            .set(self.side_table_bytes.get() + bytes);
        self.charge_anyway(bytes);
    }

    pub(crate) fn discharge_side_table(&self, bytes: usize) {
        self.side_table_bytes
            .set(self.side_table_bytes.get() - bytes);
        self.discharge(bytes);
    }

    /// Bytes of blocks outside pages.
    pub(crate) fn source_bytes(&self) -> usize {
        self.footprint_bytes.get()
            - self.pages_in_use.get() * PAGE_BYTES
            - self.side_table_bytes.get()
    }

    pub(crate) fn record_error(&self, error: HeapError) {
        const KEPT: usize = 1000;
        let mut errors = self.errors.borrow_mut();
        if errors.len() < KEPT {
            errors.push(error);
        }
    }

    // --- enumeration ------------------------------------------------------

    /// Every page in use, by arena and address.
    pub(crate) fn each_page(&self, mut visit: impl FnMut(&Page)) {
        let at = |index: usize| self.arenas.borrow().get(index).copied();
        let mut index = 0;
        while let Some(arena) = at(index) {
            index += 1;
            // SAFETY: listed arenas are mapped, their pages in use initialised.
            for page in unsafe { arena.as_ref() }.pages() {
                // SAFETY: as above.
                visit(unsafe { page.as_ref() });
            }
        }
    }

    /// The header of every object that is neither free nor being freed, nor
    /// found unreachable by the running collection.
    pub(crate) fn each_object(&self, mut visit: impl FnMut(NonNull<Header>)) {
        let mut visit = |header: *mut Header| {
            if let Some(object) = NonNull::new(header) {
                // SAFETY: headers of pages and registry are initialised.
                let header = unsafe { object.as_ref() };
                if !header.is_vacant() && !header.is_marked(Mark::Trash) {
                    visit(object);
                }
            }
        };
        self.each_page(|page| page.headers().for_each(&mut visit));
        let registered: Vec<*mut Header> = self.registry.borrow().concat();
        registered.into_iter().for_each(visit);
    }

    /// Objects that can hold references. O(pages).
    pub(crate) fn containers(&self) -> usize {
        let mut count: usize = self.registry.borrow()[..LEAVES].iter().map(Vec::len).sum();
        let left = self.left_blocks.get() > 0;
        if left {
            // SAFETY: registered headers are initialised.
            let is_left = |header: &&*mut Header| unsafe { (***header).is_vacant() };
            count -= self.registry.borrow()[..LEAVES]
                .iter()
                .flatten()
                .filter(is_left)
                .count();
        }
        self.each_page(|page| {
            count += match page.kind.get() {
                // SAFETY: as below.
                PageKind::Typed if left && unsafe { (*page.info.get()).holds } => page
                    .headers()
                    .filter(|&header| unsafe { !(*header).is_vacant() })
                    .count(),
                // SAFETY: typed pages have a type; headers of carved blocks
                // are initialised, and those of live objects have a type.
                PageKind::Typed => unsafe {
                    usize::from((*page.info.get()).holds) * page.live() as usize
                },
                // SAFETY: as above.
                PageKind::Mixed => page.headers().fold(0, |sum, header| unsafe {
                    sum + usize::from(!(*header).is_vacant() && describe(header).0.holds)
                }),
                PageKind::Buffers | PageKind::Unused => 0,
            };
        });
        count
    }

    // --- the registry: objects outside pages --------------------------------

    pub(crate) fn registry_slot_of_newborn(&self, info: &TypeInfo) -> usize {
        if info.holds { 0 } else { LEAVES }
    }

    /// # Safety
    /// 1. `header` belongs to an object of this heap's registry.
    pub(crate) unsafe fn registry_slot(header: *const Header) -> usize {
        // SAFETY: duty 1.
        unsafe {
            if (*Prefix::of(header)).info.holds {
                (*header).generation() as usize
            } else {
                LEAVES
            }
        }
    }

    /// # Safety
    /// 1. `header` belongs to an object of this heap's registry.
    pub(crate) unsafe fn unregister(&self, header: *mut Header) {
        // SAFETY: duty 1; every member has a prefix that knows its place.
        unsafe {
            let slot = Self::registry_slot(header);
            let index = (*Prefix::of(header)).index.get();
            let list = &mut self.registry.borrow_mut()[slot];
            list.swap_remove(index);
            if let Some(&moved) = list.get(index) {
                (*Prefix::of(moved)).index.set(index);
            }
        }
    }

    /// Moves every registered object of a generation to another one.
    pub(crate) fn promote_registered(&self, from: u32, to: u32) {
        let mut registry = self.registry.borrow_mut();
        let moved = std::mem::take(&mut registry[from as usize]);
        let target = &mut registry[to as usize];
        for &header in &moved {
            // SAFETY: members of the registry are objects with a prefix.
            unsafe {
                (*header).set_generation(to);
                (*Prefix::of(header)).index.set(target.len());
            }
            target.push(header);
        }
    }

    // --- pages that may hold a suspect --------------------------------------

    #[inline]
    pub(crate) fn list_suspect(&self, page: &Page) {
        if !page.has(IN_SUSPECT) {
            page.set(IN_SUSPECT);
            let next = self.suspect_pages.replace(page);
            page.next_suspect.set(next);
            page.previous_suspect.set(ptr::null());
            // SAFETY: members are pages of mapped arenas.
            if let Some(next) = unsafe { next.as_ref() } {
                next.previous_suspect.set(page);
            }
        }
    }

    /// Takes one page off the list: it holds no suspect.
    pub(crate) fn unlist_suspect(&self, page: &Page) {
        if !page.has(IN_SUSPECT) {
            return;
        }
        page.clear(IN_SUSPECT);
        let (previous, next) = (page.previous_suspect.get(), page.next_suspect.get());
        // SAFETY: members are pages of mapped arenas.
        unsafe {
            match previous.as_ref() {
                Some(previous) => previous.next_suspect.set(next),
                None => self.suspect_pages.set(next),
            }
            if let Some(next) = next.as_ref() {
                next.previous_suspect.set(previous);
            }
        }
    }

    pub(crate) fn has_suspect_pages(&self) -> bool {
        !self.suspect_pages.get().is_null()
    }

    /// The list's members; ends where it comes back to one of them.
    pub(crate) fn suspect_pages(&self) -> Vec<*const Page> {
        let mut pages: Vec<*const Page> = Vec::new();
        let mut next = self.suspect_pages.get();
        // SAFETY: members are pages of mapped arenas.
        while let Some(page) = unsafe { next.as_ref() } {
            pages.push(next);
            next = page.next_suspect.get();
            if pages.len() > PAGES * self.arenas.borrow().len() {
                break;
            }
        }
        pages
    }

    /// Empties the list and returns its members.
    pub(crate) fn take_suspect_pages(&self) -> Vec<*const Page> {
        let mut pages = Vec::new();
        let mut next = self.suspect_pages.replace(ptr::null());
        // SAFETY: members are pages of mapped arenas.
        while let Some(page) = unsafe { next.as_ref() } {
            page.clear(IN_SUSPECT);
            pages.push(next);
            next = page.next_suspect.get();
        }
        pages
    }

    pub(crate) fn retain_suspect_pages(&self, keep: impl Fn(*const Page) -> bool) {
        for page in self.take_suspect_pages() {
            // SAFETY: members are pages of mapped arenas.
            if let Some(page) = unsafe { page.as_ref() }
                && keep(page)
            {
                self.list_suspect(page);
            }
        }
    }
}
