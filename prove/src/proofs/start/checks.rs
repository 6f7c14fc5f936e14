//! The checks of a start, asked one by one: a danger that exactly one of them refuses is one that starts without it.

use super::Lone;
use super::cases::possible;
use crate::proof::{Bench, Evidence, Verdict};
use crate::proofs::judged;
use executor::config::Config;
use executor::harden;
use executor::key::source;
use executor::state;
use mm_core::domain::Timestamp;
use mm_core::io::uds;
use std::collections::BTreeMap;
use std::ffi::OsStr;
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

    /// Whether it lets a start pass, by the very functions a start calls.
    fn passes(self, lone: &Lone) -> Result<(), String> {
        match self {
            Self::Environment => {
                let vars = lone.env.iter().map(|(name, value)| ((*name).into(), value.into()));
                harden::check_environment(vars).map_err(|why| why.to_string())
            }
            Self::StateFolder => harden::check_state_folder(&lone.state()).map_err(|why| why.to_string()),
            Self::Policy => harden::read_policy(&lone.config()).map(drop).map_err(|why| why.to_string()),
            Self::KeySource => {
                let credentials = lone.env.iter().find(|(name, _)| *name == "CREDENTIALS_DIRECTORY");
                let credentials = credentials.map(|(_, folder)| OsStr::new(folder));
                source::load(&config(lone)?.account.key, credentials).map(drop)
            }
            Self::Sockets => {
                let folder = Path::new(lone.table["paths"]["socket_dir"].as_str().unwrap_or_default());
                uds::bind(&folder.join("core.sock")).map(drop).map_err(|why| why.to_string())
            }
            Self::Ledger => {
                let lost_rows = lone.args.contains(&"--ledger-lost-rows");
                state::open(&config(lone)?, lost_rows, Timestamp::from_ms(1_780_000_000_000)).map(drop)
            }
        }
    }
}

fn config(lone: &Lone) -> Result<Config, String> {
    let text = std::fs::read_to_string(lone.config()).map_err(|why| why.to_string())?;
    Config::parse("executor.toml", &text).map_err(|why| why.to_string())
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
