//! Reading wafer CSV into rows of f32: the checks of this crate, with and without values, against the crates `csv` and `fast-float2`, which check
//! nothing. All on one thread, and the checks on all threads as well.

#![expect(clippy::unwrap_used, reason = "a bench is run by hand and fails loudly")]

use std::convert::Infallible;
use std::fs;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use faultline_contract::schema::{Purpose, ValidSchema};
use faultline_sample::{SampleOptions, write_sample};
use faultline_table::{QuarantineRecord, Row, RowSink, check_file};

const ROWS: usize = 4000;
const NAME: &str = "wafer_08012020_120000.csv";

/// Looks at the features, or does not.
struct Sum<const FEATURES: bool>(f64);

impl<const FEATURES: bool> RowSink for Sum<FEATURES> {
    const FEATURES: bool = FEATURES;

    type Error = Infallible;

    fn accept(&mut self, row: &Row<'_>) -> Result<(), Infallible> {
        self.0 += row.features.first().copied().map_or(1.0, f64::from);
        Ok(())
    }

    fn refuse(&mut self, _: QuarantineRecord) -> Result<(), Infallible> {
        Ok(())
    }
}

fn content() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let options =
        SampleOptions { training_files: 1, rows_per_file: ROWS, prediction_files: 0, with_faults: false, seed: 7 };
    write_sample(folder.path(), &options).unwrap();
    let file = fs::read_dir(folder.path().join("training")).unwrap().next().unwrap().unwrap();
    fs::read(file.path()).unwrap()
}

fn with_csv_crate(content: &[u8]) -> f64 {
    let mut reader = csv::ReaderBuilder::new().has_headers(true).from_reader(content);
    let (mut record, mut row, mut sum) = (csv::ByteRecord::new(), Vec::new(), 0.0);
    while reader.read_byte_record(&mut record).unwrap() {
        row.clear();
        let cells = record.iter().skip(1);
        row.extend(cells.map(|cell| fast_float2::parse::<f64, _>(cell).map_or(f32::NAN, |value| value as f32)));
        sum += f64::from(row[0]);
    }
    sum
}

fn csv_into_rows(criterion: &mut Criterion) {
    let content = content();
    let schema = ValidSchema::from_json(include_bytes!("../../../schemas/wafer.json")).unwrap();
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let mut group = criterion.benchmark_group("csv");
    group.throughput(Throughput::Bytes(content.len() as u64)).sample_size(20);
    let read = |sink: &mut Sum<true>| check_file(content.as_slice(), NAME, &schema, Purpose::Train, sink).unwrap();
    let look = |sink: &mut Sum<false>| check_file(content.as_slice(), NAME, &schema, Purpose::Train, sink).unwrap();
    group.bench_function("crates csv and fast-float2", |bencher| bencher.iter(|| black_box(with_csv_crate(&content))));
    group.bench_function("checked, values", |bencher| bencher.iter(|| one.install(|| read(&mut Sum(0.0)))));
    group.bench_function("checked, no values", |bencher| bencher.iter(|| one.install(|| look(&mut Sum(0.0)))));
    group.bench_function("checked, values, all threads", |bencher| bencher.iter(|| read(&mut Sum(0.0))));
    group.bench_function("checked, no values, all threads", |bencher| bencher.iter(|| look(&mut Sum(0.0))));
    group.finish();
}

criterion_group!(benches, csv_into_rows);
criterion_main!(benches);
