//! How long reading takes, next to mail-parser alone on the same bytes in the same run.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mail_parser::MessageParser;

/// Every mail of the corpus, as it lies on disk.
fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut open = vec![folder];
    let mut mails = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "eml") {
                mails.extend(std::fs::read(path));
            }
        }
    }
    assert!(!mails.is_empty(), "the corpus is empty");
    mails
}

fn read(bench: &mut Criterion) {
    let mails = corpus();
    let octets: usize = mails.iter().map(Vec::len).sum();
    let mut group = bench.benchmark_group("corpus");
    group.throughput(Throughput::ElementsAndBytes {
        elements: u64::try_from(mails.len()).unwrap_or(u64::MAX),
        bytes: u64::try_from(octets).unwrap_or(u64::MAX),
    });
    group.bench_function("daimon_bounce", |bench| {
        bench.iter(|| mails.iter().for_each(|mail| drop(black_box(daimon_bounce::read(mail)))));
    });
    group.bench_function("mail_parser alone", |bench| {
        bench.iter(|| mails.iter().for_each(|mail| drop(black_box(MessageParser::default().parse(mail)))));
    });
    group.finish();
}

criterion_group!(benches, read);
criterion_main!(benches);
