//! When pieces of work ran: a bar each over a common time, with what it took beside it.

use crate::axis::{Axis, Scale};
use crate::diagram::{Drawing, Mark, WIDTH, shortened, tally};
use crate::frame::unit;
use crate::text::Text;
use maud::{Markup, html};

/// The most rows; of more, those that failed and the longest are drawn.
const ROWS: usize = 80;
/// Height of a row, of its bar, and of what is above and below the rows; user units.
const ROW: f64 = 24.0;
const BAR: f64 = 13.0;
const HEAD: f64 = 26.0;
const FOOT: f64 = 44.0;
/// Where the columns are: names, bars, lengths (flush right), loads as bars, loads as text (flush right); user units.
const NAMES: f64 = 34.0;
const BARS: (f64, f64) = (210.0, 664.0);
const LENGTHS: f64 = 788.0;
const LOADS: (f64, f64) = (808.0, 900.0);
const LOAD_TEXTS: f64 = 992.0;
/// How many characters a name has room for.
const NAME: usize = 24;
/// A bar is at least this wide, so that it is seen; user units.
const LEAST: f64 = 2.0;

/// Bars over time.
#[derive(Debug, Clone)]
pub struct Timeline {
    time: Axis,
    length: Text,
    load: Text,
    rows: Vec<Row>,
}

/// One bar.
#[derive(Debug, Clone)]
pub struct Row {
    label: Text,
    mark: Mark,
    word: Text,
    span: Option<(f64, f64)>,
    length: Text,
    load: f64,
    load_shown: Text,
}

impl Row {
    /// A piece of work that has not run: its name, how it stands, and the word for that.
    pub fn new(label: impl Into<Text>, mark: Mark, word: impl Into<Text>) -> Self {
        let (length, load_shown) = (Text::default(), Text::default());
        Self { label: label.into(), mark, word: word.into(), span: None, length, load: 0.0, load_shown }
    }

    /// From when to when it ran, and how long that was, in words.
    #[must_use]
    pub fn span(mut self, from: f64, to: f64, shown: impl Into<Text>) -> Self {
        self.span = Some((from, to)).filter(|(from, to)| from.is_finite() && to.is_finite() && from <= to);
        self.length = shown.into();
        self
    }

    /// What it took, such as memory, and the same in words.
    #[must_use]
    pub fn load(mut self, load: f64, shown: impl Into<Text>) -> Self {
        self.load = if load.is_finite() { load.max(0.0) } else { 0.0 };
        self.load_shown = shown.into();
        self
    }

    fn length(&self) -> f64 {
        self.span.map_or(0.0, |(from, to)| to - from)
    }
}

impl Timeline {
    /// No bars yet; the headings are of the time, of the lengths and of the loads.
    pub fn new(time: impl Into<Text>, length: impl Into<Text>, load: impl Into<Text>) -> Self {
        Self { time: Axis::new(time).from_zero(), length: length.into(), load: load.into(), rows: Vec::new() }
    }

    /// Adds a bar below the others.
    #[must_use]
    pub fn row(mut self, row: Row) -> Self {
        self.rows.push(row);
        self
    }

    pub(crate) fn draw(&self) -> Drawing {
        let (rows, rest) = self.chosen();
        let ends = self.rows.iter().filter_map(|row| row.span).map(|(_, to)| to);
        let scale = Scale::fit(&self.time, ends);
        let most = self.rows.iter().map(|row| row.load).fold(0.0, f64::max);
        let base = (rows.len().max(1) as f64).mul_add(ROW, HEAD);
        let below = if rest.is_empty() { 0.0 } else { ROW };
        let content = html! {
            g class="heading" {
                text x=(unit(BARS.0)) y="14" { (self.time.label()) (scale.factor()) }
                text x=(unit(LENGTHS)) y="14" text-anchor="end" { (self.length) }
                text x=(unit(LOAD_TEXTS)) y="14" text-anchor="end" { (self.load) }
            }
            g class="grid" {
                @for tick in &scale.ticks { path d=(format!("M{} {}V{}", unit(along(&scale, tick.value)), unit(HEAD), unit(base))) {} }
            }
            @for (index, row) in rows.iter().enumerate() { (row.draw(&scale, most, (index as f64).mul_add(ROW, HEAD))) }
            @if rows.is_empty() { text class="soft" x="8" y=(unit(HEAD + 16.0)) { "no data" } }
            path class="axis" d=(format!("M{} {}H{}", unit(BARS.0), unit(base), unit(BARS.1))) {}
            @for tick in &scale.ticks {
                text class="soft" x=(unit(along(&scale, tick.value))) y=(unit(base + 17.0)) text-anchor="middle" { (tick.label) }
            }
            @if !rest.is_empty() { text class="soft" x="8" y=(unit(base + 22.0 + ROW)) { (rest) } }
        };
        Drawing { width: WIDTH, height: base + FOOT - 14.0 + below, description: self.description().into(), content }
    }

