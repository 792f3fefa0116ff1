//! What a grid search of boosting costs on a small cluster of wafers and on many, against the library asked point by point as a plain search would:
//! one fit for all numbers of rounds, one for each limit of depth. Both give the same bits, which is asserted.
//!
//! ```text
//! cargo bench -p faultline-learn --bench boosting
//! cargo bench -p faultline-learn --bench boosting -- 'of rows'
//! ```
//!
//! With a text only the cases are run whose names have it.

use std::error::Error;
use std::fs;
use std::io::Write as _;

use faultline_learn::boosting::{BoostingGrid, BoostingParams, fit_boosting, search_boosting};
use faultline_learn::selection::{Fold, stratified_folds};
use faultline_learn::{LearnError, OwnedSamples};

const FEW_ROWS: usize = 534;
const MANY_ROWS: usize = 20_000;
const N_FEATURES: usize = 474;
const N_FOLDS: usize = 4;
const FAULTY_SHARE: f64 = 0.06;
/// Every figure is the least of this many rounds, in which both take turns.
const ROUNDS: usize = 3;
/// Processor time is counted in hundredths of a second on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// Readings that tell little of the faults, as those of real wafers do.
fn table(n_rows: usize) -> (Vec<f32>, Vec<u8>) {
    let mut state = 88_172_645_463_325_252_u64;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f64 / f64::from(1_u32 << 24)
    };
    let (mut features, mut targets) = (Vec::new(), Vec::new());
    for _ in 0..n_rows {
        let is_faulty = uniform() < FAULTY_SHARE;
        for column in 0..N_FEATURES {
            let pull = if is_faulty && column % 40 == 0 { 0.4 } else { 0.0 };
            let reading = uniform() + uniform() + uniform() + pull;
            // Every eighth sensor knows few values.
            features.push(if column % 8 == 0 { (reading * 4.0).floor() } else { reading } as f32);
        }
        targets.push(u8::from(is_faulty));
    }
    (features, targets)
}

/// User and system time of the whole process, in seconds.
fn processor_time() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit_once(')').ok_or("no name in /proc/self/stat")?.1;
    let ticks: Vec<f64> = after_name.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / TICKS_PER_SECOND)
}

/// The probabilities of every point, by one model of the library for each limit of depth.
fn by_library(
    samples: &OwnedSamples,
    targets: &[u8],
    folds: &[Fold],
    points: &[BoostingParams],
) -> Result<Vec<Vec<f64>>, LearnError> {
    let mut found = vec![vec![f64::NAN; targets.len()]; points.len()];
    for fold in folds {
        let (train, test) = (samples.as_samples().select(&fold.train)?, samples.as_samples().select(&fold.test)?);
        let train_targets: Vec<u8> = fold.train.iter().map(|&row| targets[row]).collect();
        for same_depth in
            (0..points.len()).collect::<Vec<_>>().chunk_by(|&a, &b| points[a].max_depth == points[b].max_depth)
        {
            let rounds = same_depth.iter().map(|&point| points[point].n_estimators).max().unwrap_or(1);
            let longest = BoostingParams { n_estimators: rounds, ..points[same_depth[0]].clone() }.check()?;
            let model = fit_boosting(&train.as_samples(), &train_targets, None, &longest, 7)?;
            for &point in same_depth {
                let probabilities = model.predict_proba_at(&test.as_samples(), points[point].n_estimators)?;
                fold.test.iter().zip(probabilities).for_each(|(&row, probability)| found[point][row] = probability);
            }
        }
    }
    Ok(found)
}

/// Takes turns on the points, and prints the least processor time of both sides under that name; zero for a case that is not asked for.
fn compare(name: &str, n_rows: usize, rounds: usize, points: &[BoostingParams]) -> Result<[f64; 2], Box<dyn Error>> {
    let asked = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    if asked.is_some_and(|asked| !name.contains(&asked)) {
        return Ok([0.0; 2]);
    }
    let (features, targets) = table(n_rows);
    let samples = OwnedSamples::new(features, n_rows, N_FEATURES)?;
    let labels: Vec<bool> = targets.iter().map(|&target| target == 1).collect();
    let folds = stratified_folds(&labels, &vec![0; n_rows], N_FOLDS, 7)?;
    let mut least = [f64::INFINITY; 2];
    for _ in 0..rounds {
        let start = processor_time()?;
        let theirs = by_library(&samples, &targets, &folds, points)?;
        let middle = processor_time()?;
        let ours = search_boosting(&samples.as_samples(), &targets, &folds, points, 7)?;
        let end = processor_time()?;
        let same = ours.iter().zip(&theirs).all(|(ours, theirs)| ours.probabilities == *theirs);
        if !same {
            return Err("the search and the library differ".into());
        }
        least = [least[0].min(middle - start), least[1].min(end - middle)];
    }
    let [library, ours] = least;
    writeln!(std::io::stdout(), "{name:>40} {library:>8.2} {ours:>8.2} {:>6.1}", library / ours)?;
    Ok(least)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout();
    writeln!(
        out,
        "{FEW_ROWS} x {N_FEATURES}, {N_FOLDS} folds, depths 3, 5, 10, 20, rounds 10, 50, 100, 200; cpu seconds\n"
    )?;
    writeln!(out, "{:>40} {:>8} {:>8} {:>6}", "learning rate", "library", "ours", "ratio")?;
    let mut totals = [0.0; 2];
    for learning_rate in [0.5, 0.1, 0.01, 0.001] {
        let points = BoostingGrid {
            learning_rate: vec![learning_rate],
            max_depth: vec![3, 5, 10, 20],
            n_estimators: vec![10, 50, 100, 200],
            ..BoostingGrid::default()
        }
        .candidates();
        let [library, ours] = compare(&learning_rate.to_string(), FEW_ROWS, ROUNDS, &points)?;
        totals = [totals[0] + library, totals[1] + ours];
    }
    if totals[1] > 0.0 {
        writeln!(out, "{:>40} {:>8.2} {:>8.2} {:>6.1}", "all", totals[0], totals[1], totals[0] / totals[1])?;
    }

    let demo = BoostingGrid {
        learning_rate: vec![0.03],
        max_depth: vec![3],
        n_estimators: vec![100, 300],
        reg_lambda: vec![20.0],
        reg_alpha: vec![1.0],
        gamma: vec![0.5],
        max_bin: vec![64],
        ..BoostingGrid::default()
    };
    let drawn = BoostingGrid { subsample: vec![0.7], colsample_bytree: vec![0.3], ..demo.clone() };
    writeln!(out, "\ndepth 3, rounds 100 and 300, 64 bins\n")?;
    compare("534 rows, 70% of rows, 30% of columns", FEW_ROWS, ROUNDS, &drawn.candidates())?;
    compare("20,000 rows, 70% of rows, 30% of columns", MANY_ROWS, 1, &drawn.candidates())?;
    compare("20,000 rows", MANY_ROWS, 1, &demo.candidates())?;
    Ok(())
}
