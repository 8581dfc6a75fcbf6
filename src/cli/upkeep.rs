//! `ashna prune` and `ashna trace`.

use anyhow::Context;
use clap::Args;

use super::{Common, print_answer, service, unquoted};
use crate::{config::Config, model::Timestamp, operate::Operation};

/// Options of `prune`.
#[derive(Debug, Args)]
pub struct PruneOptions {
    /// The site.
    #[arg(long)]
    site: u32,
    /// Events that occurred before this date (midnight UTC) or time.
    #[arg(long, value_name = "DATE")]
    before: String,
    /// Only events of this name.
    #[arg(long, value_name = "NAME")]
    kind: Option<String>,
}

/// Options of `trace`.
#[derive(Debug, Args)]
pub struct TraceOptions {
    /// Message id as it was sent, or the hash in the column `message`, 32 hexadecimal digits.
    event: String,
    /// The site.
    #[arg(long)]
    site: u32,
}

/// Removes events by age.
pub async fn prune(config: &Config, common: &Common, options: PruneOptions) -> anyhow::Result<()> {
    let before = parse_before(&options.before)?;
    let operation = Operation::Prune { site: options.site, before, event: options.kind };
    let answer = service::operate(config, &common.data_dir, operation).await?;
    print_answer(common, &answer, &format!("{} events are removed", answer["events"]))
}

fn parse_before(text: &str) -> anyhow::Result<Timestamp> {
    let midnight = [text, "T00:00:00Z"].concat();
    Timestamp::parse_rfc3339(text).or_else(|| Timestamp::parse_rfc3339(&midnight)).with_context(|| {
        format!("--before {text:?} is no date such as 2027-01-31 or time such as 2027-01-31T12:00:00Z")
    })
}

/// Prints what became of an event.
pub async fn trace(config: &Config, common: &Common, options: TraceOptions) -> anyhow::Result<()> {
    let operation = Operation::Trace { site: options.site, event: options.event };
    let answer = service::operate(config, &common.data_dir, operation).await?;
    let mut lines = vec![["outcome     ", &unquoted(&answer["outcome"])].concat()];
    if let Some(place) = answer["journal"].as_object() {
        lines.push(format!("journal     {} at {}", place["journal"], place["position"]));
    }
    for row in answer["rows"].as_array().into_iter().flatten() {
        let part = unquoted(&row["part"]);
        lines.push(format!(
            "row         {} at {} in part {part}",
            unquoted(&row["name"]),
            unquoted(&row["occurred_at"])
        ));
    }
    for table in answer["tables"].as_array().into_iter().flatten() {
        lines.push(format!("table       {}: {}", unquoted(&table["table"]), table["rows"]));
    }
    if !answer["quarantine_reason"].is_null() {
        lines.push(["refused     ", &unquoted(&answer["quarantine_reason"])].concat());
    }
    print_answer(common, &answer, &lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_midnight_utc_and_nonsense_is_refused() {
        assert_eq!(parse_before("1970-01-02").unwrap(), Timestamp(86_400_000));
        assert_eq!(parse_before("1970-01-01T00:00:01Z").unwrap(), Timestamp(1000));
        for text in ["", "yesterday", "2027-13-01", "30"] {
            assert!(parse_before(text).is_err(), "{text}");
        }
    }
}
