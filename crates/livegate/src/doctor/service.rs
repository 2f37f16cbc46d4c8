//! The accounts and the certificates.

use engine::config::Config;
use ingress::Usable;
use time::OffsetDateTime;

use super::finding::Status::{Problem, Warning};
use super::finding::{Findings, Status};

/// Reads the accounts, and compares their server's clock.
pub(super) fn accounts(place: &accounts::Config, findings: &mut Findings) {
    let is_file = place.backend == accounts::Backend::Sqlite;
    if is_file && !place.database.exists() {
        let says = format!("there is no {} yet: no app may call", place.database.display());
        return findings.add(Warning, "accounts", says, "`livegate keys create` adds an app");
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
            return findings.add(Problem, "accounts", liveness::chain(&error), advice);
        }
    };
    if apps == 0 {
        let advice = "`livegate keys create` adds an app";
        findings.add(Warning, "accounts", "reachable; no app may call", advice);
    } else {
        findings.ok("accounts", format!("reachable; apps: {apps}"));
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
