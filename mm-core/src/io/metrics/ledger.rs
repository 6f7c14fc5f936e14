//! What is measured about ourselves, market by market: the minute ledger's series, each under its own name, and how fills turned out.
//!
//! A number that is not known has no line: it is never shown as zero.

use super::add;
use crate::engine::{Day, Gap, MARKOUT_HORIZONS, MarketSnapshot, ScoringSnapshot, Snapshot};
use crate::rewards::Fixed12;
use prometheus::{GaugeVec, IntGaugeVec, Opts, Registry};

/// The instruments. Clones show the same.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    samples: IntGaugeVec,
    gaps: IntGaugeVec,
    answers: IntGaugeVec,
    adjusted: IntGaugeVec,
    share: GaugeVec,
    earning: GaugeVec,
    expected: GaugeVec,
    day: GaugeVec,
    markout: GaugeVec,
    markout_shares: GaugeVec,
}

impl Ledger {
    pub(super) fn new(registry: &Registry) -> Self {
        let gauges =
            |name: &str, help: &str, labels: &[&str]| add(registry, IntGaugeVec::new(Opts::new(name, help), labels));
        let floats =
            |name: &str, help: &str, labels: &[&str]| add(registry, GaugeVec::new(Opts::new(name, help), labels));
        Self {
            samples: gauges("reward_samples", "Samples of the reward ledger", &["market", "verdict"]),
            gaps: gauges("reward_gaps", "Samples that scored nothing or less than they could", &["market", "gap"]),
            answers: gauges("scoring_answers", "Samples by what the venue said of them", &["market", "answer"]),
            adjusted: gauges("adjusted_ticks", "Ticks that quotes are nearer than configured", &["market"]),
            share: floats(
                "expected_share",
                "Our part of the last sample's scores, against the most and the least that the others may score",
                &["market", "end"],
            ),
            earning: floats("earning_share", "Our part of the market's rewards, as the venue last said", &["market"]),
            day: floats(
                "day_rewards_usd",
                "Rewards of a UTC day: expected (low, as-one, high) and earned by the venue's word",
                &["day", "series"],
            ),
            expected: floats(
                "expected_rewards_usd",
                "Rewards of all samples so far, the others taken as one maker, and against the most and the least they may score",
                &["market", "end"],
            ),
            markout: floats(
                "markout_cents",
                "How far the midpoint stood on our side of the price of recent fills, cents a share",
                &["market", "horizon_s"],
            ),
            markout_shares: floats(
                "markout_shares",
                "Shares behind it, those of old fills fading",
                &["market", "horizon_s"],
            ),
        }
    }

    /// Takes over what today and yesterday let expect, and what they earned.
    pub(super) fn show_days(&self, snapshot: &Snapshot) {
        let today = snapshot.at.day();
        for (name, day) in [("today", Some(today)), ("yesterday", today.checked_sub(1))] {
            let row = snapshot.days.iter().find(|row| Some(u64::from(row.day)) == day);
            let sum = |of: fn(&Day) -> Fixed12| row.and_then(|row| of(row).to_string().parse().ok());
            put(&self.day, &[name, "low"], sum(|row| row.expected_between[0]));
            put(&self.day, &[name, "as-one"], sum(|row| row.expected));
            put(&self.day, &[name, "high"], sum(|row| row.expected_between[1]));
            put(&self.day, &[name, "earned"], row.and_then(|row| row.earned?.to_string().parse().ok()));
        }
    }

    /// Takes over the picture of the market in this row.
    pub(super) fn show(&self, row: &str, market: &MarketSnapshot) {
        self.show_scoring(row, &market.scoring);
        let [low, high] = &market.expected_rewards_between;
        for (end, sum) in [("low", low), ("as-one", &market.expected_rewards), ("high", high)] {
            put(&self.expected, &[row, end], sum.parse().ok());
        }
        for (horizon, markout) in MARKOUT_HORIZONS.iter().zip(market.markouts) {
            let labels = [row, &(horizon.ms() / 1000).to_string()];
            #[expect(clippy::cast_precision_loss, reason = "hundredths of a cent a share are few")]
            put(&self.markout, &labels, markout.map(|markout| markout.gain as f64 / 100.0));
            put(&self.markout_shares, &labels, markout.and_then(|markout| markout.shares.to_string().parse().ok()));
        }
    }

