//! One account, one ledger, and the lives that executors live and lose on it.

mod struck;
mod watched;

pub(super) use struck::{Finish, PATIENCE};

use super::Sabotage;
use super::core::{Became, Core, Gone, ask};
use super::disk;
use super::truth::{self, Complaints, Truth};
use crate::proof::Bench;
use crate::stack::code_in;
use crate::stack::{Options, Process, Stack, StackError, key_file, socket_dir};
use executor::operator::{Ask, Told};
use mm_core::domain::{
    ClientOrderId, MarketIx, NewOrder, Outcome, Price, Qty, Side, TimeInForce, Timestamp, Token, TokenId,
};
use mm_core::io::clock::Clock;
use mm_core::protocol::ToExecutor;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::Duration;
use toml::Value;

/// Longest life, and longest wait for one thing in it.
const LIFE_MAX: Duration = Duration::from_secs(60);
const WAIT_MAX: Duration = Duration::from_secs(8);
/// Longest wait for a process to be ready, and for its end after a signal.
const START_MAX: Duration = Duration::from_secs(30);
/// What may be at risk in all, dollars: so little that it binds.
pub(super) const CAP_USDC: u64 = 30;

/// How a life ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Where it was told to.
    Killed,
    /// By itself, flat.
    Lived,
}

/// An account of its own at the shared venue.
pub(super) struct House {
    stack: Arc<Stack>,
    binary: PathBuf,
    dir: PathBuf,
    sockets: PathBuf,
    config: PathBuf,
    clock: Clock,
    tokens: Vec<(Token, TokenId)>,
    sabotage: Sabotage,
    pub(super) key: [u8; 32],
    pub(super) lives: u64,
    address: String,
    run: u64,
    next: u64,
    /// Asked for in this run, and not known to be over.
    open: BTreeMap<ClientOrderId, NewOrder>,
    /// Orders the cores were told of as taken.
    pub(super) told: u64,
    /// What leaves once it is struck reaches the book so many milliseconds later, whatever became of the sender.
    pub(super) lands_late_ms: Option<u64>,
    /// After it is struck each order waits for the answer to the one before: a commit for each, and not one for many.
    pub(super) one_by_one: bool,
}

impl House {
    pub(super) async fn new(
        bench: &Bench,
        stack: Arc<Stack>,
        binary: PathBuf,
        number: u64,
        sabotage: Sabotage,
    ) -> Result<Self, StackError> {
        let dir = bench.evidence.join(format!("house-{number}"));
        std::fs::create_dir_all(&dir)?;
        let key_path = dir.join("key");
        let key = key_file(&key_path, 0o400)?;
        let sockets = socket_dir()?;
        let mut options = Options::new(bench.root.clone(), bench.bin_dir.clone(), dir.clone());
        let ms = |section, key, n| (section, key, Value::Integer(n));
        let path = key_path.to_string_lossy().into_owned();
        let source = [("source".to_owned(), Value::from("file")), ("path".to_owned(), Value::from(path))];
        options.executor_keys = vec![
            ("account", "key", Value::Table(source.into_iter().collect())),
            ms("gate", "zero_gap_ms", 20),
            ms("gate", "reading_retry_ms", 20),
            ms("gate", "late_landing_ms", 1_000),
            ms("gate", "user_probe_ms", 300),
            ms("gate", "pauses_max", 1_000),
            ms("gate", "heartbeat_every_ms", 1_000),
        ];
        const CAPS: [&str; 11] = [
            "max_order_usdc",
            "max_market_usdc",
            "max_total_usdc",
            "max_market_loss_usdc",
            "max_event_loss_usdc",
            "max_total_loss_usdc",
            "max_token_resting_usdc",
            "max_market_resting_usdc",
            "max_event_resting_usdc",
            "max_day_bought_usdc",
            "max_day_outflow_usdc",
        ];
        options.executor_keys.extend(CAPS.map(|key| ("policy", key, Value::from(CAP_USDC.to_string()))));
        let config = dir.join("executor.toml");
        let text = stack.executor_config(&options, &sockets).await?;
        std::fs::write(&config, text)?;
        let market = &stack.ready.markets[0];
        let token = |outcome, id: &str| TokenId::parse(id).map(|id| (Token { market: MarketIx(0), outcome }, id));
        let tokens = [token(Outcome::Yes, &market.yes), token(Outcome::No, &market.no)];
        let tokens = tokens.into_iter().collect::<Result<Vec<_>, _>>().map_err(|why| StackError(why.to_string()))?;
        Ok(Self {
            stack,
            binary,
            dir,
            sockets,
            config,
            clock: Clock::new(),
            tokens,
            sabotage,
            key,
            lives: 0,
            address: String::new(),
            run: number * 1000,
            next: 1,
            open: BTreeMap::new(),
            told: 0,
            lands_late_ms: None,
            one_by_one: false,
        })
    }

