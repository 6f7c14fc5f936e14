//! Sliding windows of one IP address over groups of endpoints. A request over a limit is let through as late as the limit asks
//! for, up to [`DELAY_MAX`]; one that would have to wait longer is refused and counts nowhere.

use mm_core::domain::{Nanos, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

/// Longest delay before a refusal: the venue delays first and refuses later, after how long is undocumented.
pub const DELAY_MAX: Nanos = Nanos::from_secs(1);

/// Addresses that are told apart; the strangers behind them share one row.
const ADDRESSES_MAX: usize = 64;

const TEN_SECONDS: Nanos = Nanos::from_secs(10);
const TEN_MINUTES: Nanos = Nanos::from_secs(600);

/// Endpoints that are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Every request of an address, on all hosts.
    Everything,
    /// The CLOB host.
    Clob,
    /// `POST /order`.
    PlaceOne,
    /// `DELETE /order`.
    CancelOne,
    /// `POST /orders`.
    PlaceMany,
    /// `DELETE /orders`.
    CancelMany,
    /// `DELETE /cancel-all`.
    CancelAll,
    /// `DELETE /cancel-market-orders`.
    CancelMarket,
    /// `/book`.
    Book,
    /// `/price`.
    Price,
    /// `/midpoint`.
    Midpoint,
    /// `/books`.
    Books,
    /// `/prices`.
    Prices,
    /// `/midpoints`.
    Midpoints,
    /// `/prices-history`.
    History,
    /// `/tick-size`.
    TickSize,
    /// Reads of one's own ledger, together.
    Ledger,
    /// `/data/orders`.
    DataOrders,
    /// `/data/trades`.
    DataTrades,
    /// `/notifications`.
    Notifications,
    /// `GET /balance-allowance`.
    Balance,
    /// `/balance-allowance/update`.
    BalanceUpdate,
    /// API-key endpoints.
    Keys,
    /// `/ok`.
    Ok,
    /// The Gamma host.
    Gamma,
    /// Gamma `/events`.
    GammaEvents,
    /// Gamma `/markets`.
    GammaMarkets,
    /// Gamma `/events` and `/markets` together.
    GammaLists,
    /// The Data API host.
    Data,
    /// `/v2/trades`.
    V2Trades,
    /// `/v2/positions`.
    V2Positions,
    /// `/v2/activity`.
    V2Activity,
}

/// Which host a request reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// Trading and books.
    Clob,
    /// Market metadata.
    Gamma,
    /// Positions and trades.
    Data,
}

impl Group {
    /// Requests allowed within ten seconds, and within ten minutes where that is limited too.
    #[must_use]
    pub const fn limits(self) -> (usize, Option<usize>) {
        match self {
            Self::Everything => (15_000, None),
            Self::Clob => (9_000, None),
            Self::PlaceOne | Self::CancelOne => (5_000, Some(120_000)),
            Self::PlaceMany => (2_000, Some(21_000)),
            Self::CancelMany => (2_000, Some(15_000)),
            Self::CancelAll => (250, Some(6_000)),
            Self::CancelMarket => (1_500, Some(21_000)),
            Self::Book | Self::Price | Self::Midpoint => (1_500, None),
            Self::Books | Self::Prices | Self::Midpoints | Self::DataOrders | Self::DataTrades | Self::GammaEvents => {
                (500, None)
            }
            Self::History => (1_000, None),
            Self::TickSize | Self::Balance | Self::V2Positions | Self::V2Activity => (200, None),
            Self::Ledger | Self::GammaLists => (900, None),
            Self::Notifications => (125, None),
            Self::BalanceUpdate => (50, None),
            Self::Keys | Self::Ok => (100, None),
            Self::Gamma => (4_000, None),
            Self::GammaMarkets | Self::V2Trades => (300, None),
            Self::Data => (800, None),
        }
    }

