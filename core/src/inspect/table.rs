//! Dense numbers for the live objects of a heap.
//!
//! ```text
//!   address -> page -> block index -> word of the page's bitmap -> number of its first bit + rank
//! ```
//!
//! One bit for each carved block and 4 bytes for 64 of them, whatever the objects' size; objects outside pages stand in a
//! sorted list behind. So a side table of an inspection costs its entry and nothing else, and a look-up is two loads, a
//! multiplication and a population count.
//!
//! Valid while the heap does not change: nothing here is updated.

use std::ops::Range;
use std::ptr::NonNull;

use super::arrays::fetch;
use crate::alloc::arena::{ARENA_BYTES, PAGE_BYTES, PAGES};
use crate::alloc::page::{Page, PageKind};
use crate::gc::header::{Header, Mark};
use crate::heap::core::HeapCore;

/// Marks pages without objects in the directory.
const NO_WORDS: u32 = u32::MAX;

/// Arenas further apart than this are looked up by bisection.
const MAX_SPAN: usize = 1 << 18;

/// What a look-up needs of one page.
#[derive(Clone, Copy)]
struct PageEntry {
    first_word: u32,
    /// Rounded-up reciprocal of the block size: offset times this, shifted, is the block index.
    reciprocal: u32,
}

/// A block, by its bit in the bitmap.
#[derive(Clone, Copy)]
pub(crate) struct Slot {
    word: u32,
    bit: u32,
}

/// A stretch of the objects.
#[derive(Debug)]
pub(crate) struct Section {
    /// Positions in the table's pages; none for the objects outside of pages.
    pages: Range<usize>,
    numbers: Range<u32>,
}

impl Section {
    /// Objects.
    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }
}

/// The live objects of a heap, numbered in the order of a walk.
pub(crate) struct ObjectTable {
    /// Arena numbers (address over size), ascending.
    arenas: Vec<usize>,
    /// Position in `arenas` by distance from the first, plus one; empty when the span is too wide.
    by_distance: Vec<u32>,
    /// 64 entries an arena.
    directory: Vec<PageEntry>,
    /// Pages with objects in the order of the walk, and their first word.
    pages: Vec<(*const Page, u32)>,
    /// Bit set: a live object.
    words: Vec<u64>,
    /// The number of the first object of each word.
    ranks: Vec<u32>,
    /// The word of every 64th object.
    hints: Vec<u32>,
    /// The page of each word, as a position in `pages`.
    page_of_word: Vec<u32>,
    /// Objects outside pages by address.
    registered: Vec<*const Header>,
    paged: u32,
}

impl ObjectTable {
    /// Numbers the objects. O(blocks).
    ///
    /// # Panics
    /// With 2^32 objects or more.
    pub(crate) fn of(core: &HeapCore) -> ObjectTable {
        let mut table = ObjectTable::with_arenas(core);
        core.each_page(|page| table.add_page(page));
        table.registered = registered(core);
        assert!(
            u32::try_from(table.paged as usize + table.registered.len()).is_ok(),
            "2^32 objects cannot be inspected at once"
        );
        table
    }

    fn with_arenas(core: &HeapCore) -> ObjectTable {
        let mut arenas: Vec<usize> = core
            .arenas
            .borrow()
            .iter()
            // SAFETY: listed arenas are mapped.
            .map(|arena| unsafe { arena.as_ref() }.base() / ARENA_BYTES)
            .collect();
        arenas.sort_unstable();
        let span = match (arenas.first(), arenas.last()) {
            (Some(first), Some(last)) => last - first + 1,
            _ => 0,
        };
        let mut by_distance = Vec::new();
        if span <= MAX_SPAN {
            by_distance = vec![0; span];
            for (position, arena) in arenas.iter().enumerate() {
                by_distance[arena - arenas[0]] = position as u32 + 1;
            }
        }
        let none = PageEntry {
            first_word: NO_WORDS,
            reciprocal: 0,
        };
        ObjectTable {
            directory: vec![none; arenas.len() * PAGES],
            arenas,
            by_distance,
            pages: Vec::new(),
            words: Vec::new(),
            ranks: Vec::new(),
            hints: Vec::new(),
            page_of_word: Vec::new(),
            registered: Vec::new(),
            paged: 0,
        }
    }

