//! Axes: what a caller asks for, and the scale with its ticks that follows from the data.

use crate::format::decimal;
use crate::text::Text;

/// How many tick intervals an axis aims at.
const TARGET_INTERVALS: f64 = 5.0;
/// Values beyond this are drawn at it, so that spans stay finite.
const LARGEST: f64 = 1e300;
/// A span below this part of the largest value counts as constant.
const RELATIVE_RESOLUTION: f64 = 1e-9;
/// A span below this counts as constant.
const SMALLEST_SPAN: f64 = 1e-290;

/// One axis of a chart: a label and, where wanted, bounds.
#[derive(Debug, Clone)]
pub struct Axis {
    label: Text,
    range: Option<(f64, f64)>,
    is_whole: bool,
    from_zero: bool,
}

impl Axis {
    /// An axis whose bounds follow from the data.
    pub fn new(label: impl Into<Text>) -> Self {
        Self { label: label.into(), range: None, is_whole: false, from_zero: false }
    }

    /// Fixes the bounds; data outside are drawn at the edge. Ignored unless `low < high` and both are finite.
    #[must_use]
    pub fn range(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }

    /// Ticks at whole numbers only (cluster counts, rows).
    #[must_use]
    pub fn whole(mut self) -> Self {
        self.is_whole = true;
        self
    }

    /// Includes zero whatever the data are.
    #[must_use]
    pub fn from_zero(mut self) -> Self {
        self.from_zero = true;
        self
    }

    /// The label without a factor.
    pub(crate) fn label(&self) -> &Text {
        &self.label
    }
}

/// One tick: a position on the axis and its label, already divided by the scale's power of ten.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub(crate) value: f64,
    pub(crate) label: String,
}

/// A linear scale with ticks at round numbers.
#[derive(Debug, Clone)]
pub(crate) struct Scale {
    low: f64,
    high: f64,
    exponent: i32,
    pub(crate) ticks: Vec<Tick>,
}

impl Scale {
    /// Fits the axis to its data; values that are not finite are passed over, and no data at all give 0..1.
    pub(crate) fn fit(axis: &Axis, values: impl Iterator<Item = f64>) -> Self {
        let fixed = axis.range.filter(|(low, high)| low.is_finite() && high.is_finite() && low < high);
        let (low, high) = fixed.unwrap_or_else(|| bounds(values, axis.from_zero));
        let [low, high] = [low, high].map(|bound| bound.clamp(-LARGEST, LARGEST));
        let (low, high) = if axis.is_whole { (low.floor(), high.ceil()) } else { (low, high) };
        let (low, high) = widen(low, high, axis.is_whole);
        let step = step(high - low, axis.is_whole);
        // A whole axis starts and ends at its data: a chart over k = 1..10 has no 0.
        let is_exact = fixed.is_some() || axis.is_whole;
        let slack = if is_exact { 1e-9 } else { 1.0 - 1e-9 };
        let first = (low / step - slack).ceil() as i64;
        let last = (high / step + slack).floor() as i64;
        let (low, high) = if is_exact { (low, high) } else { (first as f64 * step, last as f64 * step) };
        let exponent = exponent(low.abs().max(high.abs()));
        let unit = 10f64.powi(exponent);
        let decimals = decimals(step / unit);
        let ticks = (first..=last)
            .map(|index| {
                let value = index as f64 * step;
                Tick { value, label: decimal(value / unit, decimals) }
            })
            .collect();
        Self { low, high, exponent, ticks }
    }

    /// Where a value lies, 0 at the low end and 1 at the high end; clamped. Not for values that are not finite.
    pub(crate) fn position(&self, value: f64) -> f64 {
        // Halving first keeps the spans of the largest values finite.
        ((value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0)).clamp(0.0, 1.0)
    }

    /// The power of ten that the labels leave out, such as ` (×10⁹)`; empty for ordinary numbers.
    pub(crate) fn factor(&self) -> String {
        if self.exponent == 0 {
            return String::new();
        }
        let digits: String = self.exponent.to_string().chars().map(superscript).collect();
        format!(" (\u{d7}10{digits})")
    }
}

fn bounds(values: impl Iterator<Item = f64>, from_zero: bool) -> (f64, f64) {
    let start = from_zero.then_some((0.0, 0.0));
    values
        .filter(|value| value.is_finite())
        .fold(start, |seen, value| {
            Some(seen.map_or((value, value), |(low, high): (f64, f64)| (low.min(value), high.max(value))))
        })
        .unwrap_or((0.0, 1.0))
}

