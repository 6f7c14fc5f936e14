//! M5: keys, ledger and peers.

use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::proofs::judged;
use crate::vectors;
use executor::ledger::{Ledger as _, SCHEMA_VERSION, SqliteLedger};
use executor::rows::LedgerRow;
use executor::sandbox::{self, Sandbox};
use executor::session::{Allowed, Question, serve_questions};
use mm_core::domain::{Digest, Timestamp};
use mm_core::io::uds;
use serde_json::Value;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "signed-as-published",
        milestone: 5,
        claim: "Orders, logins, requests and wallets come out byte for byte as the venue's own clients make them.",
        quick: true,
        min_cases: 25,
        run: |bench| signed_as_published(bench, |_| ()),
        sabotage_claim: "one more millionth in each order, one more second in each login and request, another owner",
        sabotage: Some(|bench| signed_as_published(bench, change_one_field)),
    },
    Proof {
        id: "damaged-ledger-is-refused",
        milestone: 5,
        claim: "A missing, torn, flipped, foreign or newer ledger is refused at start, and nothing is repaired.",
        quick: true,
        min_cases: 60,
        run: |bench| damage_is_refused(bench, true),
        sabotage_claim: "the damage is left out",
        sabotage: Some(|bench| damage_is_refused(bench, false)),
    },
    Proof {
        id: "secrets-cannot-be-printed",
        milestone: 5,
        claim: "The types that hold a key, credentials or a signature can be neither printed, copied nor serialized.",
        quick: true,
        min_cases: 12,
        run: secrets_cannot_be_printed,
        sabotage_claim: "the same question about a type that can",
        sabotage: Some(plain_text_can_be_printed),
    },
    Proof {
        id: "wrong-peer-is-refused",
        milestone: 5,
        claim: "With folder and socket open to everyone, a process of another user is still refused by its user id.",
        quick: false,
        min_cases: 1,
        run: |bench| other_user_asks(bench, false),
        sabotage_claim: "the other user is on the list",
        sabotage: Some(|bench| other_user_asks(bench, true)),
    },
    Proof {
        id: "sandbox-keeps-in",
        milestone: 5,
        claim: "Inside its sandbox the key holder writes and reads only in its folders, connects only to the venue's ports, listens nowhere \
                and starts no program.",
        quick: true,
        min_cases: 8,
        run: |bench| sandbox_keeps_in(bench, true),
        sabotage_claim: "the sandbox is not entered",
        sabotage: Some(|bench| sandbox_keeps_in(bench, false)),
    },
];

/// A user that owns nothing here.
const NOBODY: u32 = 65_534;

fn signed_as_published(bench: &Bench, change: fn(&mut Value)) -> Verdict {
    let (mut evidence, mut failures) = (Evidence::default(), Vec::new());
    for (name, run) in [
        ("signing-orders.json", vectors::signing_orders::run as fn(&Value) -> Vec<vectors::CaseResult>),
        ("clob-auth.json", vectors::clob_auth::run),
        ("hmac.json", vectors::hmac::run),
        ("wallets.json", vectors::wallets::run),
    ] {
        let path = bench.root.join("executor/testdata").join(name);
        let document = std::fs::read_to_string(&path).map_err(|why| why.to_string());
        let document = document.and_then(|text| serde_json::from_str::<Value>(&text).map_err(|why| why.to_string()));
        let mut document = match document {
            Ok(document) => document,
            Err(why) => return Verdict::Broken(format!("{name}: {why}")),
        };
        for case in document.get_mut("vectors").and_then(Value::as_array_mut).into_iter().flatten() {
            change(case);
        }
        let cases = run(&document);
        evidence.cases += cases.len() as u64;
        evidence.fact(name, cases.len());
        failures.extend(cases.into_iter().filter_map(|case| {
            let id = case.id;
            case.outcome.err().map(|why| format!("{name} {id}: {why}"))
        }));
    }
    judged(evidence, &failures)
}

/// One digit of one signed field; each file has only one of these.
fn change_one_field(case: &mut Value) {
    for pointer in ["/order/makerAmount", "/timestamp"] {
        if let Some(Value::String(text)) = case.pointer_mut(pointer) {
            text.push('1');
        }
    }
    if let Some(proxy) = case.pointer_mut("/proxy") {
        *proxy = Value::String("0x0000000000000000000000000000000000000001".to_owned());
    }
}

