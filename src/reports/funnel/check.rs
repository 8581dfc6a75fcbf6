//! Validation of funnel requests.

use super::{
    super::{
        ReportError, check_text,
        conditions::{check_event, check_field},
        filters::size_of_event,
        invalid,
        period::DAY_MS,
    },
    types::STEPS_MAX,
};
use crate::wire::reports::{BreakdownAt, FunnelOrder, FunnelQuestion};

/// The breakdown by segments.
pub(super) const BY_SEGMENT: &str = "$segment";
const EVENTS_MAX: usize = 10;
const IGNORED_MAX: usize = 50;
/// Over all steps, because of the length of the SQL statement.
const CONDITIONS_ALL_MAX: usize = 100;
const WINDOW_MAX_MS: i64 = 366 * DAY_MS;
/// Maximum bytes of all strings together: they are sent in the URL of the request to the warehouse.
const TEXTS_MAX: usize = 64 * 1024;

pub(super) fn check(request: &FunnelQuestion) -> Result<(), ReportError> {
    if request.steps.is_empty() || request.steps.len() > STEPS_MAX {
        return invalid("a funnel has 1 to 20 steps");
    }
    if request.exclude.len() > STEPS_MAX {
        return invalid("a funnel excludes at most 20 events");
    }
    if request.ignore.len() > IGNORED_MAX {
        return invalid("a funnel ignores at most 50 events");
    }
    request.ignore.iter().try_for_each(|name| check_text("ignore", name))?;
    if !(0..=WINDOW_MAX_MS).contains(&request.window_ms) {
        return invalid("window_ms must be 0 to 366 days");
    }
    if request.steps.iter().any(|step| step.events.len() > EVENTS_MAX) {
        return invalid("a step has at most 10 events");
    }
    check_options(request)?;
    let excluded = || request.exclude.iter().map(|exclusion| &exclusion.step);
    let all_steps = || request.steps.iter().flat_map(|step| &step.events).chain(excluded());
    all_steps().try_for_each(check_event)?;
    if all_steps().map(|step| step.conditions.len()).sum::<usize>() > CONDITIONS_ALL_MAX {
        return invalid("a funnel has at most 100 conditions");
    }
    if all_steps().map(size_of_event).chain(request.ignore.iter().map(String::len)).sum::<usize>() > TEXTS_MAX {
        return invalid("the funnel's strings are too long in total");
    }
    match request.breakdown.as_deref().map(str::trim) {
        Some(BY_SEGMENT) if request.breakdown_at != BreakdownAt::default() => {
            invalid("breakdown_at does not apply to `$segment`, which is about people")
        }
        Some(BY_SEGMENT) => Ok(()),
        Some(field) => {
            check_text("breakdown", field)?;
            check_field("breakdown", field)
        }
        None if request.breakdown_at != BreakdownAt::default() => invalid("breakdown_at needs a breakdown"),
        None => Ok(()),
    }
}

