//! `ashna serve`: the service in the foreground, until Ctrl-C, SIGTERM or SIGHUP, or until a part fails that it cannot
//! do without.

use std::{net::SocketAddr, path::Path, sync::Arc};

use anyhow::Context;
use clap::Args;
use tokio::{
    net::{TcpListener, TcpSocket},
    signal::unix::{SignalKind, signal},
};

use super::{open_files, say};
use crate::{
    app::{App, Start},
    config::Config,
    http::{self, serve},
};

/// How to serve.
#[derive(Debug, Args)]
pub struct Options {
    /// Where to listen, such as 127.0.0.1:8080.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Where GET /metrics answers without a key.
    #[arg(long, value_name = "ADDR")]
    metrics_listen: Option<String>,
    /// A ClickHouse server instead of the embedded engine.
    #[arg(long, value_name = "URL")]
    clickhouse_url: Option<String>,
    /// With the invented demo shop at /demo.
    #[arg(long)]
    demo: bool,
}

/// Of the metrics' own listener.
const METRICS_CONNECTIONS_MAX: usize = 64;

pub async fn run(mut config: Config, data_dir: &Path, options: Options) -> anyhow::Result<()> {
    if let Some(listen) = options.listen {
        config.server.listen = listen;
    }
    if let Some(listen) = options.metrics_listen {
        config.server.metrics_listen = listen;
    }
    if let Some(url) = options.clickhouse_url {
        config.clickhouse.url = url;
    }
    let open_files = open_files::raise();
    // Signals that come while everything opens must not be lost.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // There is nothing to read again that is not noticed by itself; a terminal that is gone is a stop.
    let mut hangup = signal(SignalKind::hangup())?;

    let listener = listen(&config.server.listen)?;
    let address = listener.local_addr()?;
    let base = base_url(&config, address);
    let start = Start { demo_origins: options.demo.then(|| origins(&base, address)), engine_program: None };
    let mut app = App::start(&config, data_dir, start).await?;

    // Whoever sees that events are taken may give orders and ask for the figures too.
    let socket = http::local::bind(data_dir).context("cannot open the commands' socket in the data directory")?;
    let metrics =
        (!config.server.metrics_listen.is_empty()).then(|| listen(&config.server.metrics_listen)).transpose()?;
    let counted = app.doors.metrics.connections.clone();
    let settings = serve::Settings::new(&config.server, open_files, counted, app.supervision().clone());
    let (entry, serving) = (http::entry(app.doors.clone()), settings.clone());
    app.front.spawn_fatal("http", move |stopping| serve::serve(listener, entry, stopping, serving));
    let (socket, doors) = (Arc::new(socket), app.doors.clone());
    app.front
        .spawn_restarting("commands", move |stopping| http::local::serve(Arc::clone(&socket), doors.clone(), stopping));
    if let Some(listener) = metrics {
        let entry = http::metrics_entry(app.doors.clone());
        let settings = settings.at_most(METRICS_CONNECTIONS_MAX);
        app.front.spawn_fatal("metrics", move |stopping| serve::serve(listener, entry, stopping, settings));
    }
    greet(&base, options.demo, app.setup_token.as_deref())?;
    let failed = tokio::select! {
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
        _ = hangup.recv() => None,
        why = app.failed() => Some(why),
    };
    if failed.is_none() {
        tracing::info!("stopping");
        app.drain().await;
    }
    app.stop().await;
    match failed {
        None => Ok(()),
        Some(why) => anyhow::bail!("{why}; the service has stopped and must be started again"),
    }
}

fn listen(address: &str) -> anyhow::Result<TcpListener> {
    let parsed: SocketAddr =
        address.parse().with_context(|| format!("`{address}` is not an address such as 127.0.0.1:8080"))?;
    let socket = if parsed.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restarted service takes its port back at once, whatever connections of the old one linger.
    socket.set_reuseaddr(true)?;
    let cannot = || format!("cannot listen on {address}; is another service using it? choose another with --listen");
    socket.bind(parsed).with_context(cannot)?;
    socket.listen(4096).with_context(cannot)
}

/// The address to print: the configured one, or where we listen.
fn base_url(config: &Config, address: SocketAddr) -> String {
    if config.server.public_url.is_empty() {
        let ip = if address.ip().is_unspecified() { "127.0.0.1".to_owned() } else { address.ip().to_string() };
        let host = if ip.contains(':') { format!("[{ip}]") } else { ip };
        format!("http://{host}:{}", address.port())
    } else {
        config.server.public_url.trim_end_matches('/').to_owned()
    }
}

fn origins(base: &str, address: SocketAddr) -> Vec<String> {
    let mut origins = vec![base.to_owned(), format!("http://localhost:{}", address.port())];
    origins.dedup();
    origins
}

fn greet(base: &str, demo: bool, setup_token: Option<&str>) -> anyhow::Result<()> {
    let mut lines = vec![String::new(), "  Ashna is running.".to_owned(), String::new()];
    if demo {
        lines.push(format!("  Demo shop   {base}/demo/"));
    }
    lines.push(format!("  Dashboard   {base}/dashboard/"));
    if let Some(token) = setup_token {
        lines.push(format!("  Set-up      {base}/dashboard/setup#token={token}"));
        lines.push("              (works once: make your account there)".to_owned());
    }
    lines.push(String::new());
    lines.push("  Ctrl-C stops it.".to_owned());
    say(&lines.join("\n"))
}
