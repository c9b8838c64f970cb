//! Where the heap's memory is (`sys._debugmallocstats`).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::Heap;
use crate::alloc::arena::PAGE_BYTES;
use crate::alloc::page::PageKind;

#[derive(Default)]
struct Row {
    pages: usize,
    used: usize,
    free: usize,
}

impl Heap {
    /// A table of pages by use and block size, and what arenas and large
    /// blocks take (`sys._debugmallocstats`). O(pages).
    ///
    /// ```
    /// use exuvia_core::Heap;
    /// let heap = Heap::new();
    /// let kept = heap.alloc(1_u64);
    /// let text = heap.debug_malloc_stats();
    /// assert!(text.contains("block bytes"), "{text}");
    /// # drop(kept);
    /// ```
    pub fn debug_malloc_stats(&self) -> String {
        let mut rows: BTreeMap<(&str, usize), Row> = BTreeMap::new();
        self.core().each_page(|page| {
            let kind = match page.kind.get() {
                PageKind::Typed => "objects",
                PageKind::Mixed => "mixed",
                PageKind::Buffers => "buffers",
                PageKind::Unused => return,
            };
            let row = rows
                .entry((kind, page.block_bytes.get() as usize))
                .or_default();
            let live = page.live() as usize;
            row.pages += 1;
            row.used += live;
            row.free += page.capacity.get() as usize - live;
        });
        let mut text = format!(
            "{:8} {:>11} {:>8} {:>12} {:>12}\n",
            "use", "block bytes", "pages", "in use", "available"
        );
        let mut pages = 0;
        for ((kind, bytes), row) in rows {
            pages += row.pages;
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "{kind:8} {bytes:>11} {:>8} {:>12} {:>12}",
                row.pages, row.used, row.free
            );
        }
        let memory = self.memory();
        let core = self.core();
        let large = core.source_objects.get() + core.source_buffers.get();
        let lines = [
            ("arenas mapped", memory.arenas),
            ("pages in use", pages),
            ("bytes in pages", pages * PAGE_BYTES),
            ("blocks outside of pages", large),
            ("bytes outside of pages", core.source_bytes()),
            ("bytes in side tables", core.side_table_bytes.get()),
            ("blocks in use", memory.live_blocks),
            ("bytes in use", memory.live_bytes),
            ("bytes held from the system", memory.footprint_bytes),
            ("at the peak", memory.peak_footprint_bytes),
        ];
        for (what, number) in lines {
            let _ = writeln!(text, "{what:28} {number:>16}");
        }
        text
    }
}
