//! One TLS configuration for everything that leaves the house: ring, TLS 1.2 and 1.3, and the certificate authorities compiled
//! in. The host's own certificate store is not read, so a missing or altered one changes nothing.

use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;

/// A client configuration that offers `alpn` protocols, best first; none for a WebSocket.
#[must_use]
pub fn client_config(alpn: &[&[u8]]) -> ClientConfig {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks both protocol versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config
}
