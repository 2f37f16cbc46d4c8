//! Certificates, on both listeners.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ingress::{AdminConfig, BindError, Config, Handed, Ingress, Signal, Tls};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::{Answer, LIVE, Request, SPOOF, Server, get, selfie};

/// A certificate authority of the test.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// A certificate for `name` and its key, PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

/// Writes a certificate and its key into `directory`.
fn put(directory: &Path, (certificate, key): &(String, String)) -> Tls {
    let tls =
        Tls { certificate: Some(directory.join("tls.crt")), key: Some(directory.join("tls.key")) };
    std::fs::write(directory.join("tls.key"), key).unwrap();
    std::fs::write(directory.join("tls.crt"), certificate).unwrap();
    tls
}

/// A client that trusts `authority` and may present a certificate.
fn client(
    authority: &Authority,
    shows: Option<&(String, String)>,
    protocols: &[&str],
) -> ClientConfig {
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    let mut roots = RootCertStore::empty();
    roots.add(authority.0.der().clone()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match shows {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    };
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

/// Sends `bytes` over TLS and reads the response.
fn send(
    address: SocketAddr,
    config: ClientConfig,
    name: &'static str,
    bytes: &[u8],
) -> std::io::Result<Answer> {
    let connection = ClientConnection::new(Arc::new(config), name.try_into().unwrap()).unwrap();
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut stream = StreamOwned::new(connection, stream);
    stream.write_all(bytes)?;
    // The server's verdict on the certificate arrives with the first read.
    std::io::Read::read(&mut stream, &mut [])?;
    Ok(Answer::read(&mut stream))
}

#[test]
fn callers_are_answered_over_tls_and_a_new_certificate_needs_no_restart() {
    let authority = Authority::new();
    let directory = tempfile::tempdir().unwrap();
    let tls = put(directory.path(), &authority.issue("one.example"));
    let server = Server::start(|config| config.tls = tls);
    let request = Request::form(&[selfie(LIVE)]).bytes();
    let ask = |name| send(server.address, client(&authority, None, &[]), name, &request);
    assert_eq!(ask("one.example").unwrap().status, 200);
    ask("two.example").unwrap_err();
    // Requests without TLS get no response.
    let mut clear = server.connect();
    clear.write_all(&request).unwrap();
    let mut answer = Vec::new();
    let _ = std::io::Read::read_to_end(&mut clear, &mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");

    let is_shown = |name| {
        let began = Instant::now();
        std::iter::repeat_with(|| {
            std::thread::sleep(Duration::from_millis(50));
            ask(name).is_ok()
        })
        .take_while(|_| began.elapsed() < Duration::from_mins(1))
        .any(|is_ok| is_ok)
    };
    // On the signal...
    put(directory.path(), &authority.issue("two.example"));
    server.tell(Signal::Reload);
    assert!(is_shown("two.example"));
    ask("one.example").unwrap_err();
    // ...and without it.
    put(directory.path(), &authority.issue("three.example"));
    assert!(is_shown("three.example"));
    // Unusable files change nothing: a key of another certificate, and no certificate at all.
    std::fs::write(directory.path().join("tls.key"), authority.issue("four.example").1).unwrap();
    server.tell(Signal::Reload);
    std::fs::write(directory.path().join("tls.crt"), "nothing").unwrap();
    server.tell(Signal::Reload);
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(ask("three.example").unwrap().status, 200);
    put(directory.path(), &authority.issue("four.example"));
    assert!(is_shown("four.example"));
}

#[test]
fn the_admin_listener_can_require_client_certificates() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let directory = tempfile::tempdir().unwrap();
    let tls = put(directory.path(), &authority.issue("admin.example"));
    let ca = directory.path().join("ca.crt");
    std::fs::write(&ca, authority.0.pem()).unwrap();
    let admin = AdminConfig {
        listen: Some((std::net::Ipv4Addr::LOCALHOST, 0).into()),
        tls,
        client_ca: Some(ca),
        ..AdminConfig::default()
    };
    let server = Server::with_admin(|_| (), |_| (), &admin);
    let request = get("/readyz");
    let ask = |shows: Option<&(String, String)>| {
        let config = client(&authority, shows, &[]);
        send(server.admin.unwrap(), config, "admin.example", &request)
    };
    assert_eq!(ask(Some(&authority.issue("operator"))).unwrap().status, 200);
    ask(None).unwrap_err();
    ask(Some(&stranger.issue("operator"))).unwrap_err();
    // The main listener requires none.
    assert_eq!(server.post(&[selfie(LIVE)]).status, 200);
}

#[test]
fn an_unusable_certificate_is_refused_at_the_start_with_its_file() {
    let authority = Authority::new();
    let directory = tempfile::tempdir().unwrap();
    let said = |change: &dyn Fn(&Path)| {
        let tls = put(directory.path(), &authority.issue("one.example"));
        change(directory.path());
        let config = Config { tls, ..Config::default() };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let any = (std::net::Ipv4Addr::LOCALHOST, 0).into();
        let bound = runtime.block_on(Ingress::bind(
            &any,
            config,
            &AdminConfig::default(),
            Handed::default(),
        ));
        let BindError::Tls(error) = bound.unwrap_err() else { panic!("it is the certificate's") };
        error.to_string()
    };
    let missing = said(&|directory| std::fs::remove_file(directory.join("tls.key")).unwrap());
    assert!(missing.contains("tls.key cannot be read"), "{missing}");
    let empty = said(&|directory| std::fs::write(directory.join("tls.crt"), "").unwrap());
    assert!(empty.contains("tls.crt holds no certificate"), "{empty}");
    let other = authority.issue("two.example").1;
    let pair = said(&|directory| std::fs::write(directory.join("tls.key"), &other).unwrap());
    assert!(pair.contains("tls.crt and its key cannot be used"), "{pair}");
    let (certificate, key) = authority.issue("one.example");
    let reversed = said(&|directory| {
        let (first, key) = (authority.0.pem(), key.clone());
        put(directory, &(format!("{first}{certificate}"), key));
    });
    assert!(reversed.contains("tls.crt has its certificates in the wrong order"), "{reversed}");
    for label in ["ENCRYPTED PRIVATE KEY", "EC PRIVATE KEY"] {
        let head = if label.starts_with("EC") { "Proc-Type: 4,ENCRYPTED\n\n" } else { "" };
        let pem = format!("-----BEGIN {label}-----\n{head}MAA=\n-----END {label}-----\n");
        let encrypted = said(&|directory| std::fs::write(directory.join("tls.key"), &pem).unwrap());
        assert!(encrypted.contains("tls.key holds an encrypted private key"), "{encrypted}");
    }
}

#[test]
fn a_certificate_that_callers_may_refuse_gets_warnings() {
    let authority = Authority::new();
    let directory = tempfile::tempdir().unwrap();
    let warnings = |years: [i32; 2], others: &str| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["one.example".to_owned()]).unwrap();
        let [from, to] = years.map(|year| rcgen::date_time_ymd(year, 1, 1));
        (params.not_before, params.not_after) = (from, to);
        let certificate = params.signed_by(&key, &authority.0).unwrap().pem();
        let pair = (format!("{certificate}{others}"), key.serialize_pem());
        put(directory.path(), &pair).check(None).unwrap().unwrap().warnings
    };
    assert_eq!(warnings([2020, 4000], &authority.0.pem()), Vec::<String>::new());
    let mut other = CertificateParams::default();
    other.distinguished_name.push(rcgen::DnType::CommonName, "another authority");
    let other = other.self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
    for (years, others, says) in [
        ([2019, 2020], String::new(), "tls.crt: certificate 1 expired on 2020-01-01"),
        ([3999, 4000], String::new(), "tls.crt: certificate 1 is not valid before 3999-01-01"),
        ([2020, 4000], other, "in the wrong order"),
    ] {
        let warnings = warnings(years, &others);
        assert!(warnings.len() == 1 && warnings[0].contains(says), "{warnings:?}");
    }
}

