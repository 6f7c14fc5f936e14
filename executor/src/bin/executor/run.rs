//! `run`: performs the desk's effects in order and feeds back what happens. One thread decides; the ledger has its own.

mod batch;

use crate::log::Lines;
use crate::signals::{Signals, Wish};
use crate::{Failure, say};
use executor::clob::{Clob, Endpoints, Login};
use executor::config::Config;
use executor::crash_point;
use executor::desk::{Desk, DeskInput, Effect, Op, Setup};
use executor::harden;
use executor::host::HostWatch;
use executor::key::{Key, source};
use executor::key_lock::KeyLock;
use executor::kill::deposit::{self, Depositor};
use executor::killer::{Killer, cancel_on_panic};
use executor::latch::{Latch, Marker};
use executor::ledger::{self, Durable, Head, HeadFile, HeadKeeper, Ledger as _, LedgerHandle, Mirror, MirrorFile};
use executor::limits::{Limits, Next, Places, Toll, Waiting};
use executor::operator::{Ask, Status, Told, new_code};
use executor::outcome::{VenueCall, VenueReply};
use executor::reasons::Author;
use executor::sandbox::{self, Sandbox};
use executor::session::{self, Allowed, CoreLine, Question};
use executor::sign::{Account, sign};
use executor::state::{self, Opened};
use executor::user_stream::UserStream;
use executor::way_out::WayOut;
use mm_core::domain::{Nanos, Timestamp};
use mm_core::io::clock::{Clock, Reading};
use mm_core::io::uds;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};

/// Inputs that may wait for the desk; whoever brings more waits.
const INBOX_MAX: usize = 4096;
/// Inputs of one turn.
const TURN_MAX: usize = 512;
/// Questions that may wait.
const QUESTIONS_MAX: usize = 32;
/// Time from a signal to the end, confirmed or not (executor.md 3.17).
const DRAIN_MAX: Duration = Duration::from_secs(10);

/// The machine's clock is looked at as often at least.
const LOOK_EVERY: Nanos = Nanos::from_secs(1);

/// What a panic asks to cancel everything; set before anything can leave.
static KILLER: OnceLock<Killer> = OnceLock::new();

/// Exit code when it is not confirmed that nothing rests.
const NOT_FLAT: u8 = 3;
/// Exit code after the ledger failed.
const LEDGER_FAILED: u8 = 4;

/// Runs until a signal or a failed ledger; the exit code says whether it is confirmed that nothing rests.
pub(crate) fn run(config: Config, ledger_lost_rows: bool) -> Result<ExitCode, Failure> {
    cancel_on_panic(&KILLER);
    harden::harden_process().map_err(|why| why.to_string())?;
    harden::check_environment(std::env::vars_os()).map_err(|why| why.to_string())?;
    harden::check_state_folder(&config.state_dir).map_err(|why| why.to_string())?;
    let clock = Clock::new();
    let opened = state::open(&config, ledger_lost_rows, clock.now())?;
    let key = Arc::new(source::load(&config.account.key, std::env::var_os("CREDENTIALS_DIRECTORY").as_deref())?);
    // One that posts nothing may run beside the one that does.
    let _key_is_ours = match config.withholds() {
        true => None,
        false => Some(KeyLock::take(key.address()).map_err(|why| why.to_string())?),
    };
    // A rule is about a folder that is there.
    uds::make_folder(&config.socket_dir).map_err(|why| format!("{}: {why}", config.socket_dir.display()))?;
    // Before the first thread: those that run already would stay outside.
    let sandbox = sandbox::enter(&[&config.state_dir, &config.socket_dir], &sandbox::ports(&config.venue));
    let (lines, flush) = Lines::to(std::io::stderr()).map_err(|why| format!("no thread for the log: {why}"))?;
    let ended = tracing::subscriber::set_global_default(lines)
        .map_err(|why| why.to_string())
        .and_then(|()| run_logged(config, clock, opened, key, sandbox));
    flush.wait();
    ended
}

