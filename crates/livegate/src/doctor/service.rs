//! The accounts and the certificates.

use engine::config::Config;
use ingress::Usable;
use time::OffsetDateTime;

use super::finding::Status::{Problem, Warning};
use super::finding::{Findings, Status};
use crate::known::{self, Known};

const RESTORE: &str = "restore it (docs/OPERATIONS.md, \"Back up and restore\"), or add its apps with \
                       `livegate keys create`";

/// Reads the accounts, writes to their store, and compares their server's clock.
pub(super) fn accounts(place: &accounts::Config, findings: &mut Findings) {
    let is_file = place.backend == accounts::Backend::Sqlite;
    if is_file && !place.database.exists() {
        let file = place.database.display();
        if let Some(Known { apps, seen_at, .. }) = known::read(place).filter(|it| it.apps > 0) {
            let says = format!("{file} is gone; apps on {seen_at}: {apps}");
            return findings.add(Problem, "accounts", says, RESTORE);
        }
        let says = format!("there is no {file} yet: no app may call");
        return findings.add(Warning, "accounts", says, "`livegate keys create` adds an app");
    }
    let seen = accounts::open(place).and_then(|mut store| {
        // A store that can only be read would refuse the first request.
        let (apps, now) = (store.apps()?.len(), store.now()?);
        store.probe(0)?;
        let other = known::other_store(place, &mut *store)?;
        Ok((apps, now, store.warnings(), other))
    });
    let (apps, now, warnings, other) = match seen {
        Ok(seen) => seen,
        Err(error) => {
            let advice = if is_file {
                "the service does not start without it; see that this user may read and write the file and its \
                 directory, and that the disk has room"
            } else {
                "the service does not start without it; see docs/OPERATIONS.md, \"Where it is kept\""
            };
            return findings.add(Problem, "accounts", liveness::chain(&error), advice);
        }
    };
    match other {
        Some(Known { apps: before, seen_at, .. }) if apps == 0 => {
            let says = format!(
                "empty, and not the store that this machine knew; apps on {seen_at}: {before}"
            );
            findings.add(Problem, "accounts", says, RESTORE);
        }
        Some(Known { apps: before, seen_at, .. }) => {
            let says = format!(
                "not the store that this machine knew; apps: {apps}, on {seen_at}: {before}"
            );
            let advice = "the next start of the service takes it as the right one; see that it is";
            findings.add(Warning, "accounts", says, advice);
        }
        None if apps == 0 => {
            let advice = "`livegate keys create` adds an app";
            findings.add(
                Warning,
                "accounts",
                "can be read and written to; no app may call",
                advice,
            );
        }
        None => findings.ok("accounts", format!("can be read and written to; apps: {apps}")),
    }
    for warning in warnings {
        findings.add(Warning, "accounts", warning, "see docs/OPERATIONS.md, \"Where it is kept\"");
    }
    let Some(now) = now else { return };
    let apart = (OffsetDateTime::now_utc() - now).abs();
    let says = format!("{:.1} s from that of the accounts server", apart.as_seconds_f64());
    let status = if apart > MOST_APART { Warning } else { Status::Ok };
    let advice = "quotas of a day end by these clocks: keep both right (NTP)";
    findings.add(status, "clock", says, advice);
}

/// A larger difference of clocks is more than a slow response explains.
const MOST_APART: time::Duration = time::Duration::seconds(5);

/// A certificate that ends sooner gets a warning.
const SOON: time::Duration = time::Duration::days(14);

/// Reads the certificates, and the day on which each ends.
pub(super) fn tls(config: &Config, findings: &mut Findings) {
    let (main, admin) = (&config.ingress.tls, &config.admin.tls);
    if main.certificate.is_none() && admin.certificate.is_none() {
        return findings
            .ok("tls", "none: callers reach this host in the clear, or a proxy ends TLS");
    }
    let client_ca = config.admin.client_ca.as_deref();
    for (name, tls, client_ca) in [("ingress", main, None), ("admin", admin, client_ca)] {
        let Some(certificate) = &tls.certificate else { continue };
        let shown = format!("{name}.tls.certificate {}", certificate.display());
        match tls.check(client_ca) {
            Err(error) => {
                let advice = "the service does not start with it; name PEM files that this user can read and that \
                              belong together";
                let says = format!("{name}: {}", liveness::chain(&error));
                findings.add(Problem, "tls", says, advice);
            }
            Ok(None) => {}
            Ok(Some(usable)) if !usable.warnings.is_empty() => {
                let advice =
                    "callers may refuse it; the service takes new files without a new start";
                findings.add(Problem, "tls", usable.warnings.join("; "), advice);
            }
            Ok(Some(Usable { not_after, .. })) => {
                let left = not_after - OffsetDateTime::now_utc();
                let says = format!("{shown}: good until {not_after}");
                let status = if left > SOON { Status::Ok } else { Warning };
                let advice = "renew it; the service takes a new one without a new start";
                findings.add(status, "tls", says, advice);
            }
        }
        let key = tls.key.as_deref();
        if let Some(warning) = key.and_then(engine::config::exposure) {
            findings.add(Warning, "tls", warning, "make it readable by its owner alone");
        }
    }
}