    /// The groups a request belongs to; `path` without its query.
    #[must_use]
    pub fn of(host: Host, method: &str, path: &str) -> Vec<Self> {
        let mut groups = vec![Self::Everything];
        match host {
            Host::Clob => groups.push(Self::Clob),
            Host::Gamma => groups.push(Self::Gamma),
            Host::Data => groups.push(Self::Data),
        }
        let more: &[Self] = match (host, method, path) {
            (Host::Clob, "POST", "/order") => &[Self::PlaceOne],
            (Host::Clob, "DELETE", "/order") => &[Self::CancelOne],
            (Host::Clob, "POST", "/orders") => &[Self::PlaceMany],
            (Host::Clob, "DELETE", "/orders") => &[Self::CancelMany],
            (Host::Clob, "DELETE", "/cancel-all") => &[Self::CancelAll],
            (Host::Clob, "DELETE", "/cancel-market-orders") => &[Self::CancelMarket],
            (Host::Clob, _, "/book") => &[Self::Book],
            (Host::Clob, _, "/price") => &[Self::Price],
            (Host::Clob, _, "/midpoint") => &[Self::Midpoint],
            (Host::Clob, _, "/books") => &[Self::Books],
            (Host::Clob, _, "/prices") => &[Self::Prices],
            (Host::Clob, _, "/midpoints") => &[Self::Midpoints],
            (Host::Clob, _, "/prices-history") => &[Self::History],
            (Host::Clob, _, "/tick-size") => &[Self::TickSize],
            (Host::Clob, _, "/data/orders") => &[Self::Ledger, Self::DataOrders],
            (Host::Clob, _, "/data/trades") => &[Self::Ledger, Self::DataTrades],
            (Host::Clob, _, "/notifications") => &[Self::Ledger, Self::Notifications],
            (Host::Clob, _, "/balance-allowance") => &[Self::Balance],
            (Host::Clob, _, "/balance-allowance/update") => &[Self::BalanceUpdate],
            (Host::Clob, _, "/ok") => &[Self::Ok],
            (Host::Clob, _, path) if path.starts_with("/auth/") => &[Self::Keys],
            (Host::Clob, "GET", path) if path.starts_with("/data/order/") => &[Self::Ledger],
            (Host::Gamma, _, path) if path.starts_with("/events") => &[Self::GammaEvents, Self::GammaLists],
            (Host::Gamma, _, path) if path.starts_with("/markets") => &[Self::GammaMarkets, Self::GammaLists],
            (Host::Data, _, "/v2/trades") => &[Self::V2Trades],
            (Host::Data, _, "/v2/positions") => &[Self::V2Positions],
            (Host::Data, _, "/v2/activity") => &[Self::V2Activity],
            _ => &[],
        };
        groups.extend_from_slice(more);
        groups
    }
}

/// Moments at which one window let requests through, oldest first: never more than its limit within its span.
#[derive(Clone, Debug)]
struct Window {
    span: Nanos,
    limit: usize,
    passed: VecDeque<Timestamp>,
}

impl Window {
    /// When a request that arrives now may pass.
    fn passes(&self, at: Timestamp) -> Timestamp {
        match self.passed.len().checked_sub(self.limit).and_then(|oldest| self.passed.get(oldest)) {
            Some(oldest) => at.max(oldest.plus(self.span)),
            None => at,
        }
    }

    fn count(&mut self, at: Timestamp) {
        while self.passed.front().is_some_and(|oldest| oldest.plus(self.span) <= at) {
            self.passed.pop_front();
        }
        self.passed.push_back(at);
    }
}

/// The windows of every address.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    windows: BTreeMap<(Option<IpAddr>, Group), Vec<Window>>,
    known: std::collections::BTreeSet<IpAddr>,
}

impl Addresses {
    /// Lets a request pass at once or after a delay.
    ///
    /// # Errors
    /// How long it would have to wait: longer than [`DELAY_MAX`], and it was not counted.
    pub fn pass(&mut self, at: Timestamp, from: IpAddr, groups: &[Group]) -> Result<Nanos, Nanos> {
        if self.known.len() < ADDRESSES_MAX {
            self.known.insert(from);
        }
        let from = self.known.contains(&from).then_some(from);
        let mut last = at;
        for group in groups {
            for window in self.of(from, *group) {
                last = last.max(window.passes(at));
            }
        }
        let wait = last.since(at);
        if wait > DELAY_MAX {
            return Err(wait);
        }
        for group in groups {
            for window in self.of(from, *group) {
                let passes = window.passes(at);
                window.count(passes);
            }
        }
        Ok(wait)
    }

    fn of(&mut self, from: Option<IpAddr>, group: Group) -> &mut Vec<Window> {
        self.windows.entry((from, group)).or_insert_with(|| {
            let (short, long) = group.limits();
            let window = |span, limit| Window { span, limit, passed: VecDeque::new() };
            let short = std::iter::once(window(TEN_SECONDS, short));
            short.chain(long.map(|limit| window(TEN_MINUTES, limit))).collect()
        })
    }

    /// The fullest window of a group, and its limit: what the invariant looks at.
    #[must_use]
    pub fn fullest(&self) -> Vec<(Group, usize, usize)> {
        let rows = self.windows.iter().flat_map(|((_, group), windows)| windows.iter().map(move |w| (*group, w)));
        rows.map(|(group, window)| (group, window.most_in_a_span(), window.limit)).collect()
    }
}

impl Window {
    /// Most requests that passed within any one span.
    fn most_in_a_span(&self) -> usize {
        let (mut most, mut from) = (0, 0);
        for (to, at) in self.passed.iter().enumerate() {
            while self.passed.get(from).is_some_and(|oldest| oldest.plus(self.span) <= *at) {
                from += 1;
            }
            most = most.max(to + 1 - from);
        }
        most
    }
}
