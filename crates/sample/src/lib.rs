#![doc = include_str!("../README.md")]

mod batch;
mod process;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use thiserror::Error;

use batch::{Batch, Fault};
use process::Process;
pub use process::SENSOR_COUNT;

/// How large a sample is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleOptions {
    /// The seed of all wafers. Default 7.
    pub seed: u64,
    /// Labelled files without a fault. Default 12; at least 1.
    pub training_files: usize,
    /// Files to predict without a fault. Default 3.
    pub prediction_files: usize,
    /// Wafers per file. Default 100; at least 10.
    pub rows_per_file: usize,
    /// Whether files with faults are added. Default yes.
    pub with_faults: bool,
}

impl Default for SampleOptions {
    fn default() -> Self {
        Self { seed: 7, training_files: 12, prediction_files: 3, rows_per_file: 100, with_faults: true }
    }
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The folder of labelled files.
    pub training: PathBuf,
    /// The folder of files to predict.
    pub prediction: PathBuf,
    /// Every file, in the order it was written.
    pub files: Vec<SampleFile>,
}

/// One file of a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleFile {
    /// Where it is.
    pub path: PathBuf,
    /// What is wrong with it; `None` for a good one.
    pub fault: Option<&'static str>,
    /// Its rows.
    pub rows: usize,
    /// Its rows that the schema `wafer.json` accepts.
    pub valid_rows: usize,
}

