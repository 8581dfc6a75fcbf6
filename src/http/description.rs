//! Completes the OpenAPI description with what applies to every route of the private API: security schemes, errors and
//! operation ids.

use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder,
    path::{Operation, ParameterIn, PathItem},
    security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
};

/// Routes without authentication.
const OPEN: &[(&str, &str)] = &[
    ("get", "/api/v1/setup"),
    ("post", "/api/v1/setup"),
    ("post", "/api/v1/session"),
    ("delete", "/api/v1/session"),
    ("get", "/api/v1/invitations/{invitation}"),
    ("post", "/api/v1/invitations/{invitation}"),
    ("get", "/api/v1/shared/{token}"),
];
/// Routes that query the warehouse, by a part of their path.
const WAREHOUSE: &[&str] = &["/reports/", "/schema", "/visitors/", "/customers/", "/shared/"];
/// GET routes that need more than read access.
const GUARDED_READS: &[&str] =
    &["/secret", "/export", "/checks/{token}", "/session", "/sessions", "/users", "/audit", "/keys"];

/// Adds security schemes, errors and unique operation ids.
pub fn complete(description: &mut OpenApi) {
    let login = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
        "ashna_session",
        "The cookie of a login (`POST /api/v1/session`), named `__Host-ashna_session` over TLS; changes are accepted from the dashboard's own origin only.",
    )));
    let key = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("An API key of one site; its scope is `read`, `server` or `admin`."))
        .build();
    let components = description.components.take().unwrap_or_default();
    let components = ComponentsBuilder::from(components)
        .security_scheme("login", login)
        .security_scheme("key", SecurityScheme::Http(key))
        .build();
    description.components = Some(components);
    for (path, item) in &mut description.paths.paths {
        for (method, operation) in operations(item) {
            complete_operation(method, path, operation);
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let all = [
        ("get", &mut item.get),
        ("post", &mut item.post),
        ("put", &mut item.put),
        ("patch", &mut item.patch),
        ("delete", &mut item.delete),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn complete_operation(method: &str, path: &str, operation: &mut Operation) {
    operation.operation_id = Some(operation_id(method, path));
    let is_open = OPEN.contains(&(method, path));
    let no_scopes: [&str; 0] = [];
    operation.security = Some(if is_open {
        Vec::new()
    } else {
        vec![SecurityRequirement::new("login", no_scopes), SecurityRequirement::new("key", no_scopes)]
    });
    let reads = method == "get";
    let body = operation.request_body.is_some();
    let queries = operation
        .parameters
        .iter()
        .flatten()
        .any(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query));
    let guarded = !reads || GUARDED_READS.iter().any(|part| path.ends_with(part));
    for (applies, status, description) in [
        (body || queries, "400", "the body or the query cannot be parsed"),
        (!is_open, "401", "no valid login or key"),
        (guarded, "403", "the role or key may not do this"),
        (path.contains('{'), "404", "there is no such resource, or it is another site's"),
        (body, "408", "the body did not arrive in time"),
        (body, "413", "the body is larger than the service accepts"),
        (body || queries, "422", "well-formed but invalid; the message says what to fix"),
        (true, "429", "too many requests; `Retry-After` says when to try again"),
        (
            WAREHOUSE.iter().any(|part| path.contains(part)),
            "503",
            "temporarily unavailable; `Retry-After` says when to try again",
        ),
    ] {
        if applies {
            add_response(operation, status, description);
        }
    }
    for response in operation.responses.responses.iter_mut().filter(|(status, _)| status.starts_with(['4', '5'])) {
        if let (_, RefOr::T(response)) = response
            && response.content.is_empty()
        {
            let schema = Ref::from_schema_name("ErrorBody");
            let content = ContentBuilder::new().schema(Some(schema)).build();
            response.content.insert("application/json".into(), RefOr::T(content));
        }
    }
}

/// Adds an error unless the route describes it itself.
fn add_response(operation: &mut Operation, status: &str, description: &str) {
    let response = || RefOr::T(ResponseBuilder::new().description(description).build());
    operation.responses.responses.entry(status.to_owned()).or_insert_with(response);
}

/// `put /api/v1/sites/{site}/feed` is `put_sites_site_feed`.
fn operation_id(method: &str, path: &str) -> String {
    let segments = path.trim_start_matches("/api/v1/").split('/');
    let segments = segments.map(|segment| segment.trim_matches(['{', '}']).replace(['-', '.'], "_"));
    std::iter::once(method.to_owned()).chain(segments).collect::<Vec<_>>().join("_")
}
