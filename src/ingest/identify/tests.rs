//! Cookies, proposed ids, ids of SDKs and users.

use proptest::prelude::*;

use super::*;
use crate::ingest::fixture;

fn keys(names: &[&str]) -> Keys {
    Keys::new(names.iter().map(|name| name.as_bytes().into()).collect())
}

const NOW: Timestamp = Timestamp(1_763_798_500_000);

fn read(site: u32, keys: &Keys, value: &str) -> Option<CookieIdentity> {
    verify_cookie(SiteId(site), keys, value, NOW).map(|cookie| cookie.identity)
}

fn identity(visitor: u128, start: i64, last: i64) -> CookieIdentity {
    let session = Session { start: Timestamp(start), last: Timestamp(last) };
    CookieIdentity { visitor: VisitorId(visitor), session }
}

#[test]
fn a_cookie_survives_key_rotation_and_any_change_invalidates_it() {
    let signed = identity(7, 1_763_798_000_000, 1_763_798_400_250);
    let value = sign_cookie(SiteId(1), &keys(&["old"]), &signed);
    assert!(value.starts_with("v1.00000000000000000000000000000007."), "{value}");
    let outdated = |keys| verify_cookie(SiteId(1), &keys, &value, NOW).map(|cookie| (cookie.identity, cookie.outdated));
    assert_eq!(outdated(keys(&["old"])), Some((signed, false)));
    assert_eq!(outdated(keys(&["newest", "new", "old"])), Some((signed, true)));
    assert_eq!(outdated(keys(&["new"])), None);
    assert_eq!(read(2, &keys(&["old"]), &value), None);
    let huge = format!("{}{value}", "v".repeat(1 << 20));
    for forged in ["", ".", "v1", "v1....", &value[1..], &value[..value.len() - 1], &value.replace("07.", "08."), &huge]
    {
        assert_eq!(read(1, &keys(&["old"]), forged), None, "{forged:.80}");
    }
}

#[test]
fn a_cookie_expires_after_the_longest_cookie_lifetime() {
    let check = |age_ms: i64, expected: bool| {
        let keys = keys(&["k"]);
        let value = sign_cookie(SiteId(1), &keys, &identity(7, 1, NOW.0 - age_ms));
        assert_eq!(read(1, &keys, &value).is_some(), expected, "{age_ms}");
    };
    check(0, true);
    check(400 * 86_400_000, true);
    check(400 * 86_400_000 + 1, false);
    // The clock was set back: the cookie is from the future.
    check(-86_400_000, true);
}

#[test]
fn a_session_from_the_future_is_ignored_and_the_visitor_is_kept() {
    let check = |start: i64, last: i64, expected: bool| {
        let cookie = VerifiedCookie { identity: identity(7, NOW.0 + start, NOW.0 + last), outdated: false };
        let resolved = resolve(Some(cookie), "", true, 9, NOW);
        assert_eq!((resolved.visitor.0, resolved.session.is_some()), (7, expected), "{start} {last}");
    };
    check(-9, -1, true);
    check(-9, 300_000, true);
    check(-9, 300_001, false);
    check(86_400_000, 86_400_001, false);
    check(0, -5, false);
}

#[test]
fn daily_visitors_differ_by_site_network_and_browser() {
    let visitor = |salt: u8, site, address: &str, agent| {
        daily_visitor(&[salt; 32], SiteId(site), address.parse().unwrap(), agent)
    };
    let first = visitor(1, 1, "81.2.69.142", "a");
    assert_eq!(first, visitor(1, 1, "::ffff:81.2.69.142", "a"));
    for other in
        [visitor(2, 1, "81.2.69.142", "a"), visitor(1, 2, "81.2.69.142", "a"), visitor(1, 1, "81.2.69.143", "a")]
    {
        assert_ne!(first, other);
    }
    assert_ne!(first, visitor(1, 1, "81.2.69.142", "b"));
    assert_eq!(visitor(1, 1, "2001:db8::1", "a"), visitor(1, 1, "2001:db8::2", "a"));
    assert_ne!(visitor(1, 1, "2001:db8::1", "a"), visitor(1, 1, "2001:db8:0:1::1", "a"));
}

