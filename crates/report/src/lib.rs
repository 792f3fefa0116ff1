#![doc = include_str!("../README.md")]

mod axis;
mod bars;
mod confusion;
mod curves;
mod diagram;
mod figure;
/// Numbers as people read them.
pub mod format;
mod frame;
mod graph;
mod heat;
mod histogram;
mod line;
mod page;
mod poster;
mod table;
mod text;
mod timeline;

pub use axis::Axis;
pub use bars::Bars;
pub use confusion::ConfusionMatrix;
pub use curves::{Curve, precision_recall, roc};
pub use diagram::Mark;
pub use figure::{Figure, Picture};
pub use frame::Shape;
pub use graph::{Graph, Node};
pub use heat::Heat;
pub use histogram::Histogram;
pub use line::LineChart;
pub use page::{Block, Card, FigurePage, Notice, Page, Section};
pub use poster::Poster;
pub use table::{Cell, Table, Tone};
pub use text::Text;
pub use timeline::{Row, Timeline};
