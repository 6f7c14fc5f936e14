//! One key, one executor on this host: whatever its user, its state folder or its sandbox.
//!
//! The lock is an abstract socket with the key's address in its name. The kernel gives a name to one process at a time and takes it
//! back when that process ends, however it ends. A file would need a folder that every user and every service may write and that is
//! the same for all of them: there is none (`PrivateTmp=` and `ProtectSystem=` see to that). Containers with a network of their own
//! are other hosts in this respect; there the venue's heartbeat tells. Any local user can take the name and so keep an executor from
//! starting, not make it trade.

use alloy_primitives::Address;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};

/// Held until dropped.
#[derive(Debug)]
pub struct KeyLock(#[expect(dead_code, reason = "held, never asked")] UnixListener);

/// Why the key may not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyLockError {
    /// Another process has it.
    #[error(
        "another executor on this host holds the key of {address}{holder}: two would trade twice and cancel each other's orders; stop it first"
    )]
    Held {
        /// Address of the key.
        address: Address,
        /// Who it is, as far as the kernel tells.
        holder: String,
    },
    /// The system gave no socket.
    #[error("cannot lock the key of {address}: {why}")]
    System {
        /// Address of the key.
        address: Address,
        /// In its words.
        why: io::Error,
    },
}

impl KeyLock {
    /// Takes the lock of a key.
    ///
    /// # Errors
    /// [`KeyLockError`].
    pub fn take(address: Address) -> Result<Self, KeyLockError> {
        let system = |why| KeyLockError::System { address, why };
        let name = SocketAddr::from_abstract_name(format!("proofmaker/executor/{address:#x}")).map_err(system)?;
        match UnixListener::bind_addr(&name) {
            Ok(socket) => Ok(Self(socket)),
            Err(why) if why.kind() == io::ErrorKind::AddrInUse => {
                Err(KeyLockError::Held { address, holder: holder(&name) })
            }
            Err(why) => Err(system(why)),
        }
    }
}

/// The kernel knows who listens; it may be gone by now.
fn holder(name: &SocketAddr) -> String {
    let told = UnixStream::connect_addr(name).map(|stream| rustix::net::sockopt::socket_peercred(&stream));
    match told {
        Ok(Ok(peer)) => format!(" (process {} of user {})", peer.pid.as_raw_pid(), peer.uid.as_raw()),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_held_once_and_free_when_its_holder_is_gone() {
        let (one, other) = (Address::repeat_byte(0xa1), Address::repeat_byte(0xa2));
        let held = KeyLock::take(one).expect("free");
        let why = KeyLock::take(one).expect_err("held").to_string();
        let ours = format!("process {} of user", std::process::id());
        assert!(why.contains(&format!("{one}")) && why.contains(&ours), "{why}");
        KeyLock::take(other).expect("another key");
        drop(held);
        KeyLock::take(one).expect("free again");
    }
}
