//! The list of kinds: a name, what it does, its parameters with their bounds. One table feeds the scenario reader, the admin
//! API, the swarm and the example file, so that none of them can know a kind the others do not.

use super::fault::Fault;
use super::table;

/// One kind of fault.
#[derive(Debug)]
pub struct Kind {
    /// Kebab-case; also names its draws.
    pub name: &'static str,
    /// The row of the table of faults it belongs to (`simulator.md` section 1).
    pub row: &'static str,
    /// What happens, in a few words.
    pub says: &'static str,
    /// How long it usually lasts, milliseconds; `None`: it is over in a moment.
    pub lasts_ms: Option<(u64, u64)>,
    /// Its parameters.
    pub knobs: &'static [Knob],
    /// The typed fault of one value for each knob.
    pub(super) make: fn(&[u64]) -> Fault,
}

/// One parameter of a kind.
#[derive(Debug)]
pub struct Knob {
    /// Key in files and bodies; ends with its unit.
    pub key: &'static str,
    /// Smallest value allowed.
    pub least: u64,
    /// Largest value allowed.
    pub most: u64,
    /// Where it is drawn from, both ends included, when nobody says otherwise.
    pub usual: (u64, u64),
    /// If not empty the value is the place of one of these words.
    pub words: &'static [&'static str],
    /// What it means.
    pub says: &'static str,
}

impl Knob {
    pub(super) const fn number(key: &'static str, bounds: (u64, u64), usual: (u64, u64), says: &'static str) -> Self {
        Self { key, least: bounds.0, most: bounds.1, usual, words: &[], says }
    }

    pub(super) const fn words(
        key: &'static str,
        words: &'static [&'static str],
        usual: u64,
        says: &'static str,
    ) -> Self {
        Self { key, least: 0, most: words.len() as u64 - 1, usual: (usual, usual), words, says }
    }

    /// A value as people write it.
    #[must_use]
    pub fn show(&self, value: u64) -> String {
        let word = usize::try_from(value).ok().and_then(|n| self.words.get(n));
        word.map_or_else(|| value.to_string(), |word| (*word).to_owned())
    }
}

impl Kind {
    /// The kind of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::all().find(|kind| kind.name == name)
    }

    /// Every kind, row by row.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        table::ALL.iter().flat_map(|rows| rows.iter())
    }

    /// Over as soon as it has happened.
    #[must_use]
    pub const fn is_moment(&self) -> bool {
        self.lasts_ms.is_none()
    }
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Kind {}
