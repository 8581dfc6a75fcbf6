//! Filters and breakdowns by segment in reports, asked as the dashboard asks them.

use ashna::{clock, control::Scope};
use serde_json::{Value, json};

use crate::support::{
    app::{TestApp, these_days},
    client::ApiClient,
};

async fn asks(app: &TestApp, api: &ApiClient, report: &str, more: Value) -> Value {
    let mut question = these_days();
    question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = api.post(&app.path(&format!("reports/{report}")), question).await;
    assert_eq!(answer.status, 200, "{report}: {}", answer.text);
    answer.json()
}

#[tokio::test]
async fn reports_and_funnels_keep_the_members_of_segments() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let server = app.with_key(Scope::Server).await;
    let sends = async |who: &str, event: &str| {
        let call = json!({"type": "track", "anonymousId": who, "event": event, "timestamp": clock::now().to_string()});
        assert_eq!(server.post("/v1/batch", json!({ "batch": [call] })).await.status, 200);
    };
    for (who, events) in [("a", ["Viewed", "Bought"].as_slice()), ("b", &["Viewed", "Bought"]), ("c", &["Viewed"])] {
        for event in events {
            sends(who, event).await;
        }
    }
    sends("b", "Complained").await;
    app.settled().await;
    for (id, event) in [("buyers", "Bought"), ("complaining", "Complained")] {
        let segment = json!({"name": id, "rule": {"event": event}});
        assert_eq!(admin.put(&app.path(&format!("segments/{id}")), segment).await.status, 200);
    }

    let buyers = json!({"segment": "buyers"});
    let others = json!({"segment": "buyers", "op": "not_in"});
    let complaining = json!({"segment": "complaining"});
    for (filters, expected) in [
        (json!([buyers]), 2),
        (json!([others]), 1),
        (json!([buyers, complaining]), 1),
        (json!([others, complaining]), 0),
    ] {
        // Several queries of one report share the lists of members: more than once, because they follow one another at once.
        for _ in 0..3 {
            let overview = asks(&app, &admin, "overview", json!({"interval": "day", "filters": filters})).await;
            assert_eq!(overview["totals"]["visitors"], expected, "{filters}: {overview}");
        }
        let sources = asks(&app, &admin, "sources", json!({"by": "channel", "filters": filters})).await;
        let visitors: u64 =
            sources["rows"].as_array().unwrap().iter().map(|row| row["visitors"].as_u64().unwrap()).sum();
        assert_eq!(visitors, expected, "{filters}: {sources}");
        let steps = json!([{"event": "Viewed"}, {"event": "Bought"}]);
        let funnel = json!({"steps": steps, "window_ms": 3_600_000, "filters": filters});
        let funnel = asks(&app, &admin, "funnel", funnel).await;
        assert_eq!(funnel["steps"][0]["reached"], expected, "{filters}: {funnel}");
    }

    let steps = json!([{"event": "Viewed"}, {"event": "Bought"}]);
    let by_segment = json!({"steps": steps, "window_ms": 3_600_000, "breakdown": "$segment"});
    let funnel = asks(&app, &admin, "funnel", by_segment).await;
    let reached = |group: &str| funnel["breakdown"][group]["steps"][0]["reached"].clone();
    let expected = [json!(2), json!(1), json!(3)];
    assert_eq!([reached("buyers"), reached("complaining"), reached("builtin-new")], expected, "{funnel}");
    let unknown = json!({"interval": "day", "filters": [{"segment": "nothing"}]});
    let mut question = these_days();
    question.as_object_mut().unwrap().extend(unknown.as_object().unwrap().clone());
    admin.post(&app.path("reports/overview"), question).await.refuses(422, "invalid");
    app.finish().await;
}
