//! The rows of one piece of a file, known before those of the pieces ahead of it.

use faultline_contract::schema::{Purpose, ValidSchema};

use crate::lines::{Lines, Piece};
use crate::row::{RowCells, RowFault, RowRules};

/// What the lines of a piece hold.
#[derive(Debug)]
pub(crate) struct PieceRows {
    /// The lines, blank ones included.
    pub(crate) line_count: u64,
    /// The rows, in their order.
    pub(crate) rows: Vec<PieceRow>,
    /// The ids of the accepted rows, one after the other.
    pub(crate) ids: String,
    /// Accepted rows × features, row-major, NaN = missing; empty where nobody wants them.
    pub(crate) features: Vec<f32>,
    /// For each feature the number of accepted rows without a value.
    pub(crate) missing_counts: Vec<u32>,
    pub(crate) columns: ColumnsSeen,
}

/// A row and where it stands.
#[derive(Debug)]
pub(crate) struct PieceRow {
    /// 1-based within the piece.
    pub(crate) line: u64,
    /// Where the line starts in the file, in bytes.
    pub(crate) byte_offset: u64,
    pub(crate) verdict: Verdict,
}

/// What was found of a row.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It is right; its id ends there in the ids, and its label is that.
    Accepted(usize, Option<u8>),
    Refused(Box<RowFault>),
}

/// Which columns had a value in any row of the right width, refused ones included.
#[derive(Clone, Debug)]
pub(crate) struct ColumnsSeen {
    id: bool,
    target: bool,
    /// Features without a value so far, rising.
    unfilled: Vec<usize>,
}

impl ColumnsSeen {
    /// No column had one.
    pub(crate) fn new(schema: &ValidSchema) -> Self {
        Self { id: false, target: false, unfilled: (0..schema.features().len()).collect() }
    }

    fn note(&mut self, row: &[f32], cells: &RowCells) {
        self.id |= cells.id_filled;
        self.target |= cells.target_filled;
        self.unfilled.retain(|index| row[*index].is_nan());
    }

    /// Adds what was seen elsewhere.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.id |= other.id;
        self.target |= other.target;
        self.unfilled.retain(|index| other.unfilled.binary_search(index).is_ok());
    }

    /// The columns without a value, by name.
    pub(crate) fn empty(&self, schema: &ValidSchema, purpose: Purpose) -> Vec<String> {
        let id = (!self.id).then(|| schema.id().name.clone());
        let features = self.unfilled.iter().map(|index| schema.features()[*index].name.clone());
        let target = schema.target().filter(|_| purpose == Purpose::Train && !self.target);
        id.into_iter().chain(features).chain(target.map(|column| column.name.clone())).collect()
    }
}

impl PieceRows {
    /// Reads the lines that are left of a piece.
    pub(crate) fn read<const VALUES: bool>(rules: &RowRules<'_>, piece: &Piece, mut lines: Lines<'_>) -> Self {
        let width = rules.schema().features().len();
        let mut found = Self {
            line_count: 0,
            rows: Vec::new(),
            ids: String::new(),
            features: Vec::new(),
            missing_counts: vec![0; width],
            columns: ColumnsSeen::new(rules.schema()),
        };
        let mut cells = RowCells::default();
        while let Some(line) = lines.next_filled(Some(rules.delimiter())) {
            let start = found.features.len();
            if VALUES && start == 0 {
                // An accepted row has a delimiter between any two features.
                let line_bytes = line.place.as_ref().map_or(0, ExactSizeIterator::len).max(width) + 1;
                found.features.reserve(width * (piece.len() / line_bytes + 1));
            }
            found.features.resize(start + width, f32::NAN);
            let row = &mut found.features[start..];
            let verdict = rules.read::<VALUES>(piece, &line, row, &mut cells);
            found.columns.note(row, &cells);
            if verdict.is_ok() {
                for (count, value) in found.missing_counts.iter_mut().zip(row.iter()) {
                    *count = count.wrapping_add(u32::from(value.is_nan()));
                }
            }
            if !VALUES || verdict.is_err() {
                found.features.truncate(start);
            }
            let verdict = match verdict {
                Ok(()) => {
                    found.ids.push_str(&cells.id);
                    Verdict::Accepted(found.ids.len(), cells.target)
                }
                Err(fault) => Verdict::Refused(Box::new(fault)),
            };
            found.rows.push(PieceRow { line: line.number, byte_offset: line.offset, verdict });
        }
        found.line_count = lines.count();
        found
    }
}
