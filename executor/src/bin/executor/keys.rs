//! Commands around the key: make one, take one over, look whose it is. The key is written only encrypted, and never shown.

use crate::{Failure, say};
use clap::Subcommand;
use executor::durable::sync_folder;
use executor::harden;
use executor::key::source::{open, passphrase};
use executor::key::{Key, keystore};
use executor::secret_file::Keeper;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Subcommand)]
pub(crate) enum Keys {
    /// Make a new key and write it encrypted; prints its address.
    Keygen {
        /// The keystore to make; refused if it is there.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseFile,
    },
    /// Take over a key from a file of 64 hex digits and write it encrypted; prints its address.
    Import {
        /// The file with the key, mode 0400. It stays: destroy it yourself.
        #[arg(long, value_name = "FILE")]
        key: PathBuf,
        /// The keystore to make; refused if it is there.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseFile,
    },
    /// Open a keystore and print the address of the key in it.
    Address {
        /// The keystore.
        #[arg(long, value_name = "FILE")]
        keystore: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseFile,
    },
}

#[derive(clap::Args)]
pub(crate) struct PassphraseFile {
    /// A file with the passphrase, mode 0400. Without it the terminal is asked.
    #[arg(long = "passphrase-file", value_name = "FILE")]
    path: Option<PathBuf>,
}

impl Keys {
    pub(crate) fn run(self) -> Result<ExitCode, Failure> {
        harden::harden_process().map_err(|why| why.to_string())?;
        harden::check_environment(std::env::vars_os()).map_err(|why| why.to_string())?;
        match self {
            Self::Keygen { out, passphrase } => {
                let key = Key::throw_away().map_err(|why| why.to_string())?;
                keep(&key, &out, passphrase.path.as_deref())
            }
            Self::Import { key, out, passphrase } => {
                let key = Key::load(&key, Keeper::Us).map_err(|why| why.to_string())?;
                keep(&key, &out, passphrase.path.as_deref())
            }
            Self::Address { keystore, passphrase } => {
                say(&open(&keystore, passphrase.path.as_deref())?.address().to_checksum(None))
            }
        }
    }
}

fn keep(key: &Key, out: &Path, passphrase_file: Option<&Path>) -> Result<ExitCode, Failure> {
    let wrong = |why: std::io::Error| format!("{}: {why}", out.display());
    let passphrase = passphrase(out, passphrase_file, true)?;
    let text = keystore::seal(key, &passphrase).map_err(wrong)?;
    // What is there may be the only copy of another key.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(out).map_err(wrong)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(wrong)?;
    sync_folder(out.parent().unwrap_or(Path::new("."))).map_err(wrong)?;
    // Only what can be opened again is kept well.
    let again = keystore::open(out, &passphrase).map_err(|why| why.to_string())?;
    if again.address() != key.address() {
        return Err(format!("{}: does not hold the key it was made of", out.display()));
    }
    say(&key.address().to_checksum(None))
}