    fn add_page(&mut self, page: &Page) {
        if matches!(page.kind.get(), PageKind::Buffers | PageKind::Unused) {
            return;
        }
        let first_word = self.words.len() as u32;
        let block_bytes = page.block_bytes.get();
        let (mut word, mut bits) = (0_u64, 0);
        for header in page.headers() {
            if is_shown(header) {
                word |= 1 << bits;
            }
            bits += 1;
            if bits == 64 {
                self.push_word(word);
                (word, bits) = (0, 0);
            }
        }
        if bits > 0 {
            self.push_word(word);
        }
        let entry = PageEntry {
            first_word,
            reciprocal: u32::try_from((1_u64 << 32).div_ceil(u64::from(block_bytes)))
                .expect("blocks are larger than one byte"),
        };
        let at = page.start.get().addr();
        if let Some(arena) = self.arena_of(at) {
            self.directory[arena * PAGES + at / PAGE_BYTES % PAGES] = entry;
            let position = self.pages.len() as u32;
            self.page_of_word.resize(self.words.len(), position);
            self.pages.push((page, first_word));
        }
    }

    fn push_word(&mut self, word: u64) {
        let reached = self.paged as usize + word.count_ones() as usize;
        while self.hints.len() * 64 < reached {
            self.hints.push(self.words.len() as u32);
        }
        self.words.push(word);
        self.ranks.push(self.paged);
        self.paged += word.count_ones();
    }

    /// Objects.
    pub(crate) fn len(&self) -> usize {
        self.paged as usize + self.registered.len()
    }

    #[inline]
    fn arena_of(&self, address: usize) -> Option<usize> {
        let arena = address / ARENA_BYTES;
        if self.by_distance.is_empty() {
            return self.arenas.binary_search(&arena).ok();
        }
        let distance = arena.wrapping_sub(self.arenas[0]);
        match self.by_distance.get(distance) {
            None | Some(0) => None,
            Some(position) => Some(*position as usize - 1),
        }
    }

    /// The number of an object; `None` for one of another heap, or that a walk does not show.
    #[inline]
    pub(crate) fn number_of(&self, header: *const Header) -> Option<u32> {
        match self.slot_of(header) {
            Some(slot) => self.number_in(slot),
            None => self.number_outside(header.addr()),
        }
    }

    /// The block that an address lies in; `None` outside of pages with objects. Needs the directory alone.
    #[inline]
    fn slot_of(&self, header: *const Header) -> Option<Slot> {
        let address = header.addr();
        let arena = self.arena_of(address)?;
        let entry = self.directory[arena * PAGES + address / PAGE_BYTES % PAGES];
        if entry.first_word == NO_WORDS {
            return None;
        }
        let block = (((address % PAGE_BYTES) as u64 * u64::from(entry.reciprocal)) >> 32) as u32;
        Some(Slot {
            word: entry.first_word + block / 64,
            bit: block % 64,
        })
    }

    #[inline]
    fn number_in(&self, slot: Slot) -> Option<u32> {
        let bits = self.words[slot.word as usize];
        let bit = 1_u64 << slot.bit;
        (bits & bit != 0).then(|| self.ranks[slot.word as usize] + (bits & (bit - 1)).count_ones())
    }

    /// The numbers of many objects, as [`ObjectTable::number_of`] has them: what one needs is fetched while others are
    /// looked at.
    pub(crate) fn numbers_of(
        &self,
        headers: &[*const Header],
        slots: &mut Vec<Option<Slot>>,
        mut visit: impl FnMut(Option<u32>),
    ) {
        slots.clear();
        slots.extend(headers.iter().map(|&header| {
            let slot = self.slot_of(header);
            if let Some(slot) = slot {
                fetch(&self.words, slot.word as usize);
                fetch(&self.ranks, slot.word as usize);
            }
            slot
        }));
        for (header, slot) in headers.iter().zip(slots.iter()) {
            visit(match *slot {
                Some(slot) => self.number_in(slot),
                None => self.number_outside(header.addr()),
            });
        }
    }

