//! Training, prediction and bytes against the real library.

#![expect(clippy::unwrap_used, reason = "the helpers of a test may panic as the tests do")]

use faultline_xgboost::{Booster, DMatrix, Error, Output};

const N_SAMPLES: usize = 2_000;
const N_FEATURES: usize = 12;

/// A table with missing values whose label hangs on the first features. Xorshift, so that no dependency is needed.
fn table() -> (Vec<f32>, Vec<f32>) {
    let mut state = 88_172_645_463_325_252_u64;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u32 << 24) as f32
    };
    let mut features = Vec::with_capacity(N_SAMPLES * N_FEATURES);
    let mut labels = Vec::with_capacity(N_SAMPLES);
    for _ in 0..N_SAMPLES {
        let row: Vec<f32> = (0..N_FEATURES).map(|_| uniform()).collect();
        let faulty = row[0] + row[1] * row[2] + 0.3 * uniform() > 1.1;
        labels.push(f32::from(u8::from(faulty)));
        features.extend(row.iter().map(|&value| if uniform() < 0.05 { f32::NAN } else { value }));
    }
    (features, labels)
}

fn params(n_threads: u32) -> Vec<(&'static str, String)> {
    vec![
        ("objective", "binary:logistic".to_owned()),
        ("tree_method", "hist".to_owned()),
        ("max_depth", "4".to_owned()),
        ("learning_rate", "0.3".to_owned()),
        ("nthread", n_threads.to_string()),
    ]
}

fn matrix() -> DMatrix {
    let (features, labels) = table();
    let mut data = DMatrix::from_dense(&features, N_SAMPLES, N_FEATURES).unwrap();
    data.set_labels(&labels).unwrap();
    data
}

fn train(n_threads: u32, rounds: u32) -> Booster {
    Booster::train(&params(n_threads), &matrix(), rounds).unwrap()
}

#[test]
fn it_learns() {
    let (_, labels) = table();
    let model = train(1, 30);
    let probabilities = model.predict(&matrix(), Output::Value, None).unwrap();
    let right = probabilities
        .iter()
        .zip(&labels)
        .filter(|(probability, label)| (**probability > 0.5) == (**label > 0.5))
        .count();
    assert!(right * 100 > N_SAMPLES * 95, "{right} of {N_SAMPLES}");
}

#[test]
fn one_thread_and_two_train_the_same_bytes() {
    assert_eq!(train(1, 20).to_ubjson().unwrap(), train(2, 20).to_ubjson().unwrap());
}

#[test]
fn a_longer_training_contains_the_shorter() {
    let long = train(1, 30);
    let short = train(1, 10);
    assert_eq!(
        long.predict(&matrix(), Output::Margin, Some(10)).unwrap(),
        short.predict(&matrix(), Output::Margin, None).unwrap()
    );
    assert_ne!(
        long.predict(&matrix(), Output::Margin, None).unwrap(),
        short.predict(&matrix(), Output::Margin, None).unwrap()
    );
}

#[test]
fn bytes_carry_the_whole_model() {
    let model = train(1, 10);
    let bytes = model.to_ubjson().unwrap();
    let opened = Booster::from_ubjson(&bytes, 1).unwrap();
    assert_eq!(opened.rounds().unwrap(), 10);
    assert_eq!(opened.n_features(), N_FEATURES);
    assert_eq!(opened.to_ubjson().unwrap(), bytes);
    for output in [Output::Value, Output::Margin, Output::Contributions] {
        assert_eq!(opened.predict(&matrix(), output, None).unwrap(), model.predict(&matrix(), output, None).unwrap());
    }
}

#[test]
fn contributions_add_up_to_the_margin() {
    let model = train(1, 10);
    let contributions = model.predict(&matrix(), Output::Contributions, None).unwrap();
    let margins = model.predict(&matrix(), Output::Margin, None).unwrap();
    assert_eq!(contributions.len(), N_SAMPLES * (N_FEATURES + 1));
    for (row, margin) in contributions.chunks(N_FEATURES + 1).zip(margins) {
        let sum: f32 = row.iter().sum();
        assert!((sum - margin).abs() < 1e-4, "{sum} against {margin}");
    }
}

