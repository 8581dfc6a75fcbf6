//! Names of what webhooks are called for, and ids. No I/O.

/// Maximum number of names of one webhook.
const NAMES_MAX: usize = 50;
/// Maximum length of an event's name, bytes.
const EVENT_NAME_MAX: usize = 200;
/// Maximum length of an id, bytes.
const ID_MAX: usize = 64;
/// Prefix of names that events of the journal match.
pub const EVENT_PREFIX: &str = "event:";

/// Validates the names of a webhook; repeated ones are removed.
pub fn checked(names: &[String]) -> Result<Vec<String>, String> {
    if names.is_empty() || names.len() > NAMES_MAX {
        return Err(format!("`events` must have 1 to {NAMES_MAX} names"));
    }
    let mut kept: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        if !is_valid(name) {
            let shown: String = name.chars().take(80).collect();
            return Err(format!("\"{shown}\" in `events` is none of segment.entered:ID, segment.left:ID, event:NAME"));
        }
        if !kept.contains(name) {
            kept.push(name.clone());
        }
    }
    Ok(kept)
}

fn is_valid(name: &str) -> bool {
    match name.split_once(':') {
        Some(("segment.entered" | "segment.left", id)) => is_id(id),
        Some(("event", event)) => {
            !event.is_empty()
                && event.len() <= EVENT_NAME_MAX
                && event.trim() == event
                && !event.chars().any(char::is_control)
        }
        _ => false,
    }
}

/// Whether an id has only letters, digits, `-` and `_`.
pub fn is_id(id: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !id.is_empty() && id.len() <= ID_MAX && id.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_names_are_accepted() {
        let check = |name: &str, expected: bool| assert_eq!(is_valid(name), expected, "{name}");
        for name in ["segment.entered:loyal", "segment.left:a-b_9", "event:Order Completed", "event:سفارش", "event:a:b"]
        {
            check(name, true);
        }
        for name in
            ["", "event", "event:", "event: x", "event:a\nb", "segment.entered:", "segment.entered:a b", "order:x"]
        {
            check(name, false);
        }
        check(&format!("event:{}", "x".repeat(201)), false);
        check(&format!("segment.left:{}", "x".repeat(65)), false);
        let twice = ["event:a".to_owned(), "event:a".to_owned()];
        assert_eq!(checked(&twice).unwrap(), ["event:a"]);
        assert!(checked(&[]).is_err() && checked(&vec!["event:a".to_owned(); 51]).is_err());
    }
}
