//! Walks every structure of a heap and checks what its module says of it.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;
use std::ptr::NonNull;

use crate::alloc::arena::page_of;
use crate::alloc::page::{
    AVAILABLE, CURRENT, IN_MIDDLE, IN_SUSPECT, IN_YOUNG, Page, PageKind, core_of, describe,
};
use crate::alloc::prefix::{IN_PAGE, PREFIX_BYTES, Prefix};
use crate::alloc::source::{self, Domain};
use crate::gc::collector::promote::generation_of;
use crate::gc::collector::visitors::each_edge;
use crate::gc::header::{
    COPY_SHIFT, HAS_WEAK, Header, IMMORTAL, IMMORTAL_WORD, MARK_MASK, Mark, PREFIXED, UNTRACKED,
};
use crate::gc::weak;
use crate::heap::Heap;
use crate::heap::builder::Mode;
use crate::heap::core::HeapCore;

/// What a verification walked through.
///
/// ```
/// use exuvia_core::{Gc, Heap};
/// let heap = Heap::new();
/// let number = heap.alloc(1);
/// let weak = Gc::downgrade(&number);
/// let report = heap.verify().unwrap();
/// assert_eq!((report.objects, report.weak_references), (2, 1));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Pages in use.
    pub pages: usize,
    /// Blocks on free lists.
    pub free_blocks: usize,
    /// Live objects.
    pub objects: usize,
    /// Edges between objects.
    pub edges: usize,
    /// Weak references to live objects.
    pub weak_references: usize,
}

/// The first broken invariant that a verification met.
///
/// ```
/// use exuvia_core::{Heap, VerifyError};
/// fn checked(heap: &Heap) -> Result<usize, VerifyError> {
///     Ok(heap.verify()?.objects)
/// }
/// let heap = Heap::new();
/// let number = heap.alloc(1);
/// assert_eq!(checked(&heap), Ok(1));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyError {
    what: String,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "heap verification failed: {}", self.what)
    }
}

impl Error for VerifyError {}

type Checked = Result<(), VerifyError>;

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds {
        Ok(())
    } else {
        Err(VerifyError { what: what() })
    }
}

impl Heap {
    /// Checks every invariant of the heap's structures. O(objects + edges).
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn verify(&self) -> Result<VerifyReport, VerifyError> {
        let core = self.core();
        let mut report = VerifyReport::default();
        check_pages(core, &mut report)?;
        check_lists(core)?;
        check_registry(core)?;
        check_objects(core, &mut report)?;
        check_counts(core, &mut report)?;
        check_footprint(core)?;
        Ok(report)
    }
}

fn pages_of(core: &HeapCore) -> Vec<*const Page> {
    let mut pages = Vec::new();
    core.each_page(|page| pages.push(std::ptr::from_ref(page)));
    pages
}

fn check_pages(core: &HeapCore, report: &mut VerifyReport) -> Checked {
    let pages = pages_of(core);
    let in_arenas: usize = {
        let arenas = core.arenas.borrow();
        // SAFETY: listed arenas are mapped.
        arenas
            .iter()
            .map(|a| unsafe { a.as_ref() }.pages_in_use())
            .sum()
    };
    ensure(
        pages.len() == in_arenas && in_arenas == core.pages_in_use.get(),
        || {
            format!(
                "{} pages are open, arenas gave {in_arenas}, the heap counts {}",
                pages.len(),
                core.pages_in_use.get()
            )
        },
    )?;
    for page in pages {
        // SAFETY: enumerated pages are in use.
        let page = unsafe { &*page };
        report.pages += 1;
        report.free_blocks += check_page(core, page)?;
    }
    Ok(())
}

fn check_page(core: &HeapCore, page: &Page) -> Result<usize, VerifyError> {
    let start = page.start.get().addr();
    let at = || format!("page {start:#x} ({:?})", page.kind.get());
    ensure(std::ptr::eq(page.core.get(), core), || {
        format!("{}: wrong heap", at())
    })?;
    ensure(
        page.info.get().is_null() == (page.kind.get() != PageKind::Typed),
        || format!("{}: type and kind disagree", at()),
    )?;
    let block = page.block_bytes.get() as usize;
    let carved = page.carved_bytes.get() as usize;
    ensure(
        carved.is_multiple_of(block) && carved <= page.capacity.get() as usize * block,
        || format!("{}: carved {carved} bytes in blocks of {block}", at()),
    )?;
    let mut free = BTreeSet::new();
    let mut next = page.free.get();
    while !next.is_null() {
        let offset = next.addr().wrapping_sub(start);
        let inside = offset < carved && offset.is_multiple_of(block);
        ensure(inside && free.insert(offset), || {
            format!(
                "{}: free list reaches offset {offset:#x} twice or out of place",
                at()
            )
        })?;
        // SAFETY: inside the carved part, so initialised.
        unsafe {
            let header: *const Header = next.byte_add(page.header_offset()).cast();
            ensure((*header).is_vacant(), || {
                format!("{}: a free block is live", at())
            })?;
            next = (*next).next.get();
        }
    }
    let live = carved / block - free.len();
    ensure(live == page.live() as usize, || {
        format!("{}: {live} blocks live, {} counted", at(), page.live())
    })?;
    let idle = page.live() == 0 && !page.has(CURRENT);
    ensure(!idle, || format!("{}: empty but not released", at()))?;
    Ok(free.len())
}

