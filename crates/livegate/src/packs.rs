//! `livegate packs`: lists, shows, installs and checks packs, and makes new ones.

mod flags;
mod known;
mod list;
mod show;
mod verify;

use engine::exit;
use engine::{Place, UsageError, install, refuse};
use laboratory::new_pack;
use model_pack::catalog;

pub(crate) use self::flags::Packs;

pub(crate) fn run(command: &Packs, place: &Place) -> anyhow::Result<u8> {
    let home = place.home()?;
    match command {
        Packs::List { json } => list::run(&home, *json)?,
        Packs::Show { name, json } => show::run(&known::find(&home, name)?, *json)?,
        Packs::Install { names, sources } => {
            refuse_unknown(names)?;
            install::install_packs(place, &home, names, sources)?;
        }
        Packs::Verify { names, on } => return verify::run(&home, place, names, on),
        Packs::New(command) => new_pack::run(command, &home, place)?,
    }
    Ok(exit::SUCCESS)
}

fn refuse_unknown(names: &[String]) -> Result<(), UsageError> {
    let known: Vec<String> = catalog().into_iter().map(|(manifest, _)| manifest.name).collect();
    if let Some(name) = names.iter().find(|name| !known.contains(name)) {
        refuse!(
            "there is no pack `{name}` to install; there are: {}. A pack of your own is installed \
             by putting its directory into the home directory's `packs`",
            known.join(", ")
        );
    }
    Ok(())
}
