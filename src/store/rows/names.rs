//! Interned names: robot reasons, kinds of click ids and campaign parameters. There are few, and each is kept once for
//! the lifetime of the process.

use parking_lot::RwLock;

/// Far more than exist; bounds memory if a journal is damaged.
const NAMES_MAX: usize = 256;

static NAMES: RwLock<Vec<&'static str>> = RwLock::new(Vec::new());

/// The name as `&'static str`. Empty stays empty; beyond the bound every new name is `other`.
pub fn intern(name: &str) -> &'static str {
    if name.is_empty() {
        return "";
    }
    if let Some(known) = find(&NAMES.read(), name) {
        return known;
    }
    let mut names = NAMES.write();
    if let Some(known) = find(&names, name) {
        return known;
    }
    if names.len() >= NAMES_MAX || name.len() > 64 {
        return "other";
    }
    let interned: &'static str = Box::leak(name.into());
    names.push(interned);
    interned
}

fn find(names: &[&'static str], name: &str) -> Option<&'static str> {
    names.iter().find(|known| **known == name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_stored_once() {
        assert_eq!(intern(""), "");
        let first = intern("gclid");
        assert!(std::ptr::eq(first, intern(&String::from("gclid"))));
    }
}
