//! The API credentials in use, kept in the state folder for `executor-kill`.
//!
//! They cannot place: an order takes the key. They lie on the disk, mode 0400, from the first login until the account is confirmed flat
//! at an orderly end; whatever else ends the process leaves them, because that is when they are needed. A reboot does not take them
//! away either, so they are not kept with the sockets.

use crate::auth::{BadCredentials, Credentials};
use crate::clob::Login;
use crate::config;
use crate::crash_point;
use crate::durable;
use crate::secret_file::{self, SecretFileError};
use crate::worker::Worker;
use alloy_primitives::Address;
use mm_core::domain::Timestamp;
use mm_core::venue::rest::ApiKeyBody;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;
use zeroize::Zeroizing;

/// Longest file that is read, in bytes.
const FILE_MAX: usize = 4096;
/// The only shape this program reads.
const SCHEMA: u32 = 1;
/// How long the end waits until the disk has done what was ordered.
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// What is needed to cancel everything.
pub struct Deposit {
    /// REST root of the venue.
    pub rest: String,
    /// The credentials.
    pub credentials: Credentials,
    /// When they were derived.
    pub derived: Timestamp,
    /// The process that derived them.
    pub pid: i32,
}

/// Why there are no credentials. Never carries what was read.
#[derive(Debug, thiserror::Error)]
pub enum DepositError {
    /// No file to read them from.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// It holds something else.
    #[error("{0} holds no credentials that this program can use")]
    Malformed(String),
    /// It holds credentials nobody could send.
    #[error("{path}: {why}")]
    Bad {
        /// The file.
        path: String,
        /// What is wrong.
        why: BadCredentials,
    },
    /// Neither the venue nor a simulator.
    #[error("{0} names a venue that no configuration can lead to")]
    Venue(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<T> {
    schema: u32,
    rest: T,
    address: Address,
    derived_ms: u64,
    pid: i32,
    api_key: T,
    secret: T,
    passphrase: T,
}

/// The file in a state folder.
#[must_use]
pub fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("kill-credentials")
}

/// Reads what the last executor left.
///
/// # Errors
/// [`DepositError`].
pub fn read(state_dir: &Path) -> Result<Deposit, DepositError> {
    let path = path(state_dir);
    let name = || path.display().to_string();
    // The executor's own user may be one that nobody can log in as: whoever has `sudo` must not be refused.
    let bytes = secret_file::read(&path, secret_file::Keeper::UsOrAnybodyForRoot, FILE_MAX)?;
    // serde's own words quote what they are about
    let written: Written<String> = serde_json::from_slice(&bytes).map_err(|_| DepositError::Malformed(name()))?;
    let Written { schema, rest, address, derived_ms, pid, api_key, secret, passphrase } = written;
    let credentials = Credentials::new(address, ApiKeyBody { api_key, secret, passphrase })
        .map_err(|why| DepositError::Bad { path: name(), why })?;
    if schema != SCHEMA {
        return Err(DepositError::Malformed(name()));
    }
    if !config::is_venue(&rest) {
        return Err(DepositError::Venue(name()));
    }
    Ok(Deposit { rest, credentials, derived: Timestamp::from_ms(derived_ms), pid })
}

fn write(state_dir: &Path, rest: &str, credentials: &Credentials, derived: Timestamp) -> io::Result<()> {
    let [api_key, secret, passphrase] = credentials.parts();
    let pid = rustix::process::getpid().as_raw_pid();
    let (address, derived_ms) = (credentials.address(), derived.ms());
    let written = Written { schema: SCHEMA, rest, address, derived_ms, pid, api_key, secret, passphrase };
    // One allocation of the final size: growing would leave copies behind.
    let mut text = Zeroizing::new(Vec::with_capacity(FILE_MAX));
    serde_json::to_writer(&mut *text, &written)?;
    crash_point!("deposit.before");
    durable::replace(&path(state_dir), 0o400, &text)?;
    crash_point!("deposit.after");
    Ok(())
}

enum Order {
    Write(Arc<Credentials>, Timestamp),
    Forget,
}

/// The thread that keeps the file: a disk that stalls delays nothing.
pub struct Depositor {
    orders: SyncSender<Order>,
    thread: Worker,
    /// When the credentials that were last handed over were derived.
    known: Option<Timestamp>,
}

impl Depositor {
    /// Starts the thread. `failed` is called on it for each order the disk did not follow.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        state_dir: PathBuf,
        rest: String,
        mut failed: impl FnMut(io::Error) + Send + 'static,
    ) -> io::Result<Self> {
        let (orders, queue) = sync_channel(4);
        let thread = Worker::start("deposit", move || {
            for order in queue {
                let done = match order {
                    Order::Write(credentials, derived) => write(&state_dir, &rest, &credentials, derived),
                    Order::Forget => durable::remove(&path(&state_dir)),
                };
                done.unwrap_or_else(&mut failed);
            }
        })?;
        Ok(Self { orders, thread, known: None })
    }

