//! Line charts: one or more series, marked points and reference lines.

use crate::axis::{Axis, Scale};
use crate::format::decimal;
use crate::frame::{Frame, Join, Shape, path, unit};
use crate::text::Text;
use maud::{Markup, html};

/// Up to this many points of a straight line are drawn as dots too.
const MAX_DOTS: usize = 40;
/// How many series look different from each other; more repeat the looks.
pub(crate) const LOOKS: usize = 6;

/// A chart of lines over a common x axis.
#[derive(Debug, Clone)]
pub struct LineChart {
    x: Axis,
    y: Axis,
    shape: Shape,
    series: Vec<Series>,
    marks: Vec<Mark>,
    references: Vec<Reference>,
}

#[derive(Debug, Clone)]
struct Series {
    name: Text,
    points: Vec<(f64, f64)>,
    join: Join,
}

#[derive(Debug, Clone)]
struct Mark {
    point: (f64, f64),
    label: Text,
}

#[derive(Debug, Clone)]
struct Reference {
    name: Text,
    from: (f64, f64),
    to: (f64, f64),
}

impl LineChart {
    /// A wide chart without series.
    pub fn new(x: Axis, y: Axis) -> Self {
        Self { x, y, shape: Shape::Wide, series: Vec::new(), marks: Vec::new(), references: Vec::new() }
    }

    /// Sets the proportions; `Shape::Wide` by default.
    #[must_use]
    pub fn shape(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self
    }

    /// Adds points `(x, y)` joined by straight lines; a point that is not finite leaves a gap.
    #[must_use]
    pub fn line(self, name: impl Into<Text>, points: Vec<(f64, f64)>) -> Self {
        self.series(name.into(), points, Join::Straight)
    }

    /// Adds points `(x, y)` joined by steps: to the height of the next point, then across to it.
    #[must_use]
    pub fn steps(self, name: impl Into<Text>, points: Vec<(f64, f64)>) -> Self {
        self.series(name.into(), points, Join::Steps)
    }

    /// Points at one place, such as a knee or a chosen threshold; passed over unless finite.
    #[must_use]
    pub fn mark(mut self, point: (f64, f64), label: impl Into<Text>) -> Self {
        if point.0.is_finite() && point.1.is_finite() {
            self.marks.push(Mark { point, label: label.into() });
        }
        self
    }

    /// Adds a straight, dashed line to compare with, such as chance; passed over unless finite.
    #[must_use]
    pub fn reference(mut self, name: impl Into<Text>, from: (f64, f64), to: (f64, f64)) -> Self {
        if [from.0, from.1, to.0, to.1].iter().all(|value| value.is_finite()) {
            self.references.push(Reference { name: name.into(), from, to });
        }
        self
    }

    fn series(mut self, name: Text, points: Vec<(f64, f64)>, join: Join) -> Self {
        self.series.push(Series { name, points, join });
        self
    }

    /// The points that have a place on both axes, marks and references included.
    fn placed(&self) -> impl Iterator<Item = (f64, f64)> {
        let series =
            self.series.iter().flat_map(|series| &series.points).filter(|(x, y)| x.is_finite() && y.is_finite());
        let references = self.references.iter().flat_map(|reference| [&reference.from, &reference.to]);
        series.chain(self.marks.iter().map(|mark| &mark.point)).chain(references).copied()
    }

    pub(crate) fn render(&self, id: &str, title: &Text) -> Markup {
        let x = Scale::fit(&self.x, self.placed().map(|(x, _)| x));
        let y = Scale::fit(&self.y, self.placed().map(|(_, y)| y));
        let frame = Frame::new(self.shape, x, y);
        let content = html! {
            @if self.series.iter().all(|series| series.points.is_empty()) { (nothing(&frame)) }
            @for reference in &self.references {
                path class="reference" d=(path(&frame, &[reference.from, reference.to], Join::Straight)) {}
            }
            @for (index, series) in self.series.iter().enumerate() {
                path class=(format!("line look{}", index % LOOKS)) d=(path(&frame, &series.points, series.join)) {}
                @if series.join == Join::Straight && series.points.len() <= MAX_DOTS {
                    @for (x, y) in series.points.iter().filter(|(x, y)| x.is_finite() && y.is_finite()) {
                        circle class=(format!("dot look{}", index % LOOKS)) cx=(unit(frame.x(*x))) cy=(unit(frame.y(*y))) r="3" {}
                    }
                }
            }
            @for mark in &self.marks { (draw_mark(&frame, mark)) }
        };
        html! {
            (frame.svg(id, title, &self.description(), [self.x.label(), self.y.label()], &content))
            (self.legend())
        }
    }

