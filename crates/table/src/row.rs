//! Reads the cells of one line into a row.

use std::ops::Range;

use faultline_contract::schema::{Binding, Column, ColumnType, Label, Purpose, ValidSchema};
use memchr::{memchr, memchr_iter};

use crate::fields::{self, BadQuote};
use crate::kit::Processor;
use crate::lines::{Line, MAX_LINE_BYTES, Piece};
use crate::number::{self, WINDOW_BYTES};
use crate::plain_cells::PlainCells;
use crate::quarantine::{Code, quoted};

/// The longest id, in bytes.
const MAX_ID_BYTES: usize = 256;
/// Stands in the row for a cell that is filled but wrong; such a row is never accepted.
const WRONG: f32 = f32::INFINITY;

/// Why a row is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowFault {
    pub(crate) code: Code,
    pub(crate) offset_in_line: u64,
    pub(crate) column: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) message: String,
}

/// The first fault among the cells of a row, and how many there are.
#[derive(Debug)]
struct CellFault {
    code: Code,
    offset_in_line: usize,
    position: usize,
    value: String,
    count: usize,
}

/// The rules for the cells of a column of the file, close together so that those of a whole row stay in the cache.
#[derive(Debug)]
struct Slot {
    binding: Binding,
    min: f64,
    max: f64,
    required: bool,
    integer: bool,
    plain: Plain,
}

/// What is to be seen of a plain decimal number before it is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plain {
    /// More than its value: the cell is looked at as a whole.
    All,
    /// Its range.
    Range,
    /// Nothing.
    Nothing,
}

/// How the rows of one file are read; the same for all its lines, which may be read side by side.
#[derive(Debug)]
pub(crate) struct RowRules<'a> {
    schema: &'a ValidSchema,
    purpose: Purpose,
    delimiter: u8,
    slots: Vec<Slot>,
    together: Together,
    processor: Processor,
}

/// Columns that follow each other in the file and in the schema, and whose plain numbers are right or wrong by their range at most: mostly
/// all features. Their cells are looked at together.
#[derive(Debug, Default)]
struct Together {
    /// Their places in the file.
    slots: Range<usize>,
    first_feature: usize,
    /// Whether any of them has a range.
    ranged: bool,
}

/// What the cells of a line amount to.
#[derive(Debug, Default)]
pub(crate) struct RowCells {
    pub(crate) id: String,
    pub(crate) target: Option<u8>,
    pub(crate) id_filled: bool,
    pub(crate) target_filled: bool,
    fault: Option<CellFault>,
    plain: PlainCells,
}

impl Together {
    /// The most columns of the file that can be looked at together.
    fn longest(slots: &[Slot]) -> Self {
        let feature = |slot: &Slot| match slot.binding {
            Binding::Feature(index) if slot.plain != Plain::All && !slot.required => Some(index),
            _ => None,
        };
        let follows = |one: &Slot, next: &Slot| matches!((feature(one), feature(next)), (Some(one), Some(next)) if one + 1 == next);
        let (mut longest, mut start) = (0..0, 0);
        for run in slots.chunk_by(follows) {
            if run.len() > longest.len() && feature(&run[0]).is_some() {
                longest = start..start + run.len();
            }
            start += run.len();
        }
        let found = &slots[longest.clone()];
        let ranged = found.iter().any(|slot| slot.plain == Plain::Range);
        Self { first_feature: found.first().and_then(feature).unwrap_or(0), ranged, slots: longest }
    }
}

