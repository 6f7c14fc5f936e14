//! The checks of a start, asked one by one: a danger that exactly one of them refuses is one that starts without it.

use super::Lone;
use super::cases::possible;
use crate::proof::{Bench, Evidence, Verdict};
use crate::proofs::judged;
use executor::harden;
use executor::key::Key;
use executor::ledger::{HeadFile, Ledger as _, LedgerError, Sought, SqliteLedger};
use executor::secret_file::Keeper;
use mm_core::io::uds;
use std::collections::BTreeMap;
use std::path::Path;

/// What a start looks at before it is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Check {
    Environment,
    StateFolder,
    Policy,
    KeySource,
    Sockets,
    Ledger,
}

impl Check {
    const ALL: [Self; 6] =
        [Self::Environment, Self::StateFolder, Self::Policy, Self::KeySource, Self::Sockets, Self::Ledger];

    /// Whether it lets a start pass, by the functions of the executor that a start calls.
    fn passes(self, lone: &Lone) -> Result<(), String> {
        match self {
            Self::Environment => {
                let vars = lone.env.iter().map(|(name, value)| ((*name).into(), value.into()));
                harden::check_environment(vars).map_err(|why| why.to_string())
            }
            Self::StateFolder => harden::check_state_folder(&lone.state()).map_err(|why| why.to_string()),
            Self::Policy => harden::read_policy(&lone.config()).map(drop).map_err(|why| why.to_string()),
            Self::KeySource => key_source(lone),
            Self::Sockets => {
                let folder = Path::new(lone.table["paths"]["socket_dir"].as_str().unwrap_or_default());
                uds::bind(&folder.join("core.sock")).map(drop).map_err(|why| why.to_string())
            }
            Self::Ledger => ledger(lone),
        }
    }
}

fn key_source(lone: &Lone) -> Result<(), String> {
    let source = &lone.table["account"]["key"];
    let word = |key: &str| source.get(key).and_then(toml::Value::as_str).unwrap_or_default();
    match word("source") {
        "file" => Key::load(Path::new(word("path")), Keeper::Us).map(drop).map_err(|why| why.to_string()),
        "credential" => {
            let folder = lone.env.iter().find(|(name, _)| *name == "CREDENTIALS_DIRECTORY");
            let (_, folder) = folder.ok_or("no credentials are handed over")?;
            match harden::is_in_memory(Path::new(folder)) {
                Ok(true) => Ok(()),
                Ok(false) => Err("the credential lies on a disk".to_owned()),
                Err(why) => Err(why.to_string()),
            }
        }
        _ => Ok(()),
    }
}

/// A ledger that lacks rows needs a person's word for it, and that word needs one that does.
fn ledger(lone: &Lone) -> Result<(), String> {
    let path = lone.ledger();
    let head = HeadFile::beside(&path).read().map_err(|why| why.to_string())?;
    let mut sought = head.map(Sought::new);
    let opened = SqliteLedger::open_each(&path, &mut |head, _| sought.iter_mut().for_each(|sought| sought.pass(head)));
    let doubt = match opened {
        // a first start
        Err(LedgerError::Missing(_)) if head.is_none() => None,
        Err(LedgerError::Missing(_)) => Some("it is gone".to_owned()),
        Err(why) => return Err(why.to_string()),
        Ok(ledger) => match sought.map(|sought| sought.ended(ledger.head())) {
            None if ledger.head().rows > 0 => Some("its head file is missing".to_owned()),
            Some(Err(why)) => Some(why.to_string()),
            _ => None,
        },
    };
    match (doubt, lone.args.contains(&"--ledger-lost-rows")) {
        (Some(why), false) => Err(why),
        (None, true) => Err("it lacks nothing".to_owned()),
        _ => Ok(()),
    }
}

/// With `dangers` exactly one check refuses each, the one that is named for it.
pub(super) fn each_alone(bench: &Bench, dangers: bool) -> Verdict {
    let (mut evidence, mut failures) = (Evidence::default(), Vec::new());
    let mut refused: BTreeMap<Check, u64> = BTreeMap::new();
    for case in possible() {
        let made = Lone::new(bench).and_then(|mut lone| {
            lone.write_config()?;
            if dangers {
                (case.make)(&mut lone)?;
            }
            Ok(lone)
        });
        let lone = match made {
            Ok(lone) => lone,
            Err(why) => {
                failures.push(format!("{}: {why}", case.name));
                continue;
            }
        };
        let no: Vec<Check> = Check::ALL.into_iter().filter(|check| check.passes(&lone).is_err()).collect();
        evidence.cases += 1;
        match no.as_slice() {
            [only] if *only == case.by => *refused.entry(*only).or_default() += 1,
            _ => failures.push(format!("{}: refused by {no:?}, not by {:?} alone", case.name, case.by)),
        }
    }
    for (check, dangers) in refused {
        evidence.fact(&format!("refused by {check:?} and nothing else"), dangers);
    }
    judged(evidence, &failures)
}
