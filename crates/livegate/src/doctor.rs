//! `livegate doctor`: checks whether the service would start here and keep working. It serves
//! nothing and downloads nothing.

mod finding;
mod models;
mod service;
mod system;

use clap::Args;
use engine::Place;
use engine::config::{Config, Layers, exposed_secrets};
use engine::exit;
use engine::flags::Model;
use engine::terminal::{print, print_json};
use liveness::chain;

use self::finding::Findings;
use self::finding::Status::{Problem, Warning};
use crate::host::Host;

/// The flags of `livegate doctor`.
#[derive(Args)]
pub(crate) struct Doctor {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub model: Model,
}

pub(crate) fn run(command: &Doctor, place: &Place) -> anyhow::Result<u8> {
    let mut findings = Findings::default();
    let layers = command.model.layers([]);
    match layers.and_then(|layers| Ok((layers.config()?, layers))) {
        Err(error) => {
            let advice = "`livegate config show` lists every key";
            findings.add(Problem, "configuration", chain(&error), advice);
        }
        Ok((config, layers)) => examine(command, place, config, &layers, &mut findings)?,
    }
    if command.json {
        print_json(&findings)?;
    } else {
        print(findings.to_string().trim_end())?;
    }
    let is_well = findings.status < Problem;
    Ok(if is_well { exit::SUCCESS } else { exit::UNAVAILABLE })
}

fn examine(
    command: &Doctor,
    place: &Place,
    mut config: Config,
    layers: &Layers,
    findings: &mut Findings,
) -> anyhow::Result<()> {
    let home = place.home()?;
    let file = command.model.on.settings.config.as_ref().map(|file| file.display().to_string());
    findings.ok("configuration", format!("sound; file: {}", file.as_deref().unwrap_or("none")));
    let accounts = config.accounts_in(&home);
    let host = Host::own();

    system::home(&home, findings);
    findings.version = models::examine(command, place, &home, &config, findings);
    let device = findings.version.as_ref().and_then(|version| version.device.parse().ok());
    let device = device.unwrap_or_default();
    crate::serve::fit_memory(&mut config, &host);
    let workers = crate::serve::workers(&config, &host, device);
    system::host(&host, &config, device, workers, findings);
    service::accounts(&accounts, findings);
    service::tls(&config, findings);
    let exposed = exposed_secrets(layers, &accounts);
    if exposed.is_empty() {
        findings.ok("secrets", "files with secrets are readable by their owner alone");
    }
    for warning in exposed {
        findings.add(Warning, "secrets", warning, "make it readable by its owner alone");
    }
    system::clock(findings);
    system::temporary_files(findings);
    system::open_files(config.ingress.max_connections, findings);
    system::core_dumps(findings);
    Ok(())
}
