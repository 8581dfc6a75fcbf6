use super::{
    body::{Body, batch},
    text::Lenient,
    *,
};

#[test]
fn batches_of_the_tracker_and_of_segment_have_one_form() {
    let tracker = br#"{"key":"k","visitor":"v","sentAt":5,"session":{"start":1,"last":2},
        "consent":{"analytics":true},"context":{"locale":"en-GB"},"events":[{"type":"page"},{"type":"track"}]}"#;
    let batch = parse(tracker).unwrap();
    assert_eq!((batch.key.as_str(), batch.visitor.as_str(), batch.events.len()), ("k", "v", 2));
    assert_eq!(batch.consent.analytics, Some(true));
    assert_eq!(batch.context.locale.as_str(), "en-GB");
    let segment = br#"{"batch":[{"type":"identify","userId":7}],"writeKey":"w","sentAt":"2025-11-22T08:00:00Z"}"#;
    let batch = parse(segment).unwrap();
    assert_eq!((batch.key.as_str(), batch.events.len()), ("w", 1));
    assert_eq!(event(batch.events[0]).unwrap().user_id.as_str(), "7");
    assert!(batch.sent_at.known().is_some());
}

#[test]
fn a_single_call_is_a_batch_of_one_event() {
    let batch = parse_call(br#"{"writeKey":"w","event":"Signed Up","context":{"ip":"1.2.3.4"}}"#, Kind::Track).unwrap();
    assert_eq!((batch.call, batch.key.as_str()), (Some(Kind::Track), "w"));
    let event = event(batch.events[0]).unwrap();
    assert_eq!((event.event.as_str(), event.context.ip.as_str()), ("Signed Up", "1.2.3.4"));
}

#[test]
fn only_the_outer_structure_makes_a_body_unreadable() {
    for bad in [&b""[..], b"{", b"[]", b"{}", b"\xff", br#"{"events":{}}"#, br#"{"events":[{]}"#, b"null"] {
        assert!(parse(bad).is_err(), "{}", String::from_utf8_lossy(bad));
    }
    assert!(parse_call(b"[1]", Kind::Page).is_err());
    let odd = br#"{"events":[1,{"type":"page","type":"page"},[],{"type":"page","context":7}],
        "context":"none","session":[1],"consent":"yes","unknown":{"deep":[[[]]]}}"#;
    let batch = parse(odd).unwrap();
    let readable: Vec<bool> = batch.events.iter().map(|raw| event(raw).is_ok()).collect();
    assert_eq!(readable, [false, false, false, true]);
}

#[test]
fn an_unreadable_object_does_not_affect_the_others() {
    let check = |context: &str| {
        let body =
            format!(r#"{{"key":"k","visitor":"v","session":{{"start":1}},"context":{context},"events":[{{}}]}}"#);
        let batch = parse(body.as_bytes()).unwrap();
        assert_eq!((batch.key.as_str(), batch.visitor.as_str(), batch.events.len()), ("k", "v", 1), "{context}");
        assert!(batch.session.start.known().is_some() && batch.context.locale.is_empty(), "{context}");
    };
    check("7");
    check("1e999");
    check(r#"{"locale":"en","locale":"fa"}"#);
    check(r#"{"locale":"en","page":{"\ud800":1}}"#);
    check(r#"[{"locale":"en"}]"#);
    check(r#""en""#);
    let whole = parse(br#"{"context":{"locale":"en","page":[],"os":{"name":7}},"consent":[],"events":[]}"#).unwrap();
    assert_eq!((whole.context.locale.as_str(), whole.context.os.name.as_str()), ("en", "7"));
}

proptest::proptest! {
    /// A single pass and object-by-object parsing give the same result.
    #[test]
    fn both_parse_modes_agree(
        context in "\\{(\"(locale|page|os|x)\":(\"a\\\\u00e9\"|1|1e400|null|\\[1,\\{\\}\\]|\\{\"(url|name)\":\"u\"\\})(,\"timezone\":\"t\")?)?\\}",
        consent in "(\\{\"analytics\":(true|false|null|3)\\}|4|\\[\\])",
    ) {
        let body = format!(r#"{{"context":{context},"consent":{consent},"events":[]}}"#);
        let lenient = batch(serde_json::from_str::<Body<'_, Lenient>>(&body).unwrap()).unwrap();
        proptest::prop_assert_eq!(format!("{:?}", parse(body.as_bytes()).unwrap()), format!("{lenient:?}"));
    }
}
