//! The state word of an instance: how many inline values it has room for, and
//! in which order they were first stored.
//!
//! ```text
//!   bits 0..5 capacity | 11 groups of 5 bits: shared index + 1, 0 = no more
//! ```
//!
//! Larger instances go on with words of 12 groups. All are small ints, so the
//! collector passes over them like over any immediate.

use super::super::class::MAX_SHARED_NAMES;

const BITS: u32 = 5;
const GROUP: u64 = (1 << BITS) - 1;
/// Groups beside the capacity in the state word.
const FIRST_GROUPS: usize = 11;
/// Groups in each further word.
const MORE_GROUPS: usize = 12;
const _: () = assert!(MAX_SHARED_NAMES < 1 << BITS);

/// Words behind the values that `capacity` names need.
pub(super) const fn more_words(capacity: usize) -> usize {
    capacity.saturating_sub(FIRST_GROUPS).div_ceil(MORE_GROUPS)
}

/// The state of an instance with room for `capacity` values and none set.
pub(super) const fn fresh(capacity: usize) -> i64 {
    capacity as i64
}

/// The capacity that a state word tells.
#[inline]
pub(super) const fn capacity(state: i64) -> usize {
    (state.cast_unsigned() & GROUP) as usize
}

/// A state word with one index more; `None` when its groups are full.
#[inline]
pub(super) fn with_first(state: i64, index: usize) -> Option<i64> {
    let word = state.cast_unsigned();
    let used = (u64::BITS - word.leading_zeros()).max(BITS).div_ceil(BITS);
    if used as usize == FIRST_GROUPS + 1 {
        return None;
    }
    Some((word | (index as u64 + 1) << (used * BITS)).cast_signed())
}

/// The order of an instance, unpacked.
#[derive(Clone, Copy)]
pub(super) struct Order {
    indexes: [u8; MAX_SHARED_NAMES],
    len: usize,
}

impl Order {
    /// Reads a state word and the further words.
    pub(super) fn read(state: i64, more: impl Iterator<Item = i64>) -> Order {
        let mut order = Order {
            indexes: [0; MAX_SHARED_NAMES],
            len: 0,
        };
        order.read_groups(state.cast_unsigned() >> BITS);
        for word in more {
            order.read_groups(word.cast_unsigned());
        }
        order
    }

    fn read_groups(&mut self, mut groups: u64) {
        while groups != 0 {
            self.push((groups & GROUP) as usize - 1);
            groups >>= BITS;
        }
    }

    pub(super) fn push(&mut self, index: usize) {
        self.indexes[self.len] = index as u8;
        self.len += 1;
    }

    pub(super) fn remove(&mut self, index: usize) {
        let position = self.indexes().position(|known| known == index);
        if let Some(at) = position {
            self.indexes.copy_within(at + 1..self.len, at);
            self.len -= 1;
        }
    }

    pub(super) fn indexes(&self) -> impl Iterator<Item = usize> {
        self.indexes[..self.len]
            .iter()
            .map(|&index| usize::from(index))
    }

    /// The state word for room of `capacity` values.
    pub(super) fn state(&self, capacity: usize) -> i64 {
        let groups = pack(self.indexes().take(FIRST_GROUPS));
        (groups << BITS | capacity as u64).cast_signed()
    }

    /// The `word`th further word.
    pub(super) fn more(&self, word: usize) -> i64 {
        let skipped = FIRST_GROUPS + word * MORE_GROUPS;
        pack(self.indexes().skip(skipped).take(MORE_GROUPS)).cast_signed()
    }
}

fn pack(indexes: impl Iterator<Item = usize>) -> u64 {
    indexes.enumerate().fold(0, |word, (at, index)| {
        word | (index as u64 + 1) << (at as u32 * BITS)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_names_in_any_order_survive_packing() {
        let mut random = fastrand::Rng::with_seed(5);
        for len in 0..=MAX_SHARED_NAMES {
            let mut wanted: Vec<usize> = (0..MAX_SHARED_NAMES).collect();
            random.shuffle(&mut wanted);
            wanted.truncate(len);
            let mut order = Order::read(fresh(len), std::iter::empty());
            wanted.iter().for_each(|&index| order.push(index));
            let state = order.state(len);
            let more: Vec<i64> = (0..more_words(len)).map(|w| order.more(w)).collect();
            let read = Order::read(state, more.iter().copied());
            assert_eq!(read.indexes().collect::<Vec<_>>(), wanted);
            assert_eq!(capacity(state), len);
            assert!(state < 1 << 60 && more.iter().all(|&w| w < 1 << 60));
        }
    }

    #[test]
    fn appending_to_the_state_word_is_what_unpacking_and_packing_gives() {
        let mut state = fresh(20);
        let mut order = Order::read(state, std::iter::empty());
        for index in [3, 0, 29, 7, 1, 2, 4, 5, 6, 8, 9] {
            state = with_first(state, index).expect("eleven groups fit");
            order.push(index);
            assert_eq!(state, order.state(20));
        }
        assert_eq!(with_first(state, 10), None);
    }

    #[test]
    fn removing_keeps_the_order_of_the_rest() {
        let mut order = Order::read(fresh(4), std::iter::empty());
        for index in [2, 0, 3, 1] {
            order.push(index);
        }
        order.remove(3);
        order.remove(9);
        assert_eq!(order.indexes().collect::<Vec<_>>(), [2, 0, 1]);
    }
}
