//! M5: secrets of one run, looked for in everything that run leaves behind.

mod sinks;

use crate::proof::{Bench, Evidence, Proof, Verdict};
use crate::proofs::{in_runtime, judged};
use crate::scan::{Canary, Matcher, packed, planted};
use crate::stack::{Options, Stack, StackError, drawn, key_file};
use serde_json::{Value, json};
use sinks::{Relay, Sink, failed};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[Proof {
    id: "no-secret-in-any-output",
    milestone: 5,
    claim: "A run with a venue that echoes every header, with trace logging asked for, leaves no eight bytes of key, keystore passphrase or \
            API credentials in any of its outputs, in none of the forms one could print them in; each form, put into a copy of each output, \
            is found there.",
    quick: false,
    min_cases: 16,
    run: |bench| scanned(bench, false),
    sabotage_claim: "the file that holds the credentials for `executor-kill` counts as an output",
    sabotage: Some(|bench| scanned(bench, true)),
}];

/// Outputs that must be there at least.
const SINKS_MIN: usize = 16;
/// Plants are put into a copy of so many bytes of an output at most.
const PLANTED_MAX: usize = 4 << 20;
/// How long a step of the run may take.
const LIMIT: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

fn scanned(bench: &mut Bench, deposit_counts: bool) -> Verdict {
    if !rustix::process::geteuid().is_root() {
        return Verdict::NotRun(
            "needs root, to look into the memory of the executor, which keeps others out".to_owned(),
        );
    }
    in_runtime(async {
        let mut evidence = Evidence::default();
        let wrong = scan(bench, deposit_counts, &mut evidence).await?;
        Ok::<_, StackError>(judged(evidence, &wrong))
    })
}

/// The secrets of a run and where they deliberately lie.
struct Secrets {
    folder: tempfile::TempDir,
    key: Vec<u8>,
    passphrase: String,
    /// What the commands that made the keystore printed.
    printed: Vec<u8>,
}

impl Secrets {
    /// A key and a passphrase that were never used, the key in a keystore.
    fn new(bench: &Bench) -> Result<Self, StackError> {
        let folder = tempfile::tempdir().map_err(failed("folder of secrets"))?;
        let key = key_file(&folder.path().join("key"), 0o400)?.to_vec();
        let letters = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/";
        let passphrase: String =
            drawn::<24>()?.iter().map(|byte| char::from(letters[usize::from(byte % 64)])).collect();
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o400).open(folder.path().join("passphrase"));
        file.and_then(|mut file| file.write_all(passphrase.as_bytes())).map_err(failed("passphrase"))?;
        let at = |name: &str| folder.path().join(name);
        let mut printed = Vec::new();
        for words in
            [["import", "--key", "key", "--out", "keystore"].as_slice(), &["address", "--keystore", "keystore"]]
        {
            let mut command = Command::new(bench.binary("executor"));
            command.args(words).current_dir(folder.path()).arg("--passphrase-file").arg(at("passphrase"));
            let output = crate::shell::run(&mut command, LIMIT)?;
            if !output.ok {
                return Err(StackError(format!("executor {}: {}", words[0], output.text)));
            }
            printed.extend(output.text.bytes());
        }
        Ok(Self { folder, key, passphrase, printed })
    }

    /// What the executor says of files that hold a secret where a configuration should be, or in it.
    fn misplaced(&self, bench: &Bench) -> Result<Vec<u8>, StackError> {
        let read = |path: &Path| std::fs::read_to_string(path).map_err(failed("a configuration"));
        let example = read(&bench.root.join("config/executor.toml"))?;
        let key = read(&self.folder.path().join("key"))?;
        let mut texts = vec![example.replace("funder = \"\"", &format!("funder = \"0x{}\"", key.trim()))];
        for secret in [key.trim(), self.passphrase.as_str()] {
            texts.push(secret.to_owned());
            texts.push(format!("key = \"{secret}\"\n"));
            let account = |line: String| example.replace("[account]\n", &format!("[account]\n{line}\n"));
            texts.extend([account(format!("private_key = \"{secret}\"")), account(format!("private_key = {secret}"))]);
            texts.push(example.replace("signature_type = 0", &format!("signature_type = \"{secret}\"")));
            texts.push(example.replace("profile = \"live\"", &format!("profile = \"{secret}\"")));
        }
        let mut told = Vec::new();
        for text in texts {
            let file = self.folder.path().join("misplaced");
            std::fs::write(&file, text).map_err(failed("a configuration"))?;
            let mut command = Command::new(bench.binary("executor"));
            let output = crate::shell::run(command.args(["status", "--config"]).arg(file), LIMIT)?;
            if output.ok || !output.text.contains("misplaced: ") {
                return Err(StackError(format!(
                    "a configuration with a secret in it was not refused: {}",
                    output.text
                )));
            }
            told.extend(output.text.bytes());
        }
        Ok(told)
    }

    /// With what the venue gave the executor, as the file for `executor-kill` has it.
    fn canaries(&self, deposit: &Path) -> Result<Vec<Canary>, StackError> {
        let text = std::fs::read(deposit).map_err(failed("the deposit"))?;
        let deposit: Value = serde_json::from_slice(&text).map_err(|why| StackError(why.to_string()))?;
        let part = |name: &str| {
            deposit[name].as_str().map(str::to_owned).ok_or_else(|| StackError(format!("no {name} in the deposit")))
        };
        Ok(vec![
            Canary::of_bytes("key", &self.key),
            Canary::of_text("keystore passphrase", &self.passphrase),
            Canary::of_hex("API key", &part("api_key")?),
            Canary::of_base64("API secret", &part("secret")?),
            Canary::of_hex("API passphrase", &part("passphrase")?),
        ])
    }
}

