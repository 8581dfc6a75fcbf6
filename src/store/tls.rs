//! HTTP connections to the warehouse, with or without TLS.

use std::{path::Path, sync::Arc, time::Duration};

use clickhouse::Client;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use super::StoreError;
use crate::config;

/// The default of ClickHouse's own clients.
const TCP_KEEPALIVE: Duration = Duration::from_mins(1);
/// ClickHouse closes idle connections after three seconds by default.
const IDLE_MAX: Duration = Duration::from_secs(2);

/// A client for `http:` and `https:` URLs.
pub(super) fn client(roots: RootCertStore) -> Client {
    let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider supports the protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut plain = HttpConnector::new();
    plain.set_keepalive(Some(TCP_KEEPALIVE));
    plain.enforce_http(false);
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(plain);
    Client::with_http_client(legacy::Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE_MAX).build(connector))
}

/// The trusted CA certificates: those of `clickhouse.ca_file`, else those of the operating system.
pub(super) fn roots(config: &config::Clickhouse) -> Result<RootCertStore, StoreError> {
    let mut roots = RootCertStore::empty();
    if !config.ca_file.is_empty() {
        let bad = |reason: String| StoreError::BadCaFile { path: config.ca_file.clone(), reason };
        let certificates =
            CertificateDer::pem_file_iter(Path::new(&config.ca_file)).map_err(|error| bad(error.to_string()))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| bad(error.to_string()))?;
            roots.add(certificate).map_err(|error| bad(error.to_string()))?;
        }
        if roots.is_empty() {
            return Err(bad("it contains no certificate (BEGIN CERTIFICATE)".into()));
        }
    } else if config.url.starts_with("https:") {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_rejected_with_its_path() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut config = config::Config::defaults().clickhouse;
        config.ca_file = file.path().to_str().unwrap().to_owned();
        let error = roots(&config).unwrap_err().to_string();
        assert!(error.contains(&config.ca_file) && error.contains("contains no certificate"), "{error}");
        config.ca_file += ".missing";
        let error = roots(&config).unwrap_err().to_string();
        assert!(error.contains(&config.ca_file), "{error}");
    }
}
