//! The official clients, unmodified, driven against the simulated venue by the scripts in `prove/clients`.
//!
//! Nothing they need enters our own build: each script is copied to `target/clients` and its client installed there, by
//! name and pinned version, with the language's own tool.

use crate::shell;
use crate::stack::{Process, StackError};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long a client may take to install; the Rust one is compiled.
const INSTALL_LIMIT: Duration = Duration::from_secs(1_800);
/// How long a script may take.
const DRIVE_LIMIT: Duration = Duration::from_secs(180);
/// How long the venue may take to start, and to stop.
const VENUE_LIMIT: Duration = Duration::from_secs(30);

/// A language the venue's makers publish a client in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// `py-clob-client-v2`
    Python,
    /// `@polymarket/clob-client-v2`
    Typescript,
    /// `polymarket_client_sdk_v2`
    Rust,
}

impl Language {
    pub(crate) const ALL: [Self; 3] = [Self::Python, Self::Typescript, Self::Rust];

    const fn folder(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Typescript => "typescript",
            Self::Rust => "rust",
        }
    }
}

/// What a script said.
pub(crate) struct Driven {
    /// Everything it printed.
    pub(crate) text: String,
    /// Steps that went as they should.
    pub(crate) passed: u64,
    /// Steps that did not; also 1 when it broke off without a last line.
    pub(crate) failed: u64,
}

/// Installs a client and says how its script is started; the error is why it cannot be had here.
pub(crate) fn install(root: &Path, language: Language) -> Result<Command, String> {
    let from = root.join("prove/clients").join(language.folder());
    let dir = root.join("target/clients").join(language.folder());
    copy(&from, &dir).map_err(|why| format!("{}: {why}", dir.display()))?;
    let started = match language {
        Language::Python => python(&dir)?,
        Language::Typescript => typescript(&dir)?,
        Language::Rust => rust(root, &dir)?,
    };
    Ok(started)
}

fn python(dir: &Path) -> Result<Command, String> {
    let venv = dir.join("venv");
    let python = venv.join("bin/python");
    if !python.exists() {
        tool(Command::new("python3").args(["-m", "venv"]).arg(&venv), "a Python environment")?;
    }
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    tool(Command::new(&python).args(install).arg(dir.join("requirements.txt")), "the Python client")?;
    let mut command = Command::new(python);
    command.arg(dir.join("drive.py"));
    Ok(command)
}

fn typescript(dir: &Path) -> Result<Command, String> {
    let install = ["install", "--silent", "--no-audit", "--no-fund"];
    tool(Command::new("npm").current_dir(dir).args(install), "the TypeScript client")?;
    let mut command = Command::new("node");
    command.arg(dir.join("drive.mjs"));
    Ok(command)
}

fn rust(root: &Path, dir: &Path) -> Result<Command, String> {
    let manifest = dir.join("Cargo.toml");
    let mut build = shell::cargo(root, &["build", "--quiet", "--manifest-path"]);
    build.arg(manifest).arg("--target-dir").arg(dir.join("target"));
    tool(&mut build, "the Rust client")?;
    Ok(Command::new(dir.join("target/debug/official-rust-client")))
}

/// Runs an installing tool; what it complains about last is why there is no client.
fn tool(command: &mut Command, what: &str) -> Result<(), String> {
    let output = shell::run(command, INSTALL_LIMIT).map_err(|why| format!("{what} cannot be installed: {why}"))?;
    if output.ok {
        return Ok(());
    }
    let last = output.text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no word why");
    Err(format!("{what} cannot be installed: {last}"))
}

/// Copies a script's files; what is generated beside them stays.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
            continue;
        }
        // an untouched file keeps its time: nothing is compiled twice
        let text = std::fs::read(entry.path())?;
        if std::fs::read(&target).ok().as_ref() != Some(&text) {
            std::fs::write(&target, text)?;
        }
    }
    Ok(())
}

/// Starts `sim-exchange serve` on free ports, hands its ready line, changed by `tell`, to the script, and waits for both ends.
pub(crate) fn drive(
    venue: &Path,
    scenario: &Path,
    dir: &Path,
    mut script: Command,
    tell: impl Fn(&mut Value),
) -> Result<Driven, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let mut command = Command::new(venue);
    command.arg("serve").arg("--config").arg(scenario).args(["--listen", "127.0.0.1:0"]);
    let done: Result<Driven, StackError> = runtime.block_on(async {
        let mut process = Process::spawn("sim-exchange", command, dir)?;
        let line = process.first_line(VENUE_LIMIT).await?;
        let mut ready: Value = serde_json::from_str(&line).map_err(|why| StackError(format!("{line}: {why}")))?;
        tell(&mut ready);
        script.arg(ready.to_string());
        let output = tokio::task::spawn_blocking(move || shell::run(&mut script, DRIVE_LIMIT)).await;
        let output = output.map_err(|why| StackError(why.to_string()))??;
        process.terminate(VENUE_LIMIT).await?;
        Ok(read(output.text))
    });
    done.map_err(|why| why.to_string())
}

/// The last line is `steps: N passed, M failed`.
fn read(text: String) -> Driven {
    let counts = text.lines().rev().find_map(|line| {
        let (passed, rest) = line.strip_prefix("steps: ")?.split_once(" passed, ")?;
        let failed = rest.strip_suffix(" failed")?;
        Some((passed.parse().ok()?, failed.parse().ok()?))
    });
    let (passed, failed) = counts.unwrap_or((0, 1));
    Driven { text, passed, failed }
}

/// `prove clients`: each client in turn. `false` when a step of one failed or a client could not be had.
pub(crate) fn run(languages: &[Language]) -> Result<bool, String> {
    let root = shell::repo_root();
    let bin_dir = shell::build_binaries(&root)?;
    let all = if languages.is_empty() { &Language::ALL } else { languages };
    let mut good = true;
    for language in all {
        println!("{}", language.folder());
        let dir: PathBuf = root.join("target/clients").join(language.folder());
        let done = install(&root, *language)
            .and_then(|script| drive(&bin_dir.join("sim-exchange"), &scenario(&root), &dir, script, |_| ()));
        match done {
            Ok(driven) => {
                driven.text.lines().for_each(|line| println!("  {line}"));
                good &= driven.failed == 0;
            }
            Err(why) => {
                println!("  not run: {why}");
                good = false;
            }
        }
    }
    Ok(good)
}

/// The world the scripts are written for: one quiet market around one half.
pub(crate) fn scenario(root: &Path) -> PathBuf {
    root.join("config/sim/basic.toml")
}