fn damage_is_refused(bench: &Bench, damaging: bool) -> Verdict {
    let (mut evidence, mut failures) = (Evidence::default(), Vec::new());
    let folder = bench.evidence.join(if damaging { "ledger" } else { "ledger-whole" });
    // Left by an earlier run.
    let _ = std::fs::remove_dir_all(&folder);
    let path = folder.join("ledger.sqlite");
    let written = SqliteLedger::init(&path).and_then(|()| SqliteLedger::open(&path)).map_err(|why| why.to_string());
    let written = written.and_then(|mut ledger| {
        let rows: Vec<_> = (1..=ROWS).map(epoch).collect();
        ledger.append(&rows).map(drop).map_err(|why| why.to_string())
    });
    let whole = match written.and_then(|()| std::fs::read(&path).map_err(|why| why.to_string())) {
        Ok(whole) => whole,
        Err(why) => return Verdict::Broken(why),
    };
    let mut damages: Vec<(String, Vec<u8>)> = Vec::new();
    for length in [0, 100, whole.len() / 2, whole.len() - 4096, whole.len() - 1] {
        damages.push((format!("cut to {length} bytes"), whole[..length].to_vec()));
    }
    damages.push(("text".into(), b"this is some other file altogether".to_vec()));
    // `user_version` stands big-endian at offset 60 of the file's header.
    let mut newer = whole.clone();
    newer[63] = u8::try_from(SCHEMA_VERSION + 1).unwrap_or(u8::MAX);
    damages.push(("a newer schema".into(), newer));
    let needle = b"{\"Epoch\":{\"at\":";
    for place in whole.windows(needle.len()).enumerate().filter(|(_, w)| w == needle).map(|(place, _)| place) {
        let mut flipped = whole.clone();
        flipped[place + needle.len()] ^= 1;
        damages.push((format!("byte {} flipped", place + needle.len()), flipped));
    }
    let mut stale = 0u64;
    for (what, bytes) in damages {
        let bytes = if damaging { bytes } else { whole.clone() };
        if let Err(why) = std::fs::write(&path, &bytes) {
            failures.push(why.to_string());
            break;
        }
        match SqliteLedger::open(&path) {
            Err(_) => evidence.cases += 1,
            // SQLite leaves stale copies of rows in unused space: a flip there changes nothing that is read.
            Ok(ledger) => match holds_all_rows(ledger) {
                true if damaging && what.ends_with("flipped") => stale += 1,
                _ => failures.push(format!("{what}: opened")),
            },
        }
    }
    evidence.fact("flips in unused space, without effect", stale);
    if damaging {
        let _ = std::fs::remove_file(&path);
        evidence.cases += 1;
        if SqliteLedger::open(&path).is_ok() || path.exists() {
            failures.push("missing: opened or made anew".into());
        }
    }
    judged(evidence, &failures)
}

/// Rows in the ledger that is damaged.
const ROWS: u64 = 60;

/// Whether every row is read back as it was written.
fn holds_all_rows(mut ledger: SqliteLedger) -> bool {
    let mut rows = Vec::new();
    ledger.read(&mut |row| rows.push(row)).is_ok() && rows == (1..=ROWS).map(epoch).collect::<Vec<_>>()
}

fn epoch(n: u64) -> LedgerRow {
    LedgerRow::Epoch { at: Timestamp::from_ms(n), epoch: n, policy: Digest([7; 32]) }
}

/// Whether a type has a trait, decided by the compiler: the inherent constant exists only where the bound holds, and then it
/// goes before the trait's.
macro_rules! has {
    ($type:ty: $($bound:tt)+) => {{
        #[allow(dead_code, reason = "unused where the bound holds")]
        trait Otherwise {
            const HOLDS: bool = false;
        }
        impl<T: ?Sized> Otherwise for T {}
        #[allow(dead_code, reason = "only ever named as a type")]
        struct Probe<T>(std::marker::PhantomData<T>);
        #[allow(dead_code, reason = "unused where the bound does not hold, which is the point")]
        impl<T: $($bound)+> Probe<T> {
            const HOLDS: bool = true;
        }
        <Probe<$type>>::HOLDS
    }};
}

macro_rules! leaks {
    ($($type:ty),+) => {
        vec![$(
            (stringify!($type), "Debug", has!($type: std::fmt::Debug)),
            (stringify!($type), "Display", has!($type: std::fmt::Display)),
            (stringify!($type), "Clone", has!($type: Clone)),
            (stringify!($type), "Serialize", has!($type: serde::Serialize)),
        )+]
    };
}

fn secrets_cannot_be_printed(_: &mut Bench) -> Verdict {
    judge_leaks(leaks![executor::key::Key, executor::auth::Credentials, executor::sign::SignedOrder])
}

fn plain_text_can_be_printed(_: &mut Bench) -> Verdict {
    judge_leaks(leaks![String])
}

fn judge_leaks(leaks: Vec<(&'static str, &'static str, bool)>) -> Verdict {
    let evidence = Evidence { cases: leaks.len() as u64, ..Evidence::default() };
    let failures: Vec<String> =
        leaks.into_iter().filter(|(_, _, holds)| *holds).map(|(t, b, _)| format!("{t} is {b}")).collect();
    judged(evidence, &failures)
}