fn check_lists(core: &HeapCore) -> Checked {
    check_list(core, &core.young_pages.borrow(), IN_YOUNG, "young")?;
    check_list(core, &core.middle_pages.borrow(), IN_MIDDLE, "middle")?;
    check_list(core, &core.suspect_pages(), IN_SUSPECT, "suspect")?;
    for page in pages_of(core) {
        // SAFETY: enumerated pages are in use.
        let page = unsafe { &*page };
        let both = page.has(CURRENT) && page.has(AVAILABLE);
        ensure(!both, || "a page is current and available".to_owned())?;
        let floored = page.has(IN_YOUNG) && page.floor.get() != 0;
        ensure(!floored, || {
            "a page that may hold young objects says that it holds none".to_owned()
        })?;
        check_generations(core, page)?;
    }
    Ok(())
}

fn check_list(core: &HeapCore, list: &[*const Page], flag: u8, name: &str) -> Checked {
    let members: BTreeSet<_> = list.iter().collect();
    ensure(members.len() == list.len(), || {
        format!("the {name} list holds a page twice")
    })?;
    for &page in list {
        // SAFETY: list members stand in mapped arenas.
        ensure(unsafe { &*page }.has(flag), || {
            format!("a page in the {name} list does not know it")
        })?;
    }
    for page in pages_of(core) {
        // SAFETY: enumerated pages are in use.
        let knows = unsafe { &*page }.has(flag);
        ensure(knows == members.contains(&page), || {
            format!("a page believes to be in the {name} list, or is missing there")
        })?;
    }
    Ok(())
}

/// Young objects and suspects stand in pages that the lists know.
fn check_generations(core: &HeapCore, page: &Page) -> Checked {
    for header in page.headers() {
        // SAFETY: headers of carved blocks are initialised.
        let header = unsafe { &*header };
        if header.is_vacant() || header.is_marked(Mark::Trash) {
            continue;
        }
        // SAFETY: not vacant, hence live.
        let holds = unsafe { describe(header) }.0.holds;
        if !holds || header.is_immortal() {
            continue;
        }
        // SAFETY: as above.
        let listed = match unsafe { generation_of(header) } {
            0 => page.has(IN_YOUNG),
            1 => page.has(IN_MIDDLE),
            _ => true,
        };
        ensure(listed, || {
            "a young object stands in a page that no list knows".to_owned()
        })?;
        let known = page.has(IN_SUSPECT) || core.collecting.get();
        ensure(!header.is_suspect() || known, || {
            "a suspect stands in a page that the suspect list does not know".to_owned()
        })?;
    }
    Ok(())
}

fn check_registry(core: &HeapCore) -> Checked {
    let registry = core.registry.borrow();
    let mut members = 0;
    for (slot, list) in registry.iter().enumerate() {
        members += list.len();
        for (index, &header) in list.iter().enumerate() {
            // SAFETY: members have a prefix.
            unsafe {
                let prefix = &*Prefix::of(header);
                ensure(
                    prefix.index.get() == index && HeapCore::registry_slot(header) == slot,
                    || format!("registry slot {slot}, place {index}: the object thinks otherwise"),
                )?;
                check_guards(core, header, prefix)?;
            }
        }
    }
    ensure(members == core.source_objects.get(), || {
        format!(
            "{members} objects registered, {} counted",
            core.source_objects.get()
        )
    })
}

/// In debug mode, the guard bytes around a registered object.
///
/// # Safety
/// 1. `header` is registered, and `prefix` its prefix.
unsafe fn check_guards(core: &HeapCore, header: *mut Header, prefix: &Prefix) -> Checked {
    if core.mode != Mode::Debug {
        return Ok(());
    }
    let lead = prefix.lead_bytes as usize + PREFIX_BYTES;
    let bytes = lead + prefix.object_bytes;
    let Some(block) = NonNull::new(header.cast::<u8>().wrapping_sub(lead)) else {
        return Ok(());
    };
    // SAFETY: duty 1: the block was taken with this size and domain.
    match unsafe { source::inspect(block, bytes, Domain::Object) } {
        Some(fault) => Err(VerifyError { what: fault }),
        None => Ok(()),
    }
}

