//! Where labels go when the things they name lie close together.

/// Moves `wanted` centres (any order) apart so that neighbours are at least `gap` apart and all
/// lie within `low..=high`; the order is kept and every centre stays as near as it can.
///
/// When there is no room for all of them they share the room evenly.
pub(crate) fn spread(wanted: &[f64], gap: f64, low: f64, high: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    let room = high - low;
    let count = wanted.len().saturating_sub(1).max(1) as f64;
    let gap = gap.min(room / count);
    let mut placed = vec![0.0; wanted.len()];
    let mut floor = low;
    for at in &order {
        placed[*at] = wanted[*at].max(floor);
        floor = placed[*at] + gap;
    }
    let mut ceiling = high;
    for at in order.iter().rev() {
        placed[*at] = placed[*at].min(ceiling);
        ceiling = placed[*at] - gap;
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn labels_never_overlap_while_there_is_room(wanted in prop::collection::vec(0.0f64..200.0, 1..12)) {
            let mut placed = spread(&wanted, 14.0, 0.0, 200.0);
            placed.sort_by(f64::total_cmp);
            prop_assert!(placed.iter().all(|p| (-1e-9..=200.0 + 1e-9).contains(p)));
            prop_assert!(placed.windows(2).all(|w| w[1] - w[0] >= 14.0 - 1e-9));
        }
    }

    #[test]
    fn labels_with_room_stay_where_they_belong() {
        assert_eq!(spread(&[50.0, 10.0], 14.0, 0.0, 100.0), vec![50.0, 10.0]);
    }
}