fn run_logged(
    config: Config,
    clock: Clock,
    opened: Opened,
    key: Arc<Key>,
    sandbox: Sandbox,
) -> Result<ExitCode, Failure> {
    if sandbox != Sandbox::Full {
        tracing::warn!(event = "sandbox", why = %sandbox, "whoever gets code into this process can do more than it needs");
    }
    if let Err(why) = key.is_locked() {
        tracing::warn!(event = "key-memory", why = %why, "the key's page is not locked in memory: it may reach a swap disk");
    }
    crash_point!("start.opened");
    let Opened { mut ledger, exposure, epoch } = opened;
    let account = Account::new(config.venue.chain, config.account.signature_type, key.address(), config.account.funder)
        .map_err(|why| why.to_string())?;
    let setup = Setup {
        account,
        policy: config.policy.clone(),
        times: config.times,
        withhold: config.withholds(),
        remembered: None,
        auto_arm: config.auto_arm,
    };
    let left = deposit::path(&config.state_dir);
    if config.withholds() && left.exists() {
        let left = left.display();
        return Err(format!(
            "the last run that posted did not end flat ({left} is still there): cancel with executor-kill, then run once with submit = \"post\", \
             before anything is withheld"
        ));
    }
    tracing::info!(event = "start", epoch, head = %ledger.head(), "ledger read");
    if exposure.is_spent() {
        tracing::error!(event = "caps-spent", epoch, "the ledger cannot vouch for today: its caps count as spent");
    }
    let head = ledger.head();
    let mirror = Mirror::start(&MirrorFile::beside(&state::ledger_path(&config)), &mut ledger, |why| {
        tracing::error!(event = "mirror-failed", why = %why, "the ledger's mirror is not written: see the runbook ledger.md");
    })
    .map_err(|why| format!("no thread for the ledger's mirror: {why}"))?;
    #[cfg(feature = "crash-points")]
    let ledger = executor::crash::sabotaged(ledger);
    let marker = Marker::of(&config.state_dir);
    let desk = Desk::resume(setup, exposure, marker.read());
    crash_point!("start.recovered");
    let latch = Latch::start(marker, |why| {
        tracing::error!(event = "marker-failed", why = %why, "the latch's marker was not written or not removed");
    })
    .map_err(|why| format!("the latch's marker: {why}"))?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|why| format!("no runtime: {why}"))?
        .block_on(Shell::serve(config, sandbox, clock, (epoch, head), ledger, mirror, latch, key, account, desk))
}

/// Everything around the desk.
struct Shell {
    config: Config,
    sandbox: Sandbox,
    clock: Clock,
    host: HostWatch,
    desk: Desk,
    key: Arc<Key>,
    account: Account,
    ledger: LedgerHandle,
    durable: Durable,
    head: HeadKeeper,
    mirror: Mirror,
    latch: Latch,
    login: Arc<Login>,
    /// None when nothing is posted: then nothing can rest.
    depositor: Option<Depositor>,
    clob: Clob,
    way: WayOut,
    limits: Limits,
    waiting: Waiting<(u64, VenueCall)>,
    places: Places,
    /// Orders of this turn that are ready to leave.
    posts: Vec<batch::Post>,
    line: CoreLine,
    renew_user: Arc<Notify>,
    inbox: mpsc::Sender<DeskInput>,
    /// What must be told in the next turn without passing the inbox.
    pending: Vec<DeskInput>,
    tickets: BTreeMap<u64, oneshot::Sender<Told>>,
    next_ticket: u64,
    ledger_failed: bool,
    last_cancel_all: Option<Timestamp>,
}

