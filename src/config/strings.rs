//! Validation of string settings.

use std::net::SocketAddr;

use toml::Table;
use url::Url;

type Check = fn(&str) -> Result<(), String>;

const CHECKS: &[(&str, Check)] = &[
    ("server.listen", listen),
    ("server.metrics_listen", |text| if text.is_empty() { Ok(()) } else { listen(text) }),
    ("server.public_url", public_url),
    ("clickhouse.url", clickhouse_url),
    ("clickhouse.database", database),
    ("log.filter", |text| crate::telemetry::check_filter(text)),
    ("log.format", log_format),
];

/// Returns the first key with an invalid string, and the reason.
pub(super) fn first_invalid(settings: &Table) -> Option<(&'static str, String)> {
    CHECKS.iter().find_map(|(name, check)| {
        let (section, key) = name.split_once('.')?;
        let text = settings.get(section)?.get(key)?.as_str()?;
        check(text).err().map(|reason| (*name, reason))
    })
}

fn listen(text: &str) -> Result<(), String> {
    let is_valid = text.parse::<SocketAddr>().is_ok();
    if is_valid {
        Ok(())
    } else {
        Err(format!("must be an address with a port such as 127.0.0.1:8080, not \"{text}\""))
    }
}

fn public_url(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Ok(());
    }
    let url = web_address(text, "https://stats.example")?;
    if url.path() == "/" && url.query().is_none() && url.fragment().is_none() {
        Ok(())
    } else {
        Err(format!("must be scheme and host without a path, such as https://stats.example, not \"{text}\""))
    }
}

fn clickhouse_url(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Ok(());
    }
    let url = web_address(text, "http://10.0.0.5:8123")?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err("must not have a query: the service sets the settings of requests itself".into());
    }
    Ok(())
}

/// Parses an `http://` or `https://` URL without a user. Errors do not repeat text that may contain a password.
fn web_address(text: &str, example: &str) -> Result<Url, String> {
    let Some(url) = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https")) else {
        let shown = if text.contains('@') { "the given value".to_owned() } else { format!("\"{text}\"") };
        return Err(format!("must be an address such as {example}, beginning with http:// or https://, not {shown}"));
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not contain a user or password: they have separate keys".into());
    }
    Ok(url)
}

fn database(text: &str) -> Result<(), String> {
    let is_valid = !text.is_empty()
        && text.len() <= 64
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_valid { Ok(()) } else { Err(format!("must be a plain name of letters, digits and _, not \"{text}\"")) }
}

fn log_format(text: &str) -> Result<(), String> {
    if matches!(text, "text" | "json") { Ok(()) } else { Err(format!("must be text or json, not \"{text}\"")) }
}
