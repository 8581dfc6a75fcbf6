//! The yardstick: the same rows, encoded before the clock starts, inserted by the `clickhouse` crate into the
//! same table, with the same views, fsync and deduplication.

use std::sync::LazyLock;

use ashna::{
    clock,
    config::Config,
    ingest::{
        self, Caps, Consent, Hints, Identity, Origin, Pace, Progress, Seal, Sender, Setting, Verdict, enrich::Readings,
    },
    model::{Place, Position, Site},
    store::{Rows, Store, rows},
    wire::collect,
};
use bytes::{Bytes, BytesMut};

use super::sender::Bodies;

/// Rows in one insert: the most favourable for a direct insert.
const ROWS_AN_INSERT: u64 = 50_000;
/// Journals that exist here alone.
const JOURNAL: u64 = 0xd12e_c700;

static SEAL: LazyLock<Seal> = LazyLock::new(|| Seal::new("secret"));
static PACE: LazyLock<Pace> = LazyLock::new(|| Pace::new(0));

/// The rows of all bodies, without their places in a journal.
pub(crate) fn rows(site: &Site, bodies: &Bodies) -> anyhow::Result<Vec<Vec<u8>>> {
    let (limits, readings) = (Config::load(None)?.ingest, Readings::default());
    let caps = Caps::new(&limits).of(site.id);
    let mut rows = Vec::new();
    for body in bodies.texts() {
        let batch = collect::parse(&body)?;
        let setting = Setting {
            site,
            sender: Sender::Browser,
            user_agent: "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
            hints: Hints::default(),
            address: Some([127, 0, 0, 1].into()),
            identity: Identity {
                visitor: batch.visitor.as_str().parse()?,
                from: Origin::Proposal,
                session: None,
                outdated: false,
            },
            server_key: false,
            consent: Consent::FULL,
            refusal_signal: false,
            daily: None,
            now: clock::now(),
            entropy: 1,
            from_file: false,
            limits: &limits,
            readings: &readings,
            caps: &caps,
            pace: &PACE,
            seal: &SEAL,
            session_of: &|_| None,
            place: &|_| Place::default(),
        };
        let mut progress = Progress::default();
        for raw in &batch.events {
            let Verdict::Keep(event) = ingest::run(&setting, &batch, &mut progress, raw) else {
                anyhow::bail!("an event of the measurement is not kept")
            };
            let mut row = Vec::new();
            rows::encode(&event, &mut row);
            rows.push(row);
        }
    }
    anyhow::ensure!(!rows.is_empty(), "there is nothing to insert");
    Ok(rows)
}

/// Inserts `events` rows; the answer is how many.
pub(crate) async fn insert(store: &Store, rows: &[Vec<u8>], round: u64, events: u64) -> anyhow::Result<u64> {
    let mut inserted = 0;
    while inserted < events {
        let count = ROWS_AN_INSERT.min(events - inserted);
        store.insert(batch(rows, JOURNAL + round, inserted, count)?).await?;
        inserted += count;
    }
    Ok(inserted)
}

fn batch(encoded: &[Vec<u8>], journal: u64, first: u64, count: u64) -> anyhow::Result<Rows> {
    let mut bytes = BytesMut::new();
    let mut version = rows::VERSION;
    for position in first..first + count {
        let record = &encoded[usize::try_from(position)? % encoded.len()];
        let columns;
        (version, columns) = rows::split(record)?;
        bytes.extend_from_slice(&rows::prefix(journal, Position(position)));
        bytes.extend_from_slice(columns);
    }
    let range = Position(first)..Position(first + count);
    Ok(Rows { version, journal, range, bytes: Bytes::from(bytes), count: usize::try_from(count)? })
}
