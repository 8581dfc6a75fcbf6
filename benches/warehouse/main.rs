//! From HTTP to rows in ClickHouse, beside a direct insert of the same rows: batches of fifty events, a real
//! service, a real engine, everything on this machine.
//!
//! Rounds alternate between the two and medians are told; `PERCENT_MIN` is the ratio to reach, in hundredths.
//! `RATE=60000 SECONDS=600` offers that many events a second for so long instead, and tells every ten seconds
//! how many wait for the warehouse.

mod direct;
mod sender;

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use ashna::{
    app::{App, StartOptions},
    config::Config,
    http::{
        entry,
        serve::{Settings, serve},
    },
    model::Site,
    store::Store,
};
use sender::Bodies;
use tokio::net::TcpListener;

const ORIGIN: &str = "https://shop.example";
/// How long the last rows may take to arrive.
const PATIENCE: Duration = Duration::from_mins(5);

fn from_environment(name: &str, default: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a measurement's own parameters are no settings of the service")]
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A running service on a directory of its own.
struct Service {
    app: App,
    site: Site,
    address: SocketAddr,
    store: Store,
    _data: tempfile::TempDir,
}

impl Service {
    async fn start() -> anyhow::Result<Self> {
        let data = tempfile::tempdir()?;
        let config = Config::load(None)?;
        let program = Some(env!("CARGO_BIN_EXE_ashna").into());
        let mut app = App::start(&config, data.path(), StartOptions { engine_program: program, ..StartOptions::default() }).await?;
        app.warehouse_ready.clone().wait_for(|ready| *ready).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let metrics = app.state.metrics.connections.clone();
        let settings = Settings::new(&config.server, 4096, metrics, app.supervision().clone());
        let way_in = entry(app.state.clone());
        app.listeners.spawn_fatal("http", move |stopping| serve(listener, way_in, stopping, settings));
        let site = app.state.catalog.add_site("bench", "Shop", &[ORIGIN.to_owned()], false).await?;
        let engine = app.engine.as_ref().map(ashna::engine::Engine::endpoint);
        let endpoint = engine.ok_or_else(|| anyhow::anyhow!("the embedded engine is measured"))?;
        let store = Store::connect(endpoint, &config.clickhouse);
        Ok(Self { app, site, address, store, _data: data })
    }

    fn waiting(&self) -> u64 {
        self.app.state.delivery.counts().waiting
    }

    /// Waits until the warehouse has everything.
    async fn drained(&self) -> anyhow::Result<()> {
        let begun = Instant::now();
        while self.waiting() > 0 {
            anyhow::ensure!(begun.elapsed() < PATIENCE, "{} events still wait", self.waiting());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    async fn rows(&self) -> anyhow::Result<u64> {
        Ok(self.store.query::<u64>("SELECT count() FROM events", &[]).await?.first().copied().unwrap_or(0))
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::print_stdout, reason = "its figures are what a measurement is for")]
fn tell(line: &str) {
    println!("{line}");
}

/// Alternating rounds; afterwards everything is counted.
async fn against_direct(service: &Service, bodies: &Arc<Bodies>) -> anyhow::Result<()> {
    let (rounds, events) = (from_environment("ROUNDS", 5), from_environment("EVENTS", 500_000));
    let rows = direct::rows(&service.site, bodies)?;
    let (mut straight, mut through) = (Vec::new(), Vec::new());
    let mut expected = service.rows().await?;
    for round in 0..=rounds {
        let begun = Instant::now();
        let count = direct::insert(&service.store, &rows, round, events).await?;
        let direct = count as f64 / begun.elapsed().as_secs_f64();
        expected += count;
        let begun = Instant::now();
        let sent = sender::press(service.address, Arc::clone(bodies), events, None).await?;
        let answered = begun.elapsed();
        service.drained().await?;
        let whole = sent as f64 / begun.elapsed().as_secs_f64();
        expected += sent;
        tell(&format!(
            "round {round}: direct {direct:.0} rows/s; through the service {whole:.0} rows/s, answered at {:.0}/s",
            sent as f64 / answered.as_secs_f64()
        ));
        // The first round warms up.
        if round > 0 {
            straight.push(direct);
            through.push(whole);
        }
    }
    let counted = service.rows().await?;
    anyhow::ensure!(counted == expected, "{counted} rows are there, {expected} were sent");
    let (straight, through) = (median(straight), median(through));
    tell(&format!(
        "medians: direct {straight:.0} rows/s, through the service {through:.0} rows/s, ratio {:.2}; all {counted} rows counted",
        through / straight
    ));
    let least = from_environment("PERCENT_MIN", 0) as f64 / 100.0;
    anyhow::ensure!(through / straight >= least, "at least {least:.2} is asked for");
    Ok(())
}

/// A steady offer, and what waits meanwhile.
async fn at_rate(service: &Service, bodies: &Arc<Bodies>, rate: u64) -> anyhow::Result<()> {
    let seconds = from_environment("SECONDS", 600);
    let events = rate * seconds;
    let begun = Instant::now();
    let offering = sender::press(service.address, Arc::clone(bodies), events, Some(rate));
    let mut offering = std::pin::pin!(offering);
    let mut look = tokio::time::interval(Duration::from_secs(10));
    let sent = loop {
        tokio::select! {
            sent = &mut offering => break sent?,
            _ = look.tick() => tell(&format!("{:4.0} s: {} events wait", begun.elapsed().as_secs_f64(), service.waiting())),
        }
    };
    let took = begun.elapsed().as_secs_f64();
    service.drained().await?;
    let counted = service.rows().await?;
    anyhow::ensure!(counted == sent, "{counted} rows are there, {sent} were sent");
    tell(&format!("{sent} events in {took:.0} s, {:.0}/s of {rate}/s offered; all rows counted", sent as f64 / took));
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let service = Service::start().await?;
    let bodies = Arc::new(Bodies::prepare(&service.site.write_key));
    let measured = match from_environment("RATE", 0) {
        0 => against_direct(&service, &bodies).await,
        rate => at_rate(&service, &bodies, rate).await,
    };
    service.app.stop().await;
    measured
}
