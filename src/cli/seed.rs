//! `ashna seed`: fills the demo shop with generated visitor data, so that a new dashboard has something to show.
//!
//! Message ids are the same for the same seed, length and last hour, so repeating an interrupted run with the same
//! `--until` completes it. Ids are remembered only for `dedup.window_hours`; a note in the control database therefore
//! records that a site already has generated data.

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};

use super::{
    Common,
    chunk_sender::{ChunkSender, progress, summary},
    print_answer, service, unquoted,
};
use crate::{
    clock,
    config::Config,
    import::Format,
    model::Timestamp,
    operate::Operation,
    seed::{GeneratedHistory, Plan, Shop},
};

const HOUR_MS: i64 = 3_600_000;

/// What to generate.
#[derive(Debug, Args)]
pub struct Options {
    /// Target site; default: the demo shop.
    #[arg(long)]
    site: Option<u32>,
    /// Length in days.
    #[arg(long, default_value_t = 42, value_parser = clap::value_parser!(u32).range(1..=730))]
    days: u32,
    /// Number of visitors.
    #[arg(long, default_value_t = 4_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    visitors: u32,
    /// Random seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// End of the generated data, such as 2026-11-22T08:00:00Z; default: the last full hour.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Generate even if the site already has generated data.
    #[arg(long)]
    again: bool,
}

pub async fn run(config: &Config, common: &Common, options: Options) -> anyhow::Result<()> {
    let until = end_time(options.until.as_deref(), clock::now())?;
    let shop = Shop::demo()?;
    let service = service::Service::open(config, &common.data_dir).await?;
    let result = fill(config, common, &options, until, &shop, &service).await;
    service.close().await;
    let (answer, text) = result?;
    print_answer(common, &answer, &text)
}

async fn fill(
    config: &Config,
    common: &Common,
    options: &Options,
    until: Timestamp,
    shop: &Shop,
    service: &service::Service,
) -> anyhow::Result<(Value, String)> {
    let (site, origin) = find_site(&service.operate(Operation::ListSites).await?, options.site)?;
    let plan = Plan { seed: options.seed, until, days: options.days, visitors: options.visitors, origin };
    let note = service.operate(Operation::NoteSeed { site, story: plan.name() }).await?;
    if !options.again {
        refuse_second(site, &plan, &note, config.dedup.window_hours)?;
    }
    let length = u64::try_from(until.since(plan.begin()) / HOUR_MS).unwrap_or_default();
    let bar = progress(length, "{pos}/{len} generated hours", common.json);
    let mut sender = ChunkSender::new(service, site, Format::Events, plan.name(), bar);
    for (position, line) in (0..).zip(GeneratedHistory::new(&plan, shop)) {
        let hours = u64::try_from(line.at.since(plan.begin()) / HOUR_MS).unwrap_or_default();
        sender.push(position, line.json, hours).await?;
    }
    let counts = sender.finish().await?;
    let mut answer = serde_json::to_value(&counts)?;
    answer["invented"] = true.into();
    answer["site_id"] = site.into();
    answer["seed"] = plan.seed.into();
    answer["from"] = plan.begin().to_string().into();
    answer["until"] = until.to_string().into();
    let text = format!(
        "Generated {} days of data with {} invented visitors for site {site}, until {until}.\n{}",
        plan.days,
        plan.visitors,
        summary(&counts)
    );
    Ok((answer, text))
}

/// Finds the site; returns its id and its first origin.
fn find_site(sites: &Value, wanted: Option<u32>) -> anyhow::Result<(u32, String)> {
    let sites = sites.as_array().map(Vec::as_slice).unwrap_or_default();
    let site = match wanted {
        Some(number) => {
            let site = sites.iter().find(|site| site["site_id"] == json!(number));
            site.with_context(|| format!("there is no site {number}"))?
        }
        None => sites
            .iter()
            .find(|site| site["demo"] == true)
            .context("there is no demo shop yet: run `ashna serve --demo` once, or choose a site with --site")?,
    };
    let number = site["site_id"].as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or_default();
    Ok((number, unquoted(&site["origins"][0])))
}

/// Refuses to add generated data twice. Repeating the same run is harmless while its message ids are remembered, and
/// completes an interrupted run.
fn refuse_second(site: u32, plan: &Plan, note: &Value, window_hours: u64) -> anyhow::Result<()> {
    let (story, at) = (unquoted(&note["story"]), Timestamp(note["at"].as_i64().unwrap_or_default()));
    let window_ms = i64::try_from(window_hours.saturating_sub(1)).unwrap_or(i64::MAX).saturating_mul(HOUR_MS);
    let remembered = clock::now().since(at) < window_ms;
    if story == plan.name() && remembered {
        return Ok(());
    }
    bail!(
        "site {site} already has generated data ({story}); --again adds more on top of it{}",
        if remembered { ", the same options with its --until complete it" } else { "" }
    );
}

/// Returns the full hour at which the data ends, so that a repeated run generates the same data.
fn end_time(given: Option<&str>, now: Timestamp) -> anyhow::Result<Timestamp> {
    let wanted = match given {
        None => now,
        Some(text) => Timestamp::parse_rfc3339(text)
            .filter(|at| *at <= now)
            .with_context(|| format!("--until {text}: not a time in the past such as 2026-11-22T08:00:00Z"))?,
    };
    Ok(wanted.plus(-wanted.0.rem_euclid(HOUR_MS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_ends_at_a_full_hour_in_the_past() {
        let now = Timestamp(1_763_798_400_250);
        assert_eq!(end_time(None, now).unwrap(), Timestamp(1_763_798_400_000));
        assert_eq!(end_time(Some("2025-11-22T07:59:00Z"), now).unwrap(), Timestamp(1_763_794_800_000));
        assert!(end_time(Some("2026-11-22T07:59:00Z"), now).is_err());
        assert!(end_time(Some("yesterday"), now).is_err());
    }

    #[test]
    fn the_demo_shop_is_the_default_site() {
        let sites = json!([
            { "site_id": 1, "demo": false, "origins": ["https://a.example"] },
            { "site_id": 2, "demo": true, "origins": ["http://127.0.0.1:8080"] },
        ]);
        assert_eq!(find_site(&sites, None).unwrap(), (2, "http://127.0.0.1:8080".into()));
        assert_eq!(find_site(&sites, Some(1)).unwrap(), (1, "https://a.example".into()));
        assert!(find_site(&sites, Some(3)).is_err() && find_site(&json!([]), None).is_err());
    }

    #[test]
    fn a_second_run_is_refused_but_the_same_one_may_be_completed() {
        let plan = Plan { seed: 1, until: Timestamp(0), days: 42, visitors: 10, origin: String::new() };
        let note = |hours_ago: i64| json!({ "story": plan.name(), "at": clock::now().0 - hours_ago * HOUR_MS });
        assert!(refuse_second(1, &plan, &note(1), 25).is_ok());
        assert!(refuse_second(1, &plan, &note(25), 25).is_err());
        assert!(refuse_second(1, &Plan { seed: 2, ..plan.clone() }, &note(1), 25).is_err());
    }
}