impl Shell {
    #[expect(clippy::too_many_arguments, reason = "called once, with what was made before there was a runtime")]
    async fn serve(
        config: Config,
        sandbox: Sandbox,
        clock: Clock,
        (epoch, head): (u64, Head),
        ledger: impl ledger::Ledger + 'static,
        mirror: Mirror,
        latch: Latch,
        key: Arc<Key>,
        account: Account,
        desk: Desk,
    ) -> Result<ExitCode, Failure> {
        let (inbox, mut inputs) = mpsc::channel(INBOX_MAX);
        let (questions, mut asked) = mpsc::channel(QUESTIONS_MAX);
        let bind = |name: &str| uds::bind(&config.socket_dir.join(name)).map_err(|why| why.to_string());
        let (core, view, op) = (bind("core.sock")?, bind("view.sock")?, bind("op.sock")?);
        let ready = serde_json::json!({
            "core": core.path(), "view": view.path(), "op": op.path(), "address": account.key_address().to_checksum(None),
        });

        let reports = inbox.clone();
        let broken = Arc::new(OnceLock::new());
        let says = Arc::clone(&broken);
        let handle = ledger::start(ledger, move |result| {
            let input = match result {
                Ok(intent) => DeskInput::Recorded(intent.id, intent.row),
                Err(why) => {
                    let _ = says.set(why.to_string());
                    DeskInput::LedgerFailed(why.to_string().into())
                }
            };
            // Nobody listens when the desk is gone.
            let _ = reports.blocking_send(input);
        })
        .map_err(|why| format!("no thread for the ledger: {why}"))?;
        let durable = handle.durable();

        let login = Arc::new(Login::new(Arc::clone(&key), config.venue.chain));
        let endpoints = Endpoints { rest: config.venue.rest.to_string(), geoblock: config.venue.geoblock.to_string() };
        let request = Duration::from_nanos(config.times.request_timeout.nanos());
        let cancel = Duration::from_nanos(config.times.cancel_timeout.nanos());
        let clob = Clob::new(endpoints, Arc::clone(&login), account, clock.clone(), request, cancel)
            .map_err(|why| why.to_string())?;

        let way = WayOut::new(clock.clone());
        let mut depositor = None;
        if !config.withholds() {
            let started = Depositor::start(config.state_dir.clone(), config.venue.rest.to_string(), |why| {
                tracing::error!(event = "deposit-failed", why = %why, "executor-kill may find no credentials, or old ones");
            });
            depositor = Some(started.map_err(|why| format!("no thread for the deposit: {why}"))?);
            let its_login = Arc::new(Login::new(Arc::clone(&key), config.venue.chain));
            let its_clob = clob.apart(Arc::clone(&its_login)).map_err(|why| why.to_string())?;
            let killer = Killer::start(its_clob, its_login, way.clone()).map_err(|why| format!("no killer: {why}"))?;
            assert!(KILLER.set(killer).is_ok(), "one executor runs in a process");
        }
        let line = CoreLine::default();
        let renew_user = Arc::new(Notify::new());
        let peers = &config.peers;
        tokio::spawn(session::serve_core(core, Allowed::new(&peers.core), line.clone(), inbox.clone()));
        tokio::spawn(session::serve_questions(view, Allowed::viewers(peers), false, questions.clone()));
        tokio::spawn(session::serve_questions(op, Allowed::new(&peers.operator), true, questions));
        if !config.withholds() {
            let stream = UserStream {
                url: config.venue.user_ws.to_string(),
                login: Arc::clone(&login),
                markets: config.policy.markets().iter().map(|market| market.condition.clone()).collect(),
                inbox: inbox.clone(),
                renew: Arc::clone(&renew_user),
            };
            tokio::spawn(stream.run());
        }
        // Before anybody knows us: a signal that finds no handler would end us with orders resting.
        let mut signals = Signals::new().map_err(|why| format!("no signals: {why}"))?;
        crash_point!("start.ready");
        say(&ready.to_string())?;
        crash_point!("start.told");
        state::note(&config, epoch, head)?;
        let head = HeadKeeper::start(HeadFile::beside(&state::ledger_path(&config)), durable.clone(), |why| {
            tracing::error!(event = "head-failed", why = %why, "the ledger's head was not written beside it");
        })
        .map_err(|why| format!("no thread for the ledger's head: {why}"))?;
        let mut shell = Self {
            limits: Limits::new(config.tier.buckets),
            config,
            sandbox,
            clock,
            host: HostWatch::default(),
            desk,
            key,
            account,
            ledger: handle,
            durable,
            head,
            mirror,
            latch,
            login,
            depositor,
            clob,
            way,
            waiting: Waiting::default(),
            places: Places::default(),
            posts: Vec::new(),
            line,
            renew_user,
            inbox,
            pending: Vec::new(),
            tickets: BTreeMap::new(),
            next_ticket: 1,
            ledger_failed: false,
            last_cancel_all: None,
        };
        let flat = shell.turns(&mut inputs, &mut asked, &mut signals).await?;
        crash_point!("end.before");
        tracing::info!(event = "end", "{}", if flat { "flat confirmed" } else { "NOT confirmed flat" });
        // Nobody is asked any more: the ledger's thread must not wait for us to listen.
        drop(inputs);
        let written = shell.ledger.close();
        if let Some(why) = broken.get().filter(|_| !shell.ledger_failed) {
            tracing::error!(event = "ledger-failed", why = %why, "the ledger could not be closed");
            shell.ledger_failed = true;
            shell.latch.put(why.as_str().into());
        }
        let latched = shell.latch.close();
        // What it lacks the next start writes.
        if !shell.mirror.close() {
            tracing::warn!(event = "mirror-behind", "the disk did not take the mirror's last lines in time");
        }
        let headed = shell.head.close();
        tracing::info!(event = "head", head = %shell.durable.get(), "the ledger ends here");
        let may_land = shell.desk.may_land_for();
        if flat && let Some(left) = may_land {
            let secs = left.ms().div_ceil(1000);
            tracing::warn!(
                event = "may-land",
                "an order that was given up may still land for {secs} s: then run executor-kill"
            );
        }
        crash_point!("end.written");
        let deposited = shell.depositor.is_none_or(|depositor| depositor.close(flat && may_land.is_none()));
        if !(written && latched && headed && deposited) {
            tracing::error!(event = "disk-silent", "the disk did not take the last rows in time");
            shell.ledger_failed = true;
        }
        Ok(match (shell.ledger_failed, flat) {
            (true, _) => ExitCode::from(LEDGER_FAILED),
            (false, true) => ExitCode::SUCCESS,
            (false, false) => ExitCode::from(NOT_FLAT),
        })
    }