/// Refuses numbers of steps that the funnel has not, and what has no meaning in its order.
fn check_options(request: &FunnelQuestion) -> Result<(), ReportError> {
    let steps = request.steps.len();
    let is_any_order = request.order == FunnelOrder::Any;
    if request.steps.first().is_some_and(|step| step.optional) {
        return invalid("the first step cannot be optional: it is the entry");
    }
    if is_any_order && request.steps.iter().any(|step| step.optional) {
        return invalid("steps in any order cannot be optional");
    }
    for exclusion in &request.exclude {
        let is_ranged = exclusion.from_step.is_some() || exclusion.to_step.is_some();
        if is_any_order && is_ranged {
            return invalid("from_step and to_step need an order of the steps");
        }
        let (from, to) = (exclusion.from_step.unwrap_or(1), exclusion.to_step.unwrap_or(steps));
        if is_ranged && !(1 <= from && from < to && to <= steps) {
            return invalid("from_step must be before to_step, and both be steps of the funnel, from 1");
        }
    }
    match request.breakdown_at {
        BreakdownAt::Step(step) if !(1..=steps).contains(&step) => {
            invalid("breakdown_at must be `first`, `last`, or the number of a step, from 1")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn invalid_requests_are_rejected_with_the_reason() {
        let check = |fields: &str, expected: Option<&str>| {
            let text = [r#"{"from":0,"to":1000,"#, fields, "}"].concat();
            let message = match serde_json::from_str(&text) {
                Ok(request) => super::check(&request).err().map(|error| error.to_string()),
                Err(error) => Some(error.to_string()),
            };
            let matches = match (&message, expected) {
                (Some(message), Some(part)) => message.contains(part),
                (None, None) => true,
                _ => false,
            };
            assert!(matches, "{fields}: {message:?}");
        };
        check(r#""steps":[{"event":"page"},{"event":"Order Completed"}]"#, None);
        check(r#""steps":[{"event":"a","where":[{"property":"$path","op":"in","value":["/a",1]}]}]"#, None);
        check(r#""steps":[{"event":"a","where":[{"property":"x","op":"exists"}]}],"breakdown":"device""#, None);
        check(r#""steps":[]"#, Some("1 to 20 steps"));
        check(r#""steps":[{"event":""}]"#, Some("event"));
        check(r#""steps":[{"event":"a","wher":[]}]"#, Some("wher"));
        check(r#""steps":[{"event":"a","where":[{"property":"$pth","op":"eq","value":1}]}]"#, Some("$pth"));
        check(r#""steps":[{"event":"a","where":[{"property":"p","op":"eq"}]}]"#, Some("value"));
        check(r#""steps":[{"event":"a","where":[{"property":"p","op":"in","value":[]}]}]"#, Some("list"));
        check(r#""steps":[{"event":"a"}],"window_ms":-1"#, Some("window_ms"));
        check(r#""steps":[{"event":"a"}],"breakdown":"$secret""#, Some("$secret"));
        check(r#""steps":[{"event":"a"}],"ignore":["Page Engaged"]"#, None);
        check(r#""steps":[{"event":"a"}],"ignore":["b\n"]"#, Some("ignore"));
        check(r#""steps":[{"event":"a"},{"any":[{"event":"b"},{"event":"c"}],"optional":true}]"#, None);
        check(r#""steps":[{"event":"a","any":[{"event":"b"}]}]"#, Some("either"));
        check(r#""steps":[{"any":[]}]"#, Some("either"));
        check(r#""steps":[{"event":"a","optional":true},{"event":"b"}]"#, Some("first step"));
        check(r#""steps":[{"event":"a"},{"event":"b","optional":true}],"order":"any""#, Some("any order"));
        let excluding = |range: &str| {
            [r#""steps":[{"event":"a"},{"event":"b"},{"event":"c"}],"exclude":[{"event":"x""#, range, "}]"].concat()
        };
        check(&excluding(r#","from_step":1,"to_step":3,"effect":"remove""#), None);
        check(&excluding(r#","from_step":2"#), None);
        check(&excluding(r#","from_step":2,"to_step":2"#), Some("from_step"));
        check(&excluding(r#","to_step":4"#), Some("from_step"));
        check(&excluding(r#","from_step":0"#), Some("from_step"));
        check(&excluding(r#","effect":"hide""#), Some("hide"));
        check(&[&excluding(r#","to_step":2"#), r#","order":"any""#].concat(), Some("order"));
        check(r#""steps":[{"event":"a"}],"breakdown":"$segment""#, None);
        check(r#""steps":[{"event":"a"}],"breakdown":"$segment","breakdown_at":"last""#, Some("$segment"));
        check(r#""steps":[{"event":"a"}],"breakdown":"plan","breakdown_at":2"#, Some("breakdown_at"));
        check(r#""steps":[{"event":"a"}],"breakdown_at":"last""#, Some("breakdown_at"));
        check(r#""steps":[{"event":"a"}],"breakdown":"plan","breakdown_at":1,"trend":"week","per_session":true"#, None);
    }
}
