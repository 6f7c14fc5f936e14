//! Which wallet belongs to which key.

use super::Signer;
use alloy_primitives::{Address, B256, address, b256, keccak256};
use mm_core::venue::order::SignatureType;
use std::collections::BTreeMap;

/// Deposit wallets the venue knows; orders of one more do not verify.
const WALLETS_MAX: usize = 100_000;

const PROXY_FACTORY: Address = address!("aB45c5A4B0c941a2F231C04C3f49182e1A254052");
const PROXY_INIT_CODE: B256 = b256!("d21df8dc65880a8606f09fe0ce3df9b8869287ab0b058be05aa9e8af6330a00b");
const SAFE_FACTORY: Address = address!("aacFeEa03eb1561C4e67d661e40682Bd20E3541b");
const SAFE_INIT_CODE: B256 = b256!("2bce2127ff07fb632d16c8347c4ebf501f4841168bed00d9e6ef715ddb6fcecf");

/// The proxy wallet of a key (signature type 1).
#[must_use]
pub fn proxy_wallet(key: Address) -> Address {
    PROXY_FACTORY.create2(keccak256(key), PROXY_INIT_CODE)
}

/// The Safe of a key (signature type 2).
#[must_use]
pub fn safe_wallet(key: Address) -> Address {
    SAFE_FACTORY.create2(keccak256(key.into_word()), SAFE_INIT_CODE)
}

/// Owners of deposit wallets (signature type 3). Their addresses depend on a factory setting that only the chain knows, so
/// the venue keeps a table: a wallet belongs to the first key that validly signs for it, and to no other ever after.
#[derive(Clone, Debug, Default)]
pub struct DepositWallets {
    owners: BTreeMap<Address, Address>,
}

impl DepositWallets {
    /// Whether the signer owns the wallet it signed for. Wallets of the other kinds are a function of the key.
    pub fn admits(&mut self, signer: &Signer) -> bool {
        signer.kind != SignatureType::Poly1271 || self.claim(signer.wallet, signer.key)
    }

    /// Whether `key` owns `wallet`, taking the wallet for it when nobody does and the table is not full.
    pub fn claim(&mut self, wallet: Address, key: Address) -> bool {
        if self.owners.len() >= WALLETS_MAX && !self.owners.contains_key(&wallet) {
            return false;
        }
        *self.owners.entry(wallet).or_insert(key) == key
    }
}
