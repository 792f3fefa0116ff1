//! Self-contained HTML pages and SVG pictures.
//!
//! A [`Page`] is built from sections of blocks and rendered to one string: no script, no fetched font, no link outside itself, and a
//! content security policy that forbids all of these. It follows the reader's light or dark setting, prints, and fits narrow screens.
//! Everything is a pure function of its arguments: the same page gives the same bytes.
//!
//! Strings enter as [`Text`], which is escaped wherever it is shown, so no file name, sensor name or error message can add markup.
//! Charts scale with their column; every chart carries a title and a description in words for those who do not see it.
//!
//! ```
//! use faultline_report::{Axis, Figure, LineChart, Page, Section};
//!
//! let elbow = LineChart::new(Axis::new("k").whole(), Axis::new("Inertia").from_zero())
//!     .line("inertia", vec![(1.0, 84.3), (2.0, 44.0), (3.0, 34.2), (4.0, 27.5)])
//!     .mark((3.0, 34.2), "knee at k = 3");
//! let mut section = Section::new("Clusters");
//! section.push(Figure::new("Elbow", elbow).caption("Inertia falls slowly after the knee."));
//! let mut page = Page::new("Training run");
//! page.push(section);
//! assert!(page.render().contains("knee at k = 3"));
//! ```

mod axis;
mod bars;
mod confusion;
mod curves;
mod figure;
/// Numbers as people read them.
pub mod format;
mod frame;
mod histogram;
mod line;
mod page;
mod table;
mod text;

pub use axis::Axis;
pub use bars::Bars;
pub use confusion::ConfusionMatrix;
pub use curves::{Curve, precision_recall, roc};
pub use figure::{Figure, Picture};
pub use frame::Shape;
pub use histogram::Histogram;
pub use line::LineChart;
pub use page::{Block, Card, Notice, Page, Section};
pub use table::{Cell, Table, Tone};
pub use text::Text;
