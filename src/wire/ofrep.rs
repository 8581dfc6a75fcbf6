//! The OpenFeature Remote Evaluation Protocol (OFREP) 0.3.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use strum::IntoStaticStr;

/// Request of an evaluation.
#[derive(Debug, Deserialize)]
pub struct EvaluationRequest {
    /// The evaluation context.
    #[serde(default)]
    pub context: Value,
}

/// The parts of a context that are used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlagContext {
    /// The person: a visitor id or a user id.
    pub targeting_key: String,
    /// HMAC-SHA256 of a user id with the site's secret, in hexadecimal.
    pub signature: String,
    /// Address of the page.
    pub url: String,
    /// Consent to analytics, if it was stated.
    pub analytics: Option<bool>,
    /// Consent to personalization, if it was stated.
    pub personalization: Option<bool>,
}

/// An evaluated flag.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FlagBody<'a> {
    /// Key of the flag.
    pub key: &'a str,
    /// The value; absent: the program's default applies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<&'a Value>,
    /// Key of the variant; absent if the person does not take part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<&'a str>,
    /// Why.
    pub reason: FlagReason,
    /// Whether the person takes part in the experiment.
    pub metadata: FlagMetadata,
}

/// Metadata of an evaluated flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct FlagMetadata {
    /// Whether the person takes part in the experiment.
    pub experiment: bool,
}

/// OpenFeature's reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FlagReason {
    /// The same for everyone.
    Static,
    /// A rule holds.
    TargetingMatch,
    /// By chance.
    Split,
    /// The person does not take part.
    Default,
    /// The experiment does not run.
    Disabled,
}

/// Several evaluated flags.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FlagsBody<'a> {
    /// The flags, by key.
    pub flags: Vec<FlagBody<'a>>,
}

/// Why a flag cannot be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, IntoStaticStr)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum FlagErrorCode {
    /// The body is not JSON of the protocol's form.
    ParseError,
    /// The context has no `targetingKey`.
    TargetingKeyMissing,
    /// The context or a part of it has a wrong type.
    InvalidContext,
    /// There is no such flag.
    FlagNotFound,
}

/// A failed evaluation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FlagErrorBody<'a> {
    /// Key of the flag; absent for several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<&'a str>,
    /// The code.
    #[serde(rename = "errorCode")]
    pub code: FlagErrorCode,
    /// What is wrong, in one line.
    #[serde(rename = "errorDetails")]
    pub details: String,
}

/// Longest text of a context that is used, bytes.
const TEXT_MAX: usize = 2000;
/// Longest targeting key, bytes: that of a user id.
const TARGETING_KEY_MAX: usize = 256;

impl FlagContext {
    /// Reads a request's body.
    ///
    /// # Errors
    /// The protocol's code, and what is wrong.
    pub fn read(body: &[u8]) -> Result<(Self, Value), (FlagErrorCode, String)> {
        let parse_error =
            |why: String| (FlagErrorCode::ParseError, format!("the body is not an evaluation request: {why}"));
        // serde would accept an array as the fields in order.
        if !body.trim_ascii_start().starts_with(b"{") {
            return Err(parse_error("it does not begin with `{`".into()));
        }
        let request: EvaluationRequest =
            serde_json::from_slice(body).map_err(|error| parse_error(error.to_string()))?;
        let context = match &request.context {
            Value::Object(context) => context,
            Value::Null => return Err(missing()),
            _ => return Err((FlagErrorCode::InvalidContext, "`context` must be an object".into())),
        };
        let read = Self::of(context)?;
        Ok((read, request.context))
    }

    fn of(context: &Map<String, Value>) -> Result<Self, (FlagErrorCode, String)> {
        let invalid = |message: &str| (FlagErrorCode::InvalidContext, message.to_owned());
        let targeting_key = match context.get("targetingKey") {
            None | Some(Value::Null) => return Err(missing()),
            Some(Value::String(key)) if key.trim().is_empty() => return Err(missing()),
            Some(Value::String(key)) if key.len() <= TARGETING_KEY_MAX => key.trim().to_owned(),
            Some(Value::String(_)) => return Err(invalid("`targetingKey` has at most 256 bytes")),
            Some(_) => return Err(invalid("`targetingKey` must be a text")),
        };
        let text = |name: &str| {
            let text = context.get(name).and_then(Value::as_str).filter(|text| text.len() <= TEXT_MAX);
            text.unwrap_or_default().to_owned()
        };
        let consent =
            |name: &str| context.get("consent").and_then(|consent| consent.get(name)).and_then(Value::as_bool);
        Ok(Self {
            targeting_key,
            signature: text("signature"),
            url: text("url"),
            analytics: consent("analytics"),
            personalization: consent("personalization"),
        })
    }
}

fn missing() -> (FlagErrorCode, String) {
    (FlagErrorCode::TargetingKeyMissing, "`context.targetingKey` is missing: a visitor id or a user id".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_read_or_refused_with_the_protocols_code() {
        let code =
            |body: &str| FlagContext::read(body.as_bytes()).map(|(context, _)| context.targeting_key).map_err(|e| e.0);
        assert_eq!(code(r#"{"context":{"targetingKey":" u-1 ","other":[1]},"more":1}"#), Ok("u-1".into()));
        for body in ["", "[]", "{", "null", r#"[{"targetingKey":"u"}]"#] {
            assert_eq!(code(body), Err(FlagErrorCode::ParseError), "{body}");
        }
        for body in ["{}", r#"{"context":{}}"#, r#"{"context":{"targetingKey":""}}"#, r#"{"context":null}"#] {
            assert_eq!(code(body), Err(FlagErrorCode::TargetingKeyMissing), "{body}");
        }
        let long = format!(r#"{{"context":{{"targetingKey":"{}"}}}}"#, "x".repeat(300));
        for body in [r#"{"context":[]}"#, r#"{"context":"u"}"#, r#"{"context":{"targetingKey":7}}"#, &long] {
            assert_eq!(code(body), Err(FlagErrorCode::InvalidContext), "{body}");
        }
        let consent = r#"{"context":{"targetingKey":"u","consent":{"analytics":false},"url":7}}"#;
        let (context, _) = FlagContext::read(consent.as_bytes()).unwrap();
        assert_eq!((context.analytics, context.personalization, context.url), (Some(false), None, String::new()));
    }
}