fn check_objects(core: &HeapCore, report: &mut VerifyReport) -> Checked {
    let mut failed = Ok(());
    let mut containers = 0;
    core.each_object(|object| {
        // SAFETY: enumerated objects are live.
        let header = unsafe { object.as_ref() };
        report.objects += 1;
        // SAFETY: as above.
        containers += usize::from(unsafe { describe(header) }.0.holds);
        if failed.is_ok() {
            failed = check_object(core, header, report);
        }
    });
    failed?;
    // What is dying or found unreachable is counted, but not shown.
    let quiet = !core.collecting.get() && core.depth.get() == 0;
    let counted = core.containers();
    let agree = containers == counted || (!quiet && containers < counted);
    ensure(agree, || {
        format!("{containers} containers live, {counted} by pages")
    })
}

fn check_object(core: &HeapCore, header: &Header, report: &mut VerifyReport) -> Checked {
    let address = std::ptr::from_ref(header).addr();
    let at = |what: &str| format!("object {address:#x}: {what}");
    let scratch = header.scratch.get();
    let marked = scratch & MARK_MASK != 0 || scratch >> COPY_SHIFT != 0;
    let of_cycle = header.is_marked(Mark::Cycle) && core.has_cycle();
    ensure(!marked || of_cycle || core.collecting.get(), || {
        at("a mark is left over")
    })?;
    let word = header.word.get();
    ensure(word & IMMORTAL == 0 || word == IMMORTAL_WORD, || {
        at("immortal with a moving count")
    })?;
    // SAFETY: live.
    let (info, _) = unsafe { describe(header) };
    ensure(info.holds || header.has(UNTRACKED), || {
        at("a leaf is tracked")
    })?;
    // SAFETY: live; page and prefix say the same of the heap.
    ensure(std::ptr::eq(unsafe { core_of(header) }, core), || {
        at("wrong heap")
    })?;
    if header.has(PREFIXED) {
        // SAFETY: prefixed objects have a prefix.
        let prefix = unsafe { &*Prefix::of(header) };
        let in_page = prefix.index.get() == IN_PAGE;
        // SAFETY: a block in a page has a page.
        let mixed = in_page && unsafe { (*page_of(prefix)).kind.get() } == PageKind::Mixed;
        ensure(!in_page || mixed, || {
            at("prefixed in a page that is not mixed")
        })?;
    }
    check_weak(header, report).map_err(|error| VerifyError {
        what: at(&error.what),
    })
}

fn check_weak(header: &Header, report: &mut VerifyReport) -> Checked {
    if !header.has(HAS_WEAK) {
        return Ok(());
    }
    // SAFETY: live objects have valid lists.
    let mut boxes = unsafe { weak::members(header) }.peekable();
    ensure(boxes.peek().is_some(), || {
        "has weak references, but the list is empty".to_owned()
    })?;
    for reference in boxes {
        report.weak_references += 1;
        // SAFETY: list members are live.
        let target = unsafe { weak::box_of(reference) }.target();
        ensure(std::ptr::eq(target, header), || {
            "a weak reference in the list has another target".to_owned()
        })?;
    }
    Ok(())
}

/// No object is referred to more often than its count says.
fn check_counts(core: &HeapCore, report: &mut VerifyReport) -> Checked {
    let mut incoming: BTreeMap<*const Header, u32> = BTreeMap::new();
    core.each_object(|object| {
        // SAFETY: enumerated objects are live.
        unsafe {
            each_edge(object.as_ptr(), |target| {
                report.edges += 1;
                *incoming.entry(target.as_ptr()).or_default() += 1;
            });
        }
    });
    for (&target, &edges) in &incoming {
        // SAFETY: an owned edge leads to a live object.
        let header = unsafe { &*target };
        ensure(header.is_immortal() || header.count() >= edges, || {
            format!(
                "object {:#x}: {edges} edges lead to a count of {}",
                target.addr(),
                header.count()
            )
        })?;
    }
    Ok(())
}

fn check_footprint(core: &HeapCore) -> Checked {
    let (now, peak) = (core.footprint_bytes.get(), core.peak_footprint_bytes.get());
    let pages = core.pages_in_use.get() * crate::alloc::arena::PAGE_BYTES;
    let known = pages + core.side_table_bytes.get() + core.source_buffer_bytes.get();
    ensure(now <= peak && known <= now, || {
        format!("footprint {now} with a peak of {peak}; {known} bytes are known")
    })
}
