//! One batch file, with or without a fault.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::process::{Process, SENSOR_COUNT, Wafer};

/// What can be wrong with a batch file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Name,
    Date,
    Time,
    MissingColumns,
    NoLabels,
    BlankHeaders,
    NoRows,
    Nothing,
    EmptyColumns,
    Words,
}

/// The faulty files among the labelled ones.
pub(crate) const FAULTY_TRAINING_FILES: [(&str, Fault); 9] = [
    ("wafer_fault_detection.csv", Fault::Name),
    ("wafer_31022020_101500.csv", Fault::Date),
    ("wafer_17022020_256100.csv", Fault::Time),
    ("wafer_18022020_101500.csv", Fault::MissingColumns),
    ("wafer_19022020_101500.csv", Fault::NoLabels),
    ("wafer_20022020_101500.csv", Fault::BlankHeaders),
    ("wafer_21022020_101500.csv", Fault::NoRows),
    ("wafer_22022020_101500.csv", Fault::Nothing),
    ("wafer_23022020_101500.csv", Fault::Words),
];

/// Sensors that a file with empty columns lacks.
const EMPTY: std::ops::Range<usize> = 40..52;
/// Sensors that a file with missing or nameless columns lacks.
const ABSENT: std::ops::Range<usize> = 6..34;
/// Every so many rows of a file with words, one holds a word in place of a reading.
const WORD_EVERY: usize = 5;

impl Fault {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Name => "wrong name",
            Self::Date => "a date that does not exist",
            Self::Time => "a time that does not exist",
            Self::MissingColumns => "28 columns missing",
            Self::NoLabels => "no labels",
            Self::BlankHeaders => "blank headers",
            Self::NoRows => "a header alone",
            Self::Nothing => "empty",
            Self::EmptyColumns => "columns without values",
            Self::Words => "dates and words among the readings",
        }
    }
}

/// A file to be written.
pub(crate) struct Batch {
    pub(crate) first_id: usize,
    pub(crate) labelled: bool,
    pub(crate) fault: Option<Fault>,
    pub(crate) rows: usize,
}

/// What was written.
pub(crate) struct Written {
    pub(crate) rows: usize,
    pub(crate) valid_rows: usize,
}

impl Batch {
    pub(crate) fn write(&self, path: &Path, process: &mut Process) -> io::Result<Written> {
        let mut file = BufWriter::new(File::create(path)?);
        let fault = |fault: Fault| self.fault == Some(fault);
        if fault(Fault::Nothing) {
            return Ok(Written { rows: 0, valid_rows: 0 });
        }
        let labelled = self.labelled && !fault(Fault::NoLabels);
        // The first header of labelled files is blank, that of others what pandas makes of it.
        write!(file, "{}", if self.labelled { "" } else { "Unnamed: 0" })?;
        for sensor in 0..SENSOR_COUNT {
            match self.fault {
                Some(Fault::MissingColumns) if ABSENT.contains(&sensor) => {}
                Some(Fault::BlankHeaders) if ABSENT.contains(&sensor) => write!(file, ",")?,
                _ => write!(file, ",Sensor-{}", sensor + 1)?,
            }
        }
        writeln!(file, "{}", if labelled { ",Good/Bad" } else { "" })?;
        if fault(Fault::NoRows) {
            file.flush()?;
            return Ok(Written { rows: 0, valid_rows: 0 });
        }
        for row in 0..self.rows {
            let wafer = process.wafer();
            write!(file, "Wafer-{}", self.first_id + row)?;
            self.write_readings(&mut file, row, &wafer)?;
            let label = if wafer.faulty { "1" } else { "-1" };
            writeln!(file, "{}{}", if labelled { "," } else { "" }, if labelled { label } else { "" })?;
        }
        file.flush()?;
        let valid_rows = match self.fault {
            None | Some(Fault::EmptyColumns) => self.rows,
            Some(Fault::Words) => self.rows - self.rows.div_ceil(WORD_EVERY),
            Some(_) => 0,
        };
        Ok(Written { rows: self.rows, valid_rows })
    }

    fn write_readings(&self, file: &mut impl Write, row: usize, wafer: &Wafer) -> io::Result<()> {
        for (sensor, reading) in wafer.readings.iter().enumerate() {
            let word = sensor == row % SENSOR_COUNT && row.is_multiple_of(WORD_EVERY);
            match (self.fault, reading) {
                (Some(Fault::MissingColumns), _) if ABSENT.contains(&sensor) => {}
                (Some(Fault::EmptyColumns), _) if EMPTY.contains(&sensor) => write!(file, ",")?,
                (Some(Fault::Words), _) if word && row.is_multiple_of(2) => write!(file, ",invalid")?,
                (Some(Fault::Words), _) if word => write!(file, ",21-01-1998")?,
                (_, Some(reading)) => write!(file, ",{reading:.4}")?,
                (_, None) => write!(file, ",")?,
            }
        }
        Ok(())
    }
}