impl<'a> RowRules<'a> {
    pub(crate) fn new(schema: &'a ValidSchema, bindings: &[Binding], purpose: Purpose, delimiter: u8) -> Self {
        let slot = |binding: &Binding| {
            let column = match *binding {
                Binding::Feature(index) => schema.features().get(index),
                Binding::Id | Binding::Target | Binding::Ignored => None,
            };
            let bound = |bound: fn(&Column) -> Option<f64>| column.and_then(bound);
            let (min, max) = (bound(|column| column.min), bound(|column| column.max));
            let integer = column.is_some_and(|column| column.kind == ColumnType::Integer);
            let plain = if column.is_none() || integer || !schema.missing_numbers().is_empty() {
                Plain::All
            } else if min.is_some() || max.is_some() {
                Plain::Range
            } else {
                Plain::Nothing
            };
            Slot {
                binding: *binding,
                min: min.unwrap_or(f64::NEG_INFINITY),
                max: max.unwrap_or(f64::INFINITY),
                required: column.is_some_and(|column| column.required),
                integer,
                plain,
            }
        };
        let slots: Vec<Slot> = bindings.iter().map(slot).collect();
        let (together, processor) = (Together::longest(&slots), Processor::here());
        Self { schema, purpose, delimiter, slots, together, processor }
    }

