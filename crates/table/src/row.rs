//! Reads the cells of one line into a row.

use faultline_contract::schema::{Binding, Column, ColumnType, Label, Purpose, ValidSchema};

use crate::check::Row;
use crate::fields::{self, BadQuote};
use crate::lines::{Line, MAX_LINE_BYTES};
use crate::quarantine::{Code, quoted};

/// The longest id, in bytes.
const MAX_ID_BYTES: usize = 256;
/// Stands in the row for a cell that is filled but wrong; such a row is never accepted.
const WRONG: f32 = f32::INFINITY;

/// Why a row is refused.
#[derive(Debug)]
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

/// The rules for the cells of a feature, close together so that those of a whole row stay in the cache.
#[derive(Debug)]
struct FeatureRule {
    min: f64,
    max: f64,
    required: bool,
    integer: bool,
}

/// Reads rows of one file. Its buffers are used again for each row.
#[derive(Debug)]
pub(crate) struct RowReader<'a> {
    schema: &'a ValidSchema,
    bindings: &'a [Binding],
    purpose: Purpose,
    delimiter: u8,
    rules: Vec<FeatureRule>,
    features: Vec<f32>,
    id: String,
    /// Features without a value so far.
    unfilled: Vec<usize>,
    id_filled: bool,
    target_filled: bool,
}

impl<'a> RowReader<'a> {
    pub(crate) fn new(schema: &'a ValidSchema, bindings: &'a [Binding], purpose: Purpose, delimiter: u8) -> Self {
        let count = schema.features().len();
        let rule = |column: &Column| FeatureRule {
            min: column.min.unwrap_or(f64::NEG_INFINITY),
            max: column.max.unwrap_or(f64::INFINITY),
            required: column.required,
            integer: column.kind == ColumnType::Integer,
        };
        Self {
            schema,
            bindings,
            purpose,
            delimiter,
            rules: schema.features().iter().map(rule).collect(),
            features: vec![f32::NAN; count],
            id: String::new(),
            unfilled: (0..count).collect(),
            id_filled: false,
            target_filled: false,
        }
    }

    /// Columns without a value in any row so far, by name.
    pub(crate) fn empty_columns(&self) -> Vec<String> {
        let id = (!self.id_filled).then(|| self.schema.id().name.clone());
        let features = self.unfilled.iter().map(|index| self.schema.features()[*index].name.clone());
        let target = self.schema.target().filter(|_| self.purpose == Purpose::Train && !self.target_filled);
        id.into_iter().chain(features).chain(target.map(|column| column.name.clone())).collect()
    }

