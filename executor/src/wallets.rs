//! Wallet addresses that follow from a key's address by CREATE2 (`signing.md` section 4). Chain 137 only.
//!
//! For checks and for the simulator; the configuration names the funder explicitly.

use alloy_primitives::{Address, B256, address, b256, hex, keccak256};

const PROXY_FACTORY: Address = address!("aB45c5A4B0c941a2F231C04C3f49182e1A254052");
const PROXY_CODE_HASH: B256 = b256!("d21df8dc65880a8606f09fe0ce3df9b8869287ab0b058be05aa9e8af6330a00b");
const SAFE_FACTORY: Address = address!("aacFeEa03eb1561C4e67d661e40682Bd20E3541b");
const SAFE_CODE_HASH: B256 = b256!("2bce2127ff07fb632d16c8347c4ebf501f4841168bed00d9e6ef715ddb6fcecf");
const DEPOSIT_FACTORY: Address = address!("00000000000Fb5C9ADea0298D729A0CB3823Cc07");
const DEPOSIT_IMPLEMENTATION: Address = address!("58CA52ebe0DadfdF531Cde7062e76746de4Db1eB");
const DEPOSIT_BEACON: Address = address!("7A18EDfe055488A3128f01F563e5B479D92ffc3a");

/// The proxy wallet of a key (signature type 1).
#[must_use]
pub fn proxy(owner: Address) -> Address {
    PROXY_FACTORY.create2(keccak256(owner), PROXY_CODE_HASH)
}

/// The Safe of a key (signature type 2).
#[must_use]
pub fn safe(owner: Address) -> Address {
    SAFE_FACTORY.create2(keccak256(owner.into_word()), SAFE_CODE_HASH)
}

/// The deposit wallet of a key (signature type 3) as the factory makes it since 2026-06-29: a proxy of its beacon.
#[must_use]
pub fn deposit_beacon(owner: Address) -> Address {
    // Beacon proxy with arguments behind its code: ERC-1967 slot look-up, then a delegate call to what the beacon names.
    const CODE: [&[u8]; 3] = [
        &hex!("60195155f3363d3d373d3d363d602036600436635c60da"),
        &hex!("1b60e01b36527fa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6c"),
        &hex!("b3582b35133d50545afa5036515af43d6000803e604d573d6000fd5b3d6000f3"),
    ];
    deposit(owner, 0x52, DEPOSIT_BEACON, &CODE)
}

/// The deposit wallet of a key as the factory made it before: a UUPS proxy of one implementation.
#[must_use]
pub fn deposit_uups(owner: Address) -> Address {
    const CODE: [&[u8]; 3] = [
        &hex!("6009"),
        &hex!("5155f3363d3d373d3d363d7f360894a13ba1a3210667c828492db98dca3e2076"),
        &hex!("cc3735a920a3ca505d382bbc545af43d6000803e6038573d6000fd5b3d6000f3"),
    ];
    deposit(owner, 0x3d, DEPOSIT_IMPLEMENTATION, &CODE)
}

/// A minimal ERC-1967 proxy with its arguments behind the code; `code_len` is the runtime code without them.
fn deposit(owner: Address, code_len: u8, target: Address, code: &[&[u8]; 3]) -> Address {
    let mut args = [0u8; 64];
    args[..32].copy_from_slice(DEPOSIT_FACTORY.into_word().as_slice());
    args[32..].copy_from_slice(owner.into_word().as_slice());

    // PUSH2 length, then a copier that returns the code behind itself, with the target's address pushed into it.
    let mut init = vec![0x61, 0x00, code_len + 64, 0x3d, 0x81, 0x60, 0x23, 0x3d, 0x39, 0x73];
    init.extend_from_slice(target.as_slice());
    for part in code {
        init.extend_from_slice(part);
    }
    init.extend_from_slice(&args);
    DEPOSIT_FACTORY.create2(keccak256(args), keccak256(init))
}
