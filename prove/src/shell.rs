//! Runs cargo, git and our own binaries, with limits.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The repository this binary was built from, or the nearest one above the working directory.
pub(crate) fn repo_root() -> PathBuf {
    let built_from = Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned);
    let above = || {
        let here = std::env::current_dir().ok()?;
        here.ancestors().find(|p| p.join("prove/Cargo.toml").exists()).map(Path::to_owned)
    };
    above().or(built_from).unwrap_or_else(|| PathBuf::from("."))
}

/// What a finished command left.
pub(crate) struct Output {
    /// Exit code 0.
    pub(crate) ok: bool,
    /// Standard output and standard error, in that order.
    pub(crate) text: String,
}

/// Runs a command with a time limit; past it the command is killed and `Err` says so.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<Output, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("{name}: {e}"))?;
    let drain = |pipe: Option<Box<dyn std::io::Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut pipe) = pipe {
                // A torn pipe is the child's end, not ours: what was read stands.
                pipe.read_to_end(&mut bytes).ok();
            }
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let out = drain(child.stdout.take().map(|p| Box::new(p) as Box<dyn std::io::Read + Send>));
    let err = drain(child.stderr.take().map(|p| Box::new(p) as Box<dyn std::io::Read + Send>));
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|e| format!("{name}: {e}"))? {
            break status;
        }
        if started.elapsed() > limit {
            child.kill().ok();
            child.wait().ok();
            return Err(format!("{name} did not end within {} s and was killed", limit.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let text = out.join().unwrap_or_default() + &err.join().unwrap_or_default();
    Ok(Output { ok: status.success(), text })
}

/// A `cargo` command in the repository.
pub(crate) fn cargo(root: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root).args(args);
    // Under `cargo run` we inherit what cargo told this package about itself. Some build scripts watch those names, and
    // everything above them would be compiled again.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Builds the binaries in this build's own profile, once a process; returns their folder.
pub(crate) fn build_binaries(root: &Path) -> Result<PathBuf, String> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let own = std::env::current_exe().map_err(|e| e.to_string())?;
            let dir = own.parent().ok_or("this binary lies in no folder")?.to_owned();
            // with `prove` among them, so that features unify as in our own build and nothing is compiled twice
            let mut args = vec!["build", "--quiet", "--bins"];
            for package in ["mm-core", "executor", "sim-exchange", "prove"] {
                args.extend(["-p", package]);
            }
            if dir.ends_with("release") {
                args.push("--release");
            }
            let output = run(&mut cargo(root, &args), Duration::from_secs(3600))?;
            if output.ok { Ok(dir) } else { Err(output.text) }
        })
        .clone()
}

/// Builds the executor in which the crash points are live, once a process; returns its path. Nothing but the executor is compiled
/// for it, and it lies in a folder of its own: no other build ever finds it in its place.
pub(crate) fn build_crash_executor(root: &Path) -> Result<PathBuf, String> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let profile = build_binaries(root)?;
            let target = profile.parent().ok_or("the build lies in no folder")?;
            let apart = target.join("crash");
            // all packages, so that what the executor is made of is what was built before
            let mut args = vec!["build", "--quiet", "--bin", "executor", "--features", "executor/crash-points"];
            for package in ["mm-core", "executor", "sim-exchange", "prove"] {
                args.extend(["-p", package]);
            }
            if profile.ends_with("release") {
                args.push("--release");
            }
            let mut command = cargo(root, &args);
            command.env("CARGO_BUILD_BUILD_DIR", target).env("CARGO_TARGET_DIR", &apart);
            let output = run(&mut command, Duration::from_secs(3600))?;
            let name = profile.file_name().ok_or("the build has no profile")?;
            if output.ok { Ok(apart.join(name).join("executor")) } else { Err(output.text) }
        })
        .clone()
}

/// The commit at HEAD, or `unknown` outside a checkout.
pub(crate) fn git_commit(root: &Path) -> String {
    git(root, &["rev-parse", "HEAD"]).unwrap_or_else(|| "unknown".to_owned())
}

/// Whether tracked files differ from HEAD.
pub(crate) fn git_dirty(root: &Path) -> bool {
    git(root, &["status", "--porcelain", "--untracked-files=no"]).is_some_and(|text| !text.is_empty())
}

fn git(root: &Path, args: &[&str]) -> Option<String> {
    let output = run(Command::new("git").current_dir(root).args(args), Duration::from_secs(60)).ok()?;
    output.ok.then(|| output.text.trim().to_owned())
}
