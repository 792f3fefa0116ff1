//! The digests of files in a folder: all at a time, as `validate` takes them (sha256 and BLAKE3), against the crates sha2 and blake3 over each file by itself.

#![expect(clippy::unwrap_used, reason = "a bench is run by hand and fails loudly")]

use std::fs;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use faultline_store::StoreUrl;
use sha2::{Digest as _, Sha256};

const FILES: usize = 8;
const FILE_BYTES: usize = 16 << 20;

fn of_a_folder(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let content: Vec<u8> =
        (0..FILE_BYTES).map(|place| (place as u32).wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let keys: Vec<String> = (0..FILES).map(|file| format!("{file}.csv")).collect();
    for key in &keys {
        fs::write(folder.path().join(key), &content).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = StoreUrl::parse(&folder.path().display().to_string(), folder.path()).unwrap();
    let store = runtime.block_on(faultline_store::open(&url)).unwrap();

    let mut group = criterion.benchmark_group("digests");
    group.throughput(Throughput::Bytes((FILES * FILE_BYTES) as u64)).sample_size(20);
    group.bench_function("sha256 and BLAKE3, files side by side", |bencher| {
        bencher.iter(|| runtime.block_on(store.fetch_in_place(&keys)).unwrap().unwrap());
    });
    let read = |key: &String| fs::read(folder.path().join(key)).unwrap();
    group.bench_function("crate sha2, one file after the other", |bencher| {
        bencher.iter(|| keys.iter().map(|key| Sha256::digest(read(key))).collect::<Vec<_>>());
    });
    group.bench_function("crate blake3, one file after the other", |bencher| {
        bencher.iter(|| keys.iter().map(|key| blake3::hash(&read(key))).collect::<Vec<_>>());
    });
    group.finish();
}

criterion_group!(benches, of_a_folder);
criterion_main!(benches);
