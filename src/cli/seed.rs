//! `ashna seed`: an invented past for the demo shop, so that a newcomer's dashboard has something to show.
//!
//! Message ids repeat for the same seed, length and last hour, so a run that was interrupted is finished
//! by repeating it with the same `--until`. They are remembered for `dedup.window_hours` only; a note in
//! the control database therefore says that a site has its past already.

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};

use super::{
    Common,
    intake::{Intake, in_words, progress},
    plain, reach, tell,
};
use crate::{
    clock,
    config::Config,
    import::Format,
    model::Timestamp,
    operate::Operation,
    seed::{Plan, Shop, Story},
};

const HOUR_MS: i64 = 3_600_000;

/// What to invent.
#[derive(Debug, Args)]
pub struct Options {
    /// The site it is for, instead of the demo shop's.
    #[arg(long)]
    site: Option<u32>,
    /// How many days the past is long.
    #[arg(long, default_value_t = 42, value_parser = clap::value_parser!(u32).range(1..=730))]
    days: u32,
    /// How many people came.
    #[arg(long, default_value_t = 4_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    visitors: u32,
    /// Another seed is another past.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// When the past ends, such as 2026-11-22T08:00:00Z; the last full hour unless given.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Even though the site has an invented past already.
    #[arg(long)]
    again: bool,
}

pub async fn run(config: &Config, common: &Common, options: Options) -> anyhow::Result<()> {
    let until = ends(options.until.as_deref(), clock::now())?;
    let shop = Shop::demo()?;
    let reach = reach::Reach::open(config, &common.data_dir).await?;
    let done = fill(config, common, &options, until, &shop, &reach).await;
    reach.close().await;
    let (answer, text) = done?;
    tell(common, &answer, &text)
}

async fn fill(
    config: &Config,
    common: &Common,
    options: &Options,
    until: Timestamp,
    shop: &Shop,
    reach: &reach::Reach,
) -> anyhow::Result<(Value, String)> {
    let (site, origin) = chosen(&reach.operate(Operation::ListSites).await?, options.site)?;
    let plan = Plan { seed: options.seed, until, days: options.days, visitors: options.visitors, origin };
    let noted = reach.operate(Operation::NoteSeed { site, story: plan.name() }).await?;
    if !options.again {
        refuse_second(site, &plan, &noted, config.dedup.window_hours)?;
    }
    let length = u64::try_from(until.since(plan.begin()) / HOUR_MS).unwrap_or_default();
    let bar = progress(length, "{pos}/{len} invented hours", common.json);
    let mut intake = Intake::new(reach, site, Format::Events, plan.name(), bar);
    for (place, line) in (0..).zip(Story::new(&plan, shop)) {
        let hours = u64::try_from(line.at.since(plan.begin()) / HOUR_MS).unwrap_or_default();
        intake.take(place, line.json, hours).await?;
    }
    let counts = intake.finish().await?;
    let mut answer = serde_json::to_value(&counts)?;
    answer["invented"] = true.into();
    answer["site_id"] = site.into();
    answer["seed"] = plan.seed.into();
    answer["from"] = plan.begin().to_string().into();
    answer["until"] = until.to_string().into();
    let text = format!(
        "Invented: {} days and {} visitors that never were, now the past of site {site}, until {until}.\n{}",
        plan.days,
        plan.visitors,
        in_words(&counts)
    );
    Ok((answer, text))
}

/// The site, and where its pages are.
fn chosen(sites: &Value, wanted: Option<u32>) -> anyhow::Result<(u32, String)> {
    let sites = sites.as_array().map(Vec::as_slice).unwrap_or_default();
    let found = match wanted {
        Some(number) => {
            let found = sites.iter().find(|site| site["site_id"] == json!(number));
            found.with_context(|| format!("there is no site {number}"))?
        }
        None => sites
            .iter()
            .find(|site| site["demo"] == true)
            .context("there is no demo shop yet: start `ashna serve --demo` once, or name a site with --site")?,
    };
    let number = found["site_id"].as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or_default();
    Ok((number, plain(&found["origins"][0])))
}

/// A second past would lie over the first one. Repeating the very same one is harmless while its message
/// ids are remembered, and it is how an interrupted run is finished.
fn refuse_second(site: u32, plan: &Plan, noted: &Value, window_hours: u64) -> anyhow::Result<()> {
    let (story, at) = (plain(&noted["story"]), Timestamp(noted["at"].as_i64().unwrap_or_default()));
    let window_ms = i64::try_from(window_hours.saturating_sub(1)).unwrap_or(i64::MAX).saturating_mul(HOUR_MS);
    let remembered = clock::now().since(at) < window_ms;
    if story == plan.name() && remembered {
        return Ok(());
    }
    bail!(
        "site {site} has an invented past already ({story}); --again lays another one over it{}",
        if remembered { ", the same options with its --until finish it" } else { "" }
    );
}

/// The full hour at which the past ends, so that a repeated run tells the same.
fn ends(given: Option<&str>, now: Timestamp) -> anyhow::Result<Timestamp> {
    let wanted = match given {
        None => now,
        Some(text) => Timestamp::parse_rfc3339(text)
            .filter(|at| *at <= now)
            .with_context(|| format!("--until {text}: not a past moment such as 2026-11-22T08:00:00Z"))?,
    };
    Ok(wanted.plus(-wanted.0.rem_euclid(HOUR_MS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_past_ends_with_a_full_hour_that_has_passed() {
        let now = Timestamp(1_763_798_400_250);
        assert_eq!(ends(None, now).unwrap(), Timestamp(1_763_798_400_000));
        assert_eq!(ends(Some("2025-11-22T07:59:00Z"), now).unwrap(), Timestamp(1_763_794_800_000));
        assert!(ends(Some("2026-11-22T07:59:00Z"), now).is_err());
        assert!(ends(Some("yesterday"), now).is_err());
    }

    #[test]
    fn the_demo_shop_is_found_unless_a_site_is_named() {
        let sites = json!([
            { "site_id": 1, "demo": false, "origins": ["https://a.example"] },
            { "site_id": 2, "demo": true, "origins": ["http://127.0.0.1:8080"] },
        ]);
        assert_eq!(chosen(&sites, None).unwrap(), (2, "http://127.0.0.1:8080".into()));
        assert_eq!(chosen(&sites, Some(1)).unwrap(), (1, "https://a.example".into()));
        assert!(chosen(&sites, Some(3)).is_err() && chosen(&json!([]), None).is_err());
    }

    #[test]
    fn a_second_past_is_refused_but_the_same_one_may_be_finished() {
        let plan = Plan { seed: 1, until: Timestamp(0), days: 42, visitors: 10, origin: String::new() };
        let noted = |hours_ago: i64| json!({ "story": plan.name(), "at": clock::now().0 - hours_ago * HOUR_MS });
        assert!(refuse_second(1, &plan, &noted(1), 25).is_ok());
        assert!(refuse_second(1, &plan, &noted(25), 25).is_err());
        assert!(refuse_second(1, &Plan { seed: 2, ..plan.clone() }, &noted(1), 25).is_err());
    }
}
