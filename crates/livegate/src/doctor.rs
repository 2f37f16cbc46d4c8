//! `livegate doctor`: whether the service would start here and stay well, told without serving, and without bringing
//! anything.

mod engine;
mod finding;
mod service;
mod system;

use std::process::ExitCode;

use crate::cli::Place;
use crate::cli::doctor::Doctor;
use crate::config::{Config, Layers, exposed_secrets};
use crate::host::Host;
use crate::{chain, exit, print, print_json, setup};

use self::finding::{Findings, Status};

pub(crate) fn run(command: &Doctor, place: &Place) -> anyhow::Result<ExitCode> {
    let mut findings = Findings::default();
    let layers = Layers::load(&command.settings, &command.flags());
    match layers.and_then(|layers| Ok((layers.config()?, layers))) {
        Err(error) => {
            let advice = "`livegate config show` lists every key";
            findings.problem("configuration", chain(&error), advice);
        }
        Ok((config, layers)) => examine(command, place, config, &layers, &mut findings)?,
    }
    if command.json {
        print_json(&findings)?;
    } else {
        print(findings.to_string().trim_end())?;
    }
    let is_well = findings.worst() < Status::Problem;
    Ok((if is_well { 0 } else { exit::UNAVAILABLE }).into())
}

fn examine(
    command: &Doctor,
    place: &Place,
    mut config: Config,
    layers: &Layers,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let home = setup::home(place)?;
    let file = command.settings.config.as_ref().map(|file| file.display().to_string());
    findings.ok("configuration", format!("sound; file: {}", file.as_deref().unwrap_or("none")));
    let accounts = config.accounts_in(&home);
    let host = Host::own();

    system::home(&home, findings);
    findings.version = engine::examine(command, place, &home, &config, findings);
    let device = findings.version.as_ref().and_then(|version| version.device.parse().ok());
    let device = device.unwrap_or_default();
    let workers = crate::serve::sized(&mut config, &host, device);
    system::host(&host, &config, device, workers, findings);
    service::accounts(&accounts, findings);
    service::tls(&config, findings);
    let exposed = exposed_secrets(layers, &accounts);
    if exposed.is_empty() {
        findings.ok("secrets", "files with secrets are readable by their owner alone");
    }
    for warning in exposed {
        findings.warning("secrets", warning, "make it readable by its owner alone");
    }
    system::clock(findings);
    system::temporary_files(findings);
    system::open_files(config.ingress.max_connections, findings);
    system::core_dumps(findings);
    Ok(())
}
