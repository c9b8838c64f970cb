//! One point of a workload's parameter space, and the heap that belongs to the measured process.

use std::ops::Index;
use std::rc::Rc;

#[cfg(feature = "heap")]
use exuvia_core::{Heap, HeapBuilder, Mode};

use crate::probe::Probe;

/// What one measured process shares between its workload, its instrument and its probes.
pub(crate) struct Context {
    /// Whether heaps take each object from the global allocator, so that dhat sees it.
    #[cfg_attr(
        not(feature = "heap"),
        expect(dead_code, reason = "only heaps have a mode")
    )]
    system_mode: bool,
    /// Every heap the workload asked for, by its settings.
    #[cfg(feature = "heap")]
    heaps: std::cell::RefCell<Vec<(String, Heap)>>,
}

impl Context {
    pub(crate) fn new(system_mode: bool) -> Self {
        Self {
            system_mode,
            #[cfg(feature = "heap")]
            heaps: std::cell::RefCell::default(),
        }
    }

    /// A probe over the heaps the workload asked for so far; nothing when there is none.
    #[cfg(feature = "heap")]
    pub(crate) fn probe(&self) -> Option<Box<dyn Probe>> {
        let heaps: Vec<_> = self
            .heaps
            .borrow()
            .iter()
            .map(|(_, heap)| heap.clone())
            .collect();
        (!heaps.is_empty()).then(|| Box::new(crate::probe::HeapProbe::new(heaps)) as Box<dyn Probe>)
    }

    /// Nothing is counted without a heap.
    #[cfg(not(feature = "heap"))]
    pub(crate) fn probe(&self) -> Option<Box<dyn Probe>> {
        None
    }

    #[cfg(feature = "heap")]
    fn heap(&self, settings: impl FnOnce(HeapBuilder) -> HeapBuilder) -> Heap {
        let mode = if self.system_mode {
            Mode::System
        } else {
            Mode::Pages
        };
        let builder = settings(Heap::builder().mode(mode));
        let key = format!("{builder:?}");
        let mut heaps = self.heaps.borrow_mut();
        if let Some((_, heap)) = heaps.iter().find(|(known, _)| *known == key) {
            return heap.clone();
        }
        let heap = builder.build();
        heaps.push((key, heap.clone()));
        heap
    }
}

/// The values of one case, by name: `p["n"]`.
#[derive(Clone)]
pub struct Params {
    values: Vec<(String, u64)>,
    #[cfg_attr(
        not(feature = "heap"),
        expect(dead_code, reason = "only heaps are shared so far")
    )]
    context: Rc<Context>,
}

impl Params {
    pub(crate) fn new(values: Vec<(String, u64)>, context: Rc<Context>) -> Self {
        Self { values, context }
    }

    /// Names and values in the order of declaration.
    #[must_use]
    pub fn values(&self) -> &[(String, u64)] {
        &self.values
    }

    /// The value called `name`, if there is one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<u64> {
        self.values
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| *value)
    }

    /// The measured heap of this process, the same on every call. The instrument chooses its mode: each object from the
    /// global allocator under dhat, private pages otherwise.
    #[cfg(feature = "heap")]
    #[must_use]
    pub fn heap(&self) -> Heap {
        self.context.heap(|builder| builder)
    }

    /// A measured heap with other settings, the same on every call with the same settings.
    #[cfg(feature = "heap")]
    #[must_use]
    pub fn heap_with(&self, settings: impl FnOnce(HeapBuilder) -> HeapBuilder) -> Heap {
        self.context.heap(settings)
    }

    /// A seed that depends on the workload's seed and on every parameter, but not on the variant: variants of one
    /// workload get the same input.
    pub(crate) fn seed(&self, workload_seed: u64) -> u64 {
        let mut hash = workload_seed ^ 0xcbf2_9ce4_8422_2325;
        for (name, value) in &self.values {
            for byte in name.bytes().chain(value.to_le_bytes()) {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        hash
    }
}

impl Index<&str> for Params {
    type Output = u64;

    /// # Panics
    /// When the workload declares no parameter of this name.
    fn index(&self, name: &str) -> &u64 {
        match self.values.iter().find(|(key, _)| key == name) {
            Some((_, value)) => value,
            None => panic!("no parameter `{name}`; declare it with `w.param(\"{name}\", [..])`"),
        }
    }
}