async fn scan(bench: &Bench, deposit_counts: bool, evidence: &mut Evidence) -> Result<Vec<String>, StackError> {
    let secrets = Secrets::new(bench)?;
    let run = tempfile::tempdir().map_err(failed("folder of the run"))?;
    let temporary = run.path().join("temporary");
    std::fs::create_dir(&temporary).map_err(failed("temporary folder"))?;
    let mut options = Options::new(bench.root.clone(), bench.bin_dir.clone(), run.path().join("stack"));
    options.speed = 10.0;
    let keystore = [("source", "keystore".into()), ("path", text(&secrets.folder.path().join("keystore")))];
    let mut source: toml::Table = keystore.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    source.insert("passphrase_file".to_owned(), text(&secrets.folder.path().join("passphrase")));
    options.executor_keys.push(("account", "key", source.into()));
    // what is unknown after a round must not keep the next one from being armed
    options.executor_keys.push(("gate", "late_landing_ms", 10_000.into()));
    options.environment = vec![
        ("RUST_LOG", "trace".to_owned()),
        ("RUST_BACKTRACE", "full".to_owned()),
        ("SSLKEYLOGFILE", temporary.join("tls-keys").display().to_string()),
        ("TMPDIR", temporary.display().to_string()),
    ];
    // A folder of its own: the socket's own one is closed to all but its owner, and made later.
    let relayed = tempfile::Builder::new().prefix("pm-").permissions(std::fs::Permissions::from_mode(0o700)).tempdir();
    let relayed = relayed.map_err(failed("folder of the relay"))?;
    options.core_keys.push(("executor", "socket", text(&relayed.path().join("core.sock"))));
    let mut relay = None;
    let mut stack = Stack::start_with(options, |sockets| {
        relay = Some(Relay::start(&relayed.path().join("core.sock"), sockets.join("core.sock"))?);
        Ok(())
    })
    .await?;
    // The sabotage is found without most of the run.
    let outcome = provoked(&stack, if deposit_counts { 1 } else { ECHOES.len() }).await;
    let collected = outcome.and_then(|quiet| {
        collect(bench, &stack, &secrets, &temporary, relay.as_ref(), deposit_counts).map(|sinks| (sinks, quiet))
    });
    let deposit = stack.dir().join("executor/kill-credentials");
    let canaries = secrets.canaries(&deposit);
    let own = match (&stack.executor, &stack.core) {
        (Some(executor), Some(_)) => sinks::memory("memory of the executor", executor),
        _ => Err(StackError("it is not running any more".to_owned())),
    };
    let killed = executor_kill(bench, stack.dir());
    // The end is an output too; a venue that has just been impossible may leave complaints.
    let complaints = stack.stop_core_and_executor().await;
    let ((mut sinks, quiet), canaries, own) = (collected?, canaries?, own?);
    sinks.push(Sink { name: "executor-kill".to_owned(), bytes: killed?.into_bytes() });
    sinks.push(sinks::file("log of the executor", &stack.dir().join("executor.log"))?);
    sinks.push(sinks::file("log of mm-core", &stack.dir().join("mm-core.log"))?);
    sinks.push(sinks::file("log of sim-exchange", &stack.dir().join("sim-exchange.log"))?);
    sinks.push(sinks::file("ledger at the end", &stack.dir().join("executor/ledger.sqlite"))?);
    sinks.push(Sink { name: "ends".to_owned(), bytes: format!("ends: {complaints:?}").into_bytes() });
    stack.stop().await;
    let mut wrong = judge(&sinks, &canaries, &own, !deposit_counts, evidence)?;
    // what the sabotage must find is a secret
    wrong.extend(quiet.into_iter().filter(|_| !deposit_counts));
    Ok(wrong)
}

