//! A set of dense numbers, one bit each.

#[derive(Clone, Debug, Default)]
pub(super) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    /// The empty set of numbers below `len`.
    pub(super) fn new(len: usize) -> Bits {
        Bits {
            words: vec![0; len.div_ceil(64)],
        }
    }

    #[inline]
    pub(super) fn has(&self, number: u32) -> bool {
        self.words[number as usize / 64] >> (number % 64) & 1 == 1
    }

    #[inline]
    pub(super) fn add(&mut self, number: u32) {
        self.words[number as usize / 64] |= 1 << (number % 64);
    }
}

#[cfg(test)]
mod tests {
    use super::Bits;

    #[test]
    fn a_set_holds_what_was_added() {
        let mut bits = Bits::new(130);
        [0, 63, 64, 129].iter().for_each(|&number| bits.add(number));
        let held: Vec<u32> = (0..130).filter(|&number| bits.has(number)).collect();
        assert_eq!(held, [0, 63, 64, 129]);
    }
}