    fn show_scoring(&self, row: &str, scoring: &ScoringSnapshot) {
        let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let counts = &scoring.counts;
        let verdicts = [
            ("scored", counts.scored),
            ("unscored", counts.unscored),
            ("unknown", counts.unknown),
            ("idle", counts.idle),
        ];
        for (verdict, n) in verdicts {
            self.samples.with_label_values(&[row, verdict]).set(whole(n));
        }
        for (gap, n) in Gap::ALL.iter().zip(counts.gaps) {
            self.gaps.with_label_values(&[row, gap.name()]).set(whole(n));
        }
        let answers = [
            ("yes", counts.told_yes),
            ("no", counts.told_no),
            ("share", counts.shares_told),
            ("share-beyond", counts.shares_beyond),
        ];
        for (answer, n) in answers {
            self.answers.with_label_values(&[row, answer]).set(whole(n));
        }
        put(&self.earning, &[row], scoring.earning.map(|share| f64::from(share.millionths()) / 1e6));
        self.adjusted.with_label_values(&[row]).set(i64::from(scoring.adjust.tighten_ticks));
        for (end, outlook) in
            [("low", scoring.range.map(|range| range.low)), ("high", scoring.range.map(|range| range.high))]
        {
            put(&self.share, &[row, end], outlook.and_then(|outlook| outlook.share.to_string().parse().ok()));
        }
    }
}

/// Shows a number, or takes its line away.
fn put(gauges: &GaugeVec, labels: &[&str], value: Option<f64>) {
    match value {
        Some(value) => gauges.with_label_values(labels).set(value),
        // an error says that there was no line
        None => drop(gauges.remove_label_values(labels)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Qty, Share, Timestamp, Usdc};
    use crate::engine::{Engine, tests_support};
    use crate::quote::Markout;
    use crate::rewards::{Interval, Outlook};

    /// A market of which nothing is known yet.
    fn market() -> MarketSnapshot {
        let engine = Engine::new(tests_support::config(), vec![tests_support::market(1)]);
        engine.snapshot().markets.remove(0)
    }

    fn lines(registry: &Registry) -> Vec<String> {
        let text = prometheus::TextEncoder::new().encode_to_string(&registry.gather()).expect("good names");
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    #[test]
    fn what_is_known_has_a_line_and_what_is_not_has_none() {
        let registry = Registry::new();
        let ledger = Ledger::new(&registry);
        let mut market = market();
        ledger.show("0", &market);
        let unknown = ["expected_share", "markout", "earning_share"];
        assert!(!lines(&registry).iter().any(|line| unknown.iter().any(|name| line.starts_with(name))));
        let [one, three] = [1u128, 3].map(|n| Fixed12::from_units(n * Fixed12::ONE.units()));
        let against = |rest| Outlook::against(rest, one, Usdc::from_micro(1_440_000_000));
        market.scoring.range = Some(Interval { low: against(three), high: against(one) });
        market.scoring.earning = Share::from_millionths(375_000);
        market.expected_rewards_between = ["0.25".to_owned(), "0.5".to_owned()];
        market.markouts[2] = Some(Markout { gain: -150, shares: Qty::from_micro(40_500_000) });
        ledger.show("0", &market);
        let text = lines(&registry);
        for line in [
            "expected_share{end=\"low\",market=\"0\"} 0.25",
            "expected_share{end=\"high\",market=\"0\"} 0.5",
            "earning_share{market=\"0\"} 0.375",
            "expected_rewards_usd{end=\"low\",market=\"0\"} 0.25",
            "expected_rewards_usd{end=\"as-one\",market=\"0\"} 0",
            "expected_rewards_usd{end=\"high\",market=\"0\"} 0.5",
            "markout_cents{horizon_s=\"60\",market=\"0\"} -1.5",
            "markout_shares{horizon_s=\"60\",market=\"0\"} 40.5",
        ] {
            assert!(text.iter().any(|l| l == line), "{line} is not in\n{text:#?}");
        }
        assert_eq!(text.iter().filter(|line| line.starts_with("markout_cents")).count(), 1, "one horizon is known");
        (market.scoring.range, market.scoring.earning, market.markouts[2]) = (None, None, None);
        ledger.show("0", &market);
        assert!(!lines(&registry).iter().any(|line| unknown.iter().any(|name| line.starts_with(name))));
    }
    #[test]
    fn a_day_shows_what_was_expected_and_only_what_was_told() {
        let registry = Registry::new();
        let ledger = Ledger::new(&registry);
        let mut snapshot = Engine::new(tests_support::config(), Vec::new()).snapshot();
        snapshot.at = Timestamp::from_ms(20_001 * 86_400_000);
        let whole = |n: u128| Fixed12::from_units(n * Fixed12::ONE.units());
        let day =
            Day { day: 20_001, samples: 1, expected: whole(2), expected_between: [whole(1), whole(3)], earned: None };
        snapshot.days = vec![Day { day: 20_000, earned: Some(Usdc::from_micro(2_500_000)), ..day }, day];
        ledger.show_days(&snapshot);
        let text = lines(&registry);
        for line in [
            "day_rewards_usd{day=\"yesterday\",series=\"earned\"} 2.5",
            "day_rewards_usd{day=\"yesterday\",series=\"low\"} 1",
            "day_rewards_usd{day=\"today\",series=\"as-one\"} 2",
            "day_rewards_usd{day=\"today\",series=\"high\"} 3",
        ] {
            assert!(text.iter().any(|l| l == line), "{line} is not in\n{text:#?}");
        }
        assert_eq!(text.iter().filter(|line| line.contains("earned")).count(), 1, "today is not told");
    }
}
