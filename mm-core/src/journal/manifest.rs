//! What a run was: enough to run it again.

use crate::domain::Digest;
use serde::{Deserialize, Serialize};

/// Version of the manifest and of the journal's records.
pub const SCHEMA: u32 = 1;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// It runs, or nobody has looked yet.
    Running,
    /// In order.
    Ended,
    /// Found `running` by the next start.
    Crashed,
}

/// `manifest.json` of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Start of the run, milliseconds since 1970; also the folder's name.
    pub run: u64,
    /// The run this one continues after a restart, if any.
    pub parent: Option<u64>,
    /// Git revision the binary was built from, `unknown` outside a checkout.
    pub git_revision: String,
    /// The checkout had changes.
    pub git_dirty: bool,
    /// Digest of `Cargo.lock`, if it was known.
    pub lockfile_digest: Option<Digest>,
    /// The configuration file as it was read.
    pub config_text: String,
    /// Digest of the typed configuration.
    pub config_digest: Digest,
    /// Digest of the first universe's serialized rows.
    pub universe_digest: Digest,
    /// Compiler version.
    pub rustc: String,
    /// Target triple.
    pub target: String,
    /// Seed, where anything was random.
    pub seed: Option<u64>,
    /// How it ended.
    pub ended: Ended,
}

impl Manifest {
    /// Pretty JSON with a final newline.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a manifest has text keys only");
        text.push('\n');
        text
    }

    /// Reads `manifest.json`.
    ///
    /// # Errors
    /// What is wrong: not JSON, an unknown key, or another schema.
    pub fn decode(text: &str) -> Result<Self, String> {
        let manifest: Self = serde_json::from_str(text).map_err(|why| why.to_string())?;
        if manifest.schema == SCHEMA {
            Ok(manifest)
        } else {
            Err(format!("schema {}, this build reads {SCHEMA}", manifest.schema))
        }
    }
}
