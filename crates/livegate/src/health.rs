//! `livegate health`: asks the service that runs with this configuration whether it is ready. For container engines
//! whose images have no other client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::TlsConfig;

use crate::cli::Health;
use crate::config::{Config, Layers};
use crate::print;

/// A service that needs longer to say how it is, is not well.
const PATIENCE: Duration = Duration::from_secs(2);

/// Exits with 0 where it is ready, 1 where it is not or does not answer.
pub(crate) fn run(command: &Health) -> anyhow::Result<ExitCode> {
    let url = match &command.url {
        Some(url) => url.clone(),
        None => url(&Layers::load(&command.settings, &[])?.config()?),
    };
    // It is this machine that is asked, and how it is that is answered: a certificate is for others.
    let tls = TlsConfig::builder().disable_verification(true).build();
    let config = Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .tls_config(tls)
        .proxy(None);
    let (answer, is_ready) = match Agent::new_with_config(config.build()).get(&url).call() {
        Ok(mut response) => {
            let body = response.body_mut().read_to_string().unwrap_or_default();
            (body, response.status().is_success())
        }
        Err(error) => (format!("{url} does not answer: {error}"), false),
    };
    print(&answer)?;
    Ok(u8::from(!is_ready).into())
}

/// Where it can be asked: at the admin listener, unless that lets in only who shows a certificate.
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
    fn the_admin_listener_is_asked_where_anyone_may_ask_it() {
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