#[test]
fn the_mac_is_base64url() {
    assert_eq!(&base64url(&[0xff; 16]), b"_____________________w");
    assert_eq!(&base64url(b"0123456789abcdef"), b"MDEyMzQ1Njc4OWFiY2RlZg");
}

#[test]
fn a_cookie_wins_then_the_proposal_then_a_new_id() {
    let check = |cookie: Option<u128>, proposal: &str, analytics, expected: (u128, Origin)| {
        let cookie = cookie.map(|id| VerifiedCookie { identity: identity(id, 1, 2), outdated: false });
        let resolved = resolve(cookie, proposal, analytics, 9, NOW);
        assert_eq!((resolved.visitor.0, resolved.from), expected);
    };
    let proposal = "000000000000000000000000000000ff";
    check(Some(7), proposal, true, (7, Origin::Cookie));
    check(None, proposal, true, (255, Origin::Proposal));
    check(None, "mine", true, (9, Origin::Fresh));
    check(Some(7), proposal, false, (0, Origin::Anonymous));
}

#[test]
fn any_sdk_id_stands_for_one_visitor_of_one_site() {
    let visitor = |site, kind, id| visitor_of(&Site { id: SiteId(site), ..fixture::site() }, kind, id);
    assert_eq!(visitor(1, IdKind::Anonymous, "00000000-0000-0000-0000-0000000000ff"), VisitorId(255));
    assert_eq!(visitor(1, IdKind::Anonymous, "anon"), visitor(1, IdKind::Anonymous, "anon"));
    assert_ne!(visitor(1, IdKind::Anonymous, "anon"), visitor(2, IdKind::Anonymous, "anon"));
    assert_ne!(visitor(1, IdKind::Anonymous, "anon"), visitor(1, IdKind::User, "anon"));
    assert_ne!(visitor(1, IdKind::User, "000000000000000000000000000000ff"), VisitorId(255));
    assert_ne!(visitor(1, IdKind::User, "u"), visitor(1, IdKind::VerifiedUser, "u"), "a claim is not verified");
    let elsewhere = Site { secret: "another".into(), ..fixture::site() };
    assert_ne!(visitor(1, IdKind::User, "u"), visitor_of(&elsewhere, IdKind::User, "u"), "it depends on the secret");
}

#[test]
fn a_user_id_is_verified_only_with_the_sites_signature() {
    // RFC 4231, test case 2.
    let site = Site { secret: "Jefe".into(), ..fixture::site() };
    let user_id = "what do ya want for nothing?";
    let signature = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    assert!(user_is_verified(&site, user_id, signature));
    assert!(user_is_verified(&site, user_id, &signature.to_uppercase()));
    assert!(!user_is_verified(&site, "another", signature));
    assert!(!user_is_verified(&site, user_id, &signature.replace('5', "6")));
    assert!(!user_is_verified(&site, user_id, ""));
    assert!(!user_is_verified(&site, user_id, &"+".repeat(64)));
    assert!(!user_is_verified(&site, user_id, &"é".repeat(32)));
    assert!(!user_is_verified(&Site { secret: "".into(), ..fixture::site() }, user_id, signature));
}

proptest! {
    #[test]
    fn every_identity_survives_its_cookie(visitor in 1..=u128::MAX, start in 0..=i64::MAX, last in 0..=i64::MAX) {
        let signed = identity(visitor, start, last);
        let value = sign_cookie(SiteId(3), &keys(&["k"]), &signed);
        prop_assert!(value.len() <= 120 && value.is_ascii());
        prop_assert_eq!(verify_cookie(SiteId(3), &keys(&["k"]), &value, Timestamp(0)).map(|c| c.identity), Some(signed));
    }

    #[test]
    fn arbitrary_text_is_not_a_cookie(value in ".{0,80}") {
        prop_assert_eq!(verify_cookie(SiteId(3), &keys(&["k"]), &value, Timestamp(0)), None);
    }
}
