//! Certificates: read from PEM files, and read again when these change.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::config::Tls;
use crate::metrics::{ListenerName, Metrics};
use crate::problem::chain;

/// How often the files are looked at. Kubernetes exchanges them without a word.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Why callers cannot be shown a certificate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{} holds no {what} in PEM", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// Why it is not there.
        source: pem::Error,
    },
    /// The certificate is none that can be shown.
    #[error("{} holds a certificate that cannot be read: {what}", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// Certificate and key do not do together.
    #[error("{} and its key cannot be used", path.display())]
    Pair {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// Certificates of those who ask cannot be judged by these authorities.
    #[error("{} cannot be used to judge certificates", path.display())]
    ClientCa {
        /// The authorities' file.
        path: PathBuf,
        /// Why.
        source: VerifierBuilderError,
    },
}

impl Tls {
    /// Until when the certificate is good, if there is one that can be shown to callers, with `client_ca` to judge
    /// theirs.
    ///
    /// # Errors
    /// When what is named cannot be shown: the service would not start with it.
    pub fn not_after(&self, client_ca: Option<&Path>) -> Result<Option<OffsetDateTime>, TlsError> {
        let files = Files::of(self, client_ca);
        let shown = files.map(|files| files.parse(&files.read()?)).transpose()?;
        Ok(shown.map(|shown| shown.not_after))
    }
}

/// Where a listener's certificates are, and those it shows now.
#[derive(Debug)]
pub(crate) struct Certificates {
    pub listener: ListenerName,
    files: Files,
    shown: watch::Sender<Shown>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

/// What the files hold.
#[derive(Clone, PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

#[derive(Debug, Clone)]
struct Shown {
    config: Arc<ServerConfig>,
    not_after: OffsetDateTime,
}

impl Certificates {
    /// What `tls` names, read; nothing where it names nothing.
    pub(crate) fn load(
        listener: ListenerName,
        tls: &Tls,
        client_ca: Option<&Path>,
    ) -> Result<Option<Arc<Self>>, TlsError> {
        let Some(files) = Files::of(tls, client_ca) else { return Ok(None) };
        let shown = files.read().and_then(|contents| files.parse(&contents))?;
        Ok(Some(Arc::new(Self { listener, files, shown: watch::Sender::new(shown) })))
    }

    /// Shakes hands with the certificate of the moment.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.shown.borrow().config))
    }

    /// Until when the certificate of the moment is good.
    pub(crate) fn not_after(&self) -> OffsetDateTime {
        self.shown.borrow().not_after
    }

    /// Looks at the files every few seconds, and when asked to, and shows what is new in them. Files that cannot be
    /// used are an error in the log, once, and what was shown is shown on.
    pub(crate) async fn follow(&self, mut asked: watch::Receiver<()>, metrics: &Metrics) {
        let mut seen = self.files.read().ok();
        loop {
            let is_asked = tokio::select! {
                () = tokio::time::sleep(LOOK_AGAIN) => false,
                Ok(()) = asked.changed() => true,
            };
            match self.look(&mut seen, is_asked) {
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

    /// What the files have come to, if that is anything new or was asked for.
    fn look(&self, seen: &mut Option<Contents>, is_asked: bool) -> Option<Result<Shown, TlsError>> {
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
    /// Those that the configuration names, if it does.
    fn of(tls: &Tls, client_ca: Option<&Path>) -> Option<Self> {
        let Tls { certificate, key } = tls.clone();
        let client_ca = client_ca.map(Path::to_owned);
        Some(Self { certificate: certificate?, key: key?, client_ca })
    }

    fn read(&self) -> Result<Contents, TlsError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
        };
        Ok(Contents {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
            client_ca: self.client_ca.as_deref().map(read).transpose()?,
        })
    }

    fn parse(&self, contents: &Contents) -> Result<Shown, TlsError> {
        let chain = certificates(&self.certificate, &contents.certificate)?;
        let not_after = not_after(&chain[0])
            .map_err(|what| TlsError::Certificate { path: self.certificate.clone(), what })?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key).map_err(|source| TlsError::Pem {
            path: self.key.clone(),
            what: "private key",
            source,
        })?;
        let pair = |source| TlsError::Pair { path: self.certificate.clone(), source };
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(pair)?;
        let builder = match self.client_ca.as_ref().zip(contents.client_ca.as_ref()) {
            None => builder.with_no_client_auth(),
            Some((path, pem)) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path, pem)? {
                    roots.add(certificate).map_err(pair)?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(
                    verifier
                        .build()
                        .map_err(|source| TlsError::ClientCa { path: path.clone(), source })?,
                )
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(pair)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Shown { config: Arc::new(config), not_after })
    }
}

/// The certificates in a PEM file, one at least.
fn certificates(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |source| TlsError::Pem { path: path.to_owned(), what: "certificate", source };
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let all = all.map_err(wrong)?;
    if all.is_empty() { Err(wrong(pem::Error::NoItemsFound)) } else { Ok(all) }
}

/// Until when a certificate is good.
fn not_after(certificate: &CertificateDer<'_>) -> Result<OffsetDateTime, String> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
    let seconds = parsed.validity().not_after.timestamp();
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|error| error.to_string())
}
