//! The command line.

mod adopt;
mod audit;
mod backup;
mod chunk_sender;
mod doctor;
mod evaluate;
mod import;
mod import_source;
mod key;
mod open_files;
mod quarantine;
mod records;
mod retention;
mod seed;
mod serve;
mod service;
mod site;
mod upkeep;
mod user;
mod visitor;

use std::{
    io::{IsTerminal, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use secrecy::SecretString;
use serde_json::Value;

use crate::{
    config::{Config, Loaded, LogFormat, OptionValue},
    operate::Operation,
    store::Availability,
    telemetry,
};

/// Ashna: web analytics, live visitor profiles and recommendations.
#[derive(Debug, Parser)]
#[command(name = "ashna", version)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
struct Common {
    /// Data directory.
    #[arg(long, global = true, default_value = "./data", value_name = "DIR")]
    data_dir: PathBuf,
    /// Configuration file with the settings that differ from config.default.toml.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the result as one JSON document.
    #[arg(long, global = true)]
    json: bool,
    /// Log level: error, warn, info, debug, or filters such as `warn,ashna::delivery=debug`.
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service.
    Serve(serve::Options),
    /// Manage sites.
    #[command(subcommand)]
    Site(site::Command),
    /// Manage dashboard users.
    #[command(subcommand)]
    User(user::Command),
    /// Manage API keys.
    #[command(subcommand)]
    Key(key::Command),
    /// Show the audit log.
    #[command(subcommand)]
    Audit(audit::Command),
    /// Manage the key that signs visitor cookies.
    #[command(subcommand)]
    CookieKey(CookieKeyCommand),
    /// Export or erase one visitor.
    #[command(subcommand)]
    Visitor(visitor::Command),
    /// Import a file; importing it again adds nothing.
    Import(import_source::Options),
    /// Evaluate recommendation models offline on given clicks; tuning uses the last part of the training file.
    Evaluate(evaluate::Options),
    /// Fill the demo shop with weeks of generated visitor data.
    Seed(seed::Options),
    /// List or replay events that the warehouse refused.
    #[command(subcommand)]
    Quarantine(quarantine::Command),
    /// Write a backup of everything, also beside the running service; never the salts of cookieless sites.
    Backup(backup::Options),
    /// Restore a backup into a new data directory.
    Restore(backup::RestoreOptions),
    /// Remove a site's old events.
    Prune(upkeep::PruneOptions),
    /// Manage how long a site keeps events.
    #[command(subcommand)]
    Retention(retention::Command),
    /// Show what became of one event.
    Trace(upkeep::TraceOptions),
    /// Migrate the warehouse's tables.
    Migrate,
    /// Make this control database the owner of the journal and the warehouse, after the original one was lost.
    /// New sites get ids that neither of them has used. The service must not be running.
    Adopt,
    /// Validate the settings as `serve` with the same options would, and print the effective values with their sources.
    CheckConfig(serve::Options),
    /// Print the OpenAPI description.
    Openapi,
    /// Open a page in an installed Chromium and diagnose its tracker.
    Doctor(doctor::Options),
}

#[derive(Debug, Subcommand)]
enum CookieKeyCommand {
    /// Sign with a new key from now on; cookies of older keys stay valid for their 400 days.
    Rotate {
        /// Invalidate cookies of older keys immediately, for a leaked key: their visitors are then
        /// recognized by the tracker's stored id, or count as new.
        #[arg(long)]
        forget_old: bool,
    },
}

impl Cli {
    /// Settings given by command-line options.
    fn settings(&self) -> Vec<OptionValue<'static>> {
        let mut settings = match &self.command {
            Command::Serve(options) | Command::CheckConfig(options) => options.settings(),
            _ => Vec::new(),
        };
        settings.extend(self.common.log.clone().map(|filter| ("log", "filter", "--log", filter)));
        settings
    }

    /// Whether this is `serve --json`, which also logs JSON.
    fn is_json_service(&self) -> bool {
        self.common.json && matches!(self.command, Command::Serve(_))
    }
}

/// Runs the command of the process.
#[must_use]
pub fn main() -> ExitCode {
    // Files created in the data directory must never be accessible to other users.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let cli = Cli::parse();
    let loaded = match Config::load_with(cli.common.config.as_deref(), &cli.settings()) {
        Ok(loaded) => loaded,
        Err(error) => return fail(&anyhow::Error::from(error)),
    };
    let log = &loaded.config.log;
    telemetry::start_log(&log.filter, log.format == LogFormat::Json || cli.is_json_service());
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::from(error)),
    };
    let done = runtime.block_on(run(cli, loaded));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// Prints the error as one line on standard error.
fn fail(error: &anyhow::Error) -> ExitCode {
    // If standard error is closed there is nowhere left to write.
    let _ = writeln!(std::io::stderr(), "ashna: {}", line(error));
    ExitCode::FAILURE
}

/// Formats an error and its causes on one line, without repeating causes that a message already contains.
fn line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(|cause| cause.to_string().replace('\n', " ")) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

