//! The prefix of objects whose page cannot tell type and heap: those in mixed
//! pages, those too large for a page, and all in the modes `system` and `debug`.

use std::cell::Cell;

use crate::gc::header::Header;
use crate::gc::type_info::TypeInfo;
use crate::heap::core::HeapCore;

/// Stands directly in front of the header, whose `PREFIXED` bit is set.
#[repr(C, align(16))]
pub(crate) struct Prefix {
    pub(crate) core: *mut HeapCore,
    pub(crate) info: &'static TypeInfo,
    /// Bytes from the header on.
    pub(crate) object_bytes: usize,
    /// Position in the core's registry; [`IN_PAGE`] for a block of a mixed page.
    pub(crate) index: Cell<usize>,
    /// Head of the object's weak references.
    pub(crate) weak_list: Cell<*const Header>,
    /// Bytes in front of the prefix that the block really starts at.
    pub(crate) lead_bytes: u32,
    /// Alignment of the block (log 2).
    pub(crate) align_log2: u32,
}

pub(crate) const PREFIX_BYTES: usize = size_of::<Prefix>();
pub(crate) const IN_PAGE: usize = usize::MAX;

const _: () = assert!(PREFIX_BYTES == 48);

impl Prefix {
    #[inline]
    pub(crate) fn of(header: *const Header) -> *const Prefix {
        header.cast::<Prefix>().wrapping_sub(1)
    }
}
