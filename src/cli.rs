//! The commands of the binary.

mod adopt;
mod audit;
mod doctor;
mod evaluate;
mod import;
mod intake;
mod key;
mod open_files;
mod quarantine;
mod reach;
mod seed;
mod serve;
mod site;
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

use crate::{config::Config, operate::Operation, telemetry};

/// Ashna lets a website know its visitors and answer each of them personally.
#[derive(Debug, Parser)]
#[command(name = "ashna", version)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What goes with every command.
#[derive(Debug, Args)]
struct Common {
    /// Where everything is kept.
    #[arg(long, global = true, default_value = "./data", value_name = "DIR")]
    data_dir: PathBuf,
    /// Settings that differ from config.default.toml.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Answer with one JSON document on standard output.
    #[arg(long, global = true)]
    json: bool,
    /// What to log: error, warn, info, debug, or filters such as `ashna::delivery=debug`.
    #[arg(long, global = true, default_value = "warn", value_name = "FILTER")]
    log: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service.
    Serve(serve::Options),
    /// Sites.
    #[command(subcommand)]
    Site(site::Command),
    /// People who use the dashboard.
    #[command(subcommand)]
    User(user::Command),
    /// Keys for programs.
    #[command(subcommand)]
    Key(key::Command),
    /// Who did what.
    #[command(subcommand)]
    Audit(audit::Command),
    /// The key that signs visitor cookies.
    #[command(subcommand)]
    CookieKey(CookieKeyCommand),
    /// Export or erase one visitor.
    #[command(subcommand)]
    Visitor(visitor::Command),
    /// Take a file in; taking it in twice adds nothing.
    Import(import::Options),
    /// How good recommendations are on given clicks; tunes itself on the last part of the training file.
    Evaluate(evaluate::Options),
    /// Give the demo shop an invented past: weeks of visitors that never were.
    Seed(seed::Options),
    /// What the warehouse refused.
    #[command(subcommand)]
    Quarantine(quarantine::Command),
    /// Bring the warehouse's tables up to date.
    Migrate,
    /// Make this control database the owner of the journal and the warehouse, after the one they belonged to was lost.
    /// New sites get numbers that neither has seen. The service must not be running.
    Adopt,
    /// Check the settings and print them as they take effect.
    CheckConfig,
    /// Print the description of the private API.
    Openapi,
    /// Open a page in a Chromium of this machine and say what is wrong with its tracker.
    Doctor(doctor::Options),
}

#[derive(Debug, Subcommand)]
enum CookieKeyCommand {
    /// Sign with a new key from now on; cookies of older keys stay valid for their 400 days.
    Rotate {
        /// Make cookies of older keys void at once, after a key got into wrong hands: their visitors
        /// are then known by what the tracker remembers, or begin anew.
        #[arg(long)]
        forget_old: bool,
    },
}

/// Runs the command of the process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    telemetry::start_log(&cli.common.log);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::from(error)),
    };
    let done = runtime.block_on(run(cli));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// One clear line on standard error.
fn fail(error: &anyhow::Error) -> ExitCode {
    let line = format!("{error:#}").replace('\n', " ");
    // When even standard error is gone there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "ashna: {line}");
    ExitCode::FAILURE
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let config = Config::load(cli.common.config.as_deref())?;
    let common = &cli.common;
    match cli.command {
        Command::Serve(options) => serve::run(config, &common.data_dir, options).await,
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
            let answer = reach::operate(&config, &common.data_dir, operation).await?;
            tell(common, &answer, &format!("visitor cookies are signed with a new key; {} verify them", answer["keys"]))
        }
        Command::Visitor(command) => visitor::run(&config, common, command).await,
        Command::Migrate => migrate(&config, common).await,
        Command::Adopt => adopt::run(&config, common).await,
        Command::CheckConfig => {
            let text = format!("{config:#?}");
            tell(common, &Value::from(text.clone()), &text)
        }
        Command::Doctor(options) => doctor::run(common, options).await,
        Command::Openapi => say(&crate::http::openapi()),
    }
}

async fn migrate(config: &Config, common: &Common) -> anyhow::Result<()> {
    let app = crate::app::App::start(config, &common.data_dir, crate::app::Start::default()).await?;
    let mut warehouse = app.warehouse.clone();
    let limit = std::time::Duration::from_mins(1);
    let done = tokio::time::timeout(limit, warehouse.wait_for(|ready| *ready)).await.is_ok();
    app.stop().await;
    anyhow::ensure!(done, "the warehouse did not answer within a minute");
    tell(common, &serde_json::json!({ "migrated": true }), "the warehouse is up to date")
}

/// A text value without its quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The answer, as JSON or in words.
fn tell(common: &Common, answer: &Value, text: &str) -> anyhow::Result<()> {
    if common.json { say(&answer.to_string()) } else { say(text) }
}

/// One text on standard output; a reader that went away is no error.
fn say(text: &str) -> anyhow::Result<()> {
    match writeln!(std::io::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error).context("cannot write the answer"),
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

/// The kind of file an import takes, as a word of the command line.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum FormatWord {
    /// Requests in the combined log format.
    AccessLog,
    /// Segment calls, one a line.
    Events,
    /// Items of the catalogue: NDJSON, a JSON array, CSV, TSV, or a Google product feed.
    Items,
}

/// Where a file's bytes come from: a path, or standard input for `-`.
fn open(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
        return Ok(bytes);
    }
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}
