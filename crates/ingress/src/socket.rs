//! Listening sockets: TCP, and Unix sockets in the file system.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, TcpStream};

use crate::address::ListenAddress;

#[cfg(unix)]
use self::file::UnixSocket;

#[cfg(unix)]
mod file;

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Socket {
    listening: Listening,
    /// True if another process, such as systemd, holds it too. Connections then wait for the next
    /// process that gets it.
    is_handed: bool,
}

#[derive(Debug)]
enum Listening {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixSocket),
}

/// A listening socket that another process has made and handed to this one.
#[derive(Debug)]
pub struct HandedSocket(HandedKind);

#[derive(Debug)]
enum HandedKind {
    Tcp(std::net::TcpListener),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener),
}

/// The sockets that were handed to this process. They take the place of the addresses.
#[derive(Debug, Default)]
pub struct Handed {
    /// For callers.
    pub main: Option<HandedSocket>,
    /// For operators.
    pub admin: Option<HandedSocket>,
}

impl From<std::net::TcpListener> for HandedSocket {
    fn from(tcp: std::net::TcpListener) -> Self {
        Self(HandedKind::Tcp(tcp))
    }
}

#[cfg(unix)]
impl From<std::os::unix::net::UnixListener> for HandedSocket {
    fn from(socket: std::os::unix::net::UnixListener) -> Self {
        Self(HandedKind::Unix(socket))
    }
}

/// An accepted connection.
#[cfg(unix)]
pub(crate) type Stream = tokio_util::either::Either<TcpStream, tokio::net::UnixStream>;
#[cfg(not(unix))]
pub(crate) type Stream = TcpStream;

impl Socket {
    /// Listens on `address`; of several, on the first that can be bound. Call it inside an async
    /// runtime.
    pub(crate) async fn bind(address: &ListenAddress) -> io::Result<Self> {
        Ok(Self { listening: Listening::bind(address).await?, is_handed: false })
    }

    /// Takes over a socket that is bound already. Call it inside an async runtime.
    pub(crate) fn take_over(HandedSocket(socket): HandedSocket) -> io::Result<Self> {
        // systemd hands over blocking sockets.
        let listening = match socket {
            HandedKind::Tcp(tcp) => {
                tcp.set_nonblocking(true)?;
                Listening::Tcp(TcpListener::from_std(tcp)?)
            }
            #[cfg(unix)]
            HandedKind::Unix(socket) => Listening::Unix(UnixSocket::take_over(socket)?),
        };
        Ok(Self { listening, is_handed: true })
    }

    /// The address, with the port that the system chose for port 0.
    pub(crate) fn address(&self) -> io::Result<ListenAddress> {
        match &self.listening {
            Listening::Tcp(tcp) => Ok(tcp.local_addr()?.into()),
            #[cfg(unix)]
            Listening::Unix(socket) => Ok(ListenAddress::Unix(socket.path.clone())),
        }
    }

    /// Waits for the next connection.
    pub(crate) async fn accept(&self) -> io::Result<Stream> {
        match &self.listening {
            Listening::Tcp(tcp) => Ok(quick(tcp.accept().await?.0)),
            #[cfg(unix)]
            Listening::Unix(socket) => Ok(Stream::Right(socket.listener.accept().await?.0)),
        }
    }

    /// Closes the listener, so that new callers are refused and can go elsewhere. Returns the
    /// connections that waited to be accepted: closing would cut them. Those of a handed socket
    /// wait for the next process.
    pub(crate) fn close(self) -> Vec<Stream> {
        if self.is_handed {
            return Vec::new();
        }
        match self.listening {
            Listening::Tcp(tcp) => {
                // The system is asked itself: tokio learns of a connection only later.
                let Ok(tcp) = tcp.into_std() else { return Vec::new() };
                drained(|| {
                    let (stream, _) = tcp.accept()?;
                    stream.set_nonblocking(true)?;
                    Ok(quick(TcpStream::from_std(stream)?))
                })
            }
            #[cfg(unix)]
            Listening::Unix(socket) => socket.close(),
        }
    }
}

impl Listening {
    async fn bind(address: &ListenAddress) -> io::Result<Self> {
        match address {
            ListenAddress::Ip(address) => Ok(Self::Tcp(TcpListener::bind(address).await?)),
            ListenAddress::Name(host, port) => {
                let resolved = tokio::net::lookup_host((host.as_str(), *port)).await?;
                let mut addresses: Vec<SocketAddr> = resolved.collect();
                // Clients that know one address of `localhost` know that of IPv4.
                addresses.sort_by_key(SocketAddr::is_ipv6);
                Ok(Self::Tcp(TcpListener::bind(&addresses[..]).await?))
            }
            ListenAddress::Every(port) => {
                // The first takes IPv4 too, unless the host has no IPv6.
                let every = [
                    SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), *port),
                    SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), *port),
                ];
                Ok(Self::Tcp(TcpListener::bind(&every[..]).await?))
            }
            #[cfg(unix)]
            ListenAddress::Unix(path) => Ok(Self::Unix(UnixSocket::bind(path)?)),
            #[cfg(not(unix))]
            ListenAddress::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// A connection on which nothing is held back: a response is one small write, so there is nothing
/// to coalesce.
fn quick(stream: TcpStream) -> Stream {
    let _ = stream.set_nodelay(true);
    #[cfg(unix)]
    let stream = Stream::Left(stream);
    stream
}

/// The connections that `accept` finds, until none waits.
fn drained(accept: impl Fn() -> io::Result<Stream>) -> Vec<Stream> {
    let mut streams = Vec::new();
    loop {
        match accept() {
            Ok(stream) => streams.push(stream),
            Err(error) if is_of_the_connection(&error) => {}
            Err(_) => return streams,
        }
    }
}

/// True if the caller went away; false for a fault on this side.
pub(crate) fn is_of_the_connection(error: &io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
