//! What a run was made of: code, configuration, markets.

use mm_core::config::Config;
use mm_core::domain::{Digest, Market};
use mm_core::journal::{Ended, Manifest, SCHEMA};
use std::process::Command;

/// The dependencies this binary was built with.
const LOCKFILE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"));

/// The manifest of a run that starts now. Its number, parent and end are the journal's.
pub(super) fn manifest(config: &Config, config_text: String, markets: &[Market]) -> Manifest {
    let status = git(&["status", "--porcelain", "--untracked-files=no"]);
    Manifest {
        schema: SCHEMA,
        run: 0,
        parent: None,
        git_revision: git(&["rev-parse", "HEAD"]).unwrap_or_else(|| "unknown".to_owned()),
        git_dirty: status.is_some_and(|status| !status.is_empty()),
        lockfile_digest: Some(Digest::of(LOCKFILE)),
        config_text,
        config_digest: config.digest(),
        universe_digest: Digest::of(&serde_json::to_vec(markets).expect("markets have text keys only")),
        rustc: option_env!("RUSTC_VERSION").unwrap_or(concat!("at least ", env!("CARGO_PKG_RUST_VERSION"))).to_owned(),
        target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        seed: None,
        ended: Ended::Running,
    }
}

/// What git says of the checkout this binary was built in, if it still stands there.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(["-C", env!("CARGO_MANIFEST_DIR")]).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
