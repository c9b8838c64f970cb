//! The private heap: source > arenas > pages > blocks.
//!
//! ```text
//!   source   the system (mmap for regions, the global allocator for large blocks)
//!   region   32 MiB, aligned: found by masking an address; first page = metadata
//!   arena    4 MiB of it: taken from the system and given back
//!   page     64 KiB of blocks of one size, of one type (or of buffers, or mixed)
//!   block    16 .. 8192 bytes in 76 size classes
//! ```
//!
//! An object's page, and through it type and heap, is found by arithmetic on
//! its address. Blocks that no page can serve (larger than 8 KiB, aligned above
//! 16, or every block in the modes `system` and `debug`) come from the global
//! allocator and carry a prefix instead.
//!
//! Read `arena`, then `page`, `pools`, `cache`, `blocks` and `give` (the
//! allocator proper), `prefix`, and last the users' side: [`HeapVec`] and
//! [`HeapAlloc`].

mod api2;
pub(crate) mod arena;
pub(crate) mod blocks;
pub(crate) mod buffer;
pub(crate) mod cache;
mod give;
mod global;
mod heap_vec;
pub(crate) mod page;
pub(crate) mod pools;
pub(crate) mod prefix;
pub(crate) mod size_class;
pub(crate) mod source;
#[cfg(test)]
pub(crate) mod tests;

pub use api2::HeapAlloc;
pub use global::GlobalBackend;
pub use heap_vec::HeapVec;
pub use source::is_freed_pattern;
