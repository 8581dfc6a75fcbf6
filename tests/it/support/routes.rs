//! Every private route, who may use it, and a valid body: the table for tests of the whole private API. A
//! route of `openapi.json` without a row fails the test, and so does a row without a route.

use std::collections::BTreeSet;

use ashna::http;
use serde_json::{Value, json};

use super::app::these_days;

/// One route.
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    /// Allowed callers: key scopes (read, server, admin), then user roles (viewer, marketer, owner), as in
    /// `rsa vmo`; `open` for routes without authentication.
    pub who: &'static str,
    /// A valid body.
    pub body: Value,
    /// Statuses for allowed callers if the resource exists.
    pub answers: &'static [u16],
}

/// Any reader of the site.
const READ: &str = "rsa vmo";
/// Servers of the site, and everyone who may change it.
const SERVE: &str = "-sa -mo";
/// Everyone who may change the site.
const EDIT: &str = "--a -mo";
/// An owner, or an admin key.
const GUARD: &str = "--a --o";
/// An owner.
const OWN: &str = "--- --o";
/// Any user.
const PERSON: &str = "--- vmo";
const OPEN: &str = "open";

fn row(method: &'static str, path: &'static str, who: &'static str, body: Value, answers: &'static [u16]) -> Route {
    Route { method, path, who, body, answers }
}

/// The reports of `/reports/{report}`.
pub const REPORTS: [&str; 25] = [
    "overview",
    "pages",
    "sources",
    "visitors",
    "funnel",
    "realtime",
    "recommendations",
    "satisfaction",
    "what-if",
    "offers",
    "data-quality",
    "quality",
    "campaigns",
    "retention",
    "paths",
    "attribution",
    "goals",
    "products",
    "locations",
    "searches",
    "links",
    "errors",
    "vitals",
    "events",
    "segments",
];

