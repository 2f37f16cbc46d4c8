//! An address to listen on, as operators write it.

use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An address to listen on: `127.0.0.1:8080`, `[::]:8080`, `localhost:8080`, `:8080` (every address
/// of this host) or `unix:/path`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ListenAddress {
    /// An IP address and a port.
    Ip(SocketAddr),
    /// A host name, which the system resolves at the start, and a port.
    Name(String, u16),
    /// Every address of this host, IPv6 and IPv4, and a port.
    Every(u16),
    /// The file of a Unix socket, an absolute path.
    Unix(PathBuf),
}

/// The text is no address to listen on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not an address to listen on: write 127.0.0.1:8080, [::1]:8080 or localhost:8080, :8080 for \
     every address of this host, or unix:/path"
)]
pub struct InvalidAddress;

impl FromStr for ListenAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        if let Some(path) = text.strip_prefix("unix:") {
            let is_file = path.starts_with('/') && !path.ends_with('/') && !path.contains('\0');
            return if is_file { Ok(Self::Unix(path.into())) } else { Err(InvalidAddress) };
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Ip(address));
        }
        let (host, port) = text.rsplit_once(':').ok_or(InvalidAddress)?;
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|_| is_number).ok_or(InvalidAddress)?;
        if host.is_empty() {
            return Ok(Self::Every(port));
        }
        // A name of digits and dots alone is a mistyped IP address.
        let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let is_name =
            host.bytes().all(is_of_name) && host.bytes().any(|byte| byte.is_ascii_alphabetic());
        if is_name { Ok(Self::Name(host.to_owned(), port)) } else { Err(InvalidAddress) }
    }
}

impl Display for ListenAddress {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Name(host, port) => write!(f, "{host}:{port}"),
            Self::Every(port) => write!(f, ":{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl TryFrom<String> for ListenAddress {
    type Error = InvalidAddress;

    fn try_from(text: String) -> Result<Self, InvalidAddress> {
        text.parse()
    }
}

impl From<ListenAddress> for String {
    fn from(address: ListenAddress) -> Self {
        address.to_string()
    }
}

impl<I: Into<IpAddr>> From<(I, u16)> for ListenAddress {
    fn from(address: (I, u16)) -> Self {
        Self::Ip(address.into())
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

impl ListenAddress {
    /// The host and port at which a client on this host reaches the listener; none for a Unix
    /// socket.
    #[must_use]
    pub fn from_this_host(&self) -> Option<String> {
        let to = |ip: IpAddr, port| SocketAddr::new(ip, port).to_string();
        match self {
            Self::Ip(address) if !address.ip().is_unspecified() => Some(address.to_string()),
            Self::Ip(SocketAddr::V6(address)) => {
                Some(to(Ipv6Addr::LOCALHOST.into(), address.port()))
            }
            Self::Ip(SocketAddr::V4(address)) => {
                Some(to(Ipv4Addr::LOCALHOST.into(), address.port()))
            }
            Self::Every(port) => Some(to(Ipv4Addr::LOCALHOST.into(), *port)),
            Self::Name(host, port) => Some(format!("{host}:{port}")),
            Self::Unix(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_an_ip_address_a_name_every_address_or_a_file() {
        let parsed = |text: &str| text.parse::<ListenAddress>();
        let ip = |text: &str| ListenAddress::Ip(text.parse().unwrap());
        for text in ["127.0.0.1:8080", "[::]:8080", "[::1]:0"] {
            assert_eq!(parsed(text), Ok(ip(text)));
        }
        assert_eq!(parsed("localhost:80"), Ok(ListenAddress::Name("localhost".into(), 80)));
        assert_eq!(parsed(":8080"), Ok(ListenAddress::Every(8080)));
        assert_eq!(parsed("unix:/run/l.sock"), Ok(ListenAddress::Unix("/run/l.sock".into())));
        for text in ["127.0.0.1:8080", "[::]:8080", "localhost:80", ":8080", "unix:/run/l.sock"] {
            assert_eq!(parsed(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "8080",
            ":",
            "localhost",
            "localhost:",
            "localhost:http",
            "localhost:+80",
            "localhost:65536",
            "::1:8080",
            "127.0.0.256:80",
            "127.0.0.1",
            "a b:80",
            "unix:",
            "unix:run/l.sock",
            "unix:/run/",
            "http://localhost:80",
            "/run/l.sock",
        ] {
            assert_eq!(parsed(text), Err(InvalidAddress), "{text}");
        }
    }

    #[test]
    fn a_listener_on_every_address_is_asked_on_loopback() {
        let asked = |text: &str| text.parse::<ListenAddress>().unwrap().from_this_host();
        for (text, host) in [
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            (":80", "127.0.0.1:80"),
            ("localhost:80", "localhost:80"),
        ] {
            assert_eq!(asked(text).as_deref(), Some(host));
        }
        assert_eq!(asked("unix:/run/l.sock"), None);
    }
}
