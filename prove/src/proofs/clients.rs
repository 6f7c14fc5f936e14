//! M1: the venue as the official clients see it.

use crate::clients::{self, Language};
use crate::proof::{Bench, Evidence, Proof, Verdict};
use serde_json::json;

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[Proof {
    id: "official-python-client",
    milestone: 1,
    claim: "The official Python client, unmodified and pointed at `sim-exchange serve` by its base URL, makes keys, reads books and \
            checks their hash, places, reads and cancels in every way, trades, beats, and is refused in the venue's words.",
    quick: false,
    min_cases: 20,
    run: |bench| python(bench, 137),
    sabotage_claim: "the client signs for another chain than the venue's",
    sabotage: Some(|bench| python(bench, 80_002)),
}];

fn python(bench: &Bench, chain: u64) -> Verdict {
    let script = match clients::install(&bench.root, Language::Python) {
        Ok(script) => script,
        Err(why) => return Verdict::NotRun(why),
    };
    let (venue, scenario) = (bench.binary("sim-exchange"), clients::scenario(&bench.root));
    let mut evidence = Evidence::default();
    let driven = match clients::drive(&venue, &scenario, &bench.evidence, script, |ready| {
        ready["chain_id"] = json!(chain);
    }) {
        Ok(driven) => driven,
        Err(why) => {
            evidence.fact("broke off", why);
            return Verdict::Refuted(evidence);
        }
    };
    evidence.cases = driven.passed + driven.failed;
    evidence.fact("steps passed", driven.passed);
    evidence.fact("steps failed", driven.failed);
    for line in driven.text.lines().filter(|line| line.starts_with("FAILED")).take(3) {
        evidence.fact("example", line.chars().take(200).collect::<String>());
    }
    if driven.failed == 0 { Verdict::Proved(evidence) } else { Verdict::Refuted(evidence) }
}
