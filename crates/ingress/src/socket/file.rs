//! A Unix socket with a file.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::{Stream, drained};

/// Permissions of the file: its owner and its group may connect.
const MODE: u32 = 0o660;

/// A listening Unix socket. Its drop removes the file.
#[derive(Debug)]
pub(crate) struct UnixSocket {
    pub listener: UnixListener,
    pub path: PathBuf,
    /// None for a socket that another process has made.
    _file: Option<RemovedOnDrop>,
}

/// The file of a socket, which is removed unless another process has replaced it.
#[derive(Debug)]
struct RemovedOnDrop {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl UnixSocket {
    /// Listens on `path`. Replaces the socket of a process that has ended.
    pub(super) fn bind(path: &Path) -> io::Result<Self> {
        let listener = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_over(path) => {
                std::fs::remove_file(path)?;
                UnixListener::bind(path)?
            }
            listener => listener?,
        };
        let file = RemovedOnDrop { path: path.to_owned(), identity: identity(path)? };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE))?;
        Ok(Self { listener, path: path.to_owned(), _file: Some(file) })
    }

    /// Takes over a socket that another process has bound.
    pub(super) fn take_over(listener: StdUnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let path = listener.local_addr()?.as_pathname().map(Path::to_owned).unwrap_or_default();
        Ok(Self { listener: UnixListener::from_std(listener)?, path, _file: None })
    }

    pub(super) fn close(self) -> Vec<Stream> {
        let Ok(listener) = self.listener.into_std() else { return Vec::new() };
        drained(|| {
            let (stream, _) = listener.accept()?;
            stream.set_nonblocking(true)?;
            Ok(Stream::Right(UnixStream::from_std(stream)?))
        })
    }
}

/// True for a socket on which no process listens.
fn is_left_over(path: &Path) -> bool {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    let refused = |error: io::Error| error.kind() == io::ErrorKind::ConnectionRefused;
    is_socket && StdUnixStream::connect(path).is_err_and(refused)
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let file = std::fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

impl Drop for RemovedOnDrop {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_left_over_socket_is_replaced_and_every_other_file_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("l.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let socket = UnixSocket::bind(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, MODE);
        assert_eq!(UnixSocket::bind(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop(socket);
        assert!(!path.exists());
        std::fs::write(&path, "a file").unwrap();
        assert_eq!(UnixSocket::bind(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(std::fs::read(&path).unwrap(), b"a file");
    }

    #[tokio::test]
    async fn the_file_of_a_successor_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("l.sock");
        let former = UnixSocket::bind(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        let _successor = UnixSocket::bind(&path).unwrap();
        drop(former);
        assert!(path.exists());
    }
}
