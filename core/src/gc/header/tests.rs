use super::*;

/// Bits `from` to `to` of a word, both included.
fn bits(word: u32, from: u32, to: u32) -> u32 {
    (0..=to - from)
        .filter(|bit| word & (1 << (from + bit)) != 0)
        .map(|bit| 1 << bit)
        .sum()
}

/// The word with other bits from `from` to `to`.
fn with(word: u32, from: u32, to: u32, value: u32) -> u32 {
    let kept = (0..32).filter(|bit| !(from..=to).contains(bit));
    kept.map(|bit| word & (1 << bit)).sum::<u32>() + (value << from)
}

fn header(word: u32, scratch: u32) -> Header {
    Header {
        word: Cell::new(word),
        scratch: Cell::new(scratch),
    }
}

#[test]
fn the_bits_stand_where_the_table_says() {
    let all = |masks: &[u32]| {
        masks.iter().fold(0_u32, |all, mask| {
            assert_eq!(all & mask, 0, "no two have a bit in common");
            all | mask
        })
    };
    assert_eq!(
        [CLEAN, IMMORTAL, COUNT_MASK],
        [0x8000_0000, 0x4000_0000, 0x3fff_ffff]
    );
    assert_eq!(all(&[CLEAN, IMMORTAL, COUNT_MASK]), u32::MAX);
    assert_eq!([IMMORTAL_WORD, DOOMED_WORD], [0xe000_0000, 0x2000_0000]);
    assert_eq!(GENERATION_MASK, 0b11);
    assert_eq!([FINALIZED, HAS_WEAK, UNTRACKED, PREFIXED], [4, 8, 16, 32]);
    let flags = [GENERATION_MASK, FINALIZED, HAS_WEAK, UNTRACKED, PREFIXED];
    assert_eq!(all(&flags), FLAGS_MASK);
    assert_eq!(
        (MARK_MASK, COPY_ONE, COPY_MAX),
        (7 << 6, 1 << 9, (1 << 23) - 1)
    );
    assert_eq!(
        all(&[FLAGS_MASK, MARK_MASK, COPY_MAX << COPY_SHIFT]),
        u32::MAX
    );
    // What a cycle notes in place of the copied count.
    assert_eq!(
        all(&[FLAGS_MASK, MARK_MASK, NOTE_MASK, REACHED, LISTED]),
        u32::MAX
    );
    assert_eq!(NOTE_MAX, (1 << 21) - 1);
    let marks = [
        Mark::None,
        Mark::Pending,
        Mark::Candidate,
        Mark::Grey,
        Mark::Live,
        Mark::Pinned,
        Mark::Trash,
        Mark::Cycle,
    ];
    for (number, mark) in marks.into_iter().enumerate() {
        assert_eq!(bits(mark as u32, 6, 8) as usize, number);
        assert_eq!(mark as u32 & !MARK_MASK, 0);
    }
}

#[test]
fn newborns_are_counted_once_and_clean_or_untracked() {
    let container = Header::container();
    assert_eq!(
        (container.word.get(), container.scratch.get()),
        (0x8000_0001, 0)
    );
    let leaf = Header::leaf();
    assert_eq!((leaf.word.get(), leaf.scratch.get()), (1, 16));
}

/// Words of every kind: extremes, single bits, and any.
fn words() -> Vec<u32> {
    let mut random = fastrand::Rng::with_seed(7);
    let bits = (0..32).map(|bit| 1_u32 << bit);
    let words: Vec<_> = [0, 1, 2].into_iter().chain(bits).collect();
    let all = words
        .iter()
        .flat_map(|&word| [word, !word, word.wrapping_sub(1)]);
    all.chain((0..200).map(|_| random.u32(..))).collect()
}

#[test]
fn a_word_tells_count_and_state() {
    for word in words() {
        let header = header(word, 0);
        let (count, immortal, clean) = (bits(word, 0, 29), bits(word, 30, 30), bits(word, 31, 31));
        assert_eq!(header.count(), count);
        assert_eq!(header.is_immortal(), immortal == 1);
        assert_eq!(header.is_vacant(), (count, immortal, clean) == (0, 0, 0));
        assert_eq!(header.is_suspect(), clean == 0);
        let live = count > 0 && immortal == 0 && clean == 0;
        assert_eq!(header.is_live_suspect(), live, "{word:x}");
    }
}

#[test]
fn a_scratch_word_changes_only_where_it_is_to() {
    for scratch in words() {
        let is = |change: &dyn Fn(&Header), after: u32| {
            let header = header(5, scratch);
            change(&header);
            let left = (header.word.get(), header.scratch.get());
            assert_eq!(left, (5, after), "{scratch:x}");
        };
        let it = header(5, scratch);
        assert_eq!(it.generation(), bits(scratch, 0, 1));
        assert_eq!(it.mark_bits(), bits(scratch, 6, 8) << 6);
        assert_eq!(it.copied_count(), bits(scratch, 9, 31));
        assert_eq!(it.is_examined(), (1..7).contains(&bits(scratch, 6, 8)));
        for mark in [Mark::None, Mark::Grey, Mark::Cycle] {
            assert_eq!(it.is_marked(mark), bits(scratch, 6, 8) == mark as u32 >> 6);
            is(
                &|it| it.set_mark(mark),
                with(scratch, 6, 8, mark as u32 >> 6),
            );
        }
        for bit in [2, 3, 4, 5, 30, 31] {
            assert_eq!(it.has(1 << bit), bits(scratch, bit, bit) == 1);
            is(&|it| it.set(1 << bit), with(scratch, bit, bit, 1));
            is(&|it| it.clear(1 << bit), with(scratch, bit, bit, 0));
        }
        for generation in 0..4 {
            is(
                &|it| it.set_generation(generation),
                with(scratch, 0, 1, generation),
            );
        }
        for count in [0, 1, 77, (1 << 23) - 1] {
            is(
                &|it| it.set_copied_count(count),
                with(scratch, 9, 31, count),
            );
            let pending = with(scratch, 6, 8, 1);
            is(&|it| it.begin_candidate(count), with(pending, 9, 31, count));
        }
        let unmarked = bits(scratch, 0, 5);
        is(&|it| it.unmark(), unmarked);
        let leaves = bits(scratch, 6, 8) == 7 && bits(scratch, 31, 31) == 0;
        is(
            &|it| it.leave_cycle(),
            if leaves { unmarked } else { scratch },
        );
        #[cfg(feature = "parallel")]
        assert!(std::ptr::eq(
            it.shared_scratch().as_ptr(),
            it.scratch.as_ptr()
        ));
    }
}
