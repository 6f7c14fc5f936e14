//! Commands around the key: make one, take one over, look whose it is. The key is written only encrypted, and never shown.

use crate::{Failure, say};
use clap::Subcommand;
use executor::config::{Config, KeySource};
use executor::durable::sync_folder;
use executor::harden;
use executor::key::{Key, keystore};
use executor::passphrase;
use executor::secret_file::Keeper;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use zeroize::Zeroizing;

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

/// The key a configuration names.
pub(crate) fn load(config: &Config) -> Result<Key, Failure> {
    let key = match &config.account.key {
        KeySource::ThrowAway => Key::throw_away(),
        KeySource::File(path) => Key::load(path, Keeper::Us),
        KeySource::Keystore(path, passphrase_file) => return open(path, passphrase_file.as_deref()),
        KeySource::Credential(name) => {
            let folder = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or(
                "account.key: the service manager hands over no credentials (CREDENTIALS_DIRECTORY is not set)",
            )?;
            let folder = PathBuf::from(folder);
            if !harden::is_in_memory(&folder).map_err(|why| format!("{}: {why}", folder.display()))? {
                return Err(format!(
                    "account.key: credential {name} lies on a disk ({}), where it stays; a service manager keeps credentials in memory",
                    folder.display()
                ));
            }
            Key::load(&folder.join(&**name), Keeper::ServiceManager)
        }
    };
    key.map_err(|why| why.to_string())
}

/// Opens a keystore with the passphrase of a file, or asks for it.
fn open(path: &Path, passphrase_file: Option<&Path>) -> Result<Key, Failure> {
    keystore::open(path, &passphrase(path, passphrase_file, false)?).map_err(|why| why.to_string())
}

fn passphrase(keystore: &Path, file: Option<&Path>, is_new: bool) -> Result<Zeroizing<Vec<u8>>, Failure> {
    match file {
        Some(file) => passphrase::from_file(file),
        None => passphrase::from_terminal(&keystore.display().to_string(), is_new),
    }
    .map_err(|why| why.to_string())
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