/// Many requests at a time over one HTTP/2 connection.
#[test]
fn http_2_is_negotiated_over_tls() {
    let authority = Authority::new();
    let directory = tempfile::tempdir().unwrap();
    let tls = put(directory.path(), &authority.issue("one.example"));
    let server = Server::start(|config| config.tls = tls);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let statuses = runtime.block_on(async {
        let config = Arc::new(client(&authority, None, &["h2", "http/1.1"]));
        let stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
        let name = "one.example".try_into().unwrap();
        let stream = tokio_rustls::TlsConnector::from(config).connect(name, stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (sender, connection) = hyper::client::conn::http2::handshake(
            hyper_util::rt::TokioExecutor::new(),
            hyper_util::rt::TokioIo::new(stream),
        )
        .await
        .unwrap();
        tokio::spawn(connection);
        let asked = (0..20).map(|i| {
            let mut sender = sender.clone();
            let form = Request::form(&[selfie(if i % 2 == 0 { LIVE } else { SPOOF })]);
            let mut request = axum::http::Request::post("https://one.example/v1/liveness");
            for (name, value) in &form.headers {
                request = request.header(name, value);
            }
            let request = request
                .body(http_body_util::Full::<axum::body::Bytes>::from(form.body.clone()))
                .unwrap();
            async move { sender.send_request(request).await.unwrap().status().as_u16() }
        });
        futures_util::future::join_all(asked).await
    });
    assert_eq!(statuses, [200; 20]);
}