    /// Turn after turn until drained; says whether it is confirmed that nothing rests.
    async fn turns(
        &mut self,
        inputs: &mut mpsc::Receiver<DeskInput>,
        asked: &mut mpsc::Receiver<Question>,
        signals: &mut Signals,
    ) -> Result<bool, Failure> {
        let mut drain_until: Option<tokio::time::Instant> = None;
        let mut effects = Vec::new();
        let mut batch = Vec::new();
        let mut wake = Some(Nanos::ZERO);
        loop {
            let timer = async {
                match wake {
                    Some(wait) => tokio::time::sleep(Duration::from_nanos(wait.nanos())).await,
                    None => std::future::pending().await,
                }
            };
            let drained = async {
                match drain_until {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            let mut must_drain = false;
            tokio::select! {
                biased;
                told = signals.next() => match told {
                    Wish::Drain => must_drain = true,
                    Wish::Halt(name) => {
                        // One that comes again and again keeps no answer waiting.
                        while batch.len() < TURN_MAX && let Ok(input) = inputs.try_recv() {
                            batch.push(input);
                        }
                        let ticket = self.ticket(None);
                        let op = Op::Halt { by: Author::Signal(name), why: "sent to the process".into() };
                        self.pending.push(DeskInput::Operator { ticket, op });
                    }
                },
                () = drained => return Ok(false),
                Some(question) = asked.recv() => self.ask(question),
                n = inputs.recv_many(&mut batch, TURN_MAX), if self.pending.is_empty() => {
                    debug_assert!(n > 0, "we hold a sender ourselves");
                }
                () = timer, if self.pending.is_empty() => {}
                () = std::future::ready(()), if !self.pending.is_empty() => {}
            }
            if batch.iter().chain(&self.pending).any(|input| matches!(input, DeskInput::LedgerFailed(_))) {
                self.ledger_failed = true;
                must_drain = true;
            }
            if must_drain && drain_until.is_none() {
                tracing::warn!(event = "draining", "cancelling everything, then ending");
                drain_until = Some(tokio::time::Instant::now() + DRAIN_MAX);
                let ticket = self.ticket(None);
                self.pending.push(DeskInput::Operator { ticket, op: Op::Drain });
            }
            let reading = Reading::of_system();
            let at = self.clock.at(reading);
            let mut turn = self.host.look(&self.clock, reading);
            turn.append(&mut self.pending);
            turn.append(&mut batch);
            self.desk.turn(at, turn, &mut effects);
            if !self.desk.lets_out() {
                self.way.shut();
            }
            crash_point!("turn.decided");
            for effect in effects.drain(..) {
                self.perform(at, effect);
            }
            crash_point!("turn.performed");
            let waits = self.pump(at);
            self.send_posts(at);
            if let Some(killer) = KILLER.get() {
                killer.learn(&self.login);
            }
            if let Some(depositor) = &mut self.depositor {
                depositor.learn(&self.login);
            }
            if drain_until.is_some() && self.desk.is_flat() {
                return Ok(true);
            }
            let deadline = self.desk.next_deadline().map(|deadline| deadline.since(self.clock.now()));
            wake = [deadline, waits, Some(LOOK_EVERY)].into_iter().flatten().min();
        }
    }

    fn perform(&mut self, at: Timestamp, effect: Effect) {
        match effect {
            Effect::Record(row) => {
                if let Err(why) = self.ledger.record(row) {
                    self.pending.push(DeskInput::LedgerFailed(why.to_string().into()));
                }
            }
            Effect::Post { call, approved, row, until } => {
                self.posts.push(batch::Post { call, approved, row, until });
            }
            Effect::SignOnly { approved, row } => drop(sign(&self.key, &self.account, approved, row)),
            Effect::Call { call, request, leave_by } => {
                if request == VenueCall::CancelAll {
                    self.last_cancel_all = Some(at);
                }
                let toll = Toll::of(&request);
                if let Err((call, _)) = self.waiting.push(toll, leave_by, (call, request)) {
                    let reply = VenueReply::NotSent("too many calls wait for the rate limit".into());
                    self.pending.push(DeskInput::Reply { call, reply });
                }
            }
            Effect::Tell(message) => {
                if !self.line.tell(message) {
                    tracing::error!(event = "core-slow", "the core does not read: its session is closed");
                }
            }
            Effect::Hangup => self.line.hang_up(),
            Effect::RenewUserLink => self.renew_user.notify_one(),
            Effect::Latch { why } => {
                tracing::error!(event = "halted", why = %why, head = %self.durable.get(), "halted");
                self.latch.put(why);
            }
            Effect::Unlatch => {
                tracing::info!(event = "armed", head = %self.durable.get(), "armed");
                self.latch.take();
            }
            Effect::Answer { ticket, result } => {
                if let Some(answer) = self.tickets.remove(&ticket) {
                    let told = match result {
                        Ok(what) => Told::Done { what: what.into_string() },
                        Err(why) => Told::Refused { why: why.into_iter().map(String::from).collect() },
                    };
                    // Whoever asked may have left.
                    let _ = answer.send(told);
                }
            }
            Effect::Alert(what) => tracing::warn!(event = "alert", "{what}"),
        }
    }

    /// Starts every waiting call that has tokens and answers those that waited for too long; how long until there is more to do.
    fn pump(&mut self, at: Timestamp) -> Option<Nanos> {
        loop {
            let (call, request) = match self.waiting.pop(&self.limits, at) {
                Ok(Next::Leaves(ready)) => ready,
                Ok(Next::Overdue((call, _))) => {
                    let reply = VenueReply::NotSent("it waited for our own rate limit for too long".into());
                    self.pending.push(DeskInput::Reply { call, reply });
                    continue;
                }
                Err(wait) => return wait,
            };
            let (clob, inbox) = (self.clob.clone(), self.inbox.clone());
            tokio::spawn(async move {
                let reply = clob.call(&request).await;
                let _ = inbox.send(DeskInput::Reply { call, reply }).await;
            });
        }
    }

    fn status(&self) -> Status {
        let at = self.clock.now();
        Status {
            mode: format!("{:?}, {:?}", self.config.profile, self.config.submit).to_lowercase(),
            address: self.account.key_address().to_checksum(None),
            funder: self.account.funder().to_checksum(None),
            config: self.config.digest.to_string(),
            sandbox: self.sandbox.to_string(),
            key: match self.key.is_locked() {
                Ok(()) => "locked in memory".to_owned(),
                Err(why) => format!("degraded: may reach a swap disk ({why})"),
            },
            head: self.durable.get(),
            mirror: self.mirror.state(),
            credentials_age_ms: self.login.current().map(|(_, since)| at.since(since).ms()),
            cancel_all_age_ms: self.last_cancel_all.map(|since| at.since(since).ms()),
            desk: self.desk.status(),
        }
    }

    fn ask(&mut self, question: Question) {
        let Question { ask, by, answer } = question;
        let op = match ask {
            Ask::Status => {
                let _ = answer.send(Told::Status(Box::new(self.status())));
                return;
            }
            Ask::Halt { reason } => Op::Halt { by, why: reason.into() },
            Ask::CancelAll => Op::CancelAll,
            Ask::AskArm => match new_code() {
                Ok(code) => Op::AskArm { code },
                Err(why) => {
                    let _ = answer.send(Told::Refused { why: vec![format!("no random digits: {why}")] });
                    return;
                }
            },
            Ask::Arm { code } => Op::Arm { code: code.into() },
            Ask::AcceptBalances => Op::AcceptBalances,
            Ask::Tighten { config } => match Config::parse("the new policy", &config) {
                Ok(config) => Op::Tighten(Box::new(config.policy)),
                Err(why) => {
                    let _ = answer.send(Told::Refused { why: vec![why.to_string()] });
                    return;
                }
            },
        };
        let ticket = self.ticket(Some(answer));
        self.pending.push(DeskInput::Operator { ticket, op });
    }

    fn ticket(&mut self, answer: Option<oneshot::Sender<Told>>) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        if let Some(answer) = answer {
            self.tickets.insert(ticket, answer);
        }
        ticket
    }
}
