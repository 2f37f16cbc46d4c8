//! A real Valkey or Redis server on loopback, from the system's packages (Debian: `redis-server`).

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::process::{self, awaited, free_port};

/// A server with a directory and a port of its own. Dropping it ends the server and removes the
/// directory.
#[derive(Debug)]
pub struct ValkeyServer {
    child: Child,
    directory: tempfile::TempDir,
    port: u16,
    arguments: Vec<String>,
}

impl ValkeyServer {
    /// Starts a server with these arguments after ours. Where none is installed it says so and
    /// gives back nothing.
    ///
    /// # Panics
    /// When the server does not come up; in CI also when none is installed.
    #[must_use]
    pub fn start(arguments: &[&str]) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory can be made");
        let port = free_port();
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let Some(child) = spawn(directory.path(), port, &arguments) else {
            crate::left_out_without("valkey-server or redis-server", "shared accounts");
            return None;
        };
        let server = Self { child, directory, port, arguments };
        server.wait_until_up();
        Some(server)
    }

    /// Its URL, with database 0.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory with its data.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Ends it at once, as a crash would.
    ///
    /// # Panics
    /// When it cannot be ended.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        self.child.wait().expect("it was started here");
    }

    /// Stops its process: it keeps its connections and answers nothing.
    ///
    /// # Panics
    /// When it is not running.
    pub fn freeze(&self) {
        process::signal(&self.child, "STOP");
    }

    /// Lets a frozen server go on. It carries out all that it was sent meanwhile.
    ///
    /// # Panics
    /// When it is not running.
    pub fn thaw(&self) {
        process::signal(&self.child, "CONT");
    }

    /// Starts it again, on the same port and with what it has on disk.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start_again(&mut self) {
        self.child = spawn(self.directory.path(), self.port, &self.arguments)
            .expect("the server is installed: it has run already");
        self.wait_until_up();
    }

    /// Any response means that it is up, also one that asks for a password.
    fn wait_until_up(&self) {
        awaited("the accounts server responds", || {
            let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
            stream.write_all(b"PING\r\n").ok()?;
            let mut response = [0; 8];
            let read = stream.read(&mut response).ok()?;
            // `-LOADING` while it reads its log.
            (read > 0 && !response.starts_with(b"-LOAD")).then_some(())
        });
    }
}

impl Drop for ValkeyServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(directory: &Path, port: u16, arguments: &[String]) -> Option<Child> {
    ["valkey-server", "redis-server"].iter().find_map(|program| {
        Command::new(program)
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--dir", &directory.display().to_string()])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()
    })
}
