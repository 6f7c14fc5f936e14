//! The key a configuration names, wherever that is.

use super::{Key, keystore};
use crate::config::KeySource;
use crate::harden;
use crate::passphrase;
use crate::secret_file::Keeper;
use std::ffi::OsStr;
use std::path::Path;
use zeroize::Zeroizing;

/// Loads it. `credentials`: the folder of the service manager's credentials, its `CREDENTIALS_DIRECTORY`.
///
/// # Errors
/// Why there is none, in words for a person.
pub fn load(source: &KeySource, credentials: Option<&OsStr>) -> Result<Key, String> {
    let key = match source {
        KeySource::ThrowAway => Key::throw_away(),
        KeySource::File(path) => Key::load(path, Keeper::Us),
        KeySource::Keystore(path, passphrase_file) => return open(path, passphrase_file.as_deref()),
        KeySource::Credential(name) => {
            let folder = Path::new(credentials.ok_or(
                "account.key: the service manager hands over no credentials (CREDENTIALS_DIRECTORY is not set)",
            )?);
            if !harden::is_in_memory(folder).map_err(|why| format!("{}: {why}", folder.display()))? {
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
///
/// # Errors
/// As [`load`].
pub fn open(path: &Path, passphrase_file: Option<&Path>) -> Result<Key, String> {
    keystore::open(path, &passphrase(path, passphrase_file, false)?).map_err(|why| why.to_string())
}

/// A keystore's passphrase, from a file or from the terminal, which is asked twice for a new one.
///
/// # Errors
/// As [`load`].
pub fn passphrase(keystore: &Path, file: Option<&Path>, is_new: bool) -> Result<Zeroizing<Vec<u8>>, String> {
    match file {
        Some(file) => passphrase::from_file(file),
        None => passphrase::from_terminal(&keystore.display().to_string(), is_new),
    }
    .map_err(|why| why.to_string())
}
