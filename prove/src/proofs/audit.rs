//! M5: the ledger tells when it is not what was written, and when what it tells of broke the rules.

mod mirror;

use crate::proof::{Bench, Depth, Evidence, Proof, Verdict};
use crate::proofs::judged;
use crate::shell;
use executor::audit::Audit;
use executor::exposure::Exposure;
use executor::ledger::{Chain, Head, HeadFile, Ledger as _, Link, Sought, SqliteLedger};
use executor::policy::{Policy, Reference};
use executor::rehearsal::{START, condition, order, token_id, wide_policy};
use executor::rows::{Became, IntentRow, LedgerRow, RULES, RefusedRow};
use mm_core::domain::{ClientOrderId, Digest, Nanos, OrderId, Outcome, Price, Qty, Side, Timestamp, TradeId};
use mm_core::protocol::{Gate, Refusal, Stage};
use rusqlite::Connection;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "audit-finds-every-tampering",
        milestone: 5,
        claim: "Of a ledger of ten thousand rows, and of its mirror, every changed, removed, inserted, moved or cut off row is found, and so \
                is one written anew; one sealed anew that tells of a broken rule is told which; the untouched ones are verified.",
        quick: true,
        min_cases: 2_000,
        run: |bench| tampered(bench, true),
        sabotage_claim: "each row is read without the chain",
        sabotage: Some(|bench| tampered(bench, false)),
    },
    mirror::PROOF,
];

/// Rows of the ledger.
const ROWS: usize = 10_000;

fn tampered(bench: &mut Bench, chained: bool) -> Verdict {
    let (mut evidence, mut failures) = (Evidence::default(), Vec::new());
    let rows = lived(ROWS);
    evidence.fact("rows", rows.len());
    evidence.fact("of them orders", rows.iter().filter(|row| row.kind() == "intent").count());
    let broken = judge(&rows);
    evidence.fact("rules the untouched one breaks", broken);
    if broken > 0 {
        failures.push("the untouched ledger breaks rules".to_owned());
    }
    let every = match bench.depth {
        // Without the chain what is not noticed is read to the end.
        _ if !chained => ROWS / 4,
        Depth::Quick => 10,
        Depth::Default | Depth::Full => 1,
    };
    // A line takes longer to read than a row.
    for (of, road, every) in [("", Road::Row, every), ("mirror: ", Road::Line, every * 5)] {
        for (what, tried, missed) in in_memory(&rows, every, chained, road) {
            evidence.cases += tried;
            evidence.fact(&format!("{of}{what}"), format!("{tried} tried, {} missed", missed.len()));
            failures.extend(missed.iter().take(2).map(|row| format!("{of}{what}: row {row} was not missed")));
        }
    }
    let places = usize::try_from(bench.depth.pick(1, 5, 100)).unwrap_or(usize::MAX);
    for (says, tried, missed) in lying(&rows, places) {
        evidence.cases += tried;
        evidence.fact(&format!("sealed anew, found as {says:?}"), format!("{tried} tried, {} missed", missed.len()));
        failures.extend(missed.iter().take(2).map(|row| format!("row {row} lies, and nobody says {says:?}")));
    }
    match on_disk(bench, &rows) {
        Ok((tried, wrong)) => {
            evidence.cases += tried;
            evidence.fact("files judged by `executor audit verify`", tried);
            failures.extend(wrong);
        }
        Err(why) => return Verdict::Broken(why),
    }
    judged(evidence, &failures)
}

/// A long life: orders that rest, fill, settle and end, refusals, halts, arms and starts, each row decided on the sums of those before.
fn lived(rows: usize) -> Vec<LedgerRow> {
    let policy = wide_policy();
    let mut life = Life { policy: &policy, exposure: Exposure::default(), at: START, rows: Vec::new() };
    let mut n = 0u64;
    while life.rows.len() < rows {
        if n.is_multiple_of(LIFE) {
            let epoch = life.exposure.epoch() + 1;
            life.write(|at| LedgerRow::Epoch { at, epoch, policy: policy.digest() });
            life.exposure.restart();
            life.write(|at| LedgerRow::Policy { at, rules: RULES, text: policy.text().into() });
            life.write(|at| LedgerRow::Run { at, run: epoch, config: Digest([3; 32]) });
        }
        if n.is_multiple_of(LIFE / 4) {
            life.write(|at| LedgerRow::Halt { at, why: "a pause".into() });
            life.write(|at| LedgerRow::Arm { at, auto: false });
        }
        n += 1;
        life.order(n);
    }
    life.rows.truncate(rows);
    life.rows
}

