//! nginx with the site that we supply, in front of several replicas.

use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};

use testbed::process::{awaited, free_port, signal};

/// A running nginx; ended when dropped.
pub(super) struct Nginx {
    child: Child,
    pub(super) port: u16,
    _directory: tempfile::TempDir,
}

impl Nginx {
    /// Starts nginx with these upstreams. Where it is not installed this says so and gives back
    /// nothing.
    pub(super) fn start(upstreams: &[u16]) -> Option<Self> {
        let nginx = ["/usr/sbin/nginx", "nginx"].into_iter().find(|nginx| {
            let version = Command::new(nginx).arg("-v").stderr(Stdio::null()).status();
            version.is_ok_and(|status| status.success())
        });
        let Some(nginx) = nginx else {
            testbed::left_out_without("nginx", "replicas behind a proxy");
            return None;
        };
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path().display();
        let port = free_port();
        let site = testbed::workspace().join("deploy/nginx/livegate.conf");
        let mut site = std::fs::read_to_string(site).unwrap();
        let upstreams =
            upstreams.iter().map(|port| format!("server 127.0.0.1:{port} fail_timeout=1s;"));
        for (place, ours) in [
            ("server 127.0.0.1:8080 fail_timeout=1s;", upstreams.collect::<String>()),
            ("listen 80;", format!("listen 127.0.0.1:{port};")),
            ("/var/log/nginx/", format!("{here}/")),
        ] {
            assert_eq!(site.matches(place).count(), 1, "{place} is replaced here");
            site = site.replace(place, &ours);
        }
        std::fs::write(directory.path().join("site.conf"), site).unwrap();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary = temporary.map(|name| format!("{name}_temp_path {here}/{name};\n"));
        let main = format!(
            "pid {here}/pid;\nerror_log {here}/error.log;\nevents {{}}\nhttp {{\n{}include {here}/site.conf;\n}}\n",
            temporary.concat()
        );
        let config = directory.path().join("nginx.conf");
        std::fs::write(&config, main).unwrap();
        let mut command = Command::new(nginx);
        command.arg("-c").arg(&config).arg("-p").arg(directory.path());
        command.args(["-g", "daemon off;"]).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        let nginx = Self { child, port, _directory: directory };
        awaited("nginx listens", || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok());
        Some(nginx)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM and not SIGKILL, which would leave its workers behind.
        signal(&self.child, "TERM");
        let _ = self.child.wait();
    }
}
