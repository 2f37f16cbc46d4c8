//! Who may call, and what they are shown.

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

/// A certificate that ends sooner is spoken of.
const SOON: time::Duration = time::Duration::days(14);

/// Whether certificates can be shown, and until when.
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
        match tls.not_after(client_ca) {
            Err(error) => {
                let advice = "the service does not start with it; name PEM files that this user can read and that \
                              belong together";
                findings.problem("tls", format!("{name}: {}", crate::chain(&error)), advice);
            }
            Ok(None) => {}
            Ok(Some(not_after)) => {
                let left = not_after - OffsetDateTime::now_utc();
                let says = format!("{shown}: good until {not_after}");
                if left > SOON {
                    findings.ok("tls", says);
                } else {
                    let advice = "renew it; the service takes a new one without a new start";
                    findings.warning("tls", says, advice);
                }
            }
        }
        let key = tls.key.as_deref();
        if let Some(warning) = key.and_then(crate::config::exposure) {
            findings.warning("tls", warning, "make it readable by its owner alone");
        }
    }
}
