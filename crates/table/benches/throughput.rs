//! Checks a made-up folder and writes its table: seconds of wall and cpu time, megabytes per second and peak memory.
//!
//! `cargo bench -p faultline-table --bench throughput -- [MEGABYTES] [FOLDER]` makes a sample of about that size (default 200) in the folder (default:
//! a temporary one; an existing sample is used again), runs both passes and prints one JSON line per pass.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench is run by hand and fails loudly")]

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::Instant;

use faultline_contract::schema::{Purpose, ValidSchema};
use faultline_sample::{SampleOptions, write_sample};
use faultline_table::{FolderCheck, FolderOutcome, SourceFile, TableWriter, check_file};

/// Bytes of a row of the sample, about.
const ROW_BYTES: usize = 5000;
const ROWS_PER_FILE: usize = 20_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let megabytes: usize = arguments.first().map_or(200, |text| text.parse().unwrap());
    let temporary = tempfile::tempdir().unwrap();
    let folder = arguments.get(1).map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let raw = folder.join("training");
    if !raw.is_dir() {
        let training_files = (megabytes * 1_000_000).div_ceil(ROW_BYTES * ROWS_PER_FILE);
        let rows_per_file = ROWS_PER_FILE.min(megabytes * 1_000_000 / ROW_BYTES);
        let options = SampleOptions { training_files, rows_per_file, prediction_files: 0, with_faults: false, seed: 7 };
        write_sample(&folder, &options).unwrap();
    }
    let schema = ValidSchema::from_json(include_bytes!("../../../schemas/wafer.json")).unwrap();

    let started = Start::now();
    let outcome = validate(&raw, &schema);
    report("validate", &outcome, &started, 0);
    let started = Start::now();
    let table = folder.join("table.parquet");
    transform(&raw, &schema, &outcome, &table);
    report("transform", &outcome, &started, fs::metadata(&table).unwrap().len());
}

fn validate(raw: &Path, schema: &ValidSchema) -> FolderOutcome {
    let mut check = FolderCheck::new(schema, Purpose::Train, tempfile::tempfile().unwrap());
    let mut paths: Vec<PathBuf> = fs::read_dir(raw).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        check.check(File::open(&path).unwrap(), path.file_name().unwrap().to_str().unwrap()).unwrap();
    }
    check.finish().unwrap()
}

fn transform(raw: &Path, schema: &ValidSchema, outcome: &FolderOutcome, table: &Path) {
    let mut writer = TableWriter::new(BufWriter::new(File::create(table).unwrap()), &schema.feature_names()).unwrap();
    for file in outcome.files.iter().filter(|file| file.rejection.is_none()) {
        let source = SourceFile { file: file.file.as_str().into(), sha256: file.sha256, time: file.time.unwrap() };
        let content = File::open(raw.join(&file.file)).unwrap();
        check_file(content, &file.file, schema, Purpose::Train, &mut writer.rows_of(source)).unwrap();
    }
    writer.finish().unwrap();
}

/// When a pass began.
struct Start {
    wall: Instant,
    cpu_secs: f64,
}

impl Start {
    fn now() -> Self {
        Self { wall: Instant::now(), cpu_secs: cpu_secs() }
    }
}

fn report(pass: &str, outcome: &FolderOutcome, start: &Start, bytes_out: u64) {
    let (secs, cpu_secs) = (start.wall.elapsed().as_secs_f64(), cpu_secs() - start.cpu_secs);
    let megabytes = outcome.files.iter().map(|file| file.bytes).sum::<u64>() as f64 / 1e6;
    println!(
        r#"{{"pass": "{pass}", "rows": {}, "megabytes": {megabytes:.0}, "secs": {secs:.2}, "cpu_secs": {cpu_secs:.2}, "megabytes_per_cpu_sec": {:.0}, "megabytes_out": {:.0}, "peak_megabytes": {:.0}}}"#,
        outcome.counts.rows_accepted,
        megabytes / cpu_secs,
        bytes_out as f64 / 1e6,
        peak_megabytes(),
    );
}

/// Seconds of cpu time of this process so far, where the system tells it.
fn cpu_secs() -> f64 {
    const TICKS_PER_SEC: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SEC
}

/// The largest resident size of this process so far, where the system tells it.
fn peak_megabytes() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|text| text.trim().trim_end_matches(" kB").parse::<f64>().ok())
        .map_or(f64::NAN, |kilobytes| kilobytes / 1e3)
}