async fn run(cli: Cli, loaded: Loaded) -> anyhow::Result<()> {
    let config = loaded.config.clone();
    let common = &cli.common;
    match cli.command {
        Command::Serve(options) => serve::run(&config, common, &options).await,
        Command::Import(options) => import::run(&config, common, options).await,
        Command::Evaluate(options) => evaluate::run(common, &options),
        Command::Seed(options) => seed::run(&config, common, options).await,
        Command::Site(command) => site::run(&config, common, command).await,
        Command::User(command) => user::run(&config, common, command).await,
        Command::Key(command) => key::run(&config, common, command).await,
        Command::Audit(command) => audit::run(&config, common, &command).await,
        Command::Quarantine(command) => quarantine::run(&config, common, &command).await,
        Command::CookieKey(CookieKeyCommand::Rotate { forget_old }) => {
            let operation = Operation::RotateCookieKey { forget_old };
            let answer = service::operate(&config, &common.data_dir, operation).await?;
            print_answer(
                common,
                &answer,
                &format!("visitor cookies are signed with a new key; {} verify them", answer["keys"]),
            )
        }
        Command::Visitor(command) => visitor::run(&config, common, command).await,
        Command::Backup(options) => backup::run(&config, common, &options).await,
        Command::Restore(options) => backup::restore(&config, common, &options).await,
        Command::Prune(options) => upkeep::prune(&config, common, options).await,
        Command::Retention(command) => retention::run(&config, common, command).await,
        Command::Trace(options) => upkeep::trace(&config, common, options).await,
        Command::Migrate => migrate(&config, common).await,
        Command::Adopt => adopt::run(&config, common).await,
        Command::CheckConfig(_) => check_config(common, &loaded),
        Command::Doctor(options) => doctor::run(common, options).await,
        Command::Openapi => print_line(&crate::http::openapi()),
    }
}

/// Validates everything that `serve` needs except ports and network, then prints the effective settings.
/// Prints the effective settings, each with the file, variable or option that set it.
fn check_config(common: &Common, loaded: &Loaded) -> anyhow::Result<()> {
    crate::app::check(&loaded.config)?;
    let mut answer = serde_json::to_value(&loaded.shown)?;
    answer["sources"] = serde_json::to_value(&loaded.sources)?;
    print_answer(common, &answer, &loaded.to_toml())
}

async fn migrate(config: &Config, common: &Common) -> anyhow::Result<()> {
    let app = crate::app::App::start(config, &common.data_dir, crate::app::StartOptions::default()).await?;
    let mut availability = app.availability.clone();
    let limit = std::time::Duration::from_mins(1);
    // Stop waiting for errors that are not temporary.
    let settled = |now: &Availability| now.is_ready() || now.fault().is_some_and(|fault| !fault.may_pass());
    // The final availability decides, whether or not the wait timed out.
    let _ = tokio::time::timeout(limit, availability.wait_for(settled)).await;
    let availability = app.availability.borrow().clone();
    app.stop().await;
    match availability {
        Availability::Ready => {}
        Availability::Unusable { fault, message } => anyhow::bail!("{message}; {}", fault.advice()),
        Availability::Starting => anyhow::bail!("the warehouse did not answer within a minute"),
    }
    print_answer(common, &serde_json::json!({ "migrated": true }), "the warehouse is up to date")
}

/// Returns a JSON string without its quotes; other values as JSON.
fn unquoted(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Prints the result, as JSON with `--json` or else as text.
fn print_answer(common: &Common, answer: &Value, text: &str) -> anyhow::Result<()> {
    if common.json { print_line(&answer.to_string()) } else { print_line(text) }
}

/// Prints to standard output; a closed pipe is not an error.
fn print_line(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        _ => Ok(()),
    }
}

fn read_password() -> anyhow::Result<SecretString> {
    let mut text = String::new();
    if std::io::stdin().is_terminal() {
        write!(std::io::stderr(), "Password: ")?;
        std::io::stdin().read_line(&mut text)?;
    } else {
        std::io::stdin().take(10_000).read_to_string(&mut text)?;
    }
    Ok(text.trim_end_matches(['\r', '\n']).into())
}

/// Format of an imported file.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FileFormat {
    /// Requests in the combined log format.
    AccessLog,
    /// Segment calls, one per line.
    Events,
    /// Catalog items: NDJSON, a JSON array, CSV, TSV, or a Google product feed.
    Items,
    /// Customers: CSV or NDJSON with `user_id` and, if known, `email`, `phone`, `first_seen_at` and any trait.
    Customers,
    /// Orders of any age: CSV or NDJSON with `order_id`, `user_id`, `occurred_at`, `revenue`, `currency` and, if known,
    /// `products`.
    Orders,
    /// Consents: CSV or NDJSON with `user_id`, `analytics`, `personalization`, `at`.
    Consents,
}

/// Reads a whole file, or standard input for `-`.
fn read_file(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
        return Ok(bytes);
    }
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
