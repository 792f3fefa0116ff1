//! Tables of wafers in Parquet: written row by row, read back, and put together from two halves, as `--merge-shards` does; beside it the crates
//! arrow and parquet as they come, with the same compression.

#![expect(clippy::unwrap_used, reason = "a bench is run by hand and fails loudly")]

use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float32Array, RecordBatch};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use faultline_contract::Digest;
use faultline_table::{Row, SourceFile, Table, TableWriter, concatenate};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{EnabledStatistics, WriterProperties};

const ROWS: usize = 20_000;
const FEATURES: usize = 590;

/// One reading in twenty is missing; the others have the few digits that a sensor gives.
fn reading(row: usize, column: usize) -> f32 {
    let mixed = (row as u32).wrapping_mul(0x9e37_79b9).wrapping_add(column as u32).wrapping_mul(0x85eb_ca6b) >> 9;
    if mixed.is_multiple_of(20) { f32::NAN } else { (mixed % 100_000) as f32 / 100.0 }
}

fn write(path: &Path, names: &[String], rows: std::ops::Range<usize>, readings: &[f32]) {
    let source = SourceFile { file: "wafer.csv".into(), sha256: Digest::of(b"wafer"), time: 0 };
    let file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let mut writer = TableWriter::new(file, names).unwrap();
    for row in rows {
        let id = format!("wafer-{row}");
        let number = row as u64 + 1;
        let features = &readings[row * FEATURES..(row + 1) * FEATURES];
        let row = Row { row: number, line: number + 1, byte_offset: number * 4850, id: &id, target: Some(0), features };
        writer.push(&source, &row).unwrap();
    }
    drop(writer.finish().unwrap());
}

/// The features alone, one row group, split and compressed as ours are.
fn with_the_crates(path: &Path, readings: &[f32]) {
    let column = |column: usize| -> ArrayRef {
        let values = (0..ROWS).map(|row| Some(readings[row * FEATURES + column]).filter(|value| !value.is_nan()));
        Arc::new(values.collect::<Float32Array>())
    };
    let batch = RecordBatch::try_from_iter((0..FEATURES).map(|index| (format!("f{index}"), column(index)))).unwrap();
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_encoding(Encoding::BYTE_STREAM_SPLIT)
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true)
        .build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn tables_of_wafers(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let names: Vec<String> = (1..=FEATURES).map(|feature| format!("Sensor-{feature}")).collect();
    let readings: Vec<f32> = (0..ROWS).flat_map(|row| (0..FEATURES).map(move |column| reading(row, column))).collect();
    let (whole, first, second) = (path("whole"), path("first"), path("second"));
    write(&whole, &names, 0..ROWS, &readings);
    write(&first, &names, 0..ROWS / 2, &readings);
    write(&second, &names, ROWS / 2..ROWS, &readings);

    let mut group = criterion.benchmark_group("parquet");
    group.throughput(Throughput::Elements(ROWS as u64)).sample_size(10);
    group.bench_function("write", |bencher| bencher.iter(|| write(&whole, &names, 0..ROWS, &readings)));
    group.bench_function("write, crates arrow and parquet, the features alone", |bencher| {
        bencher.iter(|| with_the_crates(&path("others"), &readings));
    });
    group.bench_function("read", |bencher| bencher.iter(|| Table::read(&whole).unwrap()));
    group.bench_function("put together from two halves", |bencher| {
        bencher.iter(|| concatenate(&[&first, &second], std::io::sink()).unwrap());
    });
    group.finish();
}

criterion_group!(benches, tables_of_wafers);
criterion_main!(benches);
