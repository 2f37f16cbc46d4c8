//! Who may call, and what they are shown.

use std::path::Path;

use time::OffsetDateTime;

use super::finding::Findings;
use crate::config::Config;

/// Whether accounts can be read, and whether anybody may call.
pub(super) fn accounts(place: &accounts::Config, findings: &mut Findings) {
    let is_file = place.backend == accounts::Backend::Sqlite;
    if is_file && !place.database.exists() {
        let says = format!("there is no {} yet: nobody may call", place.database.display());
        return findings.warning("accounts", says, "`livegate keys create` adds an app");
    }
    let known = accounts::open(place).and_then(|mut store| {
        let (apps, now) = (store.apps()?, store.now()?);
        Ok((apps.len(), now, store.warnings()))
    });
    let (apps, now, warnings) = match known {
        Ok(known) => known,
        Err(error) => {
            let advice = if is_file {
                "the service does not start without it; see that this user may read and write the file and its \
                 directory"
            } else {
                "the service does not start without it; see that the server runs, and what `accounts.valkey` says \
                 of it"
            };
            return findings.problem("accounts", crate::chain(&error), advice);
        }
    };
    if apps == 0 {
        let advice = "`livegate keys create` adds an app";
        findings.warning("accounts", "reachable; nobody may call", advice);
    } else {
        findings.ok("accounts", format!("reachable; apps: {apps}"));
    }
    for warning in warnings {
        findings.warning("accounts", warning, "see docs/OPERATIONS.md, \"Where it is kept\"");
    }
    let Some(now) = now else { return };
    let apart = (OffsetDateTime::now_utc() - now).abs();
    let says = format!("{:.1} s from that of the accounts server", apart.as_seconds_f64());
    if apart > MOST_APART {
        let advice = "quotas of a day end by these clocks: keep both right (NTP)";
        findings.warning("clock", says, advice);
    } else {
        findings.ok("clock", says);
    }
}

/// More than a slow answer explains.
const MOST_APART: time::Duration = time::Duration::seconds(5);

/// Whether the files of certificates can be read, and are what they should be.
pub(super) fn tls(config: &Config, findings: &mut Findings) {
    let listeners = [("ingress.tls", &config.ingress.tls), ("admin.tls", &config.admin.tls)];
    let mut files = Vec::new();
    for (name, tls) in listeners {
        files.extend(tls.certificate.as_ref().map(|it| (name, "certificate", it, CERTIFICATE)));
        files.extend(tls.key.as_ref().map(|it| (name, "key", it, KEY)));
    }
    let authorities = config.admin.client_ca.as_ref();
    files.extend(authorities.map(|it| ("admin", "client_ca", it, CERTIFICATE)));
    if files.is_empty() {
        return findings
            .ok("tls", "none: callers reach this host in the clear, or a proxy ends TLS");
    }
    for (name, key, file, label) in files {
        let shown = format!("{name}.{key} {}", file.display());
        match pem(file, label) {
            Ok(count) => findings.ok("tls", format!("{shown}: entries: {count}")),
            Err(why) => {
                findings.problem(
                    "tls",
                    format!("{shown}: {why}"),
                    "name a PEM file that this user can read",
                );
            }
        }
        let exposed = (key == "key").then(|| crate::config::exposure(file)).flatten();
        if let Some(warning) = exposed {
            findings.warning("tls", warning, "make it readable by its owner alone");
        }
    }
}

const CERTIFICATE: &str = "CERTIFICATE-----";
/// Of any kind: `PRIVATE KEY`, `RSA PRIVATE KEY`, `EC PRIVATE KEY`.
const KEY: &str = "PRIVATE KEY-----";

/// How many entries with this label a PEM file has.
fn pem(file: &Path, label: &str) -> Result<usize, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let lines = |start: &str| {
        text.lines()
            .filter(|line| line.starts_with(start) && line.trim_end().ends_with(label))
            .count()
    };
    match lines("-----BEGIN ") {
        0 => Err(format!("there is no line -----BEGIN {label} in it")),
        count if count != lines("-----END ") => Err("it is cut short".to_owned()),
        count => Ok(count),
    }
}