/// The table.
#[expect(clippy::too_many_lines, reason = "a table")]
pub fn table() -> Vec<Route> {
    let nothing = Value::Null;
    let offer = json!({ "id": "table", "slot": "hero", "when": { "field": "pageviews", "op": "gte", "value": 1 },
        "content": { "title": "T" }, "priority": 3, "starts_at": "2026-01-01T00:00:00Z" });
    let funnel = json!({ "name": "F", "question": { "steps": [{ "event": "page" }], "window_ms": 1000 } });
    let rules = json!({ "only": { "field": "category", "op": "eq", "value": "Tea" }, "exclude": { "items": ["x"] },
        "pins": [{ "item": "p-1", "position": 1 }], "hide_bought": true });
    let segment = json!({ "id": "table", "name": "T", "rule": { "event": "page", "within_days": 3 } });
    let webhook = json!({ "url": "https://hook.invalid/x", "events": ["event:Order Completed"], "enabled": false });
    let experiment = json!({ "key": "table", "name": "T", "variants": [{ "key": "a" }, { "key": "b", "weight": 2 }],
        "metrics": [{ "name": "m", "event": "Order Completed", "kind": "conversion" }] });
    let feed = json!({ "url": "https://feed.invalid/f.csv", "every_minutes": 60, "enabled": false });
    vec![
        row("get", "/api/v1/setup", OPEN, nothing.clone(), &[200]),
        row(
            "post",
            "/api/v1/setup",
            OPEN,
            json!({ "token": "guessed", "email": "a@b.example", "password": "long enough" }),
            &[403],
        ),
        row("post", "/api/v1/session", OPEN, json!({ "email": "a@b.example", "password": "long enough" }), &[401]),
        row("delete", "/api/v1/session", OPEN, nothing.clone(), &[204]),
        row("get", "/api/v1/session", PERSON, nothing.clone(), &[200]),
        row("get", "/api/v1/sessions", PERSON, nothing.clone(), &[200]),
        row("delete", "/api/v1/sessions", PERSON, nothing.clone(), &[200]),
        row("delete", "/api/v1/sessions/{login}", PERSON, nothing.clone(), &[404]),
        // A wrong password, and 429 after several.
        row(
            "put",
            "/api/v1/session/password",
            PERSON,
            json!({ "current": "guessed one", "new": "quite another one" }),
            &[401, 429],
        ),
        row("post", "/api/v1/session/two-factor", PERSON, json!({ "password": "guessed one" }), &[401, 409, 429]),
        row("put", "/api/v1/session/two-factor", PERSON, json!({ "code": "123456" }), &[401, 404, 409, 422, 429]),
        row(
            "delete",
            "/api/v1/session/two-factor",
            PERSON,
            json!({ "password": "guessed one", "code": "123456" }),
            &[401, 409, 429],
        ),
        row(
            "post",
            "/api/v1/session/recovery-codes",
            PERSON,
            json!({ "password": "guessed one", "code": "123456" }),
            &[401, 409, 429],
        ),
        row("get", "/api/v1/users", OWN, nothing.clone(), &[200]),
        row(
            "patch",
            "/api/v1/users/{user}",
            OWN,
            json!({ "role": "viewer", "sites": [1], "masked": true }),
            &[404, 422],
        ),
        row("delete", "/api/v1/users/{user}", OWN, nothing.clone(), &[404]),
        row("post", "/api/v1/users/{user}/log-out", OWN, nothing.clone(), &[404]),
        row("post", "/api/v1/users/{user}/reset-two-factor", OWN, nothing.clone(), &[404]),
        row(
            "post",
            "/api/v1/invitations",
            OWN,
            json!({ "email": "new@shop.example", "role": "viewer", "sites": [1], "masked": true }),
            &[201],
        ),
        row("delete", "/api/v1/invitations/{invitation}", OWN, nothing.clone(), &[404]),
        row("get", "/api/v1/invitations/{invitation}", OPEN, nothing.clone(), &[404]),
        row("post", "/api/v1/invitations/{invitation}", OPEN, json!({ "password": "a long enough one" }), &[404]),
        row("get", "/api/v1/audit", OWN, nothing.clone(), &[200]),
        row("get", "/api/v1/sites", READ, nothing.clone(), &[200]),
        row("post", "/api/v1/sites", OWN, json!({ "name": "New", "origins": ["https://new.example"] }), &[201]),
        row("get", "/api/v1/sites/{site}", READ, nothing.clone(), &[200]),
        row(
            "patch",
            "/api/v1/sites/{site}",
            EDIT,
            json!({ "name": "Renamed", "session_minutes": 30, "honour_gpc": true }),
            &[200],
        ),
        // Without the confirming name, so that it is not removed.
        row("delete", "/api/v1/sites/{site}", OWN, nothing.clone(), &[422]),
        row("get", "/api/v1/sites/{site}/audit", OWN, nothing.clone(), &[200]),
        row("get", "/api/v1/sites/{site}/keys", GUARD, nothing.clone(), &[200]),
        row("delete", "/api/v1/sites/{site}/keys/{key}", GUARD, nothing.clone(), &[404]),
        row("get", "/api/v1/sites/{site}/secret", GUARD, nothing.clone(), &[200]),
        row("post", "/api/v1/sites/{site}/keys", OWN, json!({ "scope": "read", "name": "table" }), &[201]),
        row("post", "/api/v1/sites/{site}/checks", EDIT, json!({ "url": "https://elsewhere.example/" }), &[422]),
        row("get", "/api/v1/sites/{site}/checks/{token}", EDIT, nothing.clone(), &[404]),
        row("get", "/api/v1/sites/{site}/rates", READ, nothing.clone(), &[200]),
        row(
            "put",
            "/api/v1/sites/{site}/rates",
            EDIT,
            json!({ "rates": [{ "currency": "USD", "from": "2026-01-01", "rate": "1.5" }] }),
            &[200],
        ),
        row("get", "/api/v1/sites/{site}/schema", READ, nothing.clone(), &[200]),
        row("get", "/api/v1/sites/{site}/schema/rules", READ, nothing.clone(), &[200]),
        row(
            "put",
            "/api/v1/sites/{site}/schema/rules",
            EDIT,
            json!({ "closed": false, "events": { "page": { "properties": { "a": { "type": "text" } } } } }),
            &[200],
        ),
        row("get", "/api/v1/sites/{site}/items", READ, nothing.clone(), &[200]),
        row(
            "post",
            "/api/v1/sites/{site}/items",
            SERVE,
            json!([{ "id": "p-1", "title": "T", "price_minor": 5, "currency": "EUR" }]),
            &[200],
        ),
        row("patch", "/api/v1/sites/{site}/items", SERVE, json!([{ "id": "p-1", "available": true }]), &[200]),
        row("post", "/api/v1/sites/{site}/items/import", EDIT, json!([{ "id": "p-2", "title": "T" }]), &[200]),
        row("delete", "/api/v1/sites/{site}/items/{item}", SERVE, nothing.clone(), &[204]),
        row("get", "/api/v1/sites/{site}/feed", READ, nothing.clone(), &[200]),
        row("put", "/api/v1/sites/{site}/feed", EDIT, feed, &[200]),
        row("post", "/api/v1/sites/{site}/feed/visit", EDIT, json!({ "confirm": false }), &[202]),
        row("delete", "/api/v1/sites/{site}/feed", EDIT, nothing.clone(), &[204]),
        row("get", "/api/v1/sites/{site}/offers", READ, nothing.clone(), &[200]),
        row("post", "/api/v1/sites/{site}/offers", EDIT, offer.clone(), &[201]),
        row("put", "/api/v1/sites/{site}/offers/{offer}", EDIT, offer, &[200]),
        row("delete", "/api/v1/sites/{site}/offers/{offer}", EDIT, nothing.clone(), &[204]),
        row("get", "/api/v1/sites/{site}/offers/{offer}/coupons", READ, nothing.clone(), &[200]),
        row("post", "/api/v1/sites/{site}/offers/{offer}/coupons", EDIT, json!("CODE-1"), &[200]),
        row("post", "/api/v1/sites/{site}/offers/{offer}/rehearse", READ, json!({ "days": 7 }), &[200]),
        row("get", "/api/v1/sites/{site}/slots", READ, nothing.clone(), &[200]),
        row("get", "/api/v1/sites/{site}/recommendations", READ, nothing.clone(), &[200]),
        row("put", "/api/v1/sites/{site}/recommendations/choice", EDIT, json!({ "model": "trending" }), &[200]),
        row("get", "/api/v1/sites/{site}/recommendations/exploring", READ, nothing.clone(), &[200]),
        row(
            "put",
            "/api/v1/sites/{site}/recommendations/exploring",
            EDIT,
            json!({ "items": 0.1, "models": 0.0 }),
            &[200],
        ),
        row("get", "/api/v1/sites/{site}/recommendations/history", READ, nothing.clone(), &[200]),
        row(
            "post",
            "/api/v1/sites/{site}/recommendations/preview",
            READ,
            json!({ "viewed": ["p-1"], "slots": ["home-recs"], "item": "p-1", "cart": [], "language": "en" }),
            &[200],
        ),
        row("get", "/api/v1/sites/{site}/recommendation-rules", READ, nothing.clone(), &[200]),
        row("put", "/api/v1/sites/{site}/recommendation-rules", EDIT, rules.clone(), &[200]),
        row("put", "/api/v1/sites/{site}/recommendation-rules/{slot}", EDIT, rules, &[200]),
        row("delete", "/api/v1/sites/{site}/recommendation-rules/{slot}", EDIT, nothing.clone(), &[204]),
        row("put", "/api/v1/sites/{site}/slots/{slot}", EDIT, json!({ "mode": "offers" }), &[200]),
        row("get", "/api/v1/sites/{site}/goals", READ, nothing.clone(), &[200]),
        row(
            "put",
            "/api/v1/sites/{site}/goals/{goal}",
            EDIT,
            json!({ "name": "G", "step": { "event": "page", "where": [{ "property": "$path", "op": "eq", "value": "/" }] }, "value_minor": 3 }),
            &[200],
        ),
        row("delete", "/api/v1/sites/{site}/goals/{goal}", EDIT, nothing.clone(), &[204]),
        row("get", "/api/v1/sites/{site}/saved-reports", READ, nothing.clone(), &[200]),
        row(
            "put",
            "/api/v1/sites/{site}/saved-reports/{saved_report}",
            EDIT,
            json!({ "name": "S", "report": "overview", "question": { "interval": "day" }, "period": { "days": 7 } }),
            &[200],
        ),
        row("delete", "/api/v1/sites/{site}/saved-reports/{saved_report}", EDIT, nothing.clone(), &[204]),
        row("get", "/api/v1/sites/{site}/annotations", READ, nothing.clone(), &[200]),
        row(
            "put",
            "/api/v1/sites/{site}/annotations/{annotation}",
            EDIT,
            json!({ "at": "2026-11-01T00:00:00Z", "text": "a sale" }),
            &[200],
        ),
        row("delete", "/api/v1/sites/{site}/annotations/{annotation}", EDIT, nothing.clone(), &[204]),
        row("get", "/api/v1/sites/{site}/shares", READ, nothing.clone(), &[200]),
        row(
            "post",
            "/api/v1/sites/{site}/shares",
            EDIT,
            json!({ "report": "overview", "question": these_days() }),
            &[201],
        ),
        row("delete", "/api/v1/sites/{site}/shares/{share}", EDIT, nothing.clone(), &[404]),
        row("get", "/api/v1/shared/{token}", OPEN, nothing.clone(), &[404]),
        row("get", "/api/v1/sites/{site}/funnels", READ, nothing.clone(), &[200]),
        row("post", "/api/v1/sites/{site}/funnels", EDIT, funnel.clone(), &[201]),
        row("put", "/api/v1/sites/{site}/funnels/{funnel}", EDIT, funnel, &[200]),
        row("delete", "/api/v1/sites/{site}/funnels/{funnel}", EDIT, nothing.clone(), &[204]),
        row("get", "/api/v1/sites/{site}/experiments", READ, nothing.clone(), &[200]),
        row("post", "/api/v1/sites/{site}/experiments", EDIT, experiment.clone(), &[201]),
        row("get", "/api/v1/sites/{site}/experiments/{experiment}", READ, nothing.clone(), &[200]),
        row("put", "/api/v1/sites/{site}/experiments/{experiment}", EDIT, experiment, &[200]),
        row("delete", "/api/v1/sites/{site}/experiments/{experiment}", EDIT, nothing.clone(), &[204]),
        row("get", "/api/v1/sites/{site}/segments", READ, nothing.clone(), &[200]),
        row("post", "/api/v1/sites/{site}/segments", EDIT, segment.clone(), &[201]),
        row("put", "/api/v1/sites/{site}/segments/{segment}", EDIT, segment, &[200]),
        row("get", "/api/v1/sites/{site}/segments/{segment}/members", READ, nothing.clone(), &[200]),
        row("get", "/api/v1/sites/{site}/segments/{segment}/history", READ, nothing.clone(), &[200]),
        row("get", "/api/v1/sites/{site}/segments/{segment}/changes", READ, nothing.clone(), &[200]),
        row("get", "/api/v1/sites/{site}/segments/{segment}/overlap", READ, nothing.clone(), &[200]),
        row("delete", "/api/v1/sites/{site}/segments/{segment}", EDIT, nothing.clone(), &[204]),
        row("post", "/api/v1/sites/{site}/segments/preview", READ, json!({ "rule": { "event": "page" } }), &[200]),
        row(
            "post",
            "/api/v1/sites/{site}/segments/explain",
            READ,
            json!({ "visitor": "unknown", "rule": { "event": "page" } }),
            &[200, 404],
        ),
        row("post", "/api/v1/sites/{site}/reports/{report}", READ, these_days(), &[200]),
        row("get", "/api/v1/sites/{site}/reports/funnel/dropped/{handle}", READ, nothing.clone(), &[404, 422]),
        row("get", "/api/v1/sites/{site}/visitors/{visitor}", READ, nothing.clone(), &[200]),
        row("get", "/api/v1/sites/{site}/visitors/{visitor}/export", EDIT, nothing.clone(), &[200]),
        row("delete", "/api/v1/sites/{site}/visitors/{visitor}", GUARD, nothing.clone(), &[200]),
        row("get", "/api/v1/sites/{site}/people", READ, nothing.clone(), &[200]),
        row("get", "/api/v1/sites/{site}/visitors/{visitor}/timeline", READ, nothing.clone(), &[200]),
        row("get", "/api/v1/sites/{site}/visitors/{visitor}/browsers", READ, nothing.clone(), &[200]),
        row("post", "/api/v1/sites/{site}/visitors/{visitor}/part", EDIT, nothing.clone(), &[204, 404]),
        row("post", "/api/v1/sites/{site}/customers/lookup", SERVE, json!({ "user_id": "u-404" }), &[404]),
        row("post", "/api/v1/sites/{site}/import/{kind}", EDIT, json!({ "user_id": "u-1" }), &[200]),
        row("get", "/api/v1/sites/{site}/webhooks", READ, nothing.clone(), &[200]),
        row("post", "/api/v1/sites/{site}/webhooks", EDIT, webhook.clone(), &[201]),
        row("get", "/api/v1/sites/{site}/webhooks/{webhook}", READ, nothing.clone(), &[200]),
        row("put", "/api/v1/sites/{site}/webhooks/{webhook}", EDIT, webhook, &[200]),
        row("delete", "/api/v1/sites/{site}/webhooks/{webhook}", EDIT, nothing.clone(), &[204]),
        row("post", "/api/v1/sites/{site}/webhooks/{webhook}/secret", EDIT, nothing.clone(), &[200]),
        row("post", "/api/v1/sites/{site}/webhooks/{webhook}/test", EDIT, nothing.clone(), &[200]),
        row("get", "/api/v1/sites/{site}/webhooks/{webhook}/deliveries", READ, nothing.clone(), &[200]),
        row("post", "/api/v1/sites/{site}/webhooks/{webhook}/deliveries/{delivery}/replay", EDIT, nothing, &[404, 409]),
    ]
}

/// The committed `openapi.json`.
pub fn description() -> Value {
    serde_json::from_str(&http::openapi()).expect("a description")
}

/// Checks that the table and `openapi.json` have the same routes.
pub fn table_matches_openapi() {
    let description = description();
    let mut described = BTreeSet::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        described.extend(item.as_object().unwrap().keys().map(|method| format!("{method} {path}")));
    }
    let listed: BTreeSet<_> = table().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    let missing: Vec<_> = described.difference(&listed).collect();
    let stale: Vec<_> = listed.difference(&described).collect();
    assert!(missing.is_empty(), "routes without a row in tests/it/support/routes.rs: {missing:?}");
    assert!(stale.is_empty(), "rows without a route: {stale:?}");
    assert_eq!(listed.len(), table().len(), "a route is listed twice");
}

/// Whether `openapi.json` lists this status of a route.
pub fn is_described(description: &Value, route: &Route, status: u16) -> bool {
    let responses = &description["paths"][route.path][route.method]["responses"];
    responses.as_object().is_some_and(|all| all.contains_key(&status.to_string()))
}