fn text(path: &Path) -> toml::Value {
    toml::Value::String(path.display().to_string())
}

/// Calls that must come back in each round.
const ECHOED_MIN: u64 = 3;
/// Which calls come back with which status, one after the other.
const ECHOES: [(&str, &str); 5] =
    [("orders", "400"), ("trading", "500"), ("reads", "401"), ("all", "502"), ("all", "400")];

/// A venue that tells everything it was sent, while orders are placed and cancelled; rounds in which it was sent nothing.
async fn provoked(stack: &Stack, rounds: usize) -> Result<Vec<String>, StackError> {
    let mut quiet = Vec::new();
    for (calls, status) in &ECHOES[..rounds] {
        // A halt is right; the next round wants an armed one.
        if stack.is_halted()? {
            stack.arm(LIMIT).await??;
        }
        stack.wait_for(LIMIT, "orders to rest", |open| open > 0).await??;
        let (before, until) = (stack.echoed_calls().await?, Instant::now() + LIMIT);
        stack.switch_fault(&json!({"kind": "echoed-request", "calls": calls, "status": status})).await?;
        if *calls == "all" {
            stack.switch_fault(&json!({"kind": "silent-drop", "channel": "user"})).await?;
        }
        stack.executor_command(&["cancel-all", "--wait-s", "1"], LIMIT)?;
        if *calls == "orders" {
            // The core quotes again, and what comes back goes as far as an echo can.
            let log = stack.dir().join("executor/ledger.sqlite-wal");
            while !is_blotted(&std::fs::read(&log).map_err(failed("the write-ahead log"))?) && Instant::now() < until {
                tokio::time::sleep(LOOK).await;
            }
        }
        while stack.echoed_calls().await? < before + ECHOED_MIN {
            if Instant::now() > until {
                quiet.push(format!("round of {calls} as {status}: the venue was sent next to nothing"));
                break;
            }
            tokio::time::sleep(LOOK).await;
        }
        stack.end_faults().await?;
    }
    stack.executor_command(&["halt", "--reason", "the end of it"], LIMIT)?;
    Ok(quiet)
}

/// What can be had while the processes run.
fn collect(
    bench: &Bench,
    stack: &Stack,
    secrets: &Secrets,
    temporary: &Path,
    relay: Option<&Relay>,
    deposit_counts: bool,
) -> Result<Vec<Sink>, StackError> {
    let state = stack.dir().join("executor");
    let deposit = state.join("kill-credentials");
    let excepted: &[&Path] = if deposit_counts { &[] } else { &[&deposit] };
    let said = |name: &str, bytes: Vec<u8>| Sink { name: name.to_owned(), bytes };
    let command = |words: &[&str]| stack.executor_command(words, LIMIT).map(|output| output.text.into_bytes());
    let core = stack.core.as_ref().ok_or_else(|| StackError("mm-core is not running".to_owned()))?;
    let mut all = vec![
        said("import and address", secrets.printed.clone()),
        said("ready line of the executor", stack.address.clone().into_bytes()),
        said("check-config", command(&["check-config"])?),
        said("what is said of a configuration with a secret in it", secrets.misplaced(bench)?),
        said("status", command(&["status"])?),
        said("status as JSON", command(&["status", "--json"])?),
        said("transcript of core.sock", relay.map(Relay::heard).unwrap_or_default()),
        said("transcript of view.sock", sinks::transcript(&stack.sockets().join("view.sock"))?),
        said("transcript of op.sock", sinks::transcript(&stack.sockets().join("op.sock"))?),
        sinks::file("ledger", &state.join("ledger.sqlite"))?,
        sinks::file("ledger's write-ahead log", &state.join("ledger.sqlite-wal"))?,
        sinks::file("ledger's mirror", &state.join("audit.jsonl"))?,
        said("audit verify of the mirror", command(&["audit", "verify", "--mirror"])?),
        sinks::folder("state folder", &state, excepted)?,
        sinks::folder("journal and configurations", stack.dir(), &[&deposit])?,
        sinks::folder("socket folder", stack.sockets(), &[])?,
        sinks::folder("temporary folder", temporary, &[])?,
        sinks::processes()?,
        sinks::memory("memory of mm-core", core)?,
        sinks::work_tree(&bench.root)?,
    ];
    for name in ["executor", "executor-kill", "mm-core"].into_iter().filter(|_| !deposit_counts) {
        all.push(sinks::file(&format!("binary {name}"), &bench.binary(name))?);
    }
    Ok(all)
}

