//! What an event says about satisfaction: the usual names of events and properties, and the usual scales. No I/O.
//!
//! A score is never guessed: one that is missing, or not on its scale, is unreadable.

use serde_json::{Map, Value};

use crate::{model::number::Number, wire::reports::FeedbackKind};

/// What events with this name are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventGroup {
    /// An answer of a survey.
    Survey,
    /// A complaint.
    Complaint,
    /// Feedback.
    Feedback,
}

/// Names of events in lower case, words separated by a space.
pub const EVENT_NAMES: &[(&str, EventGroup)] = &[
    ("survey answered", EventGroup::Survey),
    ("survey submitted", EventGroup::Survey),
    ("survey completed", EventGroup::Survey),
    ("survey sent", EventGroup::Survey),
    ("survey response", EventGroup::Survey),
    ("survey response received", EventGroup::Survey),
    ("nps answered", EventGroup::Survey),
    ("nps submitted", EventGroup::Survey),
    ("nps response", EventGroup::Survey),
    ("csat answered", EventGroup::Survey),
    ("csat submitted", EventGroup::Survey),
    ("csat response", EventGroup::Survey),
    ("satisfaction rated", EventGroup::Survey),
    ("complaint filed", EventGroup::Complaint),
    ("complaint submitted", EventGroup::Complaint),
    ("complaint received", EventGroup::Complaint),
    ("complaint opened", EventGroup::Complaint),
    ("complaint", EventGroup::Complaint),
    ("feedback given", EventGroup::Feedback),
    ("feedback submitted", EventGroup::Feedback),
    ("feedback sent", EventGroup::Feedback),
    ("feedback received", EventGroup::Feedback),
    ("feedback", EventGroup::Feedback),
];

const KINDS: &[&str] = &["kind", "type", "survey_type", "survey_kind", "metric"];
const SURVEYS: &[&str] = &["survey", "survey_name", "name", "survey_id", "$survey_name"];
const COMMENTS: &[&str] = &["comment", "comments", "message", "text", "feedback", "reason", "description", "body"];
const SCALES: &[&str] = &["scale", "max", "max_score", "scale_max", "out_of", "best"];
const SCORES: &[&str] = &["score", "rating", "value", "answer", "response", "stars"];
const NPS_SCORES: &[&str] = &["nps", "nps_score"];
const CSAT_SCORES: &[&str] = &["csat", "csat_score", "satisfaction"];
/// Highest CSAT score where the event states no scale.
const CSAT_SCALE: f64 = 5.0;
/// Highest CSAT scale that is accepted.
const CSAT_SCALE_MAX: f64 = 100.0;
/// From this share of the scale on an answer is satisfied: 4 of 5, the usual top two boxes.
const SATISFIED_SHARE: f64 = 0.8;
/// Longest comment that is shown, characters.
const COMMENT_CHARS_MAX: usize = 1000;
/// Answers in words, as a score of 1 to 5.
const WORDS: &[(&str, f64)] = &[
    ("very satisfied", 5.0),
    ("satisfied", 4.0),
    ("neutral", 3.0),
    ("dissatisfied", 2.0),
    ("unsatisfied", 2.0),
    ("very dissatisfied", 1.0),
    ("very unsatisfied", 1.0),
];

/// What one event says.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// What it is.
    pub kind: FeedbackKind,
    /// Name of the survey.
    pub survey: String,
    /// The score and the highest of its scale, if readable.
    pub score: Option<(f64, f64)>,
    /// The comment.
    pub comment: String,
}

impl Answer {
    /// Reads an event by its name (as in [`EVENT_NAMES`]) and properties; `None` for an unknown name.
    #[must_use]
    pub fn read(name: &str, properties: &Map<String, Value>) -> Option<Self> {
        let (_, group) = EVENT_NAMES.iter().find(|(known, _)| *known == name)?;
        let survey = text(properties, SURVEYS);
        let kind = match group {
            EventGroup::Complaint => FeedbackKind::Complaint,
            EventGroup::Feedback => FeedbackKind::Feedback,
            EventGroup::Survey => survey_kind(name, &survey, properties),
        };
        let score = match kind {
            FeedbackKind::Nps => nps_score(properties).map(|score| (score, 10.0)),
            _ => csat_score(properties),
        };
        let comment = text(properties, COMMENTS).chars().take(COMMENT_CHARS_MAX).collect();
        Some(Self { kind, survey, score, comment })
    }