    #[cold]
    fn number_outside(&self, address: usize) -> Option<u32> {
        let found = self
            .registered
            .binary_search_by_key(&address, |header| header.addr());
        found.ok().map(|position| self.paged + position as u32)
    }

    /// The object with a number.
    ///
    /// # Panics
    /// If there is none.
    pub(crate) fn header_of(&self, number: u32) -> *const Header {
        if number >= self.paged {
            return self.registered[(number - self.paged) as usize];
        }
        let mut word = self.hints[number as usize / 64] as usize;
        while number - self.ranks[word] >= self.words[word].count_ones() {
            word += 1;
        }
        let (page, first_word) = self.pages[self.page_of_word[word] as usize];
        let bit = nth_bit(self.words[word], number - self.ranks[word]);
        let block = (word - first_word as usize) * 64 + bit as usize;
        // SAFETY: listed pages are in use while the heap does not change.
        let page = unsafe { &*page };
        let offset = block * page.block_bytes.get() as usize + page.header_offset();
        page.start.get().wrapping_add(offset).cast::<Header>()
    }

    /// Every object with its number, in ascending order.
    pub(crate) fn each(&self, mut visit: impl FnMut(u32, *const Header)) {
        for section in self.sections(usize::MAX) {
            self.each_in(&section, &mut visit);
        }
    }

    /// All objects in stretches of whole pages, in ascending order, which end where they have `objects`; those outside of
    /// pages are the last.
    pub(crate) fn sections(&self, objects: usize) -> Vec<Section> {
        let mut sections = Vec::new();
        let (mut first_page, mut first) = (0, 0);
        for page in 0..self.pages.len() {
            // Pages from which no block is cut have no words, also the last ones.
            let next = self.pages.get(page + 1);
            let rank = next.and_then(|&(_, first_word)| self.ranks.get(first_word as usize));
            let end = rank.copied().unwrap_or(self.paged);
            if (end - first) as usize >= objects || page + 1 == self.pages.len() {
                sections.push(Section {
                    pages: first_page..page + 1,
                    numbers: first..end,
                });
                (first_page, first) = (page + 1, end);
            }
        }
        sections.push(Section {
            pages: 0..0,
            numbers: self.paged..self.len() as u32,
        });
        sections
    }

    /// The objects of a section with their numbers, in ascending order.
    pub(crate) fn each_in(&self, section: &Section, mut visit: impl FnMut(u32, *const Header)) {
        let mut number = section.numbers.start;
        for &(page, first_word) in &self.pages[section.pages.clone()] {
            // SAFETY: listed pages are in use while the heap does not change.
            let page = unsafe { &*page };
            for (block, header) in page.headers().enumerate() {
                if (self.words[first_word as usize + block / 64] >> (block % 64)) & 1 == 1 {
                    visit(number, header);
                    number += 1;
                }
            }
        }
        if section.pages.is_empty() {
            for &header in &self.registered {
                visit(number, header);
                number += 1;
            }
        }
    }

    /// The bitmap of live objects by page address, and the addresses outside pages: what a [`HeapMark`](super::HeapMark) keeps.
    pub(crate) fn into_bitmap(self) -> Bitmap {
        let mut pages: Vec<MarkedPage> = self
            .pages
            .iter()
            .map(|&(page, first_word)| {
                // SAFETY: as above.
                let page = unsafe { &*page };
                MarkedPage {
                    start: page.start.get().addr(),
                    first_word,
                    block_bytes: page.block_bytes.get(),
                    carved_bytes: page.carved_bytes.get(),
                }
            })
            .collect();
        pages.sort_unstable_by_key(|page| page.start);
        Bitmap {
            pages,
            words: self.words,
            registered: self.registered.iter().map(|header| header.addr()).collect(),
        }
    }
}

