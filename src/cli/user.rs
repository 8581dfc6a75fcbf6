//! `ashna user`: people who use the dashboard.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::{Common, plain, reach, read_password, tell};
use crate::{
    config::Config,
    operate::{self, Operation, UserOrder},
};

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List everybody with an account, and who is invited.
    List,
    /// Add a user; the password is read from standard input.
    Add {
        #[command(flatten)]
        account: Account,
        /// Required, so that no password ends up in a shell's history.
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Make a link that makes an account, once, within seven days; mailed too where `[smtp]` is set.
    Invite {
        #[command(flatten)]
        account: Account,
    },
    /// Remove a user; their logins end at once.
    Remove {
        #[command(flatten)]
        who: Who,
    },
    /// Change what a user may do.
    Role {
        #[command(flatten)]
        who: Who,
        /// owner, marketer or viewer.
        #[arg(long)]
        role: Option<String>,
        /// A site they see, and no other; may be given several times.
        #[arg(long = "site", conflicts_with = "all_sites")]
        sites: Vec<u32>,
        /// They see all sites.
        #[arg(long)]
        all_sites: bool,
        /// Whether personal data of visitors is masked for them.
        #[arg(long, value_name = "true|false")]
        masked: Option<bool>,
    },
    /// Give a user another password, read from standard input; their logins end.
    Password {
        #[command(flatten)]
        who: Who,
        /// Required, so that no password ends up in a shell's history.
        #[arg(long, required = true)]
        password_stdin: bool,
    },
    /// Turn a user's second factor off, for when the device and the recovery codes are lost.
    ResetTotp {
        #[command(flatten)]
        who: Who,
    },
    /// End all of a user's logins.
    LogOut {
        #[command(flatten)]
        who: Who,
    },
}

/// An account to be.
#[derive(Debug, Args)]
pub struct Account {
    /// Login name.
    #[arg(long)]
    email: String,
    /// owner, marketer or viewer.
    #[arg(long)]
    role: String,
    /// A site they see, and no other; may be given several times. Without it they see all.
    #[arg(long = "site")]
    sites: Vec<u32>,
    /// Mask personal data of visitors in all that they see.
    #[arg(long)]
    masked: bool,
}

/// Which user.
#[derive(Debug, Args)]
pub struct Who {
    /// Login name, or the user's number.
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
    let order = match command {
        Command::List => UserOrder::List,
        Command::Add { account, password_stdin: _ } => {
            UserOrder::Add { account: account.into(), password: read_password()? }
        }
        Command::Invite { account } => UserOrder::Invite { account: account.into() },
        Command::Remove { who } => UserOrder::Remove { user: who.user },
        Command::Role { who, role, sites, all_sites, masked } => {
            let sites = if all_sites { Some(Vec::new()) } else { Some(sites).filter(|sites| !sites.is_empty()) };
            UserOrder::Change { user: who.user, role, sites, masked }
        }
        Command::Password { who, password_stdin: _ } => {
            UserOrder::Password { user: who.user, password: read_password()? }
        }
        Command::ResetTotp { who } => UserOrder::ResetTwoFactor { user: who.user },
        Command::LogOut { who } => UserOrder::LogOut { user: who.user },
    };
    let text = text_of(&order);
    let answer = reach::operate(config, &common.data_dir, Operation::Users(order)).await?;
    tell(common, &answer, &text(&answer))
}

/// How an answer reads where it is not to be JSON.
fn text_of(order: &UserOrder) -> fn(&Value) -> String {
    match order {
        UserOrder::List => listed,
        UserOrder::Add { .. } => |answer| format!("user {}", answer["user_id"]),
        UserOrder::Invite { .. } => |answer| {
            let mailed = if answer["mailed"] == true { "mailed; " } else { "" };
            format!("{mailed}works once, until {}: {}", plain(&answer["expires_at"]), plain(&answer["link"]))
        },
        UserOrder::Remove { .. } => |answer| format!("user {} is removed", answer["user_id"]),
        UserOrder::Change { .. } => line,
        UserOrder::Password { .. } => {
            |answer| format!("user {} has a new password; all logins ended", answer["user_id"])
        }
        UserOrder::ResetTwoFactor { .. } => |answer| format!("user {} logs in by password alone", answer["user_id"]),
        UserOrder::LogOut { .. } => |answer| format!("{} logins of user {} ended", answer["ended"], answer["user_id"]),
    }
}

fn listed(answer: &Value) -> String {
    let of = |name: &str| answer[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let users = of("users").iter().map(line);
    let invited =
        of("invitations").iter().map(|one| format!("{}  invited until {}", line(one), plain(&one["expires_at"])));
    users.chain(invited).collect::<Vec<_>>().join("\n")
}

fn line(one: &Value) -> String {
    let sites = one["sites"].as_array().map_or_else(
        || "all sites".to_owned(),
        |sites| format!("sites {}", sites.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")),
    );
    let masked = if one["masked"] == true { ", masked" } else { "" };
    let second = if one["two_factor"] == true { ", two-factor" } else { "" };
    format!("{}  {}  {}, {sites}{masked}{second}", one["id"], plain(&one["email"]), plain(&one["role"]))
}
