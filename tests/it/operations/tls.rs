//! ClickHouse over TLS: rows arrive, and an untrusted certificate is reported in one line.

use std::{path::PathBuf, sync::Arc};

use ashna::store::{Fault, Store, StoreError};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use crate::support::{app::TestApp, engine::endpoint};

/// A test certificate authority, and a TLS terminator before the engine with a certificate signed by it.
struct Terminator {
    url: String,
    /// Path of the authority's certificate.
    ca_file: PathBuf,
    _folder: tempfile::TempDir,
    _running: JoinSet<()>,
}

impl Terminator {
    async fn before(target: &str) -> Self {
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &authority).unwrap();

        let folder = tempfile::tempdir().unwrap();
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, authority.as_ref().pem()).unwrap();
        let chain: Vec<CertificateDer<'static>> = vec![leaf.der().clone()];
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let tls = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let target = target.trim_start_matches("http://").to_owned();
        let mut running = JoinSet::new();
        running.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(pass(stream, acceptor.clone(), target.clone()));
            }
        });
        Self { url, ca_file, _folder: folder, _running: running }
    }

    fn ca_file(&self) -> String {
        self.ca_file.to_str().unwrap().to_owned()
    }
}

async fn pass(stream: TcpStream, acceptor: TlsAcceptor, target: String) {
    let Ok(mut client) = acceptor.accept(stream).await else { return };
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    // Either side may close it.
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}

/// Checks the warehouse at this URL.
async fn look(url: &str, ca_file: &str) -> StoreError {
    let mut config = ashna::config::Config::defaults().clickhouse;
    config.url = url.to_owned();
    ca_file.clone_into(&mut config.ca_file);
    let store = Store::connect_to(config.endpoint().unwrap(), &config);
    store.check_version().await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_reach_a_server_whose_certificate_is_signed_by_the_named_authority() {
    let engine = endpoint().await;
    let terminator = Terminator::before(&engine.url).await;
    let app = TestApp::with(|config| {
        config.clickhouse.url.clone_from(&terminator.url);
        config.clickhouse.ca_file = terminator.ca_file();
    })
    .await;
    let mut visitor = app.visitor();
    visitor.views("/by-tls").await;
    assert_eq!(app.stored("SELECT path FROM events").await, ["/by-tls"]);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn untrusted_certificates_and_ports_without_tls_have_their_own_errors() {
    let engine = endpoint().await;
    let terminator = Terminator::before(&engine.url).await;
    let stranger = Terminator::before(&engine.url).await;
    let check = |error: &StoreError, expected: &str| {
        let message = error.to_string();
        assert_eq!(error.fault(), Fault::Tls, "{message}");
        assert!(
            message.contains(expected) && message.matches(expected).count() == 1 && !message.contains('\n'),
            "{message}"
        );
    };
    check(&look(&terminator.url, &stranger.ca_file()).await, "invalid peer certificate");
    check(&look(&terminator.url, "").await, "invalid peer certificate");
    let by_address = terminator.url.replace("localhost", "127.0.0.1");
    check(&look(&by_address, &terminator.ca_file()).await, "invalid peer certificate");
    let plain = engine.url.replace("http://", "https://");
    check(&look(&plain, "").await, "received corrupt message");
}