    /// One life, ended at a place when it is reached for the nth time. A kept run repeats what it asked for; a new one does not.
    pub(super) async fn life(&mut self, kill: Option<(&str, u64)>, keep_run: bool) -> Result<End, StackError> {
        if !keep_run {
            self.run += 1;
            self.open.clear();
        }
        let mut process = self.spawn(kill)?;
        if let Ok(line) = process.first_line(START_MAX).await {
            self.learn_address(&line);
            tokio::select! {
                biased;
                _ = process.ended(LIFE_MAX) => {}
                _ = self.play() => {}
            }
            // it may be dead already
            process.signal(rustix::process::Signal::TERM).ok();
        }
        let status = process.ended(START_MAX).await?;
        self.lives += 1;
        self.judge(status, &process, kill.is_some())
    }

    /// A life in which nothing is asked for: what was left is reconciled, and all ends flat.
    pub(super) async fn settle(&mut self) -> Result<(), StackError> {
        let (mut process, mut core) = self.opened(self.command()).await?;
        // two probes: what has traded is read even where the stream was asleep
        core.until(Duration::from_millis(700), |_| false).await?;
        process.signal(rustix::process::Signal::TERM)?;
        let status = process.ended(START_MAX).await?;
        self.judge(status, &process, false).map(drop)
    }

    /// An executor that is ready, and its core of a new run, before which the gate is open.
    async fn opened(&mut self, command: Command) -> Result<(Process, Core), StackError> {
        let mut process = Process::spawn("executor", command, &self.dir)?;
        let line = process.first_line(START_MAX).await?;
        self.learn_address(&line);
        self.run += 1;
        let mut core = Core::connect(&self.sockets, self.run, &self.tokens).await?;
        self.open_gate(&mut core).await?;
        Ok((process, core))
    }

    fn spawn(&self, kill: Option<(&str, u64)>) -> Result<Process, StackError> {
        let mut command = self.command();
        if let Some((place, nth)) = kill {
            command.env("EXECUTOR_CRASH", format!("{place}:{nth}"));
        }
        Process::spawn("executor", command, &self.dir)
    }

    fn learn_address(&mut self, ready: &str) {
        let ready: serde_json::Value = serde_json::from_str(ready).unwrap_or_default();
        ready["address"].as_str().unwrap_or_default().clone_into(&mut self.address);
    }

    fn judge(&self, status: ExitStatus, process: &Process, may_die: bool) -> Result<End, StackError> {
        match status.signal() {
            Some(9) if may_die => Ok(End::Killed),
            None if status.success() => Ok(End::Lived),
            // it says that the machine's disk was slow, which a loaded one may be: what was written is judged all the same
            None if status.code() == Some(disk::LEDGER_FAILED) && process.last_words().contains("disk-silent") => {
                Ok(End::Lived)
            }
            _ => Err(StackError(format!("{}: ended with {status}: {}", self.dir.display(), process.last_words()))),
        }
    }