/// Orders of one start.
const LIFE: u64 = 400;

struct Life<'a> {
    policy: &'a Policy,
    exposure: Exposure,
    at: Timestamp,
    rows: Vec<LedgerRow>,
}

impl Life<'_> {
    fn write(&mut self, row: impl FnOnce(Timestamp) -> LedgerRow) {
        self.at = self.at.plus(Nanos::from_ms(500));
        let row = row(self.at);
        self.exposure.apply(&row);
        self.rows.push(row);
    }

    /// One order from its row to its end.
    fn order(&mut self, n: u64) {
        let asked = order(u16::from(n.is_multiple_of(2)), Outcome::Yes, Side::Buy, 30, 5);
        let (market, id) = (asked.token.market.0, OrderId::from_bytes(Digest::of(&n.to_le_bytes()).0));
        let (run, epoch, exposure, policy) =
            (self.exposure.run(), self.exposure.epoch(), self.exposure.digest(), self.policy.digest());
        let payload = Digest([5; 32]);
        if n.is_multiple_of(20) {
            let why = vec![Refusal::Rate];
            let (id, token) = (ClientOrderId(n), None);
            self.write(|at| {
                LedgerRow::Refused(Box::new(RefusedRow {
                    at,
                    run,
                    id,
                    payload,
                    token,
                    why,
                    policy,
                    exposure,
                    unwritten: 0,
                }))
            });
            return;
        }
        self.write(|at| {
            LedgerRow::Intent(Box::new(IntentRow {
                at,
                epoch,
                run,
                id: ClientOrderId(n),
                payload,
                order: id,
                salt: n,
                at_ms: at.ms(),
                market: condition(market),
                outcome: asked.token.outcome,
                token: token_id(market, asked.token.outcome),
                neg_risk: false,
                side: asked.side,
                price: asked.price,
                qty: asked.qty,
                tif: asked.tif,
                reserve: asked.notional(),
                gate: Gate::Open { until: Timestamp::MAX },
                policy,
                exposure,
                // some price of others: within the wide band
                reference: Reference::new(asked.in_yes_terms().1, Price::ONE, at),
            }))
        });
        self.write(|at| LedgerRow::Outcome { at, order: id, became: Became::Accepted });
        let mut matched = Qty::ZERO;
        if n.is_multiple_of(7) {
            matched = asked.qty;
            for stage in [Stage::Matched, Stage::Confirmed] {
                let trade = TradeId::parse(&format!("trade-{n}")).expect("plain");
                let (price, qty) = (asked.price, asked.qty);
                self.write(|at| LedgerRow::Fill { at, order: id, trade, price, qty, stage, matched: None });
            }
        }
        self.write(|at| LedgerRow::Outcome { at, order: id, became: Became::Ended { matched } });
    }
}

fn judge<'a>(rows: impl IntoIterator<Item = &'a LedgerRow>) -> u64 {
    let mut audit = Audit::default();
    rows.into_iter().for_each(|row| audit.row(row));
    let report = audit.end();
    report.findings.len() as u64 + report.more
}

/// How a row comes back.
#[derive(Clone, Copy)]
enum Road {
    /// As the ledger stores it.
    Row,
    /// As a line of the mirror.
    Line,
}

impl Road {
    fn back(self, link: &Link) -> Option<Link> {
        match self {
            Self::Row => Some(link.clone()),
            Self::Line => link.line().ok().and_then(|line| Link::of_line(link.seq, line.as_bytes()).ok()),
        }
    }
}

