//! Fit of both value models to 2,357 customers, the size of the sample on which they were published.

use ashna::value::{Customer, History, ValueModel};
use criterion::{Criterion, criterion_group, criterion_main};

const CDNOW: &str = include_str!("../tests/fixtures/value/cdnow_sample.csv");

fn customers() -> Vec<Customer> {
    let rows = CDNOW.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    rows.map(|line| {
        let fields: Vec<u32> = line.split(',').map(|field| field.parse().expect("a number")).collect();
        let history = History {
            repeat_days: fields[0],
            recency_days: fields[1],
            age_days: fields[2],
            spend_days: fields[3],
            spend_minor: fields[4].into(),
        };
        Customer { orders: fields[0] + 1, history, ..Customer::default() }
    })
    .collect()
}

fn fits(criterion: &mut Criterion) {
    let customers = customers();
    criterion.bench_function("value, fit of 2,357 customers", |bencher| bencher.iter(|| ValueModel::fit(&customers)));
}

criterion_group!(benches, fits);
criterion_main!(benches);
