//! What the venue has of an account, and whether a ledger knows it: computed from the venue's own list, in its own plain way.

use crate::stack::StackError;
use executor::ledger::{Head, HeadFile, Ledger as _, MirrorFile, Sought, SqliteLedger};
use executor::rows::LedgerRow;
use mm_core::domain::{ClientOrderId, OrderId, Qty};
use mm_core::protocol::Stage;
use mm_core::venue::rest::OpenOrder;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// One order at the venue.
struct Order {
    id: OrderId,
    qty: Qty,
    matched: Qty,
    /// Millionths of a dollar if everything that can fill does.
    at_risk: u128,
    rests: bool,
}

/// Everything the venue ever took of an account.
#[derive(Default)]
pub(super) struct Truth {
    orders: Vec<Order>,
}

impl Truth {
    pub(super) fn of(listed: &[OpenOrder]) -> Self {
        let orders = listed.iter().map(|order| {
            let rests = matches!(order.status.as_str(), "LIVE" | "DELAYED" | "UNMATCHED");
            let shares = if rests { order.original_size } else { order.size_matched };
            let at_risk = u128::from(order.price.ten_thousandths()) * u128::from(shares.micro()) / 10_000;
            Order { id: order.id, qty: order.original_size, matched: order.size_matched, at_risk, rests }
        });
        Self { orders: orders.collect() }
    }

    pub(super) fn ids(&self) -> BTreeSet<OrderId> {
        self.orders.iter().map(|order| order.id).collect()
    }

    pub(super) fn orders(&self) -> u64 {
        self.orders.len() as u64
    }

    pub(super) fn filled(&self) -> u64 {
        self.orders.iter().filter(|order| !order.matched.is_zero()).count() as u64
    }

    pub(super) fn resting(&self) -> u64 {
        self.orders.iter().filter(|order| order.rests).count() as u64
    }

    /// Millionths of a dollar at risk in all.
    pub(super) fn at_risk(&self) -> u128 {
        self.orders.iter().map(|order| order.at_risk).sum()
    }

    /// Orders that are another's twin: every order that was asked for has a size of its own.
    pub(super) fn doubled(&self) -> u64 {
        let sizes: BTreeSet<Qty> = self.orders.iter().map(|order| order.qty).collect();
        (self.orders.len() - sizes.len()) as u64
    }
}

/// Where ledger and venue differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Complaints {
    /// Orders at the venue without a row.
    pub(super) lost: u64,
    /// Orders of which the ledger has seen another amount trade than the venue.
    pub(super) fills: u64,
    /// Intents with more than one order, and orders with a twin.
    pub(super) doubled: u64,
    /// Orders that still rest.
    pub(super) resting: u64,
    /// Ledgers whose head file is missing, or names a row that is not there.
    pub(super) heads: u64,
    /// Mirrors that are not the ledger, row by row.
    pub(super) mirrors: u64,
}

/// Holds the ledger of a stopped executor against the truth.
///
/// # Errors
/// When the ledger cannot be read.
pub(super) fn compare(truth: &Truth, ledger: &Path) -> Result<Complaints, StackError> {
    let mut mirrored = Head::default();
    let whole = MirrorFile::beside(ledger).read(&mut |head, _| mirrored = head);
    let head = HeadFile::beside(ledger).read().map_err(|e| StackError(format!("head: {e}")))?;
    let mut sought = head.map(Sought::new);
    let mut pass = |head: Head, _: LedgerRow| sought.iter_mut().for_each(|sought| sought.pass(head));
    let mut ledger = SqliteLedger::open_each(ledger, &mut pass).map_err(|e| StackError(e.to_string()))?;
    let is_there =
        head.is_some_and(|head| head.rows > 0) && sought.is_some_and(|sought| sought.ended(ledger.head()).is_ok());
    let mut intents: BTreeMap<OrderId, (u64, ClientOrderId)> = BTreeMap::new();
    let mut fills = BTreeMap::new();
    let read = ledger.read(&mut |row| match row {
        LedgerRow::Intent(intent) => drop(intents.insert(intent.order, (intent.run, intent.id))),
        LedgerRow::Fill { order, trade, qty, stage, .. } => drop(fills.insert((order, trade), (qty, stage))),
        _ => {}
    });
    read.map_err(|e| StackError(e.to_string()))?;
    let traded = |wanted: &OrderId| {
        let parts = fills.iter().filter(|((order, _), (_, stage))| order == wanted && *stage != Stage::Failed);
        parts.fold(Qty::ZERO, |sum, (_, (qty, _))| sum.saturating_add(*qty))
    };
    let mut of_intent: BTreeMap<(u64, ClientOrderId), u64> = BTreeMap::new();
    // the same chain to the same row
    let is_mirrored = matches!(whole, Ok(Ok(0))) && mirrored == ledger.head();
    let mut complaints = Complaints {
        doubled: truth.doubled(),
        heads: u64::from(!is_there),
        mirrors: u64::from(!is_mirrored),
        ..Complaints::default()
    };
    for order in &truth.orders {
        match intents.get(&order.id) {
            Some(intent) => *of_intent.entry(*intent).or_default() += 1,
            None => complaints.lost += 1,
        }
        complaints.fills += u64::from(traded(&order.id) != order.matched);
        complaints.resting += u64::from(order.rests);
    }
    complaints.doubled += of_intent.values().map(|orders| orders - 1).sum::<u64>();
    Ok(complaints)
}
