//! The key and the API credentials in use.

use crate::auth::Credentials;
use crate::eip712::Chain;
use crate::key::Key;
use mm_core::domain::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};

/// Holds the key and the API credentials derived with it.
pub struct Login {
    pub(super) key: Arc<Key>,
    pub(super) chain: Chain,
    current: Mutex<Option<(Arc<Credentials>, Timestamp)>>,
    /// Held while a login is under way, so that calls that all need one wait for the same.
    pub(super) under_way: tokio::sync::Mutex<()>,
    /// Told whenever credentials were derived.
    renewed: tokio::sync::Notify,
}

impl Login {
    /// A login without credentials yet.
    #[must_use]
    pub fn new(key: Arc<Key>, chain: Chain) -> Self {
        let (current, renewed) = (Mutex::new(None), tokio::sync::Notify::new());
        Self { key, chain, current, under_way: tokio::sync::Mutex::new(()), renewed }
    }

    /// The credentials in use and when they were derived.
    #[must_use]
    pub fn current(&self) -> Option<(Arc<Credentials>, Timestamp)> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the next derivation.
    pub async fn renewed(&self) {
        self.renewed.notified().await;
    }

    /// Takes what another login of the same key uses, if that is newer.
    pub fn follow(&self, other: &Self) {
        if let Some((credentials, since)) = other.current()
            && self.since() < Some(since)
        {
            self.set(credentials, since);
        }
    }

    /// When the credentials in use were derived.
    pub(super) fn since(&self) -> Option<Timestamp> {
        self.current().map(|(_, since)| since)
    }

    pub(crate) fn set(&self, credentials: Arc<Credentials>, at: Timestamp) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some((credentials, at));
        self.renewed.notify_waiters();
    }
}
