//! Checks the settings of a slot.

use super::NAME_BYTES_MAX;
use crate::model::{Offer, Site, SlotSettings};

/// Longest fallback content as JSON, bytes.
const FALLBACK_BYTES_MAX: usize = 32 << 10;

/// Checks a slot's name and settings.
///
/// # Errors
/// What is wrong with them, in one line.
pub fn check_slot(site: &Site, slot: &str, settings: &SlotSettings) -> Result<(), String> {
    if slot.is_empty() || slot.len() > NAME_BYTES_MAX || slot.chars().any(char::is_control) {
        return Err(format!("a slot's name has 1 to {NAME_BYTES_MAX} bytes, without control characters"));
    }
    let Some(fallback) = &settings.fallback else { return Ok(()) };
    if fallback.get(Offer::HTML).is_some_and(|html| !html.is_null()) && !site.offer_html {
        return Err(
            "the fallback may not carry HTML (`html`): let an owner switch on `offer_html` in the site's settings"
                .into(),
        );
    }
    let bytes: usize = fallback.iter().map(|(name, value)| name.len() + value.to_string().len()).sum();
    if bytes > FALLBACK_BYTES_MAX {
        return Err(format!("`fallback` has at most {FALLBACK_BYTES_MAX} bytes"));
    }
    Ok(())
}
