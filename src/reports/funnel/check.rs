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
use crate::wire::reports::FunnelQuestion;

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
    let all_steps = || request.steps.iter().chain(&request.exclude);
    all_steps().try_for_each(check_event)?;
    if all_steps().map(|step| step.conditions.len()).sum::<usize>() > CONDITIONS_ALL_MAX {
        return invalid("a funnel has at most 100 conditions");
    }
    if all_steps().map(size_of_event).chain(request.ignore.iter().map(String::len)).sum::<usize>() > TEXTS_MAX {
        return invalid("the funnel's strings are too long in total");
    }
    match request.breakdown.as_deref().map(str::trim) {
        Some(field) => {
            check_text("breakdown", field)?;
            check_field("breakdown", field)
        }
        None => Ok(()),
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
    }
}
