//! Histograms: how often values fall into equally wide bins.

use crate::axis::{Axis, Scale};
use crate::format::{count, decimal, percent};
use crate::frame::{Frame, Shape, unit};
use crate::line::{LOOKS, nothing, swatch};
use crate::text::Text;
use maud::{Markup, html};

/// One or more groups of values over the same bins.
#[derive(Debug, Clone)]
pub struct Histogram {
    x: Axis,
    low: f64,
    high: f64,
    bin_count: usize,
    groups: Vec<Group>,
}

#[derive(Debug, Clone)]
struct Group {
    name: Text,
    n_samples: u64,
    /// The ratio (0..1) of the group's values in each bin.
    ratios: Vec<f64>,
}

impl Histogram {
    /// Bins of equal width over `low..=high`; at least one bin, and bounds that are not finite or not ascending become 0 and 1.
    pub fn new(x: Axis, low: f64, high: f64, bin_count: usize) -> Self {
        let (low, high) = if low.is_finite() && high.is_finite() && low < high { (low, high) } else { (0.0, 1.0) };
        Self { x: x.range(low, high), low, high, bin_count: bin_count.max(1), groups: Vec::new() }
    }

    /// Adds a group; its bins show ratios of the group, so that a rare class stays visible beside a common one.
    /// Values outside the bounds count in the outer bins; values that are not finite are passed over.
    #[must_use]
    pub fn group(mut self, name: impl Into<Text>, values: impl IntoIterator<Item = f64>) -> Self {
        let mut counts = vec![0_u64; self.bin_count];
        for value in values.into_iter().filter(|value| value.is_finite()) {
            let position = (value - self.low) / (self.high - self.low) * self.bin_count as f64;
            counts[(position.max(0.0) as usize).min(self.bin_count - 1)] += 1;
        }
        let n_samples: u64 = counts.iter().sum();
        let ratios = counts.iter().map(|&count| count as f64 / n_samples.max(1) as f64).collect();
        self.groups.push(Group { name: name.into(), n_samples, ratios });
        self
    }

    pub(crate) fn render(&self, id: &str, title: &Text) -> Markup {
        let y = Axis::new("Ratio of the group").from_zero();
        let values = self.groups.iter().flat_map(|group| group.ratios.iter().copied());
        let scale = Scale::fit(&y, values);
        let frame = Frame::new(Shape::Wide, Scale::fit(&self.x, std::iter::empty()), scale);
        let content = html! {
            @if self.groups.iter().all(|group| group.n_samples == 0) { (nothing(&frame)) }
            @for (index, group) in self.groups.iter().enumerate() {
                path class=(format!("area look{}", index % LOOKS)) d=(self.outline(&frame, group)) {}
            }
        };
        html! {
            (frame.svg(id, title, &self.description(), [self.x.label(), y.label()], &content))
            @if self.groups.len() > 1 {
                ul class="legend" {
                    @for (index, group) in self.groups.iter().enumerate() {
                        li { (swatch(&format!("line look{}", index % LOOKS))) (group.name) " (" (count(group.n_samples)) ")" }
                    }
                }
            }
        }
    }

    fn outline(&self, frame: &Frame, group: &Group) -> String {
        let edge = |bin: usize| frame.x((self.high - self.low).mul_add(bin as f64 / self.bin_count as f64, self.low));
        let step = |(bin, ratio): (usize, &f64)| format!("V{}H{}", unit(frame.y(*ratio)), unit(edge(bin + 1)));
        let steps = group.ratios.iter().enumerate().map(step).collect::<Vec<_>>().concat();
        format!("M{} {}{steps}V{}Z", unit(edge(0)), unit(frame.base()), unit(frame.base()))
    }

    fn description(&self) -> Text {
        let subject = format!("Histogram of {} in {} bins.", self.x.label().as_str(), self.bin_count);
        let groups = self.groups.iter().map(|group| self.describe(group));
        std::iter::once(subject).chain(groups).collect::<Vec<_>>().join(" ").into()
    }

    fn describe(&self, group: &Group) -> String {
        let fuller =
            |best: (usize, f64), (bin, &ratio): (usize, &f64)| if ratio > best.1 { (bin, ratio) } else { best };
        let (fullest, ratio) = group.ratios.iter().enumerate().fold((0, 0.0), fuller);
        let middle = (self.high - self.low).mul_add((fullest as f64 + 0.5) / self.bin_count as f64, self.low);
        format!(
            "{}: {} values, most of them ({}) around {}.",
            group.name.as_str(),
            count(group.n_samples),
            percent(ratio),
            decimal(middle, 3)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_empty_group_is_no_data() {
        let page =
            Histogram::new(Axis::new("p"), 0.0, 1.0, 10).group("good", []).render("h", &"t".into()).into_string();
        assert!(page.contains("no data") && !page.contains("NaN"), "{page}");
    }

    #[test]
    fn outer_values_count_in_the_outer_bins() {
        let histogram = Histogram::new(Axis::new("p"), 0.0, 1.0, 2).group("a", [-5.0, 0.1, 0.5, 9.0]);
        assert_eq!(histogram.groups[0].ratios, [0.5, 0.5]);
    }

    proptest! {
        #[test]
        fn ratios_add_up_to_one(values in proptest::collection::vec(-10.0..10.0f64, 1..50), bins in 0..30_usize) {
            let histogram = Histogram::new(Axis::new("p"), -1.0, 1.0, bins).group("a", values);
            prop_assert!((histogram.groups[0].ratios.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
    }
}
