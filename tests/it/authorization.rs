//! Authorization: every private route with every kind of caller, by the table in `support::routes`.

use ashna::{
    control::{Role, Scope},
    model::Site,
};
use reqwest::Method;
use serde_json::json;

use crate::support::{
    app::TestApp,
    client::{Answer, ApiClient},
    routes::{Route, description, is_described, table, table_matches_openapi},
};

/// The six known callers, in the order of a row's letters.
const LETTERS: [char; 6] = ['r', 's', 'a', 'v', 'm', 'o'];

fn may(route: &Route, letter: char) -> bool {
    route.who == "open" || route.who.contains(letter)
}

/// The resources that the paths name, restored before each request.
struct Stage<'t> {
    app: &'t TestApp,
    admin: ApiClient,
    funnel: String,
    visitor: String,
}

impl<'t> Stage<'t> {
    async fn set(app: &'t TestApp) -> Self {
        let admin = app.with_key(Scope::Admin).await;
        let mut visitor = app.visitor();
        assert_eq!(visitor.views("/").await.status, 204);
        app.settled().await;
        Self { app, admin, funnel: "1".into(), visitor: visitor.id }
    }

    /// Restores what an earlier request removed, or removes what the request adds.
    async fn prepare(&mut self, route: &Route) {
        let (app, admin) = (self.app, &self.admin);
        let path = |rest: &str| app.path(rest);
        let of = |wanted: &str| {
            table().into_iter().find(|row| row.path.ends_with(wanted) && row.method == "put").unwrap().body
        };
        match (route.method, route.path.rsplit_once("{site}").map_or("", |(_, rest)| rest)) {
            ("post", "/segments") => drop(admin.delete(&path("segments/table")).await),
            (_, rest) if rest.starts_with("/segments/{segment}") => {
                drop(admin.post(&path("segments"), of("/segments/{segment}")).await);
            }
            ("post", "/experiments") => drop(admin.delete(&path("experiments/table")).await),
            (_, "/experiments/{experiment}") => {
                drop(admin.post(&path("experiments"), of("/experiments/{experiment}")).await);
            }
            ("post", "/offers") => drop(admin.delete(&path("offers/table")).await),
            (_, "/offers/{offer}" | "/offers/{offer}/coupons" | "/offers/{offer}/rehearse") => {
                drop(admin.post(&path("offers"), of("/{offer}")).await);
            }
            (_, "/items/{item}") => drop(admin.post(&path("items"), json!([{ "id": "p-1" }])).await),
            ("delete", "/feed") | (_, "/feed/visit") => drop(admin.put(&path("feed"), of("/feed")).await),
            ("delete", "/recommendation-rules/{slot}") => {
                drop(admin.put(&path("recommendation-rules/hero"), of("/{slot}")).await);
            }
            ("delete", "/goals/{goal}" | "/saved-reports/{saved_report}" | "/annotations/{annotation}") => {
                let end = route.path.rsplit_once("{site}").map_or("", |(_, rest)| rest);
                let name = end.trim_start_matches('/').split('/').next().unwrap();
                drop(admin.put(&path(&format!("{name}/table")), of(end)).await);
            }
            (_, "/funnels/{funnel}") => {
                let saved = admin.post(&path("funnels"), of("/{funnel}")).await.json();
                self.funnel = saved["id"].to_string();
            }
            ("post", "/webhooks") => {
                for hook in admin.get(&path("webhooks")).await.json().as_array().unwrap() {
                    admin.delete(&path(&format!("webhooks/{}", hook["id"].as_str().unwrap()))).await;
                }
            }
            (_, rest) if rest.starts_with("/webhooks/{webhook}") => {
                drop(admin.put(&path("webhooks/crm"), of("/{webhook}")).await);
            }
            _ => {}
        }
    }

    /// The path of a route with the names of this stage, for a site.
    fn path(&self, route: &Route, site: &Site) -> String {
        let names = [
            ("{site}", site.id.to_string()),
            ("{token}", "0".repeat(32)),
            ("{item}", "p-1".into()),
            ("{offer}", "table".into()),
            ("{slot}", "hero".into()),
            ("{segment}", "table".into()),
            ("{experiment}", "table".into()),
            ("{goal}", "table".into()),
            ("{saved_report}", "table".into()),
            ("{annotation}", "table".into()),
            ("{share}", "none".into()),
            ("{funnel}", self.funnel.clone()),
            ("{report}", "overview".into()),
            ("{handle}", "none".into()),
            ("{visitor}", self.visitor.clone()),
            ("{login}", "999999".into()),
            ("{user}", "999999".into()),
            ("{invitation}", "999999".into()),
            ("{key}", "999999".into()),
            ("{webhook}", "crm".into()),
            ("{kind}", "customers".into()),
            ("{delivery}", "none".into()),
        ];
        names.iter().fold(route.path.to_owned(), |path, (name, value)| path.replace(name, value))
    }

