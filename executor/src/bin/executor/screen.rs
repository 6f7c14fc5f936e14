//! The status as one screen: what a person looks at first at night.

use executor::operator::Status;
use executor::policy::CapUse;
use mm_core::protocol::Gate;

/// Everything, most important first.
pub(crate) fn screen(status: &Status) -> String {
    let desk = &status.desk;
    let gate = match desk.gate {
        Gate::Open { until } => format!("OPEN for {} ms unless renewed", until.since(desk.at).ms()),
        Gate::Shut(why) => format!("SHUT: {why:?}"),
        Gate::Unchecked => "SHUT: nothing is checked yet".to_owned(),
    };
    let mut screen = Screen::default();
    screen.line("mode", format!("{}   epoch {}   core run {}", status.mode, desk.epoch, desk.run));
    screen.line("gate", gate);
    for reason in &desk.reasons {
        screen.line("shut by", format!("{:?}: {}{}", reason.shut, reason.why, in_brackets(reason.age_ms)));
    }
    let checks: Vec<String> = desk.checks.iter().map(|check| format!("{} {}", check.what, age(check.age_ms))).collect();
    screen.line("checked", checks.join(", "));
    match &desk.halted {
        None => screen.line("latch", "open"),
        Some(why) => screen.line("latch", format!("HALTED: {why}")),
    }
    for why in desk.halts.iter().filter(|why| desk.halted.as_ref() != Some(why)) {
        screen.line("halted by", why.clone());
    }
    for blocker in &desk.arm_blockers {
        screen.line("no arm", blocker.clone());
    }
    let flat = if desk.flat { "flat: confirmed by two readings" } else { "not known to be flat" };
    screen.line("orders", format!("{} may rest, {} of them unknown; {flat}", desk.open_orders, desk.unknown));
    for order in &desk.orders {
        let state = if order.unknown { "UNKNOWN" } else { "open" };
        let sum = format!("{:?} {:?} {} at {}", order.side, order.outcome, order.qty, order.price).to_lowercase();
        let age = age(Some(order.age_ms));
        screen.line("", format!("{state:<8} {sum}, {} traded, {}, {age}, {}", order.traded, order.market, order.order));
    }
    let more = u64::from(desk.open_orders).saturating_sub(desk.orders.len() as u64);
    if more > 0 {
        screen.line("", format!("and {more} more"));
    }
    let now = if desk.cancelling_since.is_some() { ", cancelling now" } else { "" };
    screen.line("cancel-all", format!("{}{now}", age(status.cancel_all_age_ms)));
    screen.line("core", if desk.core { "connected" } else { "not connected" });
    screen.caps(&desk.usage);
    for (token, apart) in &desk.apart {
        let stood =
            if apart.has_stood() { "stood for minutes: `executor accept-balances` frees their cost" } else { "new" };
        let (ours, theirs) = (apart.ours, apart.theirs);
        screen.line("balance", format!("{token}: {ours} by our trades, {theirs} by the venue ({stood})"));
    }
    screen.line("credentials", age(status.credentials_age_ms));
    screen.line("sandbox", status.sandbox.clone());
    screen.line("key", status.key.clone());
    screen.line("address", format!("{}   funder {}", status.address, status.funder));
    screen.line("policy", desk.policy.to_string());
    screen.line("config", status.config.clone());
    screen.line("ledger", status.head.to_string());
    let troubled = status.mirror.trouble.as_ref().map_or_else(String::new, |why| format!("   BEHIND: {why}"));
    screen.line("mirror", format!("{} of {} rows{troubled}", status.mirror.rows, status.head.rows));
    screen.0.trim_end().to_owned()
}

#[derive(Default)]
struct Screen(String);

