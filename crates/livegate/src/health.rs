//! `livegate health`: asks the service of this configuration whether it is ready. The container
//! image has no other HTTP client.

#[cfg(unix)]
use std::io::{Read, Write};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use engine::config::{Config, Layers, Settings};
use engine::terminal::print;
use ingress::ListenAddress;
use ureq::Agent;
use ureq::tls::TlsConfig;

#[derive(Args)]
pub(crate) struct Health {
    /// Ask here [default: `/readyz` of the admin listener that is configured, or else of the main
    /// one, on this machine].
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    #[command(flatten)]
    pub settings: Settings,
}

/// A service that answers later counts as not ready.
const TIME_OUT: Duration = Duration::from_secs(2);

/// Most bytes that are read of a response from a Unix socket.
#[cfg(unix)]
const MAX_RESPONSE: u64 = 64 << 10;

/// Exits with 0 if the service is ready, and with 1 if it is not or does not answer.
pub(crate) fn run(command: &Health) -> anyhow::Result<u8> {
    let url = if let Some(url) = &command.url {
        url.clone()
    } else {
        let config = Layers::load(&command.settings, &[])?.config()?;
        let (address, is_tls) = listener(&config);
        if let ListenAddress::Unix(path) = address {
            return ask_socket(path);
        }
        url(address, is_tls)
    };
    // The service is on this machine, and the certificate has another name.
    let tls = TlsConfig::builder().disable_verification(true).build();
    let config = Agent::config_builder()
        .timeout_global(Some(TIME_OUT))
        .http_status_as_error(false)
        .tls_config(tls)
        .proxy(None);
    let (body, is_ready) = match Agent::new_with_config(config.build()).get(&url).call() {
        Ok(mut response) => {
            let body = response.body_mut().read_to_string().unwrap_or_default();
            (body, response.status().is_success())
        }
        Err(error) => (format!("{url} does not answer: {error}"), false),
    };
    print(&body)?;
    Ok(u8::from(!is_ready))
}

/// Asks the service behind a Unix socket.
#[cfg(unix)]
fn ask_socket(path: &Path) -> anyhow::Result<u8> {
    let response = || -> std::io::Result<String> {
        let mut stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(TIME_OUT))?;
        stream.set_write_timeout(Some(TIME_OUT))?;
        stream
            .write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut response = String::new();
        stream.take(MAX_RESPONSE).read_to_string(&mut response)?;
        Ok(response)
    };
    let (body, is_ready) = match response() {
        Ok(response) => {
            let body = response.split_once("\r\n\r\n").map_or("", |(_, body)| body);
            (body.to_owned(), response.starts_with("HTTP/1.1 200 "))
        }
        Err(error) => (format!("unix:{} does not answer: {error}", path.display()), false),
    };
    print(&body)?;
    Ok(u8::from(!is_ready))
}

/// Other systems have no such sockets.
#[cfg(not(unix))]
fn ask_socket(path: &Path) -> anyhow::Result<u8> {
    anyhow::bail!("unix:{}: this system has no Unix sockets", path.display())
}

/// The admin listener's address, or the main one's if the admin listener needs a client
/// certificate, and whether it speaks TLS.
fn listener(config: &Config) -> (&ListenAddress, bool) {
    let admin = config.admin.listen.as_ref().filter(|_| config.admin.client_ca.is_none());
    match admin {
        Some(address) => (address, config.admin.tls.certificate.is_some()),
        None => (&config.listen, config.ingress.tls.certificate.is_some()),
    }
}

/// `/readyz` of a listener of this host.
fn url(address: &ListenAddress, is_tls: bool) -> String {
    let scheme = if is_tls { "https" } else { "http" };
    format!("{scheme}://{}/readyz", address.from_this_host().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_admin_listener_is_asked_unless_it_needs_a_client_certificate() {
        let url = |config: &Config| {
            let (address, is_tls) = listener(config);
            url(address, is_tls)
        };
        let mut config = Config::default();
        assert_eq!(url(&config), "http://127.0.0.1:8080/readyz");
        config.listen = "0.0.0.0:80".parse().unwrap();
        config.ingress.tls.certificate = Some("c".into());
        assert_eq!(url(&config), "https://127.0.0.1:80/readyz");
        config.admin.listen = Some("[::]:9464".parse().unwrap());
        assert_eq!(url(&config), "http://[::1]:9464/readyz");
        config.admin.client_ca = Some("ca".into());
        assert_eq!(url(&config), "https://127.0.0.1:80/readyz");
    }
}
