//! The exposures of a person, from the past events of the profile.

use crate::model::{EXPERIMENT_VIEWED, History, Timestamp};

/// What a person was shown, oldest first.
#[derive(Debug, Clone, Copy)]
pub struct Exposures<'a>(pub &'a History);

/// One exposure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exposed<'a> {
    /// Key of the variant.
    pub variant: &'a str,
    /// When.
    pub at: Timestamp,
}

impl<'a> Exposures<'a> {
    /// Property with the experiment's key.
    pub const EXPERIMENT: &'static str = "experiment";
    /// Property with the variant's key.
    pub const VARIANT: &'static str = "variant";

    /// The exposures to an experiment since a time, oldest first.
    pub fn of<'e>(
        self,
        experiment: &'e str,
        since: Option<Timestamp>,
    ) -> impl DoubleEndedIterator<Item = Exposed<'a>> + use<'a, 'e> {
        let events = self.0.events().filter(|event| *event.name == *EXPERIMENT_VIEWED);
        events.filter_map(move |event| {
            let text = |name| event.value(name).and_then(serde_json::Value::as_str);
            let counts = since.is_none_or(|since| event.at >= since) && text(Self::EXPERIMENT) == Some(experiment);
            counts.then_some(Exposed { variant: text(Self::VARIANT)?, at: event.at })
        })
    }
}
