//! What is true in a state, and what must hold of it: plain sums over the venue's half, in cents and whole shares.

use super::house::{MENU, Wrong, ask, bad_asks, first_day, judge, market, order, shares, token};
use super::state::State;
use executor::exposure::{Exposure, Phase};
use executor::policy::Policy;
use mm_core::domain::{Outcome, Qty, Side, Usdc};
use mm_core::protocol::Stage;

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl State {
    /// Why this state must not be; `limits` are those of the policy the house started with.
    pub(super) fn broken(&self, limits: &Policy, before: Option<(&'static str, &Self)>) -> Option<String> {
        if let Some(why) = self.over(limits, None) {
            return Some(why);
        }
        if let Some(("place", before)) = before
            && let Some(why) = self.over(&before.policy, Some(before))
        {
            return Some(why);
        }
        if let Some(why) = self.unheld() {
            return Some(why);
        }
        if self.crosses_itself() {
            return Some("I8: two orders of ours cross".to_owned());
        }
        let today = self.exposure.day().day;
        let true_day = first_day() + u64::from(self.day.unsigned_abs());
        if today > true_day {
            return Some("I9: a day began early".to_owned());
        }
        let (step, before) = before?;
        if today < before.exposure.day().day {
            return Some("I9: a day came back".to_owned());
        }
        let same_day = before.exposure.day().day == today;
        if same_day && (self.exposure.day().bought < before.exposure.day().bought) {
            return Some("I2: a day's counter went back".to_owned());
        }
        if step == "crash" && !self.refolds(&before.exposure) {
            return Some("the rows add up to something else".to_owned());
        }
        if self.policy.digest() != before.policy.digest()
            && !before.policy.caps().loosened_by(self.policy.caps()).is_empty()
        {
            return Some("I3: a looser policy was taken".to_owned());
        }
        None
    }

    /// Whether every order counts for at least what it may still trade, and what may still be sold is there.
    fn unheld(&self) -> Option<String> {
        for order in &self.orders {
            let must = shares(u64::try_from(order.may_trade() + order.unheard()).unwrap_or(u64::MAX));
            let held = self.exposure.order(&order.hash()).map_or(Qty::ZERO, |tracked| tracked.open_qty());
            if held < must {
                return Some(format!("I2: {must} shares may trade, {held} are held"));
            }
        }
        for (outcome, at_first) in [(Outcome::Yes, 1), (Outcome::No, 2)] {
            let mut settled: i64 = at_first;
            for order in self.orders.iter().filter(|order| order.outcome() == outcome) {
                let traded = |is: &dyn Fn(Option<Stage>) -> bool| order.trades.iter().filter(|t| is(t.stage)).count();
                match order.side() {
                    Side::Buy => settled += count(traded(&|stage| stage == Some(Stage::Confirmed))),
                    Side::Sell => {
                        settled -= count(order.may_trade() + traded(&|stage| stage != Some(Stage::Failed)));
                    }
                }
            }
            let free = self.exposure.free_shares(&token(outcome)).micro() / 1_000_000;
            if settled < 0 || free > u64::try_from(settled).unwrap_or(0) {
                return Some(format!("I2: {free} shares of {outcome:?} count as free, {settled} are"));
            }
        }
        None
    }

    fn crosses_itself(&self) -> bool {
        let live: Vec<(Side, i64)> = self
            .orders
            .iter()
            .filter(|order| order.may_trade() > 0)
            .map(|order| match order.outcome() {
                Outcome::Yes => (order.side(), order.cents()),
                Outcome::No => (order.side().other(), 100 - order.cents()),
            })
            .collect();
        live.iter()
            .any(|(side, bid)| *side == Side::Buy && live.iter().any(|(other, ask)| *other == Side::Sell && bid >= ask))
    }

    /// Cents lost in the worse ending, if whatever may trade or fail does as it hurts most.
    fn worst(&self) -> i64 {
        let mut endings = [0, 0];
        for order in &self.orders {
            let buys = order.side() == Side::Buy;
            for (ending, lost) in [Outcome::Yes, Outcome::No].into_iter().zip(&mut endings) {
                let pays = if order.outcome() == ending { 100 } else { 0 };
                let loses = if buys { order.cents() - pays } else { pays - order.cents() };
                *lost += count(order.may_trade()) * loses.max(0);
                for trade in order.trades.iter().filter(|trade| trade.stage != Some(Stage::Failed)) {
                    *lost += if trade.settled.is_some() { loses } else { loses.max(0) };
                }
            }
        }
        endings[0].max(endings[1])
    }

    /// What the caps bound, in cents and in plain sums over what is true.
    fn sums(&self) -> [(&'static str, i64); 8] {
        let (mut open, mut bought, mut ever, mut sold, mut placed) = (0, 0, 0, 0, 0);
        let (mut resting, mut live) = ([0, 0], 0);
        for order in &self.orders {
            let open_now = order.cents() * count(order.may_trade());
            let buys = order.side() == Side::Buy;
            if order.placed == Some(self.today()) {
                placed += order.cents() * count(order.size());
            }
            live += i64::from(order.may_trade() > 0);
            resting[usize::from(order.outcome() == Outcome::No)] += open_now;
            open += if buys { open_now } else { 0 };
            for trade in &order.trades {
                let counts = buys && trade.stage != Some(Stage::Failed);
                ever += if counts { order.cents() } else { 0 };
                bought += if counts && trade.day == self.today() { order.cents() } else { 0 };
                sold += if !buys && trade.settled == Some(self.today()) { order.cents() } else { 0 };
            }
        }
        // What a sale takes off the risk depends on what its shares were bought for: judged where nothing was sold.
        let sales = self.orders.iter().any(|order| order.side() == Side::Sell && !order.trades.is_empty());
        [
            ("orders that may rest", live),
            ("at risk", if sales { 0 } else { ever + open }),
            ("lost in the worse ending", self.worst()),
            ("resting on YES", resting[0]),
            ("resting on NO", resting[1]),
            ("bought in a day", bought + open),
            ("paid out in a day", bought + open - sold),
            ("placed in a day", placed),
        ]
    }

    /// I1. After a policy was tightened more may be open than it allows: then nothing may be added to it.
    fn over(&self, policy: &Policy, before: Option<&Self>) -> Option<String> {
        let caps = policy.caps();
        let cents = |usdc: Usdc| i64::try_from(usdc.micro() / 10_000).unwrap_or(i64::MAX);
        let most = [
            i64::from(caps.max_open_orders),
            cents(caps.max_market_usdc),
            cents(caps.max_market_loss_usdc),
            cents(caps.max_token_resting_usdc),
            cents(caps.max_token_resting_usdc),
            cents(caps.max_day_bought_usdc),
            cents(caps.max_day_outflow_usdc),
            cents(caps.max_day_placed_usdc),
        ];
        let were = before.map_or([("", i64::MIN); 8], Self::sums);
        let judged = self.sums().into_iter().zip(most).zip(were);
        let mut over = judged.filter(|(((_, sum), most), (_, was))| sum > most && sum > was);
        over.next().map(|(((what, sum), most), _)| format!("I1: {what} {sum} of {most}"))
    }

    /// Whether a restart adds up to the same, every order that had not ended being unknown.
    fn refolds(&self, before: &Exposure) -> bool {
        let now = &self.exposure;
        let sums = |exposure: &Exposure| {
            let free = [Outcome::Yes, Outcome::No].map(|outcome| exposure.free_shares(&token(outcome)));
            (exposure.digest(), exposure.total(), exposure.losses(&market()), exposure.day(), free)
        };
        sums(now) == sums(before)
            && self.orders.iter().all(|order| {
                let (Some(was), Some(is)) = (before.order(&order.hash()), now.order(&order.hash())) else {
                    return false;
                };
                let ended = matches!(was.phase, Phase::Ended { .. });
                was.fills == is.fills
                    && if ended { was.phase == is.phase } else { is.phase == Phase::Unknown { likely_rejected: false } }
            })
    }

    /// Asks that must be refused here, and whether the policy in force refuses whatever the one before it did.
    pub(super) fn wrongly_approved(&self, limits: &Policy, wrong: Option<Wrong>) -> Option<String> {
        let at = self.at();
        for (rule, gate, token, order, decided) in bad_asks(at) {
            let known = self::token(Outcome::Yes);
            let mut ask = ask(&known, order, at);
            (ask.token, ask.decided) = (token.as_ref(), decided);
            if judge(&self.policy, &self.exposure, gate, at, &ask, wrong).is_ok() {
                return Some(format!("I6: approved against {rule}"));
            }
        }
        if self.tightened && self.off == 0 {
            for wanted in MENU {
                let token = token(wanted.0);
                let ask = ask(&token, order(wanted), at);
                let says = |policy| judge(policy, &self.exposure, self.gate(), at, &ask, wrong).is_ok();
                if says(&self.policy) && !says(limits) {
                    return Some("I3: a tighter policy allows more".to_owned());
                }
            }
        }
        None
    }
}
