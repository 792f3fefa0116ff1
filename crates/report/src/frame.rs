//! The drawing area that every chart shares: size, grid, axes, labels, title and description.

use crate::axis::Scale;
use crate::text::Text;
use maud::{Markup, html};
use std::fmt::Write as _;

/// Height of a line of small text in user units.
const LINE: f64 = 16.0;
/// Average width of a digit of a tick label in user units.
const DIGIT: f64 = 7.0;
const RIGHT: f64 = 18.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 46.0;
/// A longer path skips points that would fall within this distance of the last one, in user units.
const RESOLUTION: f64 = 0.25;

/// The proportions of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Wider than high: a quantity over a range.
    Wide,
    /// As wide as high: both axes are ratios.
    Square,
}

/// Axes placed in a drawing area; user units, y downwards.
#[derive(Debug)]
pub(crate) struct Frame {
    width: f64,
    height: f64,
    left: f64,
    x: Scale,
    y: Scale,
}

impl Frame {
    pub(crate) fn new(shape: Shape, x: Scale, y: Scale) -> Self {
        let digits = y.ticks.iter().map(|tick| tick.label.chars().count()).max().unwrap_or(0);
        let left = (digits as f64).mul_add(DIGIT, 18.0);
        let (width, height) = match shape {
            Shape::Wide => (440.0, 290.0),
            Shape::Square => (left + RIGHT + 330.0, TOP + BOTTOM + 330.0),
        };
        Self { width, height, left, x, y }
    }

    pub(crate) fn x(&self, value: f64) -> f64 {
        self.x.position(value).mul_add(self.right() - self.left, self.left)
    }

    pub(crate) fn y(&self, value: f64) -> f64 {
        self.y.position(value).mul_add(TOP - self.base(), self.base())
    }

    /// The right edge of the plot.
    pub(crate) fn right(&self) -> f64 {
        self.width - RIGHT
    }

    /// The lower edge of the plot.
    pub(crate) fn base(&self) -> f64 {
        self.height - BOTTOM
    }

    /// The whole picture: grid below, `content` above, then the axes' labels.
    pub(crate) fn svg(
        &self,
        id: &str,
        title: &Text,
        description: &Text,
        labels: [&Text; 2],
        content: &Markup,
    ) -> Markup {
        let (title_id, description_id) = (format!("{id}-title"), format!("{id}-desc"));
        html! {
            svg class="chart" viewBox=(format!("0 0 {:.0} {:.0}", self.width, self.height)) role="img"
                aria-labelledby=(format!("{title_id} {description_id}")) {
                title id=(title_id) { (title) }
                desc id=(description_id) { (description) }
                g class="grid" {
                    @for tick in &self.y.ticks {
                        path d=(format!("M{} {}H{}", unit(self.left), unit(self.y(tick.value)), unit(self.right()))) {}
                    }
                }
                (content)
                path class="axis" d=(format!("M{} {}H{}", unit(self.left), unit(self.base()), unit(self.right()))) {}
                g class="ticks" {
                    @for tick in &self.x.ticks {
                        path d=(format!("M{} {}v4", unit(self.x(tick.value)), unit(self.base()))) {}
                        text x=(unit(self.x(tick.value))) y=(unit(self.base() + 4.0 + LINE)) text-anchor="middle" { (tick.label) }
                    }
                    @for tick in &self.y.ticks {
                        text x=(unit(self.left - 8.0)) y=(unit(self.y(tick.value) + 4.0)) text-anchor="end" { (tick.label) }
                    }
                }
                g class="labels" {
                    text x=(unit(self.left.midpoint(self.right()))) y=(unit(self.height - 6.0)) text-anchor="middle" {
                        (labels[0]) (self.x.factor())
                    }
                    text x="4" y="13" { (labels[1]) (self.y.factor()) }
                }
            }
        }
    }
}

/// A coordinate with one decimal, which is finer than any screen shows.
pub(crate) fn unit(value: f64) -> String {
    format!("{value:.1}")
}

/// How a path joins its points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Join {
    Straight,
    /// First to the height of the next point, then across to it.
    Steps,
}

/// The path data through the points; a point that is not finite breaks the path.
pub(crate) fn path(frame: &Frame, points: &[(f64, f64)], join: Join) -> String {
    let mut data = String::new();
    let mut last: Option<(f64, f64)> = None;
    for (index, &(x, y)) in points.iter().enumerate() {
        if !(x.is_finite() && y.is_finite()) {
            last = None;
            continue;
        }
        let here = (frame.x(x), frame.y(y));
        let is_last = points.get(index + 1).is_none_or(|(x, y)| !(x.is_finite() && y.is_finite()));
        // Writing to a string cannot fail.
        let _ = match last {
            None => write!(data, "M{:.1} {:.1}", here.0, here.1),
            Some(before) if !is_last && (before.0 - here.0).abs().max((before.1 - here.1).abs()) < RESOLUTION => {
                continue;
            }
            Some(_) if join == Join::Steps => write!(data, "V{:.1}H{:.1}", here.1, here.0),
            Some(_) => write!(data, "L{:.1} {:.1}", here.0, here.1),
        };
        last = Some(here);
    }
    data
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::axis::Axis;

    fn frame() -> Frame {
        let unit = Axis::new("").range(0.0, 1.0);
        Frame::new(Shape::Square, Scale::fit(&unit, std::iter::empty()), Scale::fit(&unit, std::iter::empty()))
    }

    #[test]
    fn gaps_break_a_path() {
        let points = [(0.0, 0.0), (0.5, f64::NAN), (1.0, 1.0)];
        assert_eq!(path(&frame(), &points, Join::Straight).matches('M').count(), 2);
    }

    #[test]
    fn long_paths_are_thinned_and_keep_their_end() {
        let points: Vec<_> = (0..=100_000).map(|index| f64::from(index) / 100_000.0).map(|at| (at, at)).collect();
        let data = path(&frame(), &points, Join::Straight);
        assert!(data.len() < 40_000, "{} bytes", data.len());
        assert!(data.ends_with(&format!("L{:.1} {:.1}", frame().x(1.0), frame().y(1.0))));
    }

    #[test]
    fn steps_go_up_then_across() {
        let data = path(&frame(), &[(0.0, 1.0), (1.0, 0.5)], Join::Steps);
        let expected = format!("V{:.1}H{:.1}", frame().y(0.5), frame().x(1.0));
        assert!(data.ends_with(&expected), "{data}");
    }
}
