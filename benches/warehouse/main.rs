//! From HTTP to rows in ClickHouse, compared with a direct insert of the same rows: batches of fifty events, a real service,
//! a real engine, everything on this machine.
//!
//! Rounds alternate between the two and medians are printed; `PERCENT_MIN` is the required ratio in percent.
//! `RATE=60000 SECONDS=600` instead sends that many events per second for that long, and prints the number of undelivered
//! events every ten seconds.

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
/// Time limit for delivering the last rows.
const DELIVERY_TIMEOUT: Duration = Duration::from_mins(5);

fn from_environment(name: &str, default: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "parameters of the benchmark, not settings of the service")]
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// A running service with a temporary data directory.
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
        let mut app =
            App::start(&config, data.path(), StartOptions { engine_program: program, ..StartOptions::default() })
                .await?;
        app.warehouse_ready.clone().wait_for(|ready| *ready).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let metrics = app.state.metrics.connections.clone();
        let settings = Settings::new(&config.server, 4096, metrics, app.supervision().clone());
        let entry_point = entry(app.state.clone());
        app.listeners.spawn_fatal("http", move |stopping| serve(listener, entry_point, stopping, settings));
        let site = app.state.catalog.add_site("bench", "Shop", &[ORIGIN.to_owned()], false).await?;
        let engine = app.engine.as_ref().map(ashna::engine::Engine::endpoint);
        let endpoint = engine.ok_or_else(|| anyhow::anyhow!("the benchmark needs the embedded engine"))?;
        let store = Store::connect(endpoint, &config.clickhouse);
        Ok(Self { app, site, address, store, _data: data })
    }

    fn undelivered(&self) -> u64 {
        self.app.state.delivery.counts().waiting
    }

    /// Waits until all events are delivered.
    async fn drained(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        while self.undelivered() > 0 {
            anyhow::ensure!(started.elapsed() < DELIVERY_TIMEOUT, "{} events are not delivered", self.undelivered());
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

#[expect(clippy::print_stdout, reason = "prints the result of the benchmark")]
fn print(line: &str) {
    println!("{line}");
}

/// Runs alternating rounds and counts all rows afterwards.
async fn against_direct(service: &Service, bodies: &Arc<Bodies>) -> anyhow::Result<()> {
    let (rounds, events) = (from_environment("ROUNDS", 5), from_environment("EVENTS", 500_000));
    let rows = direct::rows(&service.site, bodies)?;
    let (mut direct_rates, mut service_rates) = (Vec::new(), Vec::new());
    let mut expected = service.rows().await?;
    for round in 0..=rounds {
        let started = Instant::now();
        let count = direct::insert(&service.store, &rows, round, events).await?;
        let direct = count as f64 / started.elapsed().as_secs_f64();
        expected += count;
        let started = Instant::now();
        let sent = sender::send_all(service.address, Arc::clone(bodies), events, None).await?;
        let answered_after = started.elapsed();
        service.drained().await?;
        let through_service = sent as f64 / started.elapsed().as_secs_f64();
        expected += sent;
        print(&format!(
            "round {round}: direct {direct:.0} rows/s; through the service {through_service:.0} rows/s, answered at {:.0}/s",
            sent as f64 / answered_after.as_secs_f64()
        ));
        // The first round warms up.
        if round > 0 {
            direct_rates.push(direct);
            service_rates.push(through_service);
        }
    }
    let counted = service.rows().await?;
    anyhow::ensure!(counted == expected, "{counted} rows are stored, {expected} were sent");
    let (direct, through_service) = (median(direct_rates), median(service_rates));
    print(&format!(
        "medians: direct {direct:.0} rows/s, through the service {through_service:.0} rows/s, ratio {:.2}; all {counted} rows counted",
        through_service / direct
    ));
    let required = from_environment("PERCENT_MIN", 0) as f64 / 100.0;
    anyhow::ensure!(through_service / direct >= required, "a ratio of at least {required:.2} is required");
    Ok(())
}

/// Sends at a steady rate and prints the number of undelivered events.
async fn at_rate(service: &Service, bodies: &Arc<Bodies>, rate: u64) -> anyhow::Result<()> {
    let seconds = from_environment("SECONDS", 600);
    let events = rate * seconds;
    let started = Instant::now();
    let sending = sender::send_all(service.address, Arc::clone(bodies), events, Some(rate));
    let mut sending = std::pin::pin!(sending);
    let mut report = tokio::time::interval(Duration::from_secs(10));
    let sent = loop {
        tokio::select! {
            sent = &mut sending => break sent?,
            _ = report.tick() => print(&format!("{:4.0} s: {} events undelivered", started.elapsed().as_secs_f64(), service.undelivered())),
        }
    };
    let took = started.elapsed().as_secs_f64();
    service.drained().await?;
    let counted = service.rows().await?;
    anyhow::ensure!(counted == sent, "{counted} rows are stored, {sent} were sent");
    print(&format!("{sent} events in {took:.0} s, {:.0}/s of {rate}/s offered; all rows counted", sent as f64 / took));
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let service = Service::start().await?;
    let bodies = Arc::new(Bodies::prepare(&service.site.write_key));
    let result = match from_environment("RATE", 0) {
        0 => against_direct(&service, &bodies).await,
        rate => at_rate(&service, &bodies, rate).await,
    };
    service.app.stop().await;
    result
}
