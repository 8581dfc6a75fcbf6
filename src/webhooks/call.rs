//! The body of a call and its signature. No I/O.

use super::event::{Person, WebhookEvent};
use crate::{
    model::{SiteId, Timestamp, signature::hmac_sha256},
    wire::webhooks::{WebhookCall, WebhookPerson},
};

/// The JSON body of a call.
pub fn body(site: SiteId, id: &str, event: &WebhookEvent) -> String {
    let call = WebhookCall {
        id,
        kind: &event.kind,
        at: event.at.to_string(),
        site_id: site.0,
        person: person(&event.person),
        data: &event.data,
    };
    serde_json::to_string(&call).unwrap_or_default()
}

fn person(person: &Person) -> WebhookPerson<'_> {
    WebhookPerson {
        visitor: person.visitor.is_identified().then(|| person.visitor.to_string()),
        user_id: (!person.user_id.is_empty()).then_some(person.user_id.as_str()),
        user_verified: person.user_verified,
    }
}

/// The value of `Ashna-Signature`: `t=SECONDS,v1=HEX`, an HMAC-SHA256 of `SECONDS.BODY`.
pub fn signature(secret: &str, now: Timestamp, body: &str) -> String {
    let seconds = now.0.div_euclid(1000);
    let mac = hmac_sha256(secret.as_bytes(), &[seconds.to_string().as_bytes(), b".", body.as_bytes()]);
    let hex = mac.iter().fold(String::with_capacity(64), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
        text
    });
    format!("t={seconds},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_standard_hmac() {
        // Computed with Python's hmac module.
        let signed = signature("Jefe", Timestamp(1_700_000_000_999), "{}");
        assert_eq!(signed, "t=1700000000,v1=d3793e2b4103edfbd98cc19591832f5fad701d413db9fcae0ae7dab8184ed207");
    }
}
