//! TLS by a certificate and a key in files. When the files have changed, the next connection gets what is in them then.

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How connections are secured. Clones are the same.
#[derive(Clone)]
pub struct Tls(TlsAcceptor);

impl Tls {
    /// With the certificate (and those between it and its authority) and its key, in PEM files.
    ///
    /// # Errors
    /// One line that names the file and what is wrong with it.
    pub fn new(certificate: &Path, key: &Path) -> Result<Tls, String> {
        let files = Files { certificate: certificate.to_owned(), key: key.to_owned() };
        let (seen, proof) = (files.seen(), files.read()?);
        let current = Current { files, state: Mutex::new(State { seen, proof: Arc::new(proof) }) };
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS: {error}"))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(current));
        Ok(Tls(TlsAcceptor::from(Arc::new(config))))
    }

    /// Comes to an agreement with a client.
    pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> std::io::Result<TlsStream<S>> {
        self.0.accept(stream).await
    }
}

#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// When files were written last, and how long they are. Mounted Secrets are exchanged as a whole, so links are followed.
type Seen = [Option<(SystemTime, u64)>; 2];

impl Files {
    fn seen(&self) -> Seen {
        [&self.certificate, &self.key].map(|path| {
            let meta = std::fs::metadata(path).ok()?;
            Some((meta.modified().ok()?, meta.len()))
        })
    }

    fn read(&self) -> Result<CertifiedKey, String> {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        let chain: Vec<_> = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect)
            .map_err(|error| format!("certificate {certificate}: {error}"))?;
        if chain.is_empty() {
            return Err(format!("certificate {certificate}: there is no PEM certificate in it"));
        }
        let secret = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| format!("key {key}: {error}"))?;
        CertifiedKey::from_der(chain, secret, &aws_lc_rs::default_provider())
            .map_err(|error| format!("certificate {certificate} with key {key}: {error}"))
    }
}

struct State {
    seen: Seen,
    proof: Arc<CertifiedKey>,
}

/// What connections get, as the files have it.
struct Current {
    files: Files,
    state: Mutex<State>,
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Current").field("files", &self.files).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = self.files.seen();
        if seen != state.seen {
            state.seen = seen;
            match self.files.read() {
                Ok(proof) => {
                    tracing::info!(certificate = %self.files.certificate.display(), "a new certificate");
                    state.proof = Arc::new(proof);
                }
                // Half written, or wrong: the one before serves on, and the next change is looked at again.
                Err(why) => tracing::warn!(why, "the new certificate does not count"),
            }
        }
        Some(state.proof.clone())
    }
}
