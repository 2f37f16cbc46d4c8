//! Certificates that cannot serve, or that callers may refuse: the doctor names the cause of each.

use std::path::Path;
use std::process::Command;

use super::{doctor, home, said};

/// Runs `openssl` with these words in `directory`.
fn openssl(directory: &Path, words: &str) {
    let output = Command::new("openssl").args(words.split(' ')).current_dir(directory).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{words}: {}", String::from_utf8_lossy(&output.stderr));
}

/// `NAME.key` on this curve, and `NAME.pem` signed by `ca` and valid for `days` from now.
fn issue(directory: &Path, name: &str, curve: &str, days: i32) {
    let run = |words: &str| openssl(directory, words);
    run(&format!("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:{curve} -out {name}.key"));
    run(&format!("req -new -key {name}.key -subj /CN=localhost -out {name}.csr"));
    run(&format!(
        "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days {days} \
         -extfile names -out {name}.pem"
    ));
}

#[test]
fn each_bad_certificate_is_a_problem_with_its_cause() {
    if Command::new("openssl").arg("version").output().is_err() {
        testbed::left_out_without("openssl", "the doctor's look at certificates");
        return;
    }
    let (home, files) = (home(), tempfile::tempdir().unwrap());
    let directory = files.path();
    openssl(
        directory,
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -keyout ca.key \
         -out ca.pem -subj /CN=ca",
    );
    // With an extension, certificates are of version 3, the only one that rustls reads.
    std::fs::write(directory.join("names"), "subjectAltName=DNS:localhost").unwrap();
    issue(directory, "good", "P-256", 30);
    issue(directory, "p521", "P-521", 30);
    issue(directory, "old", "P-256", -1);
    openssl(directory, "pkey -in good.key -aes128 -passout pass:x -out locked.key");
    let [ca, good] =
        ["ca.pem", "good.pem"].map(|name| std::fs::read_to_string(directory.join(name)).unwrap());
    std::fs::write(directory.join("reversed.pem"), format!("{ca}\n{good}")).unwrap();
    for (certificate, key, cause) in [
        ("reversed.pem", "good.key", "reversed.pem has its certificates in the wrong order"),
        ("p521.pem", "p521.key", "p521.pem cannot be used: its key is on the curve P-521"),
        ("good.pem", "locked.key", "locked.key holds an encrypted private key"),
        ("old.pem", "old.key", "old.pem: certificate 1 expired on"),
    ] {
        let path = |name: &str| directory.join(name).display().to_string();
        let variables = [
            ("LIVEGATE_INGRESS_TLS_CERTIFICATE", &*path(certificate)),
            ("LIVEGATE_INGRESS_TLS_KEY", &*path(key)),
        ];
        let (report, code) = doctor(home.path(), &[], &variables);
        let problems = said(&report, "problem");
        let named = problems.iter().any(|it| it.starts_with("tls: ") && it.contains(cause));
        assert!(named && code == 69, "{certificate}: {problems:?}");
    }
}
