//! `ashna user`: manages dashboard users.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{Common, print_answer, read_password, service, unquoted};
use crate::{
    config::Config,
    operate::{self, Operation, UserOperation},
};

/// Subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List accounts and open invitations.
    List,
    /// Add a user; the password is read from standard input.
    Add {
        #[command(flatten)]
        account: Account,
        /// Required, so that no password ends up in a shell's history.
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Create an invitation link, valid once within seven days; also mailed if `[smtp]` is set.
    Invite {
        #[command(flatten)]
        account: Account,
    },
    /// Remove a user and end their sessions.
    Remove {
        #[command(flatten)]
        selector: UserSelector,
    },
    /// Change a user's permissions.
    Role {
        #[command(flatten)]
        selector: UserSelector,
        /// owner, marketer or viewer.
        #[arg(long)]
        role: Option<String>,
        /// Restrict access to this site; may be given several times.
        #[arg(long = "site", conflicts_with = "all_sites")]
        sites: Vec<u32>,
        /// Give access to all sites.
        #[arg(long)]
        all_sites: bool,
        /// Whether visitors' personal data is masked for the user.
        #[arg(long, value_name = "true|false")]
        masked: Option<bool>,
    },
    /// Set a user's password, read from standard input; their sessions end.
    Password {
        #[command(flatten)]
        selector: UserSelector,
        /// Required, so that no password ends up in a shell's history.
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Disable a user's second factor, if device and recovery codes are lost.
    ResetTotp {
        #[command(flatten)]
        selector: UserSelector,
    },
    /// End all sessions of a user.
    LogOut {
        #[command(flatten)]
        selector: UserSelector,
    },
}

/// An account to create or invite.
#[derive(Debug, Args)]
pub struct Account {
    /// Login name.
    #[arg(long)]
    email: String,
    /// owner, marketer or viewer.
    #[arg(long)]
    role: String,
    /// Restrict access to this site; may be given several times. Default: all sites.
    #[arg(long = "site")]
    sites: Vec<u32>,
    /// Mask visitors' personal data for the user.
    #[arg(long)]
    masked: bool,
}

/// Selects a user.
#[derive(Debug, Args)]
pub struct UserSelector {
    /// Login name or user id.
    #[arg(long = "email", alias = "user", value_name = "E-MAIL")]
    user: String,
}

impl From<Account> for operate::Account {
    fn from(account: Account) -> Self {
        let Account { email, role, sites, masked } = account;
        Self { email, role, sites, masked }
    }
}

pub async fn run(config: &Config, common: &Common, command: Command) -> anyhow::Result<()> {
    let operation = match command {
        Command::List => UserOperation::List,
        Command::Add { account, password_stdin: _ } => {
            UserOperation::Add { account: account.into(), password: read_password()? }
        }
        Command::Invite { account } => UserOperation::Invite { account: account.into() },
        Command::Remove { selector } => UserOperation::Remove { user: selector.user },
        Command::Role { selector, role, sites, all_sites, masked } => {
            let sites = if all_sites { Some(Vec::new()) } else { Some(sites).filter(|sites| !sites.is_empty()) };
            UserOperation::Change { user: selector.user, role, sites, masked }
        }
        Command::Password { selector, password_stdin: _ } => {
            UserOperation::Password { user: selector.user, password: read_password()? }
        }
        Command::ResetTotp { selector } => UserOperation::ResetTwoFactor { user: selector.user },
        Command::LogOut { selector } => UserOperation::LogOut { user: selector.user },
    };
    let text = text_format(&operation);
    let answer = service::operate(config, &common.data_dir, Operation::Users(operation)).await?;
    print_answer(common, &answer, &text(&answer))
}

/// Returns the formatter of an operation's text output.
fn text_format(operation: &UserOperation) -> fn(&Value) -> String {
    match operation {
        UserOperation::List => user_list,
        UserOperation::Add { .. } => |answer| format!("user {}", answer["user_id"]),
        UserOperation::Invite { .. } => |answer| {
            let mailed = if answer["mailed"] == true { "mailed; " } else { "" };
            format!("{mailed}works once, until {}: {}", unquoted(&answer["expires_at"]), unquoted(&answer["link"]))
        },
        UserOperation::Remove { .. } => |answer| format!("user {} is removed", answer["user_id"]),
        UserOperation::Change { .. } => user_line,
        UserOperation::Password { .. } => {
            |answer| format!("user {} has a new password; all logins ended", answer["user_id"])
        }
        UserOperation::ResetTwoFactor { .. } => {
            |answer| format!("user {} logs in with the password only", answer["user_id"])
        }
        UserOperation::LogOut { .. } => {
            |answer| format!("{} logins of user {} ended", answer["ended"], answer["user_id"])
        }
    }
}

fn user_list(answer: &Value) -> String {
    let list = |name: &str| answer[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let users = list("users").iter().map(user_line);
    let invited = list("invitations")
        .iter()
        .map(|invitation| format!("{}  invited until {}", user_line(invitation), unquoted(&invitation["expires_at"])));
    users.chain(invited).collect::<Vec<_>>().join("\n")
}

fn user_line(user: &Value) -> String {
    let sites = user["sites"].as_array().map_or_else(
        || "all sites".to_owned(),
        |sites| format!("sites {}", sites.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")),
    );
    let masked = if user["masked"] == true { ", masked" } else { "" };
    let two_factor = if user["two_factor"] == true { ", two-factor" } else { "" };
    format!("{}  {}  {}, {sites}{masked}{two_factor}", user["id"], unquoted(&user["email"]), unquoted(&user["role"]))
}