/// Each way of tampering with each row (or each `every`th): its name, how many, and the rows where it was not noticed. What stands
/// before the row is untouched, so the chain is followed from there.
fn in_memory(rows: &[LedgerRow], every: usize, chained: bool, road: Road) -> Vec<(&'static str, u64, Vec<usize>)> {
    let (mut chain, mut before, mut links) = (Chain::default(), Vec::new(), Vec::new());
    for row in rows {
        before.push(chain);
        links.push(chain.seal(row).expect("of this century"));
    }
    let head = chain.head();
    let noticed = |from: usize, changed: &[Link], rest: usize| {
        let (mut chain, mut sought) = (before[from], Sought::new(head));
        for link in changed.iter().chain(&links[rest..]) {
            let Some(link) = road.back(link) else { return true };
            let read = if chained { chain.follow(&link).map(drop) } else { link.read().map(drop) };
            if read.is_err() {
                return true;
            }
            sought.pass(chain.head());
        }
        chained && sought.ended(chain.head()).is_err()
    };
    let numbered = |link: &Link, seq: i64| Link { seq, ..link.clone() };
    type Tamper<'a> = (&'static str, &'a dyn Fn(usize) -> bool);
    let ways: [Tamper<'_>; 7] = [
        ("a digit of the row changed", &|n| {
            let mut link = links[n].clone();
            let digit = link.body.rfind(|c: char| c.is_ascii_digit()).expect("a time at least");
            let other = if link.body.as_bytes()[digit] == b'1' { "2" } else { "1" };
            link.body.replace_range(digit..=digit, other);
            noticed(n, &[link], n + 1)
        }),
        ("its time changed, in column and row", &|n| {
            let mut link = links[n].clone();
            let later = (link.at + 1).to_string();
            link.body = link.body.replacen(&link.at.to_string(), &later, 1);
            link.at += 1;
            noticed(n, &[link], n + 1)
        }),
        ("removed, what follows numbered anew", &|n| {
            let following: Vec<Link> = links[n + 1..].iter().take(2).map(|link| numbered(link, link.seq - 1)).collect();
            noticed(n, &following, (n + 3).min(links.len()))
        }),
        ("written twice, what follows numbered anew", &|n| {
            let again = [links[n].clone(), numbered(&links[n], links[n].seq + 1)];
            let following = links[n + 1..].iter().take(2).map(|link| numbered(link, link.seq + 1));
            let changed: Vec<Link> = again.into_iter().chain(following).collect();
            noticed(n, &changed, (n + 3).min(links.len()))
        }),
        ("changed places with the next", &|n| match links.get(n + 1) {
            Some(next) => noticed(n, &[numbered(next, links[n].seq), numbered(&links[n], next.seq)], n + 2),
            None => true,
        }),
        ("the last row from there on", &|n| noticed(n, &[], links.len())),
        ("its hash and the next row's made to fit", &|n| {
            let mut forged = before[n];
            let mut changed = vec![forged.seal(&rows[(n + 1) % rows.len()]).expect("of this century")];
            changed.extend(rows.get(n + 1).map(|row| forged.seal(row).expect("of this century")));
            noticed(n, &changed, (n + 2).min(links.len()))
        }),
    ];
    let tried = (0..links.len()).step_by(every);
    ways.map(|(what, way)| (what, tried.clone().count() as u64, tried.clone().filter(|n| !way(*n)).collect())).into()
}

/// A rule of the house, and how a ledger would tell that it was broken.
struct Lie {
    /// What the audit says of it.
    says: &'static str,
    /// The kind of row it begins with.
    kind: &'static str,
    /// What is made of the rows there.
    tell: fn(&mut Vec<LedgerRow>, usize),
}

const LIES: [Lie; 6] = [
    Lie {
        says: "was never recorded as an order",
        kind: "intent",
        tell: |rows, n| {
            rows.remove(n);
        },
    },
    Lie { says: "was approved twice", kind: "intent", tell: |rows, n| rows.insert(n + 1, rows[n].clone()) },
    Lie {
        says: "against the policy: ",
        kind: "intent",
        tell: |rows, n| {
            let LedgerRow::Intent(row) = &mut rows[n] else { return };
            row.qty = Qty::from_whole(1_000_000).expect("fewer than there can be");
        },
    },
    Lie {
        says: "was approved while halted",
        kind: "arm",
        tell: |rows, n| {
            rows.remove(n);
        },
    },
    Lie {
        says: "other sums than the rows before it",
        kind: "fill",
        tell: |rows, n| {
            let LedgerRow::Fill { qty, .. } = &mut rows[n] else { return };
            *qty = Qty::from_whole(1).expect("few");
        },
    },
    Lie {
        says: "not those whose digest is in force",
        kind: "policy",
        tell: |rows, n| {
            let LedgerRow::Policy { text, .. } = &mut rows[n] else { return };
            *text = text.replacen("max_open_orders\":", "max_open_orders\":1", 1).into();
        },
    },
];

