//! Listening sockets that systemd hands to the service (`sd_listen_fds(3)`). They stay open while
//! one process follows another, and callers wait in them.

use std::io::Error;
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use engine::UsageError;
use ingress::{Handed, HandedSocket};
use listenfd::ListenFd;

/// Takes the sockets that were handed to this process: none without `LISTEN_FDS`, or if
/// `LISTEN_PID` is another process. Call it before other threads run.
///
/// # Errors
/// When a socket has no name or an unknown one, or is not a listening stream socket: the admin
/// listener must never become the public one.
pub(crate) fn take() -> Result<Handed, UsageError> {
    let variable = |name| {
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let (pid, names) = (variable("LISTEN_PID"), variable("LISTEN_FDNAMES"));
    if pid.parse() != Ok(std::process::id()) {
        return Ok(Handed::default());
    }
    let mut sockets = ListenFd::from_env();
    let refused = |says: String| {
        UsageError(format!(
            "the sockets of LISTEN_FDS are not taken: {says} (FileDescriptorName= of the socket \
             unit: `main` for callers, `admin` for operators)"
        ))
    };
    let names: Vec<&str> = names.split(':').filter(|name| !name.is_empty()).collect();
    if names.len() != sockets.len() {
        let (sockets, names) = (sockets.len(), names.len());
        return Err(refused(format!("LISTEN_FDNAMES has {names} names for {sockets} sockets")));
    }
    let mut handed = Handed::default();
    for (index, name) in names.into_iter().enumerate() {
        let place = match name {
            "main" => &mut handed.main,
            "admin" => &mut handed.admin,
            other => return Err(refused(format!("there is no listener `{other}`"))),
        };
        let socket = socket(&mut sockets, index)
            .map_err(|error| refused(format!("`{name}` cannot be listened on: {error}")))?;
        if place.replace(socket).is_some() {
            return Err(refused(format!("two are named `{name}`")));
        }
    }
    Ok(handed)
}

/// The socket at `index`, of TCP or of the Unix family. A connection is refused: `Accept=yes` in a
/// socket unit hands over one instead of the listener.
fn socket(sockets: &mut ListenFd, index: usize) -> Result<HandedSocket, Error> {
    let connected = || Error::other("it is a connection, and not a listener");
    if let Ok(Some(tcp)) = sockets.take_tcp_listener(index) {
        let peer = TcpStream::from(OwnedFd::from(tcp.try_clone()?)).peer_addr();
        return if peer.is_ok() { Err(connected()) } else { Ok(tcp.into()) };
    }
    let unix = sockets.take_unix_listener(index)?.ok_or_else(|| Error::other("it is missing"))?;
    let peer = UnixStream::from(OwnedFd::from(unix.try_clone()?)).peer_addr();
    if peer.is_ok() { Err(connected()) } else { Ok(unix.into()) }
}
