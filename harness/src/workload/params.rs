//! One point of a workload's parameter space, and the heap that belongs to the measured process.

use std::ops::Index;
use std::rc::Rc;

/// What one measured process shares between its workload, its instrument and its probes.
#[derive(Default)]
pub(crate) struct Context {}

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
