//! SQL texts that share fragments.
//!
//! A [`Statement`] is made of fixed texts only; values from users are always parameters. The fragments define people,
//! sessions and revenue once for all reports.

use std::borrow::Cow;

use super::Param;

/// `$PEOPLE`: joins the visitors of one person as `merged`.
pub const PEOPLE: &str = include_str!("sql/fragment.people.sql");
/// `$MONEY`: orders, each counted once, and refunds, as `money`.
pub const MONEY: &str = include_str!("sql/fragment.money.sql");
/// `$CONVERSIONS`: what a step counts, with `$MONEY`, as `conversions`.
pub const CONVERSIONS: &str = include_str!("sql/fragment.conversions.sql");
/// `$PATHS`: the different paths of each person, as `person_paths`.
pub const PATHS: &str = include_str!("sql/fragment.paths.sql");
/// `$VISITS`: where sessions came from, as `visits`.
pub const VISITS: &str = include_str!("sql/fragment.visits.sql");
/// `$USER_SALES` if visitors are joined.
pub const USER_SALES: &str = include_str!("sql/fragment.user_sales.sql");
/// `$USER_SALES` if not.
pub const USER_SALES_UNMATCHED: &str = include_str!("sql/fragment.user_sales_unmatched.sql");
/// The hits of events of servers that name only a user, if visitors are joined.
pub(super) const SERVER_HITS: &str = include_str!("sql/fragment.server_hits.sql");
/// `$USER_SALES` of campaigns if visitors are joined.
pub const CAMPAIGN_USER_SALES: &str = include_str!("sql/fragment.campaign_user_sales.sql");
/// `$PERSON_VISITS` if visitors are joined.
pub const PERSON_VISITS: &str = include_str!("sql/fragment.person_visits.sql");

/// `$WHO` and `$JOIN` if visitors are joined.
pub const PERSON: &str = "if(person = 0, visitor, person)";
/// See [`PERSON`].
pub const JOIN_PEOPLE: &str = "LEFT JOIN merged USING (visitor)";

/// A statement made of fixed texts.
#[derive(Debug, Clone)]
pub struct Statement(Cow<'static, str>);

impl Statement {
    /// The template with its placeholders replaced, in order: a fragment may contain those that follow. The template's
    /// header comment, which names the placeholders, is left out.
    #[must_use]
    pub fn with(template: &'static str, fragments: &[(&str, &'static str)]) -> Self {
        let text = fragments
            .iter()
            .fold(without_header(template).to_owned(), |text, (name, fragment)| text.replace(name, fragment));
        Self(Cow::Owned(unfiltered(&if_stored(&text, false))))
    }

    /// A statement that was put together of fixed texts by a module of this one.
    pub(super) const fn of(text: String) -> Self {
        Self(Cow::Owned(text))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&'static str> for Statement {
    fn from(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

/// The fragments that join the visitors of people, or leave visitors as they are.
#[must_use]
pub const fn people(joined: bool) -> [(&'static str, &'static str); 3] {
    if joined {
        [("$PEOPLE", PEOPLE), ("$WHO", PERSON), ("$JOIN", JOIN_PEOPLE)]
    } else {
        [("$PEOPLE", ""), ("$WHO", "visitor"), ("$JOIN", "")]
    }
}

/// The text with or without what only filters need.
pub(super) fn if_filtered(text: &str, is_filtered: bool) -> String {
    with_or_without(text, "$IF_FILTERED{", is_filtered)
}

/// The text with or without what only stored days need.
pub(super) fn if_stored(text: &str, is_stored: bool) -> String {
    with_or_without(text, "$IF_STORED{", is_stored)
}

/// The text with or without its optional parts, each from `opening`, which ends with `{`, to the `}` that closes it.
fn with_or_without(text: &str, opening: &str, is_kept: bool) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(opening) {
        filled.push_str(before);
        let mut depth = 1_u32;
        let end = after.find(|c| {
            depth = match c {
                '{' => depth + 1,
                '}' => depth - 1,
                _ => depth,
            };
            depth == 0
        });
        let end = end.unwrap_or(after.len());
        if is_kept {
            filled.push_str(&with_or_without(&after[..end], opening, true));
        }
        rest = after.get(end + 1..).unwrap_or_default();
    }
    filled.push_str(rest);
    filled
}

/// The text without any filter.
pub(super) fn unfiltered(text: &str) -> String {
    let text = if_filtered(text, false);
    ["$FILTER_CTES", "$FILTER_JOIN", "$VISITS", "$VISIT_JOIN"].iter().fold(text, |text, name| text.replace(name, ""))
}

/// Adds a numbered parameter with this value; returns its placeholder, such as `{p3:String}`.
pub(super) fn placeholder(params: &mut Vec<(String, Param)>, kind: &'static str, value: Param) -> String {
    let name = ["p", &params.len().to_string()].concat();
    let placeholder = ["{", &name, ":", kind, "}"].concat();
    params.push((name, value));
    placeholder
}

/// The text from its first line that is no comment.
pub(super) fn without_header(text: &str) -> &str {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if !line.starts_with("--") && !line.trim().is_empty() {
            break;
        }
        start += line.len();
    }
    &text[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_replaced_in_order_and_the_header_is_left_out() {
        let statement = Statement::with("-- about $A\n\nSELECT $A, $B\n", &[("$A", "a($B)"), ("$B", "b")]);
        assert_eq!(statement.as_str(), "SELECT a(b), b\n");
        assert_eq!(Statement::from("SELECT 1").as_str(), "SELECT 1");
    }

    #[test]
    fn what_only_filters_need_is_left_out_without_them() {
        let text = "SELECT a$IF_FILTERED{, {p1:String} AS b$IF_FILTERED{, c}} FROM d\n$FILTER_JOIN";
        assert_eq!(unfiltered(text), "SELECT a FROM d\n");
        assert_eq!(if_filtered(text, true), "SELECT a, {p1:String} AS b, c FROM d\n$FILTER_JOIN");
        for fragment in [MONEY, CONVERSIONS, PATHS, include_str!("sql/reports.overview_sessions.sql")] {
            assert!(!unfiltered(fragment).contains("$KEEPS") && if_filtered(fragment, true).contains("$KEEPS"));
        }
    }

    #[test]
    fn shared_fragments_end_where_more_may_follow() {
        for fragment in [PEOPLE, VISITS] {
            assert!(fragment.trim_end().ends_with(','), "{fragment}");
        }
        for fragment in [MONEY, CONVERSIONS, PATHS] {
            assert!(!fragment.trim_end().ends_with(','), "{fragment}");
        }
    }
}
