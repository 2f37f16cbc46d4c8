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
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use x509_parser::prelude::{ASN1Time, FromDer, X509Certificate};

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
    /// The certificate; none if none is configured. Loads all files, with the authorities in
    /// `client_ca`.
    ///
    /// # Errors
    /// If a file cannot be used: the service would not start either.
    pub fn check(&self, client_ca: Option<&Path>) -> Result<Option<Usable>, TlsError> {
        let files = Files::of(self, client_ca);
        let shown = files.map(|files| files.parse(&files.read()?)).transpose()?;
        Ok(shown.map(|Shown { not_after, warnings, .. }| Usable { not_after, warnings }))
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
    /// Facts for which callers may refuse the certificate.
    warnings: Vec<String>,
}

/// A configured certificate that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usable {
    /// When it expires.
    pub not_after: OffsetDateTime,
    /// Facts for which callers may refuse it.
    pub warnings: Vec<String>,
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
        shown.log_warnings();
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
                    shown.log_warnings();
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

impl Shown {
    fn log_warnings(&self) {
        for warning in &self.warnings {
            tracing::warn!("{warning}");
        }
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
        let unreadable =
            || TlsError::at(&self.certificate, "holds a certificate that cannot be read");
        let parsed = chain.iter().map(|certificate| Parsed::read(certificate));
        let parsed = parsed.collect::<Result<Vec<_>, _>>().map_err(unreadable())?;
        let own = &parsed[0];
        if is_encrypted(&contents.key) {
            let without = "Livegate asks for no password; `openssl pkey -in KEY -out NEW` writes \
                           the key without one";
            return Err(TlsError::at(&self.key, "holds an encrypted private key")(without));
        }
        let key = PrivateKeyDer::from_pem_slice(&contents.key)
            .map_err(TlsError::at(&self.key, "holds no private key in PEM"))?;
        let provider = Arc::new(ring::default_provider());
        if let Some(curve) = own.unsupported_curve() {
            let says = format!("its key is on {curve}; make one on P-256 or P-384, or of RSA");
            return Err(TlsError::at(&self.certificate, "cannot be used")(says));
        }
        let signs = provider.key_provider.load_private_key(key.clone_key()).map_err(|error| {
            TlsError::at(&self.key, "holds a private key that cannot be used")(error)
        })?;
        let is_of_key = |certificate: &CertificateDer<'static>| {
            CertifiedKey::new(vec![certificate.clone()], Arc::clone(&signs)).keys_match().is_ok()
        };
        if !is_of_key(&chain[0]) && chain.iter().any(is_of_key) {
            let order = "the service's own comes first, then the one that signed it, and so on";
            return Err(
                TlsError::at(&self.certificate, "has its certificates in the wrong order")(order),
            );
        }
        let not_after = own.not_after;
        let warnings = warnings(&self.certificate, &parsed, OffsetDateTime::now_utc());
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
        Ok(Shown { config: Arc::new(config), not_after, warnings })
    }
}

/// The certificates in a PEM file; at least one.
fn certificates(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let all =
        all.and_then(|all| if all.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(all) });
    all.map_err(TlsError::at(path, "holds no certificate in PEM"))
}

/// What Livegate reads of a certificate.
struct Parsed {
    /// Issuer and subject, DER.
    issuer: Vec<u8>,
    subject: Vec<u8>,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
    /// The object identifier of the curve of its key, if that is an elliptic one of X9.62.
    curve: Option<String>,
}

impl Parsed {
    fn read(certificate: &CertificateDer<'_>) -> Result<Self, String> {
        let parsed = X509Certificate::from_der(certificate);
        let (_, parsed) = parsed.map_err(|error| error.to_string())?;
        let time = |time: ASN1Time| {
            OffsetDateTime::from_unix_timestamp(time.timestamp()).map_err(|error| error.to_string())
        };
        let key = &parsed.public_key().algorithm;
        let curve = key.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
        Ok(Self {
            issuer: parsed.issuer().as_raw().to_vec(),
            subject: parsed.subject().as_raw().to_vec(),
            not_before: time(parsed.validity().not_before)?,
            not_after: time(parsed.validity().not_after)?,
            curve: curve.map(|oid| oid.to_id_string()),
        })
    }

    /// The curve of its key, if `ring` cannot sign on it.
    fn unsupported_curve(&self) -> Option<&str> {
        match self.curve.as_deref()? {
            // P-256 and P-384 (RFC 5480).
            "1.2.840.10045.3.1.7" | "1.3.132.0.34" => None,
            "1.3.132.0.35" => Some("the curve P-521 (secp521r1), which is not supported"),
            _ => Some("an elliptic curve that is not supported"),
        }
    }
}

/// Facts for which callers may refuse a chain at the time `now`.
fn warnings(file: &Path, chain: &[Parsed], now: OffsetDateTime) -> Vec<String> {
    let file = file.display();
    let mut warnings = Vec::new();
    for (certificate, number) in chain.iter().zip(1..) {
        let Parsed { not_before, not_after, .. } = certificate;
        if now > *not_after {
            warnings.push(format!("{file}: certificate {number} expired on {not_after}"));
        }
        if now < *not_before {
            warnings.push(format!("{file}: certificate {number} is not valid before {not_before}"));
        }
    }
    // A client of TLS 1.2 may expect each certificate to be signed by the next (RFC 5246).
    if chain.windows(2).any(|pair| pair[0].issuer != pair[1].subject) {
        warnings.push(format!(
            "{file}: its certificates are in the wrong order: each is signed by the next one"
        ));
    }
    warnings
}

/// True for a private key in PEM that needs a password (RFC 5958, or OpenSSL's own form).
fn is_encrypted(pem: &[u8]) -> bool {
    let text = String::from_utf8_lossy(pem);
    text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        || text.contains("Proc-Type: 4,ENCRYPTED")
}