/// What was tried, whether that may be, and whether it could.
type Try = (&'static str, bool, bool);

/// A thread enters the sandbox and tries what it may and what it may not.
fn sandbox_keeps_in(bench: &Bench, entered: bool) -> Verdict {
    let run = || -> std::io::Result<Result<Vec<Try>, String>> {
        let (ours, others) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let secret = others.path().join("secret");
        std::fs::write(&secret, "theirs")?;
        let (venue, elsewhere) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
        let (to_venue, to_elsewhere) = (venue.local_addr()?, elsewhere.local_addr()?);
        let program = bench.binary("executor");
        let tries = std::thread::spawn(move || {
            if entered && let Sandbox::None(why) = sandbox::enter(&[ours.path()], &[to_venue.port()]) {
                return Err(why.into_string());
            }
            let file = ours.path().join("file");
            Ok(vec![
                ("write in its folder", true, std::fs::write(&file, "ours").is_ok()),
                ("rename and remove there", true, {
                    let new = ours.path().join("new");
                    std::fs::rename(&file, &new).and_then(|()| std::fs::remove_file(&new)).is_ok()
                }),
                ("offer a socket there", true, UnixListener::bind(ours.path().join("socket")).is_ok()),
                ("read how names are looked up", true, std::fs::read("/etc/nsswitch.conf").is_ok()),
                ("connect to the venue", true, TcpStream::connect(to_venue).is_ok()),
                ("write elsewhere", false, std::fs::write(others.path().join("new"), "").is_ok()),
                ("read elsewhere", false, std::fs::read(&secret).is_ok()),
                ("look at other processes", false, std::fs::read("/proc/1/cmdline").is_ok()),
                ("connect elsewhere", false, TcpStream::connect(to_elsewhere).is_ok()),
                ("listen", false, TcpListener::bind("127.0.0.1:0").is_ok()),
                ("start a program", false, Command::new(program).arg("--version").output().is_ok()),
            ])
        });
        Ok(tries.join().unwrap_or_else(|_| Err("the thread that tried panicked".to_owned())))
    };
    match run() {
        Err(why) => Verdict::NotRun(why.to_string()),
        Ok(Err(why)) => Verdict::NotRun(why),
        Ok(Ok(tries)) => {
            let evidence = Evidence { cases: tries.len() as u64, ..Evidence::default() };
            let failures = tries.into_iter().filter(|(_, may, can)| may != can);
            let failures =
                failures.map(|(what, _, can)| format!("{what}: {}", if can { "possible" } else { "refused" }));
            judged(evidence, &failures.collect::<Vec<_>>())
        }
    }
}

/// A child of another user asks for the status. Folder and socket are opened wide on purpose: only the peer check is left.
fn other_user_asks(bench: &Bench, listed: bool) -> Verdict {
    if !rustix::process::geteuid().is_root() {
        return Verdict::NotRun("needs root, to start a process of another user".to_owned());
    }
    match other_user_is_told(bench, listed) {
        Ok(told) => {
            let mut evidence = Evidence { cases: 1, ..Evidence::default() };
            evidence.fact("told", told.trim());
            if told.contains(&format!("peer uid {NOBODY} may not connect")) {
                Verdict::Proved(evidence)
            } else {
                Verdict::Refuted(evidence)
            }
        }
        Err(why) => Verdict::Broken(why),
    }
}

fn other_user_is_told(bench: &Bench, listed: bool) -> Result<String, String> {
    let text = |why: std::io::Error| why.to_string();
    // Outside the evidence folder: the other user must be able to reach it.
    let folder = tempfile::tempdir().map_err(text)?;
    let open = |path: &Path| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).map_err(text);
    let sockets = folder.path().join("run");
    let program = folder.path().join("executor");
    std::fs::copy(bench.binary("executor"), &program).map_err(text)?;
    let config = std::fs::read_to_string(bench.root.join("config/executor.toml")).map_err(text)?;
    let config_path = folder.path().join("executor.toml");
    let named = config.replace("socket_dir = \"run\"", &format!("socket_dir = {:?}", sockets.display().to_string()));
    std::fs::write(&config_path, named).map_err(text)?;

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(text)?;
    runtime.block_on(async {
        let server = uds::bind(&sockets.join("view.sock")).map_err(|why| why.to_string())?;
        for path in [folder.path(), &program, &sockets, &sockets.join("view.sock")] {
            open(path)?;
        }
        let allowed = if listed { vec![0, NOBODY] } else { vec![0] };
        let (questions, mut asked) = tokio::sync::mpsc::channel::<Question>(1);
        tokio::spawn(serve_questions(server, Allowed::new(&allowed), false, questions));
        tokio::spawn(async move {
            while let Some(question) = asked.recv().await {
                let answer = executor::operator::Told::Refused { why: vec!["heard".to_owned()] };
                // The child may have left.
                let _ = question.answer.send(answer);
            }
        });
        let child = tokio::task::spawn_blocking(move || {
            Command::new(&program).args(["status", "--config"]).arg(&config_path).uid(NOBODY).gid(NOBODY).output()
        });
        let output = child.await.map_err(|why| why.to_string())?.map_err(text)?;
        Ok(String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout))
    })
}