    pub(crate) fn schema(&self) -> &'a ValidSchema {
        self.schema
    }

    pub(crate) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// Reads a line of a piece. `row` has one place per feature, all NaN; what it holds afterwards counts if `cells` are those of a row of the right
    /// width, refused or not. Without `VALUES` a feature that is there is some number.
    pub(crate) fn read<const VALUES: bool>(
        &self,
        piece: &Piece,
        line: &Line,
        row: &mut [f32],
        cells: &mut RowCells,
    ) -> Result<(), RowFault> {
        cells.id.clear();
        let RowCells { id, plain, .. } = std::mem::take(cells);
        *cells = RowCells { id, plain, ..RowCells::default() };
        let Some(place) = line.place.clone() else {
            return Err(line_fault(Code::LineTooLong, 0, format!("longer than {MAX_LINE_BYTES} bytes")));
        };
        let bytes = piece.bytes(place.clone());
        let count = if memchr(b'"', bytes).is_some() {
            fields::split(bytes, self.delimiter, |position, offset, text| {
                self.read_cell(position, offset, text, row, cells);
            })
        } else {
            Ok(self.split_plain::<VALUES>(piece.bytes_from(place.start), bytes.len(), row, cells))
        };
        let expected = self.slots.len();
        let fault = match count {
            Err(BadQuote(at)) => {
                let message = "a quote that is not closed in its cell; quotes within quotes are doubled".to_owned();
                Some(line_fault(Code::BadQuote, at as u64, message))
            }
            Ok(count) if count != expected => {
                let message = format!("{count} cells, expected {expected} as in the header");
                Some(line_fault(Code::FieldCount, 0, message))
            }
            Ok(_) => None,
        };
        if let Some(fault) = fault {
            // Such a row says nothing about its columns.
            (cells.id_filled, cells.target_filled) = (false, false);
            row.fill(f32::NAN);
            return Err(fault);
        }
        if let Some(fault) = cells.fault.take() {
            return Err(self.cell_fault(fault));
        }
        let most = self.schema.schema().missing.max_row_missing_ratio;
        let ratio =
            if most < 1.0 { row.iter().filter(|value| value.is_nan()).count() as f64 / row.len() as f64 } else { 0.0 };
        if ratio > most {
            let message = format!(
                "{ratio:.3} of the values are missing, expected at most {most} (missing.max_row_missing_ratio)"
            );
            return Err(line_fault(Code::TooManyMissing, 0, message));
        }
        Ok(())
    }

    /// Reads the cells of a line without quotes and returns their number. `rest` starts with the line and goes on after it.
    fn split_plain<const VALUES: bool>(
        &self,
        mut rest: &[u8],
        length: usize,
        row: &mut [f32],
        cells: &mut RowCells,
    ) -> usize {
        // The bytes of the line that are left.
        let mut left = length;
        let mut position = 0;
        while let Some(slot) = self.slots.get(position) {
            let mut next = position + 1;
            let taken = 'cell: {
                if position == self.together.slots.start
                    && let Some(taken) = self.read_together::<VALUES>(rest, left, row, &mut cells.plain)
                {
                    next = self.together.slots.end;
                    break 'cell taken;
                }
                if let (Binding::Feature(index), true, Some(window)) =
                    (slot.binding, slot.plain != Plain::All, rest.first_chunk::<WINDOW_BYTES>())
                {
                    if window[0] == self.delimiter && !slot.required {
                        break 'cell 0;
                    }
                    let found = if VALUES || slot.plain == Plain::Range {
                        number::scan_window::<true>(window)
                    } else {
                        number::scan_window::<false>(window)
                    };
                    if let Some((number, cell)) = found
                        && (window.get(cell) == Some(&self.delimiter) || cell == left)
                        && let Ok(value) = in_range(slot, number)
                        && let Some(place) = row.get_mut(index)
                    {
                        *place = value;
                        break 'cell cell;
                    }
                }
                let line = &rest[..left];
                let cell = memchr(self.delimiter, line).unwrap_or(left);
                self.read_cell(position, length - left, &line[..cell], row, cells);
                cell
            };
            if taken >= left {
                return next;
            }
            left -= taken + 1;
            rest = &rest[taken + 1..];
            position = next;
        }
        // More cells than columns.
        self.slots.len() + 1 + memchr_iter(self.delimiter, &rest[..left]).count()
    }

    /// Reads the cells that can be looked at together, if each of them is empty or a plain number that is right. Gives the bytes they take; `None`
    /// is no verdict.
    fn read_together<const VALUES: bool>(
        &self,
        rest: &[u8],
        left: usize,
        row: &mut [f32],
        plain: &mut PlainCells,
    ) -> Option<usize> {
        let slots = self.slots.get(self.together.slots.clone()).filter(|slots| !slots.is_empty())?;
        let row = row.get_mut(self.together.first_feature..)?.get_mut(..slots.len())?;
        let taken = plain.find(self.processor, rest, left, slots.len(), self.delimiter)?;
        if self.together.ranged {
            let all_right = plain.each_numbers(self.processor, rest, |first, numbers| {
                let mut places = slots[first..].iter().zip(&mut row[first..]).zip(numbers);
                places.all(|((slot, place), number)| {
                    let value = if number.is_nan() { Ok(f32::NAN) } else { in_range(slot, *number) };
                    *place = value.unwrap_or(WRONG);
                    value.is_ok()
                })
            });
            return all_right.then_some(taken);
        }
        if VALUES {
            let all_right = plain.each_numbers(self.processor, rest, |first, numbers| {
                row[first..].iter_mut().zip(numbers).for_each(|(place, number)| *place = *number as f32);
                true
            });
            return all_right.then_some(taken);
        }
        row.fill(0.0);
        plain.each_empty(|index| row[index] = f32::NAN);
        Some(taken)
    }

    /// Reads one cell of any kind, and notes what is wrong with it.
    fn read_cell(&self, position: usize, offset: usize, text: &[u8], row: &mut [f32], cells: &mut RowCells) {
        let Some(slot) = self.slots.get(position) else { return };
        let cell = text.trim_ascii();
        let outcome = match slot.binding {
            Binding::Feature(index) => {
                let value = feature(self.schema, slot, cell);
                row[index] = match value {
                    Ok(value) => value,
                    Err(Code::MissingValue) => f32::NAN,
                    Err(_) => WRONG,
                };
                value.map(|_| ())
            }
            Binding::Id => {
                cells.id_filled = !self.schema.is_missing(cell);
                id(cell, cells.id_filled, &mut cells.id)
            }
            Binding::Target if self.purpose == Purpose::Train => {
                let label = label(self.schema, cell);
                cells.target_filled = label != Err(Code::LabelMissing);
                label.map(|label| cells.target = Some(label))
            }
            Binding::Target | Binding::Ignored => Ok(()),
        };
        if let Err(code) = outcome {
            if let Some(first) = &mut cells.fault {
                first.count += 1;
            } else {
                let value = quoted(cell);
                cells.fault = Some(CellFault { code, offset_in_line: offset, position, value, count: 1 });
            }
        }
    }

    fn cell_fault(&self, fault: CellFault) -> RowFault {
        let (column, expected) = match self.slots[fault.position].binding {
            Binding::Feature(index) => {
                let column = &self.schema.features()[index];
                let kind = match column.kind {
                    ColumnType::Integer => "a whole number",
                    ColumnType::Float | ColumnType::String => "a number",
                };
                let expected = match fault.code {
                    Code::OutOfRange => format!(
                        "a number from {} to {}",
                        column.min.map_or_else(|| "-3.4e38".to_owned(), |min| min.to_string()),
                        column.max.map_or_else(|| "3.4e38".to_owned(), |max| max.to_string()),
                    ),
                    Code::MissingValue => format!("{kind}: the column is required"),
                    _ => format!("{kind} or nothing"),
                };
                (column.name.clone(), expected)
            }
            Binding::Target => {
                let known: Vec<&str> = self.schema.schema().labels.keys().map(String::as_str).collect();
                let name = self.schema.target().map(|column| column.name.clone()).unwrap_or_default();
                (name, format!("one of the labels {}", known.join(", ")))
            }
            Binding::Id | Binding::Ignored => {
                (self.schema.id().name.clone(), format!("an id of at most {MAX_ID_BYTES} bytes of UTF-8"))
            }
        };
        let others = match fault.count {
            1 => String::new(),
            count => format!("; {} more cells of the row are wrong", count - 1),
        };
        RowFault {
            code: fault.code,
            offset_in_line: fault.offset_in_line as u64,
            column: Some(column),
            value: Some(fault.value),
            message: format!("expected {expected}{others}"),
        }
    }
}