    fn legend(&self) -> Markup {
        if self.series.len() + self.references.len() < 2 {
            return html! {};
        }
        html! {
            ul class="legend" {
                @for (index, series) in self.series.iter().enumerate() {
                    li { (swatch(&format!("line look{}", index % LOOKS))) (series.name) }
                }
                @for reference in &self.references { li { (swatch("reference")) (reference.name) } }
            }
        }
    }

    fn description(&self) -> Text {
        let subject = format!("Chart of {} over {}.", self.y.label().as_str(), self.x.label().as_str());
        let series = self.series.iter().map(Series::description);
        let marks = self.marks.iter().map(|mark| format!("Marked: {} at {}.", mark.label.as_str(), place(mark.point)));
        std::iter::once(subject).chain(series).chain(marks).collect::<Vec<_>>().join(" ").into()
    }
}

impl Series {
    fn description(&self) -> String {
        let points: Vec<_> = self.points.iter().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
        let ends = match points[..] {
            [] => "no points".to_owned(),
            [only] => format!("one point at {}", place(*only)),
            [first, .., last] => format!("{} points from {} to {}", points.len(), place(*first), place(*last)),
        };
        format!("{}: {ends}.", self.name.as_str())
    }
}

/// The sample of a line beside its name in a legend.
pub(crate) fn swatch(class: &str) -> Markup {
    html! {
        svg class="swatch" viewBox="0 0 24 8" aria-hidden="true" { path class=(class) d="M0 4H24" {} }
    }
}

/// Says that a chart has no data, in its middle.
pub(crate) fn nothing(frame: &Frame) -> Markup {
    html! {
        text class="nothing" x="50%" y=(unit(frame.base() / 2.0 + 14.0)) text-anchor="middle" { "no data" }
    }
}

fn draw_mark(frame: &Frame, mark: &Mark) -> Markup {
    let (x, y) = (frame.x(mark.point.0), frame.y(mark.point.1));
    let is_right = x > frame.right() * 0.62;
    let (anchor, shift) = if is_right { ("end", -10.0) } else { ("start", 10.0) };
    // Above the point, unless that would leave the picture.
    let label_y = if y < 48.0 { y + 20.0 } else { y - 10.0 };
    html! {
        path class="drop" d=(format!("M{} {}V{}", unit(x), unit(y), unit(frame.base()))) {}
        circle class="mark" cx=(unit(x)) cy=(unit(y)) r="6" {}
        text class="mark-label" x=(unit(x + shift)) y=(unit(label_y)) text-anchor=(anchor) { (mark.label) }
    }
}

fn place((x, y): (f64, f64)) -> String {
    let number = |value: f64| {
        if (1e-3..1e6).contains(&value.abs()) || value == 0.0 { decimal(value, 3) } else { format!("{value:.3e}") }
    };
    format!("({}, {})", number(x), number(y))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(chart: &LineChart) -> String {
        chart.render("fig", &"t".into()).into_string()
    }

    fn chart() -> LineChart {
        LineChart::new(Axis::new("k").whole(), Axis::new("inertia"))
    }

    #[test]
    fn an_empty_chart_says_so() {
        assert!(render(&chart()).contains("no data"));
        assert!(render(&chart().line("a", Vec::new())).contains("a: no points."));
    }

    #[test]
    fn a_single_point_is_visible_and_described() {
        let page = render(&chart().line("a", vec![(3.0, 7.0)]));
        assert_eq!(page.matches("<circle").count(), 1);
        assert!(page.contains("a: one point at (3.000, 7.000)."), "{page}");
    }

    #[test]
    fn marks_and_references_that_are_not_finite_are_left_out() {
        let page = render(&chart().line("a", vec![(1.0, 1.0)]).mark((f64::NAN, 1.0), "knee").reference(
            "r",
            (0.0, 0.0),
            (1.0, f64::INFINITY),
        ));
        assert!(!page.contains("knee") && !page.contains("reference"), "{page}");
    }

    #[test]
    fn no_coordinate_is_ever_nan() {
        let wild = vec![(f64::NAN, 1.0), (f64::MAX, f64::MIN), (f64::INFINITY, 0.0), (0.0, f64::MAX)];
        let page = render(&chart().line("a", wild));
        assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
    }

    #[test]
    fn one_series_needs_no_legend() {
        assert!(!render(&chart().line("a", vec![(1.0, 2.0)])).contains("legend"));
        assert!(render(&chart().line("a", vec![(1.0, 2.0)]).line("b", vec![(1.0, 3.0)])).contains("legend"));
    }
}
