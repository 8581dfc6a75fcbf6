//! Claim of a new message id: without sealed buckets, and with sixteen.

use ashna::{
    config::{self, Config},
    dedup::{Claim, Dedup},
    model::{Position, Timestamp},
};
use criterion::{Criterion, criterion_group, criterion_main};

const HOUR: i64 = 3_600_000;

/// Uniform keys like the real ones, which are hashes: two rounds of a 64-bit mixer.
fn key(n: u64) -> u128 {
    let mix = |mut x: u64| {
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    };
    let low = mix(n.wrapping_add(0x9e37_79b9_7f4a_7c15));
    u128::from(mix(low ^ 0x5851_f42d_4c95_7f2d)) << 64 | u128::from(low)
}

fn claims(criterion: &mut Criterion) {
    let settings: config::Dedup = Config::defaults().dedup;
    for buckets in [0, 16] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (dedup, _) = Dedup::open(dir.path(), &settings, 1, Timestamp(0)).expect("a new set");
        let mut next = 0;
        for bucket in 0..buckets {
            for _ in 0..20_000 {
                dedup.restore(Position(next), key(next));
                next += 1;
            }
            dedup.sync(Timestamp(bucket * HOUR)).expect("the disk has room");
            dedup.sync(Timestamp((bucket + 1) * HOUR)).expect("the disk has room");
        }
        criterion.bench_function(&format!("dedup, claim of a new id, {buckets} sealed buckets"), |bencher| {
            bencher.iter(|| {
                next += 1;
                match dedup.claim(key(next), Timestamp(0)) {
                    Claim::New(reservation) => drop(reservation),
                    claim => panic!("{claim:?}"),
                }
            });
        });
        criterion.bench_function(&format!("dedup, claim and keep, {buckets} sealed buckets"), |bencher| {
            bencher.iter(|| {
                next += 1;
                match dedup.claim(key(next), Timestamp(0)) {
                    Claim::New(reservation) => reservation.keep(Position(next)),
                    claim => panic!("{claim:?}"),
                }
            });
        });
    }
}

criterion_group!(benches, claims);
criterion_main!(benches);