/// The chain is written anew over rows that tell of a broken rule: whole, and yet judged by its words. Tried at about so many places for
/// each rule: its words, how many places, and where they were missing.
fn lying(rows: &[LedgerRow], samples: usize) -> Vec<(&'static str, u64, Vec<usize>)> {
    // The last orders have nothing behind them that would tell.
    let told = rows.len() - 10;
    let of_kind = |kind| rows[..told].iter().enumerate().filter(move |(_, row)| row.kind() == kind).map(|(n, _)| n);
    LIES.map(|Lie { says, kind, tell }| {
        let step = of_kind(kind).count().div_ceil(samples).max(1);
        let missed = |n: &usize| {
            let mut rows = rows.to_vec();
            tell(&mut rows, *n);
            let mut audit = Audit::default();
            rows.iter().for_each(|row| audit.row(row));
            audit.end().findings.first().is_none_or(|found| !found.to_string().contains(says))
        };
        let tried: Vec<usize> = of_kind(kind).step_by(step).collect();
        (says, tried.len() as u64, tried.into_iter().filter(missed).collect())
    })
    .into()
}

/// The same on files, through the command a person uses: what was done, and whether it must pass.
const ON_DISK: [(&str, &str, bool); 8] = [
    ("nothing", "", true),
    (
        "changed",
        "UPDATE row SET body = replace(body, '\"salt\":', '\"salt\":1') WHERE seq IN (SELECT seq FROM row WHERE kind = 'intent' LIMIT 1 OFFSET 100)",
        false,
    ),
    ("removed", "DELETE FROM row WHERE seq = 5000", false),
    ("inserted", "INSERT INTO row SELECT 20000, at, kind, NULL, body, prev, hash FROM row WHERE seq = 1", false),
    (
        "moved",
        "UPDATE row SET seq = 30000 WHERE seq = 700; UPDATE row SET seq = 700 WHERE seq = 701; UPDATE row SET seq = 701 WHERE seq = 30000",
        false,
    ),
    ("cut off", "DELETE FROM row WHERE seq = 10000", false),
    ("cut off far", "DELETE FROM row WHERE seq > 9000", false),
    ("filed elsewhere", "UPDATE row SET order_id = '0x00' WHERE kind = 'fill'", false),
];

fn on_disk(bench: &Bench, rows: &[LedgerRow]) -> Result<(u64, Vec<String>), String> {
    let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
    let whole = folder.path().join("ledger.sqlite");
    let head = write(&whole, rows)?;
    let mut wrong = Vec::new();
    for (nth, (what, sql, passes)) in ON_DISK.into_iter().enumerate() {
        let copy = folder.path().join(format!("{nth}")).join("ledger.sqlite");
        std::fs::create_dir(copy.with_file_name("")).map_err(|why| why.to_string())?;
        std::fs::copy(&whole, &copy).map_err(|why| why.to_string())?;
        HeadFile::beside(&copy).write(head).map_err(|why| why.to_string())?;
        Connection::open(&copy).and_then(|conn| conn.execute_batch(sql)).map_err(|why| format!("{what}: {why}"))?;
        let told = verify(bench, "--ledger", &copy, &head.to_string())?;
        wrong.extend(misjudged(&told, passes).map(|why| format!("{what}: {why}")));
    }
    let (tried, missed) = mirror::on_disk(bench, &whole, head)?;
    wrong.extend(missed);
    Ok((ON_DISK.len() as u64 + tried, wrong))
}

/// What the command said, if that is not what it must say.
fn misjudged(told: &shell::Output, passes: bool) -> Option<&str> {
    let expected = if passes { "VERIFIED" } else { "BROKEN" };
    let names_it = passes || told.text.contains("row ");
    (told.ok != passes || !told.text.contains(expected) || !names_it).then_some(told.text.as_str())
}

fn write(path: &Path, rows: &[LedgerRow]) -> Result<Head, String> {
    SqliteLedger::init(path).map_err(|why| why.to_string())?;
    let mut ledger = SqliteLedger::open(path).map_err(|why| why.to_string())?;
    for group in rows.chunks(1000) {
        ledger.append(group).map_err(|why| why.to_string())?;
    }
    Ok(ledger.head())
}

fn verify(bench: &Bench, kind: &str, file: &Path, head: &str) -> Result<shell::Output, String> {
    let mut command = Command::new(bench.binary("executor"));
    command.args(["audit", "verify", "--head", head, "--config"]).arg(bench.root.join("config/executor.toml"));
    command.arg(kind).arg(file);
    shell::run(&mut command, Duration::from_secs(120))
}
