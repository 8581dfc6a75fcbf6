//! The reference: the same rows, encoded before the measurement, inserted by the `clickhouse` crate into the same table,
//! with the same views, fsync and deduplication.

use std::sync::LazyLock;

use ashna::{
    clock,
    config::Config,
    ingest::{
        self, CardinalityLimits, ClientHints, Consent, Identity, Origin, ParseCache, Progress, RequestContext, Sender,
        TokenSigner, Verdict, ViewRate,
    },
    model::{GeoLocation, Position, Site},
    store::{Store, rows},
    wire::collect,
};
use bytes::{Bytes, BytesMut};

use super::sender::Bodies;

/// Rows per insert: the most favourable number for a direct insert.
const ROWS_PER_INSERT: u64 = 50_000;
/// Journal ids that no real journal uses.
const JOURNAL: u64 = 0xd12e_c700;

static TOKEN_SIGNER: LazyLock<TokenSigner> = LazyLock::new(|| TokenSigner::new("secret"));
static VIEW_RATE: LazyLock<ViewRate> = LazyLock::new(|| ViewRate::new(0));

/// Returns the rows of all bodies, without journal positions.
pub(crate) fn rows(site: &Site, bodies: &Bodies) -> anyhow::Result<Vec<Vec<u8>>> {
    let (limits, cache) = (Config::load(None)?.ingest, ParseCache::default());
    let cardinality = CardinalityLimits::new(&limits).for_site(site.id);
    let mut rows = Vec::new();
    for body in bodies.texts() {
        let batch = collect::parse(&body)?;
        let request = RequestContext {
            site,
            sender: Sender::Browser,
            user_agent: "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
            hints: ClientHints::default(),
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
            parse_cache: &cache,
            cardinality: &cardinality,
            view_rate: &VIEW_RATE,
            token_signer: &TOKEN_SIGNER,
            session_of: &|_| None,
            locate: &|_| GeoLocation::default(),
        };
        let mut progress = Progress::default();
        for raw in &batch.events {
            let Verdict::Keep(event) = ingest::run(&request, &batch, &mut progress, raw) else {
                anyhow::bail!("an event of the benchmark is not kept")
            };
            let mut row = Vec::new();
            rows::encode(&event, &mut row);
            rows.push(row);
        }
    }
    anyhow::ensure!(!rows.is_empty(), "there is nothing to insert");
    Ok(rows)
}

/// Inserts `events` rows and returns their number.
pub(crate) async fn insert(store: &Store, rows: &[Vec<u8>], round: u64, events: u64) -> anyhow::Result<u64> {
    let client = client(store);
    let mut inserted = 0;
    while inserted < events {
        let count = ROWS_PER_INSERT.min(events - inserted);
        let (version, bytes) = batch(rows, JOURNAL + round, inserted, count)?;
        let statement =
            rows::insert_statement(version, "RowBinary").ok_or_else(|| anyhow::anyhow!("unknown row version"))?;
        let mut insert = client
            .insert_formatted_with(statement)
            .with_setting("insert_deduplication_token", format!("{}-{inserted}", JOURNAL + round))
            .with_setting("max_insert_block_size", (count + 1).to_string());
        insert.send(bytes).await?;
        insert.end().await?;
        inserted += count;
    }
    Ok(inserted)
}

/// Returns a client with the settings of the service's own inserts.
fn client(store: &Store) -> clickhouse::Client {
    let endpoint = store.endpoint();
    let client = clickhouse::Client::default().with_compression(clickhouse::Compression::None);
    let client = client.with_url(&endpoint.url).with_user(&endpoint.user).with_password(endpoint.password.expose());
    [
        ("insert_deduplicate", "1"),
        ("deduplicate_blocks_in_dependent_materialized_views", "1"),
        ("async_insert", "0"),
        ("max_partitions_per_insert_block", "1000"),
        ("max_insert_threads", "1"),
        ("min_insert_block_size_rows", "0"),
        ("min_insert_block_size_bytes", "0"),
        ("wait_end_of_query", "1"),
    ]
    .into_iter()
    .fold(client.with_database(&endpoint.database), |client, (name, value)| client.with_setting(name, value))
}

/// Returns the row version and the bytes of a batch.
fn batch(encoded: &[Vec<u8>], journal: u64, first: u64, count: u64) -> anyhow::Result<(u8, Bytes)> {
    let mut bytes = BytesMut::new();
    let mut version = rows::VERSION;
    for position in first..first + count {
        let record = &encoded[usize::try_from(position)? % encoded.len()];
        let columns;
        (version, columns) = rows::split(record)?;
        bytes.extend_from_slice(&rows::prefix(journal, Position(position)));
        bytes.extend_from_slice(columns);
    }
    Ok((version, bytes.freeze()))
}