/// Gives constants some room, so that there is always a span to divide by.
fn widen(low: f64, high: f64, is_whole: bool) -> (f64, f64) {
    let largest = low.abs().max(high.abs());
    if high / 2.0 - low / 2.0 > (largest * RELATIVE_RESOLUTION).max(SMALLEST_SPAN) {
        return (low, high);
    }
    if largest <= SMALLEST_SPAN {
        return (0.0, 1.0);
    }
    let room = (largest * 0.1).max(if is_whole { 1.0 } else { 0.0 });
    (low - room, high + room)
}

/// The round step (1, 2 or 5 times a power of ten) that gives about the wanted number of intervals.
fn step(span: f64, is_whole: bool) -> f64 {
    let raw = span / TARGET_INTERVALS;
    let power = 10f64.powf(raw.log10().floor());
    let round = [1.0, 2.0, 5.0].into_iter().find(|factor| raw <= factor * power * (1.0 + 1e-9)).unwrap_or(10.0) * power;
    if is_whole { round.max(1.0) } else { round }
}

/// The power of ten, a multiple of three, to leave out of the labels.
fn exponent(largest: f64) -> i32 {
    if (1e-2..1e5).contains(&largest) || largest == 0.0 { 0 } else { (largest.log10() / 3.0).floor() as i32 * 3 }
}

fn decimals(step: f64) -> usize {
    (-(step.log10() + 1e-9).floor()).max(0.0) as usize
}

fn superscript(character: char) -> char {
    match character {
        '-' => '\u{207b}',
        '0' => '\u{2070}',
        '1' => '\u{b9}',
        '2' => '\u{b2}',
        '3' => '\u{b3}',
        digit => char::from_u32(0x2070 + digit.to_digit(10).unwrap_or(0)).unwrap_or(digit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn labels(scale: &Scale) -> Vec<&str> {
        scale.ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    fn fit(axis: &Axis, values: &[f64]) -> Scale {
        Scale::fit(axis, values.iter().copied())
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(&fit(&Axis::new(""), &[0.13, 0.97])), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
    }

    #[test]
    fn cluster_counts_get_whole_ticks() {
        assert_eq!(labels(&fit(&Axis::new("k").whole(), &[1.0, 2.0, 3.0])), ["1", "2", "3"]);
    }

    #[test]
    fn large_values_leave_a_power_of_ten_out() {
        let scale = fit(&Axis::new("inertia").from_zero(), &[8.4331e10, 2.4487e10]);
        assert_eq!(labels(&scale), ["0", "20", "40", "60", "80", "100"]);
        assert_eq!(scale.factor(), " (\u{d7}10\u{2079})");
    }

    #[test]
    fn no_data_give_the_unit_range() {
        assert_eq!(labels(&fit(&Axis::new(""), &[])), labels(&fit(&Axis::new("").range(0.0, 1.0), &[])));
    }

    #[test]
    fn a_constant_lies_inside_its_axis() {
        for constant in [0.0, 7.0, -3.5, 1e-12, 1e300, f64::MIN_POSITIVE] {
            let scale = fit(&Axis::new(""), &[constant]);
            assert!(scale.ticks.len() >= 2, "{constant}: {:?}", labels(&scale));
            let position = scale.position(constant);
            assert!((0.0..=1.0).contains(&position), "{constant}: {position}");
        }
    }

    #[test]
    fn a_tiny_span_still_gets_whole_ticks() {
        assert_eq!(labels(&fit(&Axis::new("").whole(), &[-1e-65, 0.0])).len(), 2);
    }

    #[test]
    fn a_fixed_range_holds() {
        let scale = fit(&Axis::new("").range(0.0, 1.0), &[5.0]);
        assert!((scale.position(5.0) - 1.0).abs() < f64::EPSILON);
        assert_eq!(scale.ticks.len(), 6);
    }

    proptest! {
        #[test]
        fn ticks_are_sane_for_any_data(values in proptest::collection::vec(proptest::num::f64::ANY, 0..6), whole: bool, zero: bool) {
            let mut axis = Axis::new("x");
            if whole { axis = axis.whole(); }
            if zero { axis = axis.from_zero(); }
            let scale = fit(&axis, &values);
            prop_assert!((2..=13).contains(&scale.ticks.len()), "{} ticks", scale.ticks.len());
            prop_assert!(scale.ticks.windows(2).all(|pair| pair[0].value < pair[1].value));
            prop_assert_eq!(labels(&scale).into_iter().collect::<BTreeSet<_>>().len(), scale.ticks.len());
            for tick in &scale.ticks {
                prop_assert!(tick.value.is_finite() && tick.label.len() < 24, "{:?}", tick);
            }
            for value in values.into_iter().filter(|value| value.is_finite()) {
                prop_assert!((0.0..=1.0).contains(&scale.position(value)));
            }
        }
    }
}
