//! The best rising step function, joined to a line.

use faultline_contract::documents::evaluation::Calibration;

/// Rows whose probabilities are pooled: consecutive distinct probabilities, and the share of faulty rows among them.
struct Block {
    faulty: u64,
    rows: u64,
    /// Distinct probabilities in it.
    values: usize,
}

impl Block {
    fn share(&self) -> f64 {
        self.faulty as f64 / self.rows as f64
    }

    /// Whether the share is at least that of `next`, in whole numbers and so exactly.
    fn violates(&self, next: &Self) -> bool {
        u128::from(self.faulty) * u128::from(next.rows) >= u128::from(next.faulty) * u128::from(self.rows)
    }
}

/// There are rows, and no probability is NaN.
pub(super) fn fit(labels: &[bool], probabilities: &[f64]) -> Calibration {
    let mut order: Vec<(f64, bool)> = probabilities.iter().copied().zip(labels.iter().copied()).collect();
    // adding 0 makes zeros of either sign one
    for row in &mut order {
        row.0 += 0.0;
    }
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut values, mut blocks): (Vec<f64>, Vec<Block>) = (Vec::new(), Vec::new());
    for tied in order.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        values.extend(tied.first().map(|row| row.0));
        let faulty = tied.iter().filter(|row| row.1).count() as u64;
        let mut block = Block { faulty, rows: tied.len() as u64, values: 1 };
        while let Some(before) = blocks.pop_if(|before| before.violates(&block)) {
            block.faulty += before.faulty;
            block.rows += before.rows;
            block.values += before.values;
        }
        blocks.push(block);
    }
    // of a block only the ends carry the line
    let (mut x, mut y, mut start) = (Vec::new(), Vec::new(), 0);
    for block in &blocks {
        let last = start + block.values - 1;
        let ends = if last > start { vec![start, last] } else { vec![start] };
        for end in ends {
            x.push(values[end]);
            y.push(block.share());
        }
        start += block.values;
    }
    Calibration::Isotonic { x, y }
}

pub(super) fn apply(x: &[f64], y: &[f64], probability: f64) -> f64 {
    if probability.is_nan() {
        return probability;
    }
    let above = x.partition_point(|&value| value < probability);
    match (
        above.checked_sub(1).and_then(|below| Some((*x.get(below)?, *y.get(below)?))),
        x.get(above).zip(y.get(above)),
    ) {
        (Some((x0, y0)), Some((&x1, &y1))) => (y0 + (y1 - y0) / (x1 - x0) * (probability - x0)).min(y1),
        (None, Some((_, &first))) => first,
        (Some((_, last)), None) => last,
        (None, None) => probability,
    }
}

pub(super) fn broken_rule(x: &[f64], y: &[f64]) -> Option<&'static str> {
    if x.is_empty() {
        Some("there are no points")
    } else if x.len() != y.len() {
        Some("x and y are not equally long")
    } else if !x.windows(2).all(|pair| pair[0] < pair[1]) || !x.iter().all(|value| value.is_finite()) {
        Some("x does not rise")
    } else if !y.iter().all(|value| (0.0..=1.0).contains(value)) {
        Some("a value of y is not within 0 and 1")
    } else if !y.is_sorted() {
        Some("y falls")
    } else {
        None
    }
}