    /// What a day of an executor is made of.
    async fn play(&mut self) -> Result<(), Gone> {
        let mut core = Core::connect(&self.sockets, self.run, &self.tokens).await?;
        self.open_gate(&mut core).await?;
        let again: Vec<(ClientOrderId, NewOrder)> = self.open.iter().map(|(id, order)| (*id, *order)).collect();
        for (id, order) in again {
            match self.sabotage {
                Sabotage::AsksAnew => drop(self.place_as_new(&core, order).await?),
                _ => core.say(ToExecutor::Place { id, at: self.now(), order }).await?,
            }
        }
        let mut ids = vec![self.first_order(&mut core).await?];
        for n in 1..3 {
            ids.push(self.place(&core, 500, 10 + n).await?);
        }
        // together with what rests or was bought it is too much, and the last is too much alone
        let greedy = self.place(&core, 10_000, 29).await?;
        let refused = self.place(&core, 15_000, 90).await?;
        let told = [ids.as_slice(), &[greedy, refused]].concat();
        core.until(WAIT_MAX, |core| core.is_answered(&told)).await?;
        self.note(&core);
        if let Some(Became::Rests(order)) = core.became.get(&ids[0]).copied() {
            self.stack.take(order, Qty::from_micro(1_000_000)).await.map_err(|_| Gone)?;
            core.until(WAIT_MAX, |core| core.fills > 0).await?;
        }
        core.say(ToExecutor::Cancel { id: ids[1] }).await?;
        core.until(WAIT_MAX, |core| core.became.get(&ids[1]) == Some(&Became::Over)).await?;
        ask(&self.sockets, "view.sock", &Ask::Halt { reason: "drill".to_owned() }).await?;
        core.until(WAIT_MAX, |core| !core.is_open()).await?;
        self.open_gate(&mut core).await?;
        let last = self.place(&core, 500, 15).await?;
        core.until(WAIT_MAX, |core| core.is_answered(&[last])).await?;
        self.note(&core);
        Ok(())
    }

    /// Arms until the gate is open.
    async fn open_gate(&self, core: &mut Core) -> Result<(), Gone> {
        for _ in 0..200 {
            if core.until(Duration::from_millis(50), Core::is_open).await? {
                return Ok(());
            }
            if let Told::Done { what } = ask(&self.sockets, "op.sock", &Ask::AskArm).await?
                && let Some(code) = code_in(&what)
            {
                ask(&self.sockets, "op.sock", &Ask::Arm { code: code.to_owned() }).await?;
            }
        }
        Err(Gone)
    }

    /// Asks for orders until one is not refused: the executor needs a price of its own first.
    async fn first_order(&mut self, core: &mut Core) -> Result<ClientOrderId, Gone> {
        for _ in 0..80 {
            let id = self.place(core, 500, 10).await?;
            core.until(WAIT_MAX, |core| core.is_answered(&[id])).await?;
            if core.became.get(&id) != Some(&Became::Over) {
                return Ok(id);
            }
            core.until(Duration::from_millis(100), |_| false).await?;
        }
        Err(Gone)
    }

    /// Asks for an order that no other is like: its size names it.
    async fn place(&mut self, core: &Core, hundredths: u64, cents: u16) -> Result<ClientOrderId, Gone> {
        let outcome = if self.next.is_multiple_of(2) { Outcome::Yes } else { Outcome::No };
        let order = NewOrder {
            token: Token { market: MarketIx(0), outcome },
            side: Side::Buy,
            price: Price::from_ten_thousandths(cents * 100).ok_or(Gone)?,
            qty: Qty::from_micro((hundredths + self.next) * 10_000),
            post_only: true,
            tif: TimeInForce::Gtc,
        };
        self.place_as_new(core, order).await
    }

    async fn place_as_new(&mut self, core: &Core, order: NewOrder) -> Result<ClientOrderId, Gone> {
        let id = ClientOrderId(self.next);
        self.next += 1;
        self.open.insert(id, order);
        core.say(ToExecutor::Place { id, at: self.now(), order }).await?;
        Ok(id)
    }

    fn note(&mut self, core: &Core) {
        self.told += core.became.values().filter(|became| matches!(became, Became::Rests(_))).count() as u64;
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What the venue has of this account, whoever knows of it.
    pub(super) async fn look(&self) -> Result<Truth, StackError> {
        if self.address.is_empty() {
            return Ok(Truth::default());
        }
        Ok(Truth::of(&self.stack.orders_of(&self.address).await?))
    }

    /// Settles and holds the ledger against the venue. A fill may take two lives to be told of, no order may.
    pub(super) async fn audit(&mut self) -> Result<(Truth, Complaints), StackError> {
        let path = self.dir.join("executor/ledger.sqlite");
        self.settle().await?;
        let mut truth = self.look().await?;
        let mut complaints = truth::compare(&truth, &path)?;
        if complaints.fills > 0 {
            self.settle().await?;
            truth = self.look().await?;
            complaints = truth::compare(&truth, &path)?;
        }
        self.leave();
        Ok((truth, complaints))
    }

    /// Nothing more happens here.
    pub(super) fn leave(&self) {
        // sockets only; a leftover is untidy, not wrong
        std::fs::remove_dir_all(&self.sockets).ok();
    }
}
