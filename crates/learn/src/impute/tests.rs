//! Against a plain reading of the method, and its promises.

use proptest::prelude::*;

use super::*;

const NAN: f32 = f32::NAN;

fn fit(values: &[f32], n_features: usize, n_neighbors: usize) -> KnnImputer {
    let samples = Samples::new(values, values.len() / n_features, n_features).unwrap();
    let params = KnnImputerParams { n_neighbors, max_donors: usize::MAX, seed: 0 };
    KnnImputer::fit(&samples, &params).unwrap()
}

fn fill(imputer: &KnnImputer, values: &[f32]) -> Vec<f32> {
    let n_features = imputer.state().n_features_in;
    let samples = Samples::new(values, values.len() / n_features, n_features).unwrap();
    imputer.transform(&samples).unwrap().into_features()
}

/// The method word for word: sort all donors of a column by distance, take the mean of the nearest.
fn fill_plainly(donors: &[f32], n_features: usize, n_neighbors: usize, row: &[f32]) -> Vec<f32> {
    let distance = |donor: &[f32]| {
        let squares: Vec<f64> = row
            .iter()
            .zip(donor)
            .filter(|(a, b)| !a.is_nan() && !b.is_nan())
            .map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2))
            .collect();
        squares.iter().sum::<f64>() / squares.len() as f64
    };
    let mut filled = row.to_vec();
    for column in (0..n_features).filter(|&i| row[i].is_nan()) {
        let having = donors.chunks(n_features).filter(|donor| !donor[column].is_nan());
        let mut near: Vec<(f64, f64)> = having
            .clone()
            .map(|donor| (distance(donor), f64::from(donor[column])))
            .filter(|(distance, _)| !distance.is_nan())
            .collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0));
        near.truncate(n_neighbors);
        if near.is_empty() {
            near = having.map(|donor| (0.0, f64::from(donor[column]))).collect();
        }
        filled[column] = (near.iter().map(|(_, value)| value).sum::<f64>() / near.len() as f64) as f32;
    }
    filled
}

#[test]
fn the_mean_of_the_nearest_is_taken() {
    // the example of scikit-learn's own documentation
    let table = [1.0, 2.0, NAN, 3.0, 4.0, 3.0, NAN, 6.0, 5.0, 8.0, 8.0, 7.0];
    let filled = fill(&fit(&table, 3, 2), &table);
    assert_eq!(filled, [1.0, 2.0, 4.0, 3.0, 4.0, 3.0, 5.5, 6.0, 5.0, 8.0, 8.0, 7.0]);
}

#[test]
fn columns_without_any_value_are_dropped() {
    let imputer = fit(&[1.0, NAN, 2.0, 3.0, NAN, NAN], 3, 3);
    assert_eq!(imputer.state().kept, [0, 2]);
    assert_eq!(fill(&imputer, &[5.0, 9.0, NAN]), [5.0, 2.0]);
}

#[test]
fn a_row_that_shares_no_column_gets_the_means() {
    let imputer = fit(&[1.0, 10.0, 3.0, NAN], 2, 1);
    assert_eq!(fill(&imputer, &[NAN, NAN]), [2.0, 10.0]);
}

#[test]
fn of_too_many_rows_a_seeded_sample_gives() {
    let values: Vec<f32> = (0..100_u8).map(f32::from).collect();
    let samples = Samples::new(&values, 100, 1).unwrap();
    let fit = |seed| {
        let params = KnnImputerParams { n_neighbors: 3, max_donors: 10, seed };
        KnnImputer::fit(&samples, &params).unwrap()
    };
    let (one, other) = (fit(1), fit(2));
    assert_eq!(one.donors().n_samples, 10);
    assert_eq!(one.state().n_samples_seen, 100);
    assert!(one.donors().features.is_sorted());
    assert_eq!(one.donors(), fit(1).donors());
    assert_ne!(one.donors(), other.donors());
    // the fallback is the mean over all rows, not over the sample
    assert_eq!(one.state().means, [49.5]);
}

#[test]
fn values_far_apart_in_size_are_still_told_apart() {
    // the large column would drown the small one in f32
    let donors = [1e18, 1.0, 10.0, 1e18, 2.0, 20.0, 1e18, 3.0, 30.0];
    assert_eq!(fill(&fit(&donors, 3, 1), &[1e18, 2.9, NAN]), [1e18, 2.9, 30.0]);
    // and a row far outside of what was trained on overflows it; in f64 both donors are equally far then
    let imputer = fit(&[1.0, 5.0, 2.0, 6.0], 2, 2);
    assert_eq!(fill(&imputer, &[3e38, NAN]), [3e38, 5.5]);
}

