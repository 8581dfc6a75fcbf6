//! Names that an event holds for ever: the reasons for taking something for a robot, the kinds of
//! click ids. They are few, so each is kept once for the life of the process.

use std::sync::{PoisonError, RwLock};

/// Far more than there are; a damaged journal cannot make memory grow past it.
const NAMES_MAX: usize = 256;

static NAMES: RwLock<Vec<&'static str>> = RwLock::new(Vec::new());

/// The same name, living for ever. Empty stays empty; past the bound every new name is `other`.
pub fn lasting(name: &str) -> &'static str {
    if name.is_empty() {
        return "";
    }
    if let Some(known) = find(&NAMES.read().unwrap_or_else(PoisonError::into_inner), name) {
        return known;
    }
    let mut names = NAMES.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = find(&names, name) {
        return known;
    }
    if names.len() >= NAMES_MAX || name.len() > 64 {
        return "other";
    }
    let lasting: &'static str = Box::leak(name.into());
    names.push(lasting);
    lasting
}

fn find(names: &[&'static str], name: &str) -> Option<&'static str> {
    names.iter().find(|known| **known == name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once() {
        assert_eq!(lasting(""), "");
        let first = lasting("gclid");
        assert!(std::ptr::eq(first, lasting(&String::from("gclid"))));
    }
}