fn executor_kill(bench: &Bench, dir: &Path) -> Result<String, StackError> {
    let mut command = Command::new(bench.binary("executor-kill"));
    command.arg(dir.join("executor")).args(["--wait-s", "2", "--watch-s", "0"]).env("RUST_LOG", "trace");
    Ok(crate::shell::run(&mut command, LIMIT)?.text)
}

/// Whether something in it was blotted out: a run of asterisks as long as the shortest credential.
fn is_blotted(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, &[b'*'; 24]).is_some()
}

/// Leaks, missed plants, empty outputs.
fn judge(
    sinks: &[Sink],
    canaries: &[Canary],
    own: &Sink,
    planting: bool,
    evidence: &mut Evidence,
) -> Result<Vec<String>, StackError> {
    let matcher = Matcher::new(canaries);
    let mut wrong = Vec::new();
    let (mut bytes, mut plants) = (0u64, 0u64);
    let mut report = String::new();
    for sink in sinks {
        if sink.bytes.is_empty() {
            wrong.push(format!("{}: nothing was there to look at", sink.name));
        }
        for (secret, _, written) in matcher.scan(&sink.bytes) {
            wrong.push(format!("{}: {secret}, as {written}", sink.name));
        }
        if planting {
            let some = &sink.bytes[..sink.bytes.len().min(PLANTED_MAX)];
            for (how, (with, expected)) in [("planted", planted(some, canaries)), ("packed", packed(some, canaries)?)] {
                let found = matcher.scan(&with);
                plants += expected.len() as u64;
                for (secret, nth, written) in expected.difference(&found) {
                    wrong.push(format!("{}: a {how} {secret}, form {nth}, as {written}, was missed", sink.name));
                }
            }
        }
        bytes += sink.bytes.len() as u64;
        evidence.cases += 1;
        report += &format!("{}\n", sink.name);
    }
    // Control: where secrets must be, they are found. That memory can be read at all is seen by the same.
    let held = matcher.scan(&own.bytes);
    for secret in ["key", "API secret", "API passphrase"] {
        if !held.iter().any(|(name, ..)| *name == secret) {
            wrong.push(format!("{}: holds no {secret}, so looking into memory proves nothing", own.name));
        }
    }
    // Control: what the venue echoed came as far as our outputs, blotted out.
    let blotted = sinks.iter().filter(|sink| sink.name != "git work tree" && is_blotted(&sink.bytes));
    let blotted: Vec<&str> = blotted.map(|sink| sink.name.as_str()).collect();
    evidence.fact("outputs with an echo, blotted out", blotted.join(", "));
    if planting && !blotted.contains(&"ledger's write-ahead log") {
        wrong.push("no echo of the venue came as far as the ledger".to_owned());
    }
    if sinks.len() < SINKS_MIN {
        wrong.push(format!("only {} outputs", sinks.len()));
    }
    evidence.fact("outputs", report.lines().collect::<Vec<_>>().join(", "));
    evidence.fact("forms", crate::scan::encode::ENCODINGS.len());
    evidence.fact("patterns", if matcher.patterns() > 1000 { "thousands" } else { "few" });
    evidence.fact("plants found", if wrong.iter().any(|what| what.contains("was missed")) { 0 } else { plants });
    evidence.fact(
        "passphrase of the keystore left in the executor's memory",
        held.iter().any(|(name, ..)| *name == "keystore passphrase"),
    );
    evidence.fact("more than 50 MB looked at", bytes > 50 << 20);
    // This proof's own words, too.
    for (secret, _, written) in matcher.scan(format!("{evidence:?} {wrong:?}").as_bytes()) {
        wrong.push(format!("this report: {secret}, as {written}"));
    }
    Ok(wrong)
}