fn line_fault(code: Code, offset_in_line: u64, message: String) -> RowFault {
    RowFault { code, offset_in_line, column: None, value: None, message }
}

/// A feature's value; NaN for a missing one.
fn feature(schema: &ValidSchema, slot: &Slot, cell: &[u8]) -> Result<f32, Code> {
    let missing = || if slot.required { Err(Code::MissingValue) } else { Ok(f32::NAN) };
    if cell.is_empty() {
        return missing();
    }
    let number = match fast_float2::parse::<f64, _>(cell) {
        Ok(number) if schema.missing_numbers().contains(&number) => return missing(),
        // Words such as `inf` and `nan` are no numbers here; `1e400` is one, and too large.
        Ok(number) if number.is_finite() => number,
        _ if schema.is_missing(cell) => return missing(),
        Ok(number) if number.is_infinite() && cell.iter().any(u8::is_ascii_digit) => return Err(Code::OutOfRange),
        _ => return Err(Code::TypeMismatch),
    };
    if slot.integer && number.fract() != 0.0 { Err(Code::TypeMismatch) } else { in_range(slot, number) }
}

#[inline]
fn in_range(slot: &Slot, number: f64) -> Result<f32, Code> {
    let value = number as f32;
    if number >= slot.min && number <= slot.max && value.is_finite() { Ok(value) } else { Err(Code::OutOfRange) }
}

fn id(cell: &[u8], filled: bool, id: &mut String) -> Result<(), Code> {
    if !filled {
        return Err(Code::MissingId);
    }
    if cell.len() > MAX_ID_BYTES {
        return Err(Code::IdTooLong);
    }
    id.push_str(std::str::from_utf8(cell).map_err(|_| Code::NotUtf8)?);
    Ok(())
}

/// A label is one even where its text means "no value" in other columns.
fn label(schema: &ValidSchema, cell: &[u8]) -> Result<u8, Code> {
    let text = std::str::from_utf8(cell).map_err(|_| Code::NotUtf8)?;
    let unknown = || if schema.is_missing(cell) { Code::LabelMissing } else { Code::LabelUnknown };
    schema.label(text).map(Label::target).ok_or_else(unknown)
}
