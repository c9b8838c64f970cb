//! [`HeapVec`] beside the standard library's vector.

use std::rc::Rc;

use crate::{Heap, HeapVec};

#[test]
fn a_vector_does_what_the_standard_one_does() {
    let heap = Heap::builder().enabled(false).build();
    let mut rng = fastrand::Rng::with_seed(7);
    let item = Rc::new(());
    let (mut ours, mut theirs) = (HeapVec::<(usize, Rc<()>)>::new(), Vec::new());
    for step in 0..4000 {
        let at = rng.usize(..=theirs.len());
        match rng.u32(..20) {
            0..8 => {
                ours.push(&heap, (step, item.clone()));
                theirs.push((step, item.clone()));
            }
            8..12 => {
                ours.insert(&heap, at, (step, item.clone()));
                theirs.insert(at, (step, item.clone()));
            }
            12..15 => assert_eq!(ours.pop(), theirs.pop()),
            15..18 if at < theirs.len() => assert_eq!(ours.remove(at), theirs.remove(at)),
            18 => {
                let capacity = ours.len() + rng.usize(..8);
                ours.try_set_capacity(&heap, capacity).expect("memory");
                assert_eq!(ours.capacity(), capacity);
            }
            _ if rng.u32(..20) == 0 => {
                ours.truncate(at);
                theirs.truncate(at);
            }
            _ => {}
        }
        assert_eq!(*ours, *theirs);
        assert!(ours.len() <= ours.capacity());
        assert_eq!(Rc::strong_count(&item), 1 + 2 * theirs.len());
    }
    ours.clear();
    assert!(ours.is_empty());
    ours.try_set_capacity(&heap, 0)
        .expect("no memory is needed");
    assert_eq!((ours.capacity(), heap.allocated_blocks()), (0, 0));
    drop(theirs);
    assert_eq!(Rc::strong_count(&item), 1);
}

#[test]
fn a_vector_grows_by_half_and_never_shrinks_below_its_items() {
    let heap = Heap::new();
    let mut vec = HeapVec::new();
    let mut capacities = vec![vec.capacity()];
    for item in 0..40_u8 {
        vec.push(&heap, item);
        if vec.capacity() != capacities[capacities.len() - 1] {
            capacities.push(vec.capacity());
        }
    }
    assert_eq!(capacities, [0, 4, 6, 9, 13, 19, 28, 42]);
    vec.try_set_capacity(&heap, 10).expect("memory");
    assert_eq!((vec.len(), vec.capacity()), (40, 40));
    vec.insert(&heap, 40, 40);
    assert_eq!((vec[40], vec.capacity()), (40, 60));
}

#[test]
#[should_panic(expected = "index 3 beyond 2")]
fn nothing_is_inserted_beyond_the_end() {
    let heap = Heap::new();
    let mut vec = HeapVec::with_capacity(&heap, 8);
    (0..2).for_each(|item| vec.push(&heap, item));
    vec.insert(&heap, 3, 2);
}

#[test]
#[should_panic(expected = "index 2 not below 2")]
fn nothing_is_removed_behind_the_end() {
    let heap = Heap::new();
    let mut vec = HeapVec::with_capacity(&heap, 8);
    (0..2).for_each(|item| vec.push(&heap, item));
    vec.remove(2);
}

#[test]
#[should_panic(expected = "no room for another item")]
fn nothing_is_pushed_beyond_the_capacity() {
    let heap = Heap::new();
    let mut vec = HeapVec::with_capacity(&heap, 2);
    (0..3).for_each(|item| vec.push_within_capacity(item));
}

#[test]
fn a_capacity_beyond_the_address_space_is_an_error() {
    let heap = Heap::new();
    let mut vec: HeapVec<u64> = HeapVec::new();
    assert!(vec.try_set_capacity(&heap, usize::MAX).is_err());
    assert!(vec.try_set_capacity(&heap, usize::MAX / 8).is_err());
    assert_eq!(vec.capacity(), 0);
}