    /// Of a CSAT answer: whether the person is satisfied.
    #[must_use]
    pub fn is_satisfied(&self) -> bool {
        self.score.is_some_and(|(score, scale)| score >= scale * SATISFIED_SHARE)
    }

    /// Of an NPS answer: 1 for a promoter, -1 for a detractor.
    #[must_use]
    pub fn promotion(&self) -> f64 {
        match self.score {
            Some((score, _)) if score >= 9.0 => 1.0,
            Some((score, _)) if score < 7.0 => -1.0,
            _ => 0.0,
        }
    }
}

/// By what the event states, then by its name, the survey's name, or a property that only such a survey has.
fn survey_kind(name: &str, survey: &str, properties: &Map<String, Value>) -> FeedbackKind {
    let by_text = |text: &str| {
        let text = text.to_lowercase();
        if text.contains("nps") || text.contains("promoter") {
            Some(FeedbackKind::Nps)
        } else if text.contains("csat") || text.contains("satisf") {
            Some(FeedbackKind::Csat)
        } else {
            None
        }
    };
    let has = |names: &[&str]| names.iter().any(|name| properties.contains_key(*name));
    let by_property = || match (has(NPS_SCORES), has(CSAT_SCORES)) {
        (true, false) => Some(FeedbackKind::Nps),
        (false, true) => Some(FeedbackKind::Csat),
        _ => None,
    };
    let stated = text(properties, KINDS);
    if !stated.is_empty() {
        return by_text(&stated).unwrap_or(FeedbackKind::Survey);
    }
    by_text(name).or_else(|| by_text(survey)).or_else(by_property).unwrap_or(FeedbackKind::Survey)
}

/// A whole number from 0 to 10.
fn nps_score(properties: &Map<String, Value>) -> Option<f64> {
    let (score, scale) = score(properties, NPS_SCORES)?;
    let stated = scale.or_else(|| number(properties, SCALES));
    let is_ten = |scale: f64| (scale - 10.0).abs() < f64::EPSILON;
    let fits = (0.0..=10.0).contains(&score) && score.fract() == 0.0 && stated.is_none_or(is_ten);
    fits.then_some(score)
}

fn csat_score(properties: &Map<String, Value>) -> Option<(f64, f64)> {
    let (score, scale) = score(properties, CSAT_SCORES)?;
    let scale = scale.or_else(|| number(properties, SCALES)).unwrap_or(CSAT_SCALE);
    let fits = scale > 0.0 && scale <= CSAT_SCALE_MAX && (0.0..=scale).contains(&score);
    fits.then_some((score, scale))
}

/// The score, and its scale if it is part of it, as in `8/10`, in a word, and in yes or no.
fn score(properties: &Map<String, Value>, own: &[&str]) -> Option<(f64, Option<f64>)> {
    let value = own.iter().chain(SCORES).find_map(|name| properties.get(*name).filter(|value| !value.is_null()))?;
    match value {
        Value::Bool(yes) => Some((f64::from(u8::from(*yes)), Some(1.0))),
        Value::String(text) => {
            let text = latin_digits(text.trim());
            if let Some((score, scale)) = text.split_once('/') {
                return Some((parsed(score)?, Some(parsed(scale)?)));
            }
            let word = || WORDS.iter().find(|(word, _)| text.to_lowercase().replace(['_', '-'], " ") == *word);
            parsed(&text).map(|score| (score, None)).or_else(|| word().map(|(_, score)| (*score, Some(CSAT_SCALE))))
        }
        value => Number::of(value).map(|number| (number.as_f64(), None)),
    }
}

fn number(properties: &Map<String, Value>, names: &[&str]) -> Option<f64> {
    match names.iter().find_map(|name| properties.get(*name))? {
        Value::String(text) => parsed(&latin_digits(text.trim())),
        value => Number::of(value).map(Number::as_f64),
    }
}

fn parsed(text: &str) -> Option<f64> {
    Number::parse(text.trim()).map(Number::as_f64)
}

fn text(properties: &Map<String, Value>, names: &[&str]) -> String {
    let found = names.iter().find_map(|name| match properties.get(*name) {
        Some(Value::String(text)) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        _ => None,
    });
    found.unwrap_or_default()
}