    /// Reads a line. The row's own place is left for the caller to fill in.
    pub(crate) fn read(&mut self, line: &Line<'_>) -> Result<Row<'_>, RowFault> {
        let Some(bytes) = line.bytes else {
            return Err(line_fault(Code::LineTooLong, 0, format!("longer than {MAX_LINE_BYTES} bytes")));
        };
        self.id.clear();
        let mut target = None;
        let mut fault: Option<CellFault> = None;
        let mut missing_count = 0_usize;
        let (mut id_filled, mut target_filled) = (false, false);
        let cells = fields::split(bytes, self.delimiter, |position, offset, cell| {
            let Some(binding) = self.bindings.get(position) else { return };
            let number = cell.number;
            let cell = cell.text.trim_ascii();
            let outcome = match *binding {
                Binding::Feature(index) => match feature(self.schema, &self.rules[index], cell, number) {
                    Ok(value) => {
                        missing_count += usize::from(value.is_nan());
                        self.features[index] = value;
                        Ok(())
                    }
                    Err(code) => {
                        self.features[index] = if code == Code::MissingValue { f32::NAN } else { WRONG };
                        Err(code)
                    }
                },
                Binding::Id => {
                    id_filled = !self.schema.is_missing(cell);
                    id(cell, id_filled, &mut self.id)
                }
                Binding::Target if self.purpose == Purpose::Train => {
                    target_filled = !self.schema.is_missing(cell);
                    label(self.schema, cell, target_filled).map(|label| target = Some(label))
                }
                Binding::Target | Binding::Ignored => Ok(()),
            };
            if let Err(code) = outcome {
                if let Some(first) = &mut fault {
                    first.count += 1;
                } else {
                    let value = quoted(cell);
                    fault = Some(CellFault { code, offset_in_line: offset, position, value, count: 1 });
                }
            }
        });

        let expected = self.bindings.len();
        match cells {
            Err(BadQuote(at)) => {
                let message = "a quote that is not closed in its cell; quotes within quotes are doubled".to_owned();
                return Err(line_fault(Code::BadQuote, at as u64, message));
            }
            Ok(count) if count != expected => {
                let message = format!("{count} cells, expected {expected} as in the header");
                return Err(line_fault(Code::FieldCount, 0, message));
            }
            Ok(_) => {}
        }
        self.note_filled(id_filled, target_filled);
        if let Some(fault) = fault {
            return Err(self.cell_fault(fault));
        }
        let ratio = missing_count as f64 / self.features.len() as f64;
        let most = self.schema.schema().missing.max_row_missing_ratio;
        if ratio > most {
            let message = format!(
                "{ratio:.3} of the values are missing, expected at most {most} (missing.max_row_missing_ratio)"
            );
            return Err(line_fault(Code::TooManyMissing, 0, message));
        }
        Ok(Row { row: 0, line: 0, byte_offset: 0, id: &self.id, target, features: &self.features })
    }

    /// Remembers which columns have values; a row of the wrong width says nothing about that.
    fn note_filled(&mut self, id_filled: bool, target_filled: bool) {
        self.id_filled |= id_filled;
        self.target_filled |= target_filled;
        let features = &self.features;
        self.unfilled.retain(|index| features[*index].is_nan());
    }

    fn cell_fault(&self, fault: CellFault) -> RowFault {
        let (column, expected) = match self.bindings[fault.position] {
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

/// A feature's value; NaN for a missing one. `number` is the cell's value where it is known already.
#[inline]
fn feature(schema: &ValidSchema, rule: &FeatureRule, cell: &[u8], number: Option<f64>) -> Result<f32, Code> {
    if cell.is_empty() {
        return if rule.required { Err(Code::MissingValue) } else { Ok(f32::NAN) };
    }
    match number {
        Some(number) if !rule.integer && !schema.has_numeric_missing_token() => in_range(rule, number),
        _ => other_feature(schema, rule, cell),
    }
}

/// The value of a cell that is not a plain number, or whose number is not the whole story.
fn other_feature(schema: &ValidSchema, rule: &FeatureRule, cell: &[u8]) -> Result<f32, Code> {
    let missing = || if rule.required { Err(Code::MissingValue) } else { Ok(f32::NAN) };
    if schema.has_numeric_missing_token() && schema.is_missing(cell) {
        return missing();
    }
    let number = match fast_float2::parse::<f64, _>(cell) {
        // Words such as `inf` and `nan` are no numbers here; `1e400` is one, and too large.
        Ok(number) if number.is_finite() => number,
        _ if schema.is_missing(cell) => return missing(),
        Ok(number) if number.is_infinite() && cell.iter().any(u8::is_ascii_digit) => return Err(Code::OutOfRange),
        _ => return Err(Code::TypeMismatch),
    };
    if rule.integer && number.fract() != 0.0 { Err(Code::TypeMismatch) } else { in_range(rule, number) }
}

#[inline]
fn in_range(rule: &FeatureRule, number: f64) -> Result<f32, Code> {
    let value = number as f32;
    if number >= rule.min && number <= rule.max && value.is_finite() { Ok(value) } else { Err(Code::OutOfRange) }
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

fn label(schema: &ValidSchema, cell: &[u8], filled: bool) -> Result<u8, Code> {
    if !filled {
        return Err(Code::LabelMissing);
    }
    let text = std::str::from_utf8(cell).map_err(|_| Code::NotUtf8)?;
    schema.label(text).map(Label::target).ok_or(Code::LabelUnknown)
}