#[test]
fn a_row_alone_predicts_as_in_the_batch() {
    let (features, _) = table();
    let model = train(1, 25);
    let batch = model.predict(&matrix(), Output::Value, None).unwrap();
    for (row, expected) in features.chunks(N_FEATURES).zip(&batch).step_by(7) {
        let alone = DMatrix::from_dense(row, 1, N_FEATURES).unwrap();
        let found = model.predict(&alone, Output::Value, None).unwrap();
        assert_eq!(found[0].to_bits(), expected.to_bits());
    }
}

#[test]
fn a_model_predicts_from_many_threads_at_once() {
    let model = train(1, 25);
    let expected = model.predict(&matrix(), Output::Value, None).unwrap();
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..4).map(|_| scope.spawn(|| model.predict(&matrix(), Output::Value, None).unwrap())).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), expected);
        }
    });
}

#[test]
fn weights_change_the_model() {
    let (_, labels) = table();
    let mut weighted = matrix();
    let weights: Vec<f32> = labels.iter().map(|label| 1.0 + 4.0 * label).collect();
    weighted.set_weights(&weights).unwrap();
    let plain = train(1, 5);
    let heavy = Booster::train(&params(1), &weighted, 5).unwrap();
    let sum = |model: &Booster| -> f32 { model.predict(&matrix(), Output::Value, None).unwrap().iter().sum() };
    assert!(sum(&heavy) > sum(&plain));
}

#[test]
fn a_table_of_another_width_is_refused() {
    let model = train(1, 2);
    let narrow = DMatrix::from_dense(&[0.5; 5], 1, 5).unwrap();
    let error = model.predict(&narrow, Output::Value, None).unwrap_err();
    assert_eq!(error.to_string(), "a row of features has 5 values, expected 12");
}

#[test]
fn more_rounds_than_trained_are_refused() {
    let model = train(1, 2);
    for rounds in [0, 3] {
        let refused = model.predict(&matrix(), Output::Value, Some(rounds));
        assert!(matches!(refused, Err(Error::Length { .. })), "{rounds}");
    }
}

#[test]
fn bytes_that_are_no_model_are_refused() {
    let whole = train(1, 2).to_ubjson().unwrap();
    let cut = &whole[..whole.len() / 2];
    for bytes in [&b""[..], b"{", b"not a model", cut] {
        let refused = Booster::from_ubjson(bytes, 1).err();
        let length = bytes.len();
        assert_eq!(refused, Some(Error::NotAModel { length }));
    }
    let refused = Booster::from_ubjson(b"{}", 1).err();
    assert!(matches!(refused, Some(Error::Call { .. })), "{refused:?}");
}

#[test]
fn a_bad_parameter_names_the_function() {
    let bad = [("max_depth", "deep".to_owned())];
    let error = Booster::train(&bad, &matrix(), 1).err().unwrap();
    assert!(error.to_string().starts_with("XGBoosterUpdateOneIter failed: "), "{error}");
}

#[test]
fn depths_are_those_of_the_trees() {
    let shallow: Vec<(&str, String)> = params(1)
        .into_iter()
        .map(|(name, value)| (name, if name == "max_depth" { "2".to_owned() } else { value }))
        .collect();
    assert_eq!(Booster::train(&shallow, &matrix(), 3).unwrap().tree_depths().unwrap(), [2, 2, 2]);
    let split_nothing: Vec<(&str, String)> = shallow.into_iter().chain([("gamma", "1000000".to_owned())]).collect();
    assert_eq!(Booster::train(&split_nothing, &matrix(), 2).unwrap().tree_depths().unwrap(), [0, 0]);
}