    /// The rows that there is room for, in their order, and a sentence on the others.
    fn chosen(&self) -> (Vec<&Row>, Text) {
        let mut indices: Vec<_> = (0..self.rows.len()).collect();
        if indices.len() <= ROWS {
            return (self.rows.iter().collect(), Text::default());
        }
        let weight = |index: usize| (self.rows[index].mark >= Mark::Running, self.rows[index].length());
        indices.sort_by(|&one, &other| {
            let (one, other) = (weight(one), weight(other));
            other.0.cmp(&one.0).then(other.1.total_cmp(&one.1))
        });
        let mut rest = indices.split_off(ROWS);
        indices.sort_unstable();
        rest.sort_unstable();
        let words = tally(rest.iter().map(|&index| &self.rows[index].word));
        let sentence = format!("and {} more, the shorter ones: {words}", rest.len());
        (indices.iter().map(|&index| &self.rows[index]).collect(), sentence.into())
    }

    fn description(&self) -> String {
        let words = tally(self.rows.iter().map(|row| &row.word));
        let longest = self.rows.iter().filter(|row| row.span.is_some());
        let longest = longest.fold(None, |best: Option<&Row>, row| match best {
            Some(best) if best.length() >= row.length() => Some(best),
            _ => Some(row),
        });
        let longest = longest.map(|row| format!(" The longest is {}: {}.", row.label.as_str(), row.length.as_str()));
        format!("A timeline of {} rows: {words}.{}", self.rows.len(), longest.unwrap_or_default())
    }
}

impl Row {
    fn draw(&self, scale: &Scale, most: f64, top: f64) -> Markup {
        let (line, bar_top) = (top + 16.5, top + (ROW - BAR) / 2.0);
        let rect = |class: &str, from: f64, width: f64| {
            html! { rect class=(class) x=(unit(from)) y=(unit(bar_top)) width=(unit(width)) height=(unit(BAR)) rx="2" {} }
        };
        let load = (LOADS.1 - LOADS.0) * if most > 0.0 { self.load / most } else { 0.0 };
        html! {
            g class=(self.mark.class()) {
                title { (self.label) ": " (self.word) }
                (self.mark.sign(18.0, top + ROW / 2.0))
                text x=(unit(NAMES)) y=(unit(line)) { (shortened(&self.label, NAME)) }
                @if let Some((from, to)) = self.span {
                    @let (from, to) = (along(scale, from), along(scale, to));
                    (rect("bar", from, (to - from).max(LEAST)))
                } @else {
                    text class="soft" x=(unit(BARS.0 + 4.0)) y=(unit(line)) { (self.word) }
                }
                text x=(unit(LENGTHS)) y=(unit(line)) text-anchor="end" { (self.length) }
                @if self.load > 0.0 { (rect("load", LOADS.0, load.max(LEAST))) }
                text x=(unit(LOAD_TEXTS)) y=(unit(line)) text-anchor="end" { (self.load_shown) }
            }
        }
    }
}

fn along(scale: &Scale, value: f64) -> f64 {
    scale.position(value).mul_add(BARS.1 - BARS.0, BARS.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(count: usize) -> Timeline {
        (0..count).fold(Timeline::new("Seconds", "Took", "Memory"), |timeline, index| {
            let row = Row::new(format!("r{index}"), Mark::Done, "Succeeded");
            timeline.row(row.span(0.0, index as f64, "x").load(index as f64, "1 MB"))
        })
    }

    #[test]
    fn of_many_rows_the_longest_are_drawn_and_the_others_counted() {
        let svg = timeline(100).draw().content.into_string();
        assert!(svg.contains(">r99<") && svg.contains(">r20<") && !svg.contains(">r19<"), "{svg}");
        assert!(svg.contains("and 20 more, the shorter ones: 20 Succeeded"));
    }

    #[test]
    fn what_did_not_run_has_its_word_in_place_of_a_bar() {
        let row = Row::new("late", Mark::Skipped, "Skipped");
        let drawing = Timeline::new("Seconds", "Took", "Memory").row(row).draw();
        let svg = drawing.content.into_string();
        assert!(svg.contains(">Skipped</text>") && !svg.contains("class=\"bar\""), "{svg}");
        assert_eq!(drawing.description.as_str(), "A timeline of 1 rows: 1 Skipped.");
    }

    #[test]
    fn spans_that_are_none_are_not_drawn() {
        for (from, to) in [(2.0, 1.0), (f64::NAN, 1.0), (0.0, f64::INFINITY)] {
            assert!(Row::new("a", Mark::Done, "w").span(from, to, "").span.is_none());
        }
    }
}