impl Screen {
    fn line(&mut self, name: &str, text: impl AsRef<str>) {
        let line = format!("{name:<12} {}", text.as_ref());
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    /// One line for each cap that can be used up; those on single orders together.
    fn caps(&mut self, caps: &[CapUse]) {
        let each: Vec<String> = caps
            .iter()
            .filter(|cap| cap.used.is_none())
            .map(|cap| format!("{} {}", cap.name.replace('_', " "), cap.cap))
            .collect();
        self.line("each order", each.join(", "));
        let mut name = "caps";
        for cap in caps {
            let Some(used) = cap.used else { continue };
            let left = cap.cap.less(used).map_or_else(String::new, |left| format!("{left} left"));
            let spent = if used >= cap.cap { "  USED UP" } else { "" };
            let fullest = cap.fullest.as_ref().map_or_else(String::new, |market| format!("  {market}"));
            let sum = format!("{used} of {}", cap.cap);
            self.line(name, format!("{:<26} {sum:<22} {left}{fullest}{spent}", cap.name.replace('_', " ")));
            name = "";
        }
    }
}

fn age(ms: Option<u64>) -> String {
    ms.map_or_else(|| "never".to_owned(), |ms| format!("{}.{} s ago", ms / 1000, ms % 1000 / 100))
}

fn in_brackets(ms: Option<u64>) -> String {
    ms.map_or_else(String::new, |ms| format!(" ({})", age(Some(ms))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use executor::desk::Op;
    use executor::ledger::{Head, Mirrored};
    use executor::reasons::Author;
    use executor::rehearsal::{OnPost, Rehearsal, order, policy, setup};
    use expect_test::{Expect, expect};
    use mm_core::domain::{Digest, Outcome, Qty, Side};

    fn check(stage: &Rehearsal, expected: &Expect) {
        let status = Status {
            mode: "sim, post".to_owned(),
            address: "0x1111111111111111111111111111111111111111".to_owned(),
            funder: "0x1111111111111111111111111111111111111111".to_owned(),
            config: Digest([0xc0; 32]).to_string(),
            sandbox: "full".to_owned(),
            key: "locked in memory".to_owned(),
            head: Head { rows: 12, hash: Digest([0xab; 32]) },
            mirror: Mirrored { rows: 12, trouble: None },
            credentials_age_ms: Some(61_234),
            cancel_all_age_ms: None,
            desk: stage.desk.status(),
        };
        expected.assert_eq(&(screen(&status) + "\n"));
    }

    #[test]
    fn orders_rest_and_one_is_unknown() {
        let mut stage = Rehearsal::armed(setup(policy(2), false), 2);
        stage.place(1, order(0, Outcome::Yes, Side::Buy, 40, 10));
        stage.run_ms(200);
        let id = stage.venue.orders.keys().next().copied().expect("it rests");
        stage.fill(id, Qty::from_whole(4).expect("small"));
        stage.run_ms(200);
        stage.venue.on_post = OnPost::DropAndLose;
        stage.place(2, order(1, Outcome::No, Side::Buy, 30, 20));
        stage.run_ms(200);
        check(
            &stage,
            &expect![[r#"
                mode         sim, post   epoch 1   core run 1
                gate         OPEN for 1977 ms unless renewed
                checked      place 3.0 s ago, account 3.0 s ago, clock 2.9 s ago, heartbeat 1.0 s ago, user stream 0.3 s ago, core 0.0 s ago
                latch        open
                no arm       not confirmed flat: 2 orders rest, may rest or are unknown
                orders       2 may rest, 1 of them unknown; not known to be flat
                             UNKNOWN  buy no 20 at 0.3, 0 traded, market-1, 0.1 s ago, 0x3e3235404dcc075f46a93ceed0fe93e07045693c1ae77ba487708a6edc593699
                             open     buy yes 10 at 0.4, 4 traded, market-0, 0.5 s ago, 0x351cf7469c5d6d18667006441d434b72e4c61bccb1ee6f5a29ee44b42b1e4dc8
                cancel-all   never
                core         connected
                each order   max order shares 100, max order usdc 25, min price 0.02, max price 0.98, reference band 0.9999, reference max age ms 10000, intent max age ms 2000
                caps         max market usdc            6 of 60                54 left  market-1
                             max total usdc             10 of 100              90 left
                             max market loss usdc       6 of 60                54 left  market-1
                             max event loss usdc        6 of 60                54 left  market-1
                             max total loss usdc        10 of 100              90 left
                             max token orders           1 of 8                 7 left  market-0
                             max market orders          1 of 8                 7 left  market-0
                             max event orders           1 of 8                 7 left  market-0
                             max token resting usdc     6 of 60                54 left  market-1
                             max market resting usdc    6 of 100               94 left  market-1
                             max event resting usdc     6 of 100               94 left  market-1
                             max open orders            2 of 8                 6 left
                             max orders per minute      2 of 40                38 left
                             max token fills per minute 1 of 200               199 left  market-0
                             max rejects in a row       0 of 20                20 left
                             max day bought usdc        10 of 300              290 left
                             max day outflow usdc       10 of 300              290 left
                             max day placed usdc        10 of 20000            19990 left
                credentials  61.2 s ago
                sandbox      full
                key          locked in memory
                address      0x1111111111111111111111111111111111111111   funder 0x1111111111111111111111111111111111111111
                policy       be266244e210e7b3a11588ca9f571016fccd6b124b98347b06c58bbea8b60e12
                config       c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0
                ledger       12:abababababababababababababababababababababababababababababababab
                mirror       12 of 12 rows
            "#]],
        );
    }

    #[test]
    fn halted_with_reasons_and_nothing_resting() {
        let mut stage = Rehearsal::armed(setup(policy(1), false), 1);
        stage.operate(Op::Halt { by: Author::Operator(0), why: "drill".into() });
        stage.run_ms(100);
        stage.operate(Op::Halt { by: Author::Operator(0), why: "again".into() });
        stage.run_ms(100);
        check(
            &stage,
            &expect![[r#"
                mode         sim, post   epoch 1   core run 1
                gate         SHUT: Halted
                shut by      Halted: operator (uid 0): drill
                checked      place 2.6 s ago, account 2.6 s ago, clock 2.6 s ago, heartbeat 0.6 s ago, user stream 0.0 s ago, core 0.1 s ago
                latch        HALTED: operator (uid 0): drill
                halted by    operator (uid 0): drill (2026-06-07T01:30:02.500Z)
                halted by    operator (uid 0): again (2026-06-07T01:30:02.600Z)
                no arm       not confirmed flat: 0 orders rest, may rest or are unknown
                orders       0 may rest, 0 of them unknown; not known to be flat
                cancel-all   never, cancelling now
                core         connected
                each order   max order shares 100, max order usdc 25, min price 0.02, max price 0.98, reference band 0.9999, reference max age ms 10000, intent max age ms 2000
                caps         max market usdc            0 of 60                60 left
                             max total usdc             0 of 100               100 left
                             max market loss usdc       0 of 60                60 left
                             max event loss usdc        0 of 60                60 left
                             max total loss usdc        0 of 100               100 left
                             max token orders           0 of 8                 8 left
                             max market orders          0 of 8                 8 left
                             max event orders           0 of 8                 8 left
                             max token resting usdc     0 of 60                60 left
                             max market resting usdc    0 of 100               100 left
                             max event resting usdc     0 of 100               100 left
                             max open orders            0 of 8                 8 left
                             max orders per minute      0 of 40                40 left
                             max token fills per minute 0 of 200               200 left
                             max rejects in a row       0 of 20                20 left
                             max day bought usdc        0 of 300               300 left
                             max day outflow usdc       0 of 300               300 left
                             max day placed usdc        0 of 20000             20000 left
                credentials  61.2 s ago
                sandbox      full
                key          locked in memory
                address      0x1111111111111111111111111111111111111111   funder 0x1111111111111111111111111111111111111111
                policy       535ea488d533c3ec7cac567bd1571455cc4df647ad5f7914bc704acc72738af1
                config       c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0
                ledger       12:abababababababababababababababababababababababababababababababab
                mirror       12 of 12 rows
            "#]],
        );
    }

    #[test]
    fn just_started() {
        check(
            &Rehearsal::new(setup(policy(1), false)),
            &expect![[r#"
                mode         sim, post   epoch 0   core run 0
                gate         SHUT: Halted
                shut by      Halted: started and not yet armed
                shut by      CheckFailed: the geoblock check has no fresh answer
                shut by      CheckFailed: the venue's clock was never read
                shut by      CheckFailed: the closed-only check has no fresh answer
                shut by      UserStream: the user stream is down
                shut by      CoreSilent: no core is connected
                shut by      HeartbeatLost: no heartbeat was accepted lately
                checked      place never, account never, clock never, heartbeat never, user stream never, core never
                latch        HALTED: started and not yet armed
                no arm       the geoblock check has no fresh answer
                no arm       the venue's clock was never read
                no arm       the closed-only check has no fresh answer
                no arm       not confirmed flat: 0 orders rest, may rest or are unknown
                orders       0 may rest, 0 of them unknown; not known to be flat
                cancel-all   never
                core         not connected
                each order   max order shares 100, max order usdc 25, min price 0.02, max price 0.98, reference band 0.9999, reference max age ms 10000, intent max age ms 2000
                caps         max market usdc            0 of 60                60 left
                             max total usdc             0 of 100               100 left
                             max market loss usdc       0 of 60                60 left
                             max event loss usdc        0 of 60                60 left
                             max total loss usdc        0 of 100               100 left
                             max token orders           0 of 8                 8 left
                             max market orders          0 of 8                 8 left
                             max event orders           0 of 8                 8 left
                             max token resting usdc     0 of 60                60 left
                             max market resting usdc    0 of 100               100 left
                             max event resting usdc     0 of 100               100 left
                             max open orders            0 of 8                 8 left
                             max orders per minute      0 of 40                40 left
                             max token fills per minute 0 of 200               200 left
                             max rejects in a row       0 of 20                20 left
                             max day bought usdc        0 of 300               300 left
                             max day outflow usdc       0 of 300               300 left
                             max day placed usdc        0 of 20000             20000 left
                credentials  61.2 s ago
                sandbox      full
                key          locked in memory
                address      0x1111111111111111111111111111111111111111   funder 0x1111111111111111111111111111111111111111
                policy       535ea488d533c3ec7cac567bd1571455cc4df647ad5f7914bc704acc72738af1
                config       c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0
                ledger       12:abababababababababababababababababababababababababababababababab
                mirror       12 of 12 rows
            "#]],
        );
    }
}
