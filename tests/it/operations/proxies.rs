//! Behind the real nginx and Caddy with default settings: set-up, login, a change, and a visitor's address.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

use serde_json::json;

use crate::{
    service::{PATIENCE, Service, report},
    support::client::{Answer, FIREFOX},
};

/// A running proxy; it ends when dropped.
struct Proxy {
    process: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Proxy {
    fn nginx(service: &Service, location: &str) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let here = folder.path().display();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {here}/{name};\n"))
            .concat();
        let text = format!(
            "daemon off;\nmaster_process off;\npid {here}/pid;\nerror_log {here}/error.log;\nevents {{}}\n\
             http {{\n{temporary}access_log off;\nserver {{\nlisten 127.0.0.1:{port};\nlocation / {{\n\
             proxy_pass {};\n{location}\n}}\n}}\n}}\n",
            service.url()
        );
        let file = folder.path().join("nginx.conf");
        fs::write(&file, text).unwrap();
        let mut command = Command::new("nginx");
        command.arg("-c").arg(&file).arg("-p").arg(folder.path()).arg("-e").arg(folder.path().join("error.log"));
        Self::start(command, port, folder)
    }

    fn caddy(service: &Service) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let file = folder.path().join("Caddyfile");
        let upstream = service.url().replace("http://", "");
        let text =
            format!("{{\nadmin off\nauto_https off\n}}\nhttp://127.0.0.1:{port} {{\nreverse_proxy {upstream}\n}}\n");
        fs::write(&file, text).unwrap();
        let mut command = Command::new("caddy");
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(&file).env("HOME", folder.path());
        Self::start(command, port, folder)
    }

    fn start(mut command: Command, port: u16, folder: tempfile::TempDir) -> Self {
        let log = fs::File::create(folder.path().join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let process = command.spawn().expect("the proxy is installed; `.ci/run` names its package");
        let proxy = Self { process, port, folder };
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < PATIENCE, "{}", read(proxy.folder.path()));
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        proxy
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

fn read(folder: &Path) -> String {
    ["log", "error.log"].iter().filter_map(|name| fs::read_to_string(folder.join(name)).ok()).collect()
}

/// Whether a proxy is installed; in CI it must be.
fn is_installed(proxy: &str) -> bool {
    let found = Command::new(proxy).arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "{proxy} is missing; `.ci/run` names its package");
    if !found {
        report(&format!("{proxy} is not installed: not tried"));
    }
    found
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A service that trusts the local proxy, with this public URL.
async fn service(client: &reqwest::Client, public_url: &str, trusted: &str) -> Service {
    let mut service = Service::new(&["--clickhouse-url", "http://127.0.0.1:9"])
        .set("ASHNA__SERVER__PUBLIC_URL", public_url)
        .set("ASHNA__SERVER__TRUSTED_PROXIES", trusted)
        .set("ASHNA__RATE__ADDRESS_EVENTS_PER_SECOND", "1")
        .set("ASHNA__RATE__BURST_SECONDS", "1");
    service.start();
    service.ready(client).await;
    service
}

/// Sends a request to the private API at `url`, as a browser at `page` does.
async fn sends(
    client: &reqwest::Client,
    method: &str,
    url: &str,
    page: &str,
    cookie: &str,
    body: serde_json::Value,
) -> Answer {
    let method = method.parse().unwrap();
    let request = client.request(method, url).header("origin", page).header("cookie", cookie).body(body.to_string());
    Answer::to(request).await
}

/// Set-up, login and a change in the dashboard at `url`, from a browser whose address bar shows `page`.
async fn works(service: &Service, client: &reqwest::Client, url: &str, page: &str) {
    let password = "correct horse battery staple 9";
    service.adds_user("owner@shop.example", "owner", password);
    let login = json!({ "email": "owner@shop.example", "password": password });
    let answer = sends(client, "POST", &format!("{url}/api/v1/session"), page, "", login).await;
    assert_eq!(answer.status, 200, "{page} at {url}: {}", answer.text);
    let cookie = answer.cookie().split(';').next().unwrap().to_owned();
    let site = json!({ "name": "Shop", "origins": ["https://shop.example"] });
    let answer = sends(client, "POST", &format!("{url}/api/v1/sites"), page, &cookie, site).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let foreign = "https://evil.example";
    let answer = sends(client, "DELETE", &format!("{url}/api/v1/session"), foreign, &cookie, json!({})).await;
    answer.refuses(403, "forbidden");
}

/// Sends events as two visitors, distinguished by the IP addresses that the proxy forwards: one exceeds its limit,
/// the other is still accepted.
async fn distinguishes_addresses(service: &Service, client: &reqwest::Client, url: &str) {
    let site = service.command(&["site", "add", "--name", "Events", "--origin", "https://shop.example"]);
    let body = json!({ "key": site["write_key"], "events": [{ "type": "page" }] }).to_string();
    let send = async |from: [u8; 4]| {
        let client = reqwest::Client::builder().local_address(std::net::IpAddr::from(from)).build().unwrap();
        let request =
            client.post(format!("{url}/e")).header("user-agent", FIREFOX).header("origin", "https://shop.example");
        Answer::to(request.body(body.clone())).await.status / 100
    };
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(send([127, 0, 0, 2]).await);
    }
    assert!(statuses.contains(&2) && statuses.contains(&4), "{statuses:?}");
    assert_eq!(send([127, 0, 0, 3]).await, 2, "each visitor has its own limit");
    let _ = client;
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_by_default_with_a_public_address() {
    if !is_installed("nginx") {
        return;
    }
    let client = reqwest::Client::new();
    // nginx sends its own name for the service, and no client address.
    let service = service(&client, "https://stats.example", "127.0.0.1").await;
    let nginx = Proxy::nginx(&service, "");
    works(&service, &client, &nginx.url(), "https://stats.example").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_with_the_headers_of_the_guide() {
    if !is_installed("nginx") {
        return;
    }
    let client = reqwest::Client::new();
    let guide = include_str!("../../../docs/operations.md");
    let examples: Vec<&str> = guide.split("```nginx").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 2, "the guide has an example of a host for Ashna, and of one below the site's own");
    for example in examples {
        let lines: Vec<&str> = example.lines().filter(|line| line.trim().starts_with("proxy_set_header")).collect();
        assert!(lines.len() >= 3, "it contains these headers");
        let service = service(&client, "", "127.0.0.1").await;
        let nginx = Proxy::nginx(&service, &lines.join("\n"));
        works(&service, &client, &nginx.url(), &nginx.url()).await;
        distinguishes_addresses(&service, &client, &nginx.url()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn caddy_by_default() {
    if !is_installed("caddy") {
        return;
    }
    let client = reqwest::Client::new();
    let service = service(&client, "", "127.0.0.1").await;
    let caddy = Proxy::caddy(&service);
    works(&service, &client, &caddy.url(), &caddy.url()).await;
    distinguishes_addresses(&service, &client, &caddy.url()).await;
}