#[test]
fn without_donors_and_with_many_the_values_are_right() {
    let state = fit(&[1.0, 2.0, 3.0, 4.0], 2, 1).state().clone();
    let none = KnnImputer::from_state(state, OwnedSamples::new(Vec::new(), 0, 2).unwrap()).unwrap();
    assert_eq!(fill(&none, &[1.0, NAN]), [1.0, 3.0]);

    // more donors than are put in order at first and than one block holds, none of the nearest of which has the column
    let donors: Vec<f32> =
        (0..6000_u16).flat_map(|i| [f32::from(i), if i < 3000 { NAN } else { f32::from(i) }]).collect();
    let imputer = fit(&donors, 2, 3);
    assert_eq!(fill(&imputer, &[10.0, NAN, 4000.0, NAN, 5999.0, NAN]), [10.0, 3001.0, 4000.0, 4000.0, 5999.0, 5998.0]);
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let n_features = 7;
    let values: Vec<f32> = (0..900 * n_features)
        .map(|place| if place % 10 == 4 { NAN } else { (place as f32 * 0.37).sin() * 100.0 })
        .collect();
    let on = |threads| {
        let filled = || fill(&fit(&values, n_features, 3), &values);
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(filled)
    };
    let one = on(1);
    assert!(one.iter().all(|value| value.is_finite()));
    assert!(one.iter().zip(&on(3)).all(|(a, b)| a.to_bits() == b.to_bits()));
}

#[test]
fn nothing_zero_and_infinite_are_refused() {
    let params = KnnImputerParams { n_neighbors: 3, max_donors: 10, seed: 0 };
    let none = Samples::new(&[], 0, 2).unwrap();
    assert!(KnnImputer::fit(&none, &params).is_err());
    let infinite = Samples::new(&[f32::INFINITY], 1, 1).unwrap();
    assert!(KnnImputer::fit(&infinite, &params).is_err());
    let one = Samples::new(&[1.0], 1, 1).unwrap();
    for params in [KnnImputerParams { n_neighbors: 0, ..params }, KnnImputerParams { max_donors: 0, ..params }] {
        assert!(KnnImputer::fit(&one, &params).is_err());
    }
    assert!(fit(&[1.0, 2.0], 2, 1).transform(&one).is_err());
}

#[test]
fn a_state_that_no_fit_wrote_is_refused() {
    let imputer = fit(&[1.0, 2.0, 3.0, 4.0], 2, 1);
    let donors = || OwnedSamples::new(vec![1.0, 2.0], 1, 2).unwrap();
    let state = imputer.state().clone();
    assert!(KnnImputer::from_state(state.clone(), donors()).is_ok());
    let broken = [
        KnnImputerState { kept: vec![1, 0], ..state.clone() },
        KnnImputerState { kept: vec![0, 2], ..state.clone() },
        KnnImputerState { means: vec![1.0], ..state.clone() },
        KnnImputerState { n_neighbors: 0, ..state },
    ];
    for state in broken {
        assert!(KnnImputer::from_state(state, donors()).is_err());
    }
}

/// Tables with missing values and few distinct numbers, so that equal distances occur.
fn tables() -> impl Strategy<Value = (usize, Vec<f32>)> {
    (1_usize..70, 2_usize..60).prop_flat_map(|(n_features, n_samples)| {
        let value = prop_oneof![
            3 => (-50_i8..50).prop_map(|v| f32::from(v) * 0.37),
            1 => Just(NAN)
        ];
        (Just(n_features), prop::collection::vec(value, n_features * n_samples))
    })
}

proptest! {
    #[test]
    fn it_is_the_method_word_for_word((n_features, table) in tables(), n_neighbors in 1_usize..5) {
        let imputer = fit(&table, n_features, n_neighbors);
        let kept = &imputer.state().kept;
        let filled = fill(&imputer, &table);
        for (row, filled) in table.chunks(n_features).zip(filled.chunks(kept.len().max(1))) {
            let plain = fill_plainly(&table, n_features, n_neighbors, row);
            let plain: Vec<f32> = kept.iter().map(|&i| plain[i]).collect();
            prop_assert_eq!(filled, plain);
        }
    }

    #[test]
    fn a_row_alone_is_filled_as_in_the_batch_and_from_a_state((n_features, table) in tables()) {
        let imputer = fit(&table, n_features, 3);
        let text = serde_json::to_string(imputer.state()).unwrap();
        let donors = OwnedSamples::new(table.clone(), table.len() / n_features, n_features).unwrap();
        let again = KnnImputer::from_state(serde_json::from_str(&text).unwrap(), donors).unwrap();
        let batch = fill(&imputer, &table);
        let alone: Vec<f32> = table.chunks(n_features).flat_map(|row| fill(&again, row)).collect();
        prop_assert_eq!(batch, alone);
    }
}
