//! Who refers to an object, and to what it refers.

use crate::gc::collector::visitors::each_edge;
use crate::gc::handle::GcAny;
use crate::gc::header::{FROZEN, UNTRACKED};
use crate::heap::Heap;

impl Heap {
    /// The tracked objects that refer to `object` (`gc.get_referrers`); frozen
    /// ones are not looked at. O(objects + edges).
    pub fn referrers(&self, object: &GcAny) -> Vec<GcAny> {
        let target = object.header();
        let mut found = Vec::new();
        self.core().each_object(|candidate| {
            // SAFETY: enumerated objects are live.
            let header = unsafe { candidate.as_ref() };
            if header.has(UNTRACKED) || header.generation() == FROZEN {
                return;
            }
            let mut refers = false;
            // SAFETY: as above.
            unsafe {
                each_edge(candidate.as_ptr(), |edge| {
                    refers |= edge.as_ptr().cast_const() == target;
                });
            }
            if refers {
                found.push(candidate);
            }
        });
        // SAFETY: live; handles are made when the walk is over.
        found
            .iter()
            .map(|o| unsafe { GcAny::share(o.as_ptr()) })
            .collect()
    }

    /// What `object` refers to, with repeats (`gc.get_referents`).
    pub fn referents(&self, object: &GcAny) -> Vec<GcAny> {
        let mut found = Vec::new();
        // SAFETY: a handle keeps the object alive, and it its referents.
        unsafe {
            each_edge(object.header(), |edge| found.push(edge));
            found.iter().map(|o| GcAny::share(o.as_ptr())).collect()
        }
    }
}
