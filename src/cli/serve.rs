//! `ashna serve`: runs the service in the foreground until Ctrl-C, SIGTERM, SIGHUP, or a fatal failure.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context;
use clap::Args;
use tokio::{
    net::{TcpListener, TcpSocket},
    signal::unix::{SignalKind, signal},
};

use super::{Common, open_files, print_line};
use crate::{
    app::{App, StartOptions},
    config::{Config, OptionValue},
    http::{self, serve},
};

/// Options of `serve`.
#[derive(Debug, Args)]
pub struct Options {
    /// Listen address, such as 127.0.0.1:8080.
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Listen address of GET /metrics without a key.
    #[arg(long, value_name = "ADDR")]
    metrics_listen: Option<String>,
    /// URL of a ClickHouse server to use instead of the embedded engine.
    #[arg(long, value_name = "URL")]
    clickhouse_url: Option<String>,
    /// Serve the demo shop at /demo.
    #[arg(long)]
    demo: bool,
}

/// Maximum number of connections of the metrics listener.
const METRICS_CONNECTIONS_MAX: usize = 64;

impl Options {
    /// Settings given by these options.
    pub(super) fn settings(&self) -> Vec<OptionValue<'static>> {
        let given = [
            ("server", "listen", "--listen", &self.listen),
            ("server", "metrics_listen", "--metrics-listen", &self.metrics_listen),
            ("clickhouse", "url", "--clickhouse-url", &self.clickhouse_url),
        ];
        given.into_iter().filter_map(|(section, key, name, value)| Some((section, key, name, value.clone()?))).collect()
    }
}

/// Runs the service until a signal stops it.
pub(super) async fn run(config: &Config, common: &Common, options: &Options) -> anyhow::Result<()> {
    let data_dir = &common.data_dir;
    let open_files = open_files::raise();
    // Signals received during the start must not be lost.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    // SIGHUP stops the service: nothing needs a reload signal, and it means that the terminal was closed.
    let mut hangup = signal(SignalKind::hangup())?;

    let listener = listen(&config.server.listen, "--listen")?;
    let metrics = &config.server.metrics_listen;
    let metrics = (!metrics.is_empty()).then(|| listen(metrics, "--metrics-listen")).transpose()?;
    let address = listener.local_addr()?;
    let base = base_url(config, address);
    let start = StartOptions { demo_origins: options.demo.then(|| origins(&base, address)), engine_program: None };
    let mut app = App::start(config, data_dir, start).await?;

    // Open the commands' socket and the metrics before the ready message, which promises both.
    let socket = http::local::bind(data_dir).context("cannot open the admin socket in the data directory")?;
    let counted = app.state.metrics.connections.clone();
    let settings = serve::Settings::new(&config.server, open_files, counted, app.supervision().clone());
    let (entry, serving) = (http::entry(app.state.clone()), settings.clone());
    app.listeners.spawn_fatal("http", move |stopping| serve::serve(listener, entry, stopping, serving));
    let (socket, state) = (Arc::new(socket), app.state.clone());
    app.listeners
        .spawn_restarting("commands", move |stopping| http::local::serve(Arc::clone(&socket), state.clone(), stopping));
    if let Some(listener) = metrics {
        let entry = http::metrics_entry(app.state.clone());
        let settings = settings.at_most(METRICS_CONNECTIONS_MAX);
        app.listeners.spawn_fatal("metrics", move |stopping| serve::serve(listener, entry, stopping, settings));
    }
    let message = ready_message(common.json, &base, options.demo, app.setup_token.as_deref());
    // A closed or full standard output is not fatal: only the message is lost.
    if let Err(error) = print_line(&message) {
        tracing::warn!("{error:#}");
    }
    let failed = tokio::select! {
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
        _ = hangup.recv() => None,
        reason = app.failed() => Some(reason),
    };
    if failed.is_none() {
        tracing::info!("stopping");
        app.drain().await;
    }
    app.stop().await;
    match failed {
        None => Ok(()),
        Some(reason) => anyhow::bail!("{reason}; the service has stopped and must be restarted"),
    }
}

/// Listens on an address; `option` is the command-line option to choose another one.
fn listen(address: &str, option: &str) -> anyhow::Result<TcpListener> {
    let parsed: SocketAddr =
        address.parse().with_context(|| format!("`{address}` is not an address such as 127.0.0.1:8080"))?;
    let socket = if parsed.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Lets a restarted service use its port immediately, despite lingering connections.
    socket.set_reuseaddr(true)?;
    let bound = socket.bind(parsed).and_then(|()| socket.listen(4096));
    bound.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            anyhow::anyhow!(
                "cannot listen on {address}: it is in use by another program; choose another address with {option}"
            )
        }
        _ => anyhow::anyhow!("cannot listen on {address}: {error}; choose another address with {option}"),
    })
}

/// Returns the public URL: the configured one, or the listen address.
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

/// Message printed when the service accepts events, as text or JSON.
fn ready_message(as_json: bool, base: &str, demo: bool, setup_token: Option<&str>) -> String {
    let dashboard = format!("{base}/dashboard/");
    let shop = demo.then(|| format!("{base}/demo/"));
    let setup = setup_token.map(|token| format!("{dashboard}setup#token={token}"));
    if as_json {
        return serde_json::json!({ "url": base, "dashboard": dashboard, "demo": shop, "setup": setup }).to_string();
    }
    let mut lines = vec![String::new(), "  Ashna is running.".to_owned(), String::new()];
    lines.extend(shop.map(|shop| format!("  Demo shop   {shop}")));
    lines.push(format!("  Dashboard   {dashboard}"));
    if let Some(setup) = setup {
        lines.push(format!("  Set-up      {setup}"));
        lines.push("              (works once: create your account there)".to_owned());
    }
    lines.push(String::new());
    lines.push("  Press Ctrl-C to stop.".to_owned());
    lines.join("\n")
}