    async fn ask(&self, api: &ApiClient, route: &Route, site: &Site) -> Answer {
        let method = Method::from_bytes(route.method.to_uppercase().as_bytes()).unwrap();
        let body = if route.body.is_null() { String::new() } else { route.body.to_string() };
        api.sends(method, &self.path(route, site), body).await
    }
}

#[test]
fn every_route_has_a_row_and_every_row_has_a_route() {
    table_matches_openapi();
}

#[tokio::test]
async fn requests_without_a_valid_login_or_key_are_refused() {
    let app = TestApp::start().await;
    let stage = Stage::set(&app).await;
    let bearing = |value: String| app.api().with_header("authorization", format!("Bearer {value}"));
    let strangers = [
        ("anonymous", app.api()),
        ("an invented key", bearing("aa_0123456789abcdef".into())),
        ("an empty key", bearing(String::new())),
        ("the public write key", bearing(app.site.write_key.clone())),
        ("the signing secret", bearing((*app.site.secret).to_owned())),
        ("an invented login", app.api().with_header("cookie", "ashna_session=0123456789abcdef")),
        ("a visitor's cookie", app.api().with_header("cookie", format!("ashna_session={}", stage.visitor))),
    ];
    let description = description();
    for route in table() {
        for (who, api) in &strangers {
            let answer = stage.ask(api, &route, &app.site).await;
            let (method, path, status) = (route.method, route.path, answer.status);
            if route.who == "open" {
                assert!(route.answers.contains(&status), "{method} {path} to {who}: {status} {}", answer.text);
            } else {
                assert_eq!((status, &answer.json()["code"]), (401, &json!("unauthorized")), "{method} {path} to {who}");
            }
            assert!(is_described(&description, &route, status), "{status} of {method} {path} is not in openapi.json");
            assert_eq!(answer.header("cache-control"), "no-store", "{method} {path}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn every_scope_and_role_is_authorized_as_in_the_table() {
    let app = TestApp::with(|config| config.access.login_failures_max = 1000).await;
    let mut stage = Stage::set(&app).await;
    let known = [
        app.with_key(Scope::Read).await,
        app.with_key(Scope::Server).await,
        app.with_key(Scope::Admin).await,
        app.with_login(Role::Viewer).await,
        app.with_login(Role::Marketer).await,
        app.with_login(Role::Owner).await,
    ];
    let description = description();
    for route in table().iter().filter(|route| (route.method, route.path) != ("delete", "/api/v1/session")) {
        for (letter, api) in LETTERS.iter().zip(&known) {
            stage.prepare(route).await;
            let answer = stage.ask(api, route, &app.site).await;
            let (method, path, status) = (route.method, route.path, answer.status);
            if may(route, *letter) {
                assert!(route.answers.contains(&status), "{method} {path} as {letter}: {status} {}", answer.text);
            } else {
                assert_eq!((status, &answer.json()["code"]), (403, &json!("forbidden")), "{method} {path} as {letter}");
            }
            assert!(is_described(&description, route, status), "{status} of {method} {path} is not in openapi.json");
            assert_eq!(answer.header("cache-control"), "no-store", "{method} {path}");
        }
    }
    app.gives_up_counting_rows();
    app.finish().await;
}

#[tokio::test]
async fn another_sites_keys_do_not_reveal_that_a_site_exists() {
    let app = TestApp::start().await;
    let mut stage = Stage::set(&app).await;
    let other = app.another_site().await;
    for scope in [Scope::Read, Scope::Server, Scope::Admin] {
        let theirs = app.with_key_of(&other, scope).await;
        for route in table().iter().filter(|route| route.path.contains("{site}")) {
            stage.prepare(route).await;
            let (answer, absent) = (
                stage.ask(&theirs, route, &app.site).await,
                Site { id: ashna::model::SiteId(9999), ..app.site.clone() },
            );
            let (method, path) = (route.method, route.path);
            answer.refuses(404, "not_found");
            let of_nothing = stage.ask(&theirs, route, &absent).await;
            assert_eq!(
                (answer.status, &answer.text),
                (of_nothing.status, &of_nothing.text),
                "{method} {path} {scope:?}"
            );
        }
        let listed = theirs.get("/api/v1/sites").await.json();
        assert_eq!((listed.as_array().unwrap().len(), &listed[0]["id"]), (1, &json!(other.id)));
    }
    app.finish().await;
}

#[tokio::test]
async fn another_origin_cannot_change_anything_with_an_owners_cookie() {
    let app = TestApp::start().await;
    let mut stage = Stage::set(&app).await;
    let owner = app.with_login(Role::Owner).await;
    for origin in ["https://evil.example", "null"] {
        let there = owner.clone().with_header("origin", origin);
        for route in table().iter().filter(|route| route.method != "get") {
            stage.prepare(route).await;
            let answer = stage.ask(&there, route, &app.site).await;
            assert_eq!(answer.status, 403, "{} {} from {origin}: {}", route.method, route.path, answer.text);
            assert_eq!(answer.header("access-control-allow-origin"), "", "and cannot read the answer");
        }
    }
    assert_eq!(owner.get("/api/v1/session").await.status, 200, "the login is still there");
    app.finish().await;
}
