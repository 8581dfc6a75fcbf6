//! Which past events, and which of their values, a set of rules needs.

use std::collections::BTreeMap;

use super::Kind;

/// Event names with the names of the properties and columns (such as `price`, `$path`) that rules compare or add up.
/// The order of names does not depend on the order in which rules are added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedEvents {
    events: BTreeMap<Box<str>, Vec<Box<str>>>,
}

impl WantedEvents {
    /// The name that rules give to every page and screen view, whatever its own name.
    pub const PAGE: &str = "page";

    /// Whether nothing is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Adds an event, without a value.
    pub fn add(&mut self, event: &str) {
        if !self.events.contains_key(event) {
            self.events.insert(event.into(), Vec::new());
        }
    }

    /// Adds a value of an event.
    pub fn add_value(&mut self, event: &str, name: &str) {
        self.add(event);
        if let Some(names) = self.events.get_mut(event)
            && let Err(index) = names.binary_search_by(|known| (**known).cmp(name))
        {
            names.insert(index, name.into());
        }
    }

    /// Sorted names of the values wanted of an event; `None` if the event itself is not wanted.
    #[must_use]
    pub fn names_of(&self, event: &str) -> Option<&[Box<str>]> {
        self.events.get(event).map(Vec::as_slice)
    }

    /// The names under which an event is kept, each with the values wanted: its own name, and [`Self::PAGE`] for a page
    /// or screen view. A view with a name of its own may be kept twice, once under each.
    pub fn kept_as<'a>(&'a self, kind: Kind, name: &'a str) -> impl Iterator<Item = (&'a str, &'a [Box<str>])> {
        let page = matches!(kind, Kind::Page | Kind::Screen) && name != Self::PAGE;
        let names = [Some(name).filter(|name| !name.is_empty()), page.then_some(Self::PAGE)];
        names.into_iter().flatten().filter_map(|name| Some((name, self.names_of(name)?)))
    }

    /// Every wanted event with the sorted names of its values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Box<str>])> {
        self.events.iter().map(|(event, names)| (&**event, names.as_slice()))
    }

    /// Whether everything that `other` wants is wanted here too.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        other.iter().all(|(event, names)| {
            self.names_of(event)
                .is_some_and(|known| names.iter().all(|name| known.binary_search_by(|k| k.cmp(name)).is_ok()))
        })
    }

    /// Adds everything that `other` wants.
    pub fn merge(&mut self, other: &Self) {
        for (event, names) in other.iter() {
            self.add(event);
            for name in names {
                self.add_value(event, name);
            }
        }
    }
}

/// What a site's rules want, and its version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WantedSnapshot {
    /// What is wanted.
    pub wanted: WantedEvents,
    /// Equal for equal contents; 0 if nothing is wanted.
    pub version: u64,
}

impl WantedSnapshot {
    /// Computes the version.
    #[must_use]
    pub fn new(wanted: WantedEvents) -> Self {
        let state = ahash::RandomState::with_seeds(1, 2, 3, 4);
        let names: Vec<_> = wanted.iter().collect();
        let version = if wanted.is_empty() { 0 } else { state.hash_one(names).max(1) };
        Self { wanted, version }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(pairs: &[(&str, &str)]) -> WantedEvents {
        let mut wanted = WantedEvents::default();
        for (event, name) in pairs {
            wanted.add_value(event, name);
        }
        wanted
    }

    #[test]
    fn unions_and_subsets() {
        let mut all = wanted(&[("a", "y"), ("a", "x"), ("a", "x")]);
        assert_eq!(all.names_of("a").map(<[_]>::len), Some(2));
        assert_eq!((all.names_of("b"), all.is_empty(), WantedEvents::default().is_empty()), (None, false, true));
        let other = wanted(&[("a", "z"), ("b", "x")]);
        assert!(
            !all.contains(&other) && all.contains(&wanted(&[("a", "x")])) && all.contains(&WantedEvents::default())
        );
        all.merge(&other);
        assert!(all.contains(&other));
        assert_eq!(all, wanted(&[("b", "x"), ("a", "z"), ("a", "x"), ("a", "y")]));
    }

    #[test]
    fn a_page_view_is_kept_as_page_and_under_its_own_name() {
        let wanted = wanted(&[("page", "$path"), ("Home", "x")]);
        let names = |kind, name| wanted.kept_as(kind, name).map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(names(Kind::Page, "Home"), ["Home", "page"]);
        assert_eq!(names(Kind::Page, ""), ["page"]);
        assert_eq!(names(Kind::Screen, "Other"), ["page"]);
        assert_eq!(names(Kind::Track, "Home"), ["Home"]);
        assert_eq!(names(Kind::Track, "page"), ["page"]);
        assert!(names(Kind::Track, "").is_empty());
    }
}