/// Why a sample could not be made.
#[derive(Debug, Error)]
pub enum SampleError {
    /// An option is out of its range.
    #[error("{name} is {got}, expected at least {least}")]
    Option {
        /// The option.
        name: &'static str,
        /// Its value.
        got: usize,
        /// The least value.
        least: usize,
    },
    /// A file could not be written.
    #[error("write `{}`", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// Writes a sample into a folder, which is made if need be. Files of the same names are replaced, others are left alone.
///
/// # Errors
/// [`SampleError`] if an option is out of its range or a file cannot be written.
pub fn write_sample(folder: &Path, options: &SampleOptions) -> Result<Sample, SampleError> {
    let SampleOptions { seed, training_files, prediction_files, rows_per_file, with_faults } = *options;
    for (name, got, least) in [("training_files", training_files, 1), ("rows_per_file", rows_per_file, 10)] {
        if got < least {
            return Err(SampleError::Option { name, got, least });
        }
    }
    let mut process = Process::new(ChaCha8Rng::seed_from_u64(seed));
    let mut sample =
        Sample { training: folder.join("training"), prediction: folder.join("prediction"), files: Vec::new() };
    let mut first_id = 1;
    let mut write = |name: &str, labelled: bool, fault: Option<Fault>, rows: usize| {
        let part = if labelled { &sample.training } else { &sample.prediction };
        let path = part.join(name);
        let written = fs::create_dir_all(part)
            .and_then(|()| Batch { first_id, labelled, fault, rows }.write(&path, &mut process))
            .map_err(|source| SampleError::Write { path: path.clone(), source })?;
        first_id += rows;
        sample.files.push(SampleFile {
            path,
            fault: fault.map(Fault::text),
            rows: written.rows,
            valid_rows: written.valid_rows,
        });
        Ok(())
    };

    for file in 0..training_files {
        // Every fourth file lacks some sensors altogether, as real ones do.
        let fault = (with_faults && file % 4 == 1).then_some(Fault::EmptyColumns);
        write(&good_name(file, 0), true, fault, rows_per_file)?;
    }
    for file in 0..prediction_files {
        write(&good_name(file, 1), false, None, rows_per_file)?;
    }
    if with_faults {
        for (name, fault) in batch::FAULTY_TRAINING_FILES {
            write(name, true, Some(fault), rows_per_file)?;
        }
        write("wafer_02032021_060000.csv", false, None, 1)?;
        write("wafer_report.csv", false, Some(Fault::Name), rows_per_file)?;
        let (original, copy) =
            (sample.training.join(good_name(0, 0)), sample.training.join("wafer_31122020_235959.csv"));
        fs::copy(original, &copy).map_err(|source| SampleError::Write { path: copy.clone(), source })?;
        sample.files.push(SampleFile {
            path: copy,
            fault: Some("copy of another file"),
            rows: rows_per_file,
            valid_rows: 0,
        });
    }
    Ok(sample)
}

/// `wafer_DDMMYYYY_HHMMSS.csv`, one a day from the first of a month on.
fn good_name(file: usize, part: usize) -> String {
    const DAYS: usize = 28;
    let initial = if file % 5 == 4 { 'W' } else { 'w' };
    let (day, month) = (file % DAYS + 1, file / DAYS % 12 + 1);
    let year = 2020 + part + file / (DAYS * 12);
    format!("{initial}afer_{day:02}{month:02}{year}_{:02}{:02}00.csv", 6 + file % 12, file * 7 % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use faultline_contract::schema::{Purpose, ValidSchema};
    use faultline_table::FolderCheck;

    fn checked(folder: &Path, purpose: Purpose) -> faultline_table::FolderOutcome {
        let schema = ValidSchema::from_json(include_bytes!("../../../schemas/wafer.json")).unwrap();
        let mut check = FolderCheck::new(&schema, purpose, tempfile::tempfile().unwrap());
        let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap().to_str().unwrap();
            check.check(fs::File::open(&path).unwrap(), name).unwrap();
        }
        let outcome = check.finish().unwrap();
        assert_eq!(schema.gate().judge(&outcome.counts), []);
        outcome
    }

    #[test]
    fn the_schema_finds_every_fault_and_accepts_every_valid_row() {
        let folder = tempfile::tempdir().unwrap();
        let sample =
            write_sample(folder.path(), &SampleOptions { rows_per_file: 20, ..SampleOptions::default() }).unwrap();
        for (part, purpose) in [(&sample.training, Purpose::Train), (&sample.prediction, Purpose::Predict)] {
            let outcome = checked(part, purpose);
            let written: Vec<&SampleFile> = sample.files.iter().filter(|file| file.path.starts_with(part)).collect();
            assert_eq!(outcome.files.len(), written.len());
            for file in &outcome.files {
                let made = written.iter().find(|made| made.path.ends_with(&file.file)).unwrap();
                let counts = (file.rows_in, file.rows_accepted);
                assert_eq!(counts, (made.rows as u64, made.valid_rows as u64), "{made:?} {:?}", file.rejection);
            }
        }
        let reasons = checked(&sample.training, Purpose::Train).file_reasons;
        assert_eq!(
            reasons.len(),
            8,
            "each kind of fault has its own code, missing columns and labels share one: {reasons:?}"
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_seed_does_not() {
        let contents = |seed: u64| {
            let folder = tempfile::tempdir().unwrap();
            let options = SampleOptions { seed, training_files: 2, rows_per_file: 10, ..SampleOptions::default() };
            let sample = write_sample(folder.path(), &options).unwrap();
            sample.files.iter().map(|file| fs::read(&file.path).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(contents(1), contents(1));
        assert_ne!(contents(1)[0], contents(2)[0]);
    }

    #[test]
    fn options_out_of_range_are_refused() {
        let none = SampleOptions { training_files: 0, ..SampleOptions::default() };
        let error = write_sample(Path::new("unused"), &none).unwrap_err();
        assert_eq!(error.to_string(), "training_files is 0, expected at least 1");
    }

    #[test]
    fn names_stay_real_dates_for_thousands_of_files() {
        let names: std::collections::BTreeSet<String> = (0..2000).map(|file| good_name(file, 0)).collect();
        assert_eq!(names.len(), 2000);
        let schema = ValidSchema::from_json(include_bytes!("../../../schemas/wafer.json")).unwrap();
        assert!(names.iter().all(|name| schema.parse_file_name(name).is_ok()));
    }
}
