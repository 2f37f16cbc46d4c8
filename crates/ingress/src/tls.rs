//! Certificates, loaded from PEM files and reloaded when the files change.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use liveness::chain;
use time::OffsetDateTime;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::config::Tls;
use crate::metrics::{ListenerName, Metrics};

/// The interval at which the files are compared. Kubernetes replaces them without a signal.
const RELOAD_EVERY: Duration = Duration::from_secs(5);

/// The reason why a certificate, key or authority cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{} {what}", path.display())]
pub struct TlsError {
    path: PathBuf,
    what: &'static str,
    source: Box<dyn Error + Send + Sync>,
}

impl TlsError {
    /// Makes an error about the file at `path` from its source.
    fn at<E: Into<Box<dyn Error + Send + Sync>>>(
        path: &Path,
        what: &'static str,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self { path: path.to_owned(), what, source: source.into() }
    }
}

impl Tls {
    /// When the certificate expires; none if none is configured. Loads all files, with the
    /// authorities in `client_ca`.
    ///
    /// # Errors
    /// If a file cannot be used: the service would not start either.
    pub fn not_after(&self, client_ca: Option<&Path>) -> Result<Option<OffsetDateTime>, TlsError> {
        let files = Files::of(self, client_ca);
        let shown = files.map(|files| files.parse(&files.read()?)).transpose()?;
        Ok(shown.map(|shown| shown.not_after))
    }
}

/// The certificate of a listener, and its files.
#[derive(Debug)]
pub(crate) struct Certificates {
    pub listener: ListenerName,
    files: Files,
    shown: watch::Sender<Shown>,
}

/// The files, by their paths or by their contents.
#[derive(Debug, PartialEq, Eq)]
struct Files<T = PathBuf> {
    certificate: T,
    key: T,
    client_ca: Option<T>,
}

type Contents = Files<Vec<u8>>;

#[derive(Debug, Clone)]
struct Shown {
    config: Arc<ServerConfig>,
    not_after: OffsetDateTime,
}

impl Certificates {
    /// Loads the files that `tls` names; none if it names none.
    pub(crate) fn load(
        listener: ListenerName,
        tls: &Tls,
        client_ca: Option<&Path>,
    ) -> Result<Option<Arc<Self>>, TlsError> {
        let Some(files) = Files::of(tls, client_ca) else { return Ok(None) };
        let shown = files.read().and_then(|contents| files.parse(&contents))?;
        Ok(Some(Arc::new(Self { listener, files, shown: watch::Sender::new(shown) })))
    }

    /// Accepts handshakes with the present certificate.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.shown.borrow().config))
    }

    /// When the present certificate expires.
    pub(crate) fn not_after(&self) -> OffsetDateTime {
        self.shown.borrow().not_after
    }

    /// Reloads changed files every [`RELOAD_EVERY`], and all files on each `asked`. Files that
    /// cannot be used are logged once; the certificate before them stays in use.
    pub(crate) async fn follow(&self, mut asked: watch::Receiver<()>, metrics: &Metrics) {
        let mut seen = self.files.read().ok();
        loop {
            let is_asked = tokio::select! {
                () = tokio::time::sleep(RELOAD_EVERY) => false,
                Ok(()) = asked.changed() => true,
            };
            match self.reload(&mut seen, is_asked) {
                None => {}
                Some(Ok(shown)) => {
                    let file = self.files.certificate.display();
                    tracing::info!(%file, not_after = %shown.not_after, "the certificate was read again");
                    self.shown.send_replace(shown);
                }
                Some(Err(error)) => {
                    metrics.count_tls_reload_error(self.listener);
                    tracing::error!(
                        error = chain(&error),
                        "the certificate cannot be used; the former is shown on"
                    );
                }
            }
        }
    }

    /// Loads the files if their contents changed, or `is_asked`.
    fn reload(
        &self,
        seen: &mut Option<Contents>,
        is_asked: bool,
    ) -> Option<Result<Shown, TlsError>> {
        let contents = self.files.read();
        let is_new = match &contents {
            Ok(contents) => seen.as_ref() != Some(contents),
            Err(_) => seen.is_some(),
        };
        if !is_new && !is_asked {
            return None;
        }
        *seen = None;
        Some(contents.and_then(|contents| self.files.parse(seen.insert(contents))))
    }
}

impl Files {
    /// The files that the configuration names, if it does.
    fn of(tls: &Tls, client_ca: Option<&Path>) -> Option<Self> {
        let Tls { certificate, key } = tls.clone();
        let client_ca = client_ca.map(Path::to_owned);
        Some(Self { certificate: certificate?, key: key?, client_ca })
    }

    fn read(&self) -> Result<Contents, TlsError> {
        let read = |path: &Path| std::fs::read(path).map_err(TlsError::at(path, "cannot be read"));
        Ok(Contents {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
            client_ca: self.client_ca.as_deref().map(read).transpose()?,
        })
    }

    fn parse(&self, contents: &Contents) -> Result<Shown, TlsError> {
        let unusable = || TlsError::at(&self.certificate, "and its key cannot be used");
        let chain = certificates(&self.certificate, &contents.certificate)?;
        let not_after = not_after(&chain[0])
            .map_err(TlsError::at(&self.certificate, "holds a certificate that cannot be read"))?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key)
            .map_err(TlsError::at(&self.key, "holds no private key in PEM"))?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(unusable())?;
        let builder = match self.client_ca.as_ref().zip(contents.client_ca.as_ref()) {
            None => builder.with_no_client_auth(),
            Some((path, pem)) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path, pem)? {
                    roots.add(certificate).map_err(unusable())?;
                }
                let roots = Arc::new(roots);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                    .build()
                    .map_err(TlsError::at(path, "cannot be used to judge certificates"))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(unusable())?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Shown { config: Arc::new(config), not_after })
    }
}

/// The certificates in a PEM file; at least one.
fn certificates(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let all =
        all.and_then(|all| if all.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(all) });
    all.map_err(TlsError::at(path, "holds no certificate in PEM"))
}

/// When a certificate expires.
fn not_after(certificate: &CertificateDer<'_>) -> Result<OffsetDateTime, String> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
    let seconds = parsed.validity().not_after.timestamp();
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|error| error.to_string())
}
