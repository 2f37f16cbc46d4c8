//! `livegate health`: asks the service of this configuration whether it is ready. The container
//! image has no other HTTP client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use engine::config::{Config, Layers, Settings};
use engine::terminal::print;
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

/// Exits with 0 if the service is ready, and with 1 if it is not or does not answer.
pub(crate) fn run(command: &Health) -> anyhow::Result<ExitCode> {
    let url = match &command.url {
        Some(url) => url.clone(),
        None => url(&Layers::load(&command.settings, &[])?.config()?),
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
    Ok(u8::from(!is_ready).into())
}

/// `/readyz` at the admin listener, or at the main one if the admin listener needs a client
/// certificate.
fn url(config: &Config) -> String {
    let admin = config.admin.listen.filter(|_| config.admin.client_ca.is_none());
    let (address, tls) = match admin {
        Some(address) => (address, &config.admin.tls),
        None => (config.listen, &config.ingress.tls),
    };
    let scheme = if tls.certificate.is_some() { "https" } else { "http" };
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("{scheme}://{}/readyz", SocketAddr::new(ip, address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_admin_listener_is_asked_unless_it_needs_a_client_certificate() {
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
