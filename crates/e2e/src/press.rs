//! A small data set that is learnt in moments: parts of a press with twelve sensors, in two modes, one part in four faulty.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::json;
use tempfile::TempDir;

const SENSORS: usize = 12;
const ROWS_PER_FILE: usize = 60;
const TRAINING_FILES: usize = 4;

/// Batch files for training and for prediction, with their data schema, in a folder that goes when this does.
#[derive(Debug)]
pub struct Press {
    folder: TempDir,
}

impl Press {
    /// Writes the files: four good training files, one with a bad name and one with a bad cell, and two to predict on.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn new() -> Result<Self> {
        Self::seeded(7)
    }

    /// The same with other values in files of the same names.
    ///
    /// # Errors
    /// Those of [`Press::new`].
    pub fn seeded(seed: u64) -> Result<Self> {
        let press = Self { folder: tempfile::tempdir()? };
        fs::create_dir(press.training())?;
        fs::create_dir(press.prediction())?;
        let mut random = Random(seed);
        for file in 0..TRAINING_FILES {
            fs::write(press.training().join(file_name(file)), batch(&mut random, file * ROWS_PER_FILE, true))?;
        }
        fs::write(press.training().join("press_1_2.csv"), batch(&mut random, 900, true))?;
        let odd = batch(&mut random, 960, true).replacen(",0.", ",broken", 1);
        fs::write(press.training().join(file_name(TRAINING_FILES)), odd)?;
        for file in 0..2 {
            fs::write(
                press.prediction().join(file_name(10 + file)),
                batch(&mut random, 2_000 + file * ROWS_PER_FILE, false),
            )?;
        }
        fs::write(press.schema(), schema())?;
        Ok(press)
    }

    /// The batch files to train on.
    pub fn training(&self) -> PathBuf {
        self.folder.path().join("training")
    }

    /// The batch files to predict on.
    pub fn prediction(&self) -> PathBuf {
        self.folder.path().join("prediction")
    }

    /// The training files in a folder of their own, each part called faulty or good by its number alone.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn without_signal(&self) -> Result<PathBuf> {
        let folder = self.folder.path().join("noise");
        fs::create_dir(&folder)?;
        for entry in fs::read_dir(self.training())? {
            let path = entry?.path();
            let text = fs::read_to_string(&path)?;
            let (header, rows) = text.split_once('\n').context("a header")?;
            let mut out = vec![header.to_owned()];
            for row in rows.lines() {
                let (cells, _) = row.rsplit_once(',').context("a result")?;
                let part = row.split(',').next().and_then(|id| id.trim_start_matches("part-").parse().ok());
                let part: usize = part.context("a part")?;
                let faulty = (part.wrapping_mul(2_654_435_761) >> 7).is_multiple_of(4);
                out.push(format!("{cells},{}", if faulty { 1 } else { -1 }));
            }
            fs::write(folder.join(path.file_name().context("a name")?), out.join("\n") + "\n")?;
        }
        Ok(folder)
    }

    /// The data schema.
    pub fn schema(&self) -> PathBuf {
        self.folder.path().join("press.json")
    }

    /// A folder for whatever else the test needs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn file_name(file: usize) -> String {
    format!("press_202601{:02}.csv", file + 1)
}

fn schema() -> String {
    let mut columns = vec![json!({"name": "part", "role": "id", "type": "string"})];
    columns.extend((1..=SENSORS).map(|sensor| json!({"name": format!("s{sensor}")})));
    columns.push(json!({"name": "result", "role": "target", "type": "integer"}));
    json!({
        "format_version": 1, "dataset": "press", "columns": columns,
        "file_name": {"pattern": "press_(?<date>[0-9]{8})\\.csv", "date_format": "%Y%m%d"},
    })
    .to_string()
}

/// One batch file. Two modes of the press lie far apart; in both, a part is faulty when its first two readings are high.
fn batch(random: &mut Random, first_part: usize, labelled: bool) -> String {
    let mut text = String::from("part");
    for sensor in 1..=SENSORS {
        let _ = write!(text, ",s{sensor}");
    }
    text.push_str(if labelled { ",result\n" } else { "\n" });
    for part in first_part..first_part + ROWS_PER_FILE {
        let mode = f64::from(u8::from(random.next() < 0.5)) * 20.0;
        let faulty = random.next() < 0.25;
        let _ = write!(text, "part-{part}");
        for sensor in 0..SENSORS {
            let shift = if faulty && sensor < 2 { 0.7 } else { 0.0 };
            let value = mode * (sensor % 3) as f64 + random.next() + shift;
            if random.next() < 0.04 {
                text.push(',');
            } else {
                let _ = write!(text, ",{value:.3}");
            }
        }
        text.push_str(if !labelled {
            "\n"
        } else if faulty {
            ",1\n"
        } else {
            ",-1\n"
        });
    }
    text
}

/// Sebastiano Vigna's `SplitMix64`: the same numbers everywhere, for ever.
struct Random(u64);

impl Random {
    /// A number in 0..1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