/// The place of the set bit that `rank` set bits stand below; more than `rank` are set. Vigna 2008, "Broadword
/// implementation of rank/select queries", algorithm 2, with the last step bit by bit.
#[inline]
fn nth_bit(word: u64, rank: u32) -> u32 {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES << 7;
    let pairs = word - ((word >> 1) & (u64::MAX / 3));
    let nibbles = (pairs & (u64::MAX / 5)) + ((pairs >> 2) & (u64::MAX / 5));
    // In each byte: bits set in it and in those below.
    let sums = ((nibbles + (nibbles >> 4)) & (u64::MAX / 17)).wrapping_mul(ONES);
    let bytes_below = ((u64::from(rank) * ONES) | HIGH).wrapping_sub(sums) & HIGH;
    let place = bytes_below.count_ones() * 8;
    let below = ((sums << 8) >> place) as u32 & 0xff;
    let mut bits = word >> place;
    for _ in below..rank {
        bits &= bits - 1;
    }
    place + bits.trailing_zeros()
}

#[derive(Clone, Copy, Debug)]
struct MarkedPage {
    start: usize,
    first_word: u32,
    block_bytes: u32,
    /// The words know nothing of blocks that were cut later.
    carved_bytes: u32,
}

/// Which addresses held an object at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bitmap {
    /// Ascending.
    pages: Vec<MarkedPage>,
    words: Vec<u64>,
    registered: Vec<usize>,
}

impl Bitmap {
    /// For many questions, about neighbours one after another.
    pub(crate) fn reader(&self) -> BitmapReader<'_> {
        BitmapReader {
            bitmap: self,
            page: None,
            asked: usize::MAX,
        }
    }

    fn page_at(&self, start: usize) -> Option<MarkedPage> {
        let found = self.pages.binary_search_by_key(&start, |page| page.start);
        found.ok().map(|position| self.pages[position])
    }
}

/// Answers questions to a [`Bitmap`], with the page of the last one at hand.
pub(crate) struct BitmapReader<'a> {
    bitmap: &'a Bitmap,
    /// The page that starts at `asked`, if there was one.
    page: Option<MarkedPage>,
    asked: usize,
}

impl BitmapReader<'_> {
    /// Whether an object stood at the address.
    #[inline]
    pub(crate) fn has(&mut self, address: usize) -> bool {
        let start = address & !(PAGE_BYTES - 1);
        if start != self.asked {
            self.asked = start;
            self.page = self.bitmap.page_at(start);
        }
        let Some(page) = self.page else {
            return self.bitmap.registered.binary_search(&address).is_ok();
        };
        let offset = address - start;
        if offset >= page.carved_bytes as usize {
            return false;
        }
        let block = offset / page.block_bytes as usize;
        let word = self.bitmap.words[page.first_word as usize + block / 64];
        (word >> (block % 64)) & 1 == 1
    }
}

/// Whether a header belongs to an object that inspections show: not free, and not about to be freed.
pub(super) fn is_shown(header: *const Header) -> bool {
    // SAFETY: headers of carved blocks and of the registry are initialised.
    let header = unsafe { &*header };
    !header.is_vacant() && !header.is_marked(Mark::Trash)
}

fn registered(core: &HeapCore) -> Vec<*const Header> {
    let registry = core.registry.borrow();
    let all = registry.iter().flatten().filter_map(|&h| NonNull::new(h));
    let mut shown: Vec<*const Header> = all
        .map(|header| header.as_ptr().cast_const())
        .filter(|&header| is_shown(header))
        .collect();
    shown.sort_unstable_by_key(|header| header.addr());
    shown
}

#[cfg(test)]
mod tests {
    use super::nth_bit;

    #[test]
    fn every_bit_of_a_word_is_found_by_its_rank() {
        let mut word = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..1_000 {
            word = word.wrapping_mul(0xd134_2543_de82_ef95).rotate_left(23) ^ 1;
            for sparse in [word, word & word >> 9 & word << 5, u64::MAX, 1, 1 << 63] {
                let places = (0..64).filter(|place| sparse >> place & 1 == 1);
                for (rank, place) in (0..).zip(places) {
                    assert_eq!(nth_bit(sparse, rank), place, "{sparse:#x}, {rank}");
                }
            }
        }
    }
}