    /// Has the credentials in use written down, if they are not yet.
    pub fn learn(&mut self, login: &Login) {
        if let Some((credentials, since)) = login.current()
            && self.known < Some(since)
            // Full: the next turn tries again.
            && self.orders.try_send(Order::Write(credentials, since)).is_ok()
        {
            self.known = Some(since);
        }
    }

    /// Takes the file away if nothing rests, and waits a little until all is done; `false`: the disk did not answer.
    #[must_use]
    pub fn close(self, flat: bool) -> bool {
        let told = !flat || self.orders.try_send(Order::Forget).is_ok();
        drop(self.orders);
        told && self.thread.ends_within(CLOSE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eip712::Chain;
    use crate::key::Key;
    use std::os::unix::fs::PermissionsExt as _;

    fn credentials(api_key: &str) -> Arc<Credentials> {
        let [api_key, secret, passphrase] = [api_key, "BwcHBw==", "word"].map(str::to_owned);
        Arc::new(Credentials::new(Address::ZERO, ApiKeyBody { api_key, secret, passphrase }).expect("plain text"))
    }

    fn login() -> Login {
        Login::new(Arc::new(Key::throw_away().expect("random bytes")), Chain::Polygon)
    }

    #[test]
    fn what_is_in_use_is_written_and_taken_away_only_when_nothing_rests() {
        let folder = tempfile::tempdir().expect("a folder");
        let start = || {
            let rest = "http://127.0.0.1:9".to_owned();
            Depositor::start(folder.path().to_owned(), rest, |why| panic!("{why}")).expect("a thread")
        };
        let (mut depositor, login) = (start(), login());
        depositor.learn(&login);
        for (n, key) in [(5, "first"), (9, "second")] {
            login.set(credentials(key), Timestamp::from_ms(n));
            depositor.learn(&login);
            depositor.learn(&login);
        }
        assert!(depositor.close(false));
        let found = read(folder.path()).expect("credentials");
        assert_eq!((found.credentials.parts(), found.derived.ms()), (["second", "BwcHBw==", "word"], 9));
        assert_eq!((found.rest.as_str(), found.pid), ("http://127.0.0.1:9", std::process::id().cast_signed()));
        let mode = std::fs::metadata(path(folder.path())).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o400);
        std::fs::write(path(folder.path()).with_extension("new"), "half of it").expect("written");
        assert!(start().close(true));
        assert!(std::fs::read_dir(folder.path()).expect("a folder").next().is_none(), "nothing is left");
    }

    #[test]
    fn another_venue_another_shape_and_other_readers_are_refused_and_nothing_is_repeated() {
        let folder = tempfile::tempdir().expect("a folder");
        let refused = |text: &str, mode| {
            let path = path(folder.path());
            durable::remove(&path).expect("gone");
            std::fs::write(&path, text).expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("mode set");
            read(folder.path()).err().map(|why| why.to_string())
        };
        let text = |rest: &str, secret: &str| {
            let address = Address::ZERO;
            format!(
                r#"{{"schema":1,"rest":"{rest}","address":"{address}","derived_ms":1,"pid":1,"api_key":"a-canary","secret":"{secret}","passphrase":"p-canary"}}"#
            )
        };
        assert_eq!(refused(&text("https://clob.polymarket.com", "BwcHBw=="), 0o400), None);
        for (text, mode, named) in [
            (text("https://clob.polymarket.com", "BwcHBw=="), 0o440, "mode 0440"),
            (text("https://example.org", "BwcHBw=="), 0o400, "no configuration can lead to"),
            (text("https://clob.polymarket.com.example.org", "BwcHBw=="), 0o400, "no configuration can lead to"),
            (text("https://clob.polymarket.com", "s-canary!"), 0o400, "secret is not base64"),
            (
                text("https://clob.polymarket.com", "BwcHBw==").replace("\"pid\":1", "\"pid\":\"x-canary\""),
                0o400,
                "holds no",
            ),
            ("x".repeat(5000), 0o400, "longer than"),
        ] {
            let why = refused(&text, mode).expect("refused");
            assert!(why.contains(named) && !why.contains("canary"), "{why}");
        }
    }
}