/// Persian and Arabic digits as Latin.
fn latin_digits(text: &str) -> String {
    let latin = |c: char| match c {
        '۰'..='۹' => char::from_digit(c as u32 - '۰' as u32, 10),
        '٠'..='٩' => char::from_digit(c as u32 - '٠' as u32, 10),
        '٫' => Some('.'),
        _ => None,
    };
    text.chars().map(|c| latin(c).unwrap_or(c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(name: &str, properties: &Value) -> Answer {
        Answer::read(name, properties.as_object().unwrap()).unwrap()
    }

    #[test]
    fn the_kind_of_an_answer_is_found_under_the_usual_names() {
        let check = |name: &str, properties: Value, expected: FeedbackKind| {
            assert_eq!(read(name, &properties).kind, expected, "{name} {properties}");
        };
        check("survey answered", json!({ "kind": "nps", "score": 9 }), FeedbackKind::Nps);
        check("survey answered", json!({ "type": "Net Promoter Score", "score": 9 }), FeedbackKind::Nps);
        check("survey answered", json!({ "kind": "CSAT", "rating": 4 }), FeedbackKind::Csat);
        check("survey submitted", json!({ "survey": "Delivery satisfaction", "score": 4 }), FeedbackKind::Csat);
        check("survey sent", json!({ "$survey_name": "NPS 2026", "response": 4 }), FeedbackKind::Nps);
        check("survey answered", json!({ "nps_score": 3 }), FeedbackKind::Nps);
        check("nps submitted", json!({ "score": 3 }), FeedbackKind::Nps);
        check("survey answered", json!({ "kind": "ces", "score": 3 }), FeedbackKind::Survey);
        check("survey answered", json!({ "score": 3 }), FeedbackKind::Survey);
        check("complaint filed", json!({ "kind": "nps" }), FeedbackKind::Complaint);
        check("feedback given", json!({}), FeedbackKind::Feedback);
        assert_eq!(Answer::read("order completed", &Map::new()), None);
    }

    #[test]
    fn a_score_is_read_on_its_scale_or_not_at_all() {
        let check = |kind: &str, properties: Value, expected: Option<(f64, f64)>| {
            let mut all = properties.clone();
            all["kind"] = json!(kind);
            assert_eq!(read("survey answered", &all).score, expected, "{kind} {properties}");
        };
        check("nps", json!({ "score": 0 }), Some((0.0, 10.0)));
        check("nps", json!({ "score": "۱۰" }), Some((10.0, 10.0)));
        check("nps", json!({ "rating": "8/10" }), Some((8.0, 10.0)));
        for wrong in
            [json!(11), json!(-1), json!(7.5), json!("4/5"), json!("good"), json!(true), json!(null), json!([9])]
        {
            check("nps", json!({ "score": wrong }), None);
        }
        check("csat", json!({ "score": 4 }), Some((4.0, 5.0)));
        check("csat", json!({ "score": 8, "scale": 10 }), Some((8.0, 10.0)));
        check("csat", json!({ "csat": "۳/۷" }), Some((3.0, 7.0)));
        check("csat", json!({ "answer": "Very_Satisfied" }), Some((5.0, 5.0)));
        check("csat", json!({ "answer": false }), Some((0.0, 1.0)));
        for wrong in [json!({ "score": 8 }), json!({ "score": 80, "scale": 1000 }), json!({ "score": 1, "scale": 0 })] {
            check("csat", wrong, None);
        }
        check("csat", json!({}), None);
    }

    #[test]
    fn promoters_and_the_satisfied_begin_where_they_usually_do() {
        let promotion = |score: i64| read("nps answered", &json!({ "score": score })).promotion().to_string();
        assert_eq!([0, 6, 7, 8, 9, 10].map(promotion), ["-1", "-1", "0", "0", "1", "1"]);
        let satisfied =
            |score: i64, scale: i64| read("csat answered", &json!({ "score": score, "scale": scale })).is_satisfied();
        assert_eq!([3, 4, 5].map(|score| satisfied(score, 5)), [false, true, true]);
        assert_eq!([7, 8].map(|score| satisfied(score, 10)), [false, true]);
        assert_eq!([5, 6, 7].map(|score| satisfied(score, 7)), [false, true, true]);
        assert!(!read("csat answered", &json!({})).is_satisfied());
    }
}
