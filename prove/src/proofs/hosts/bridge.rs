//! A network of its own that reaches nothing but the venue: what connects there to the venue's address is carried through a socket file,
//! which knows no networks, to the venue here.

use crate::proof::Bench;
use crate::shell;
use crate::stack::{Process, Ready, StackError, socket_dir};
use std::collections::BTreeSet;
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tokio::net::UnixListener;

const LIMIT: Duration = Duration::from_secs(30);

/// Why a network of its own cannot be made here.
pub(super) fn possible() -> Result<(), String> {
    if !rustix::process::geteuid().is_root() {
        return Err("needs root, to give a process a network of its own".to_owned());
    }
    for (program, args) in [("unshare", &["--net", "true"][..]), ("ip", &["-V"]), ("nsenter", &["-V"])] {
        match shell::run(Command::new(program).args(args), LIMIT) {
            Ok(output) if output.ok => {}
            Ok(output) => return Err(format!("{program}: {}", output.text)),
            Err(why) => return Err(format!("{program}: {why}")),
        }
    }
    Ok(())
}

/// The other network, for as long as this lives.
pub(super) struct Bridge {
    inside: Process,
    folder: PathBuf,
}

impl Drop for Bridge {
    fn drop(&mut self) {
        // A leftover is untidy, not wrong.
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

impl Bridge {
    /// Carries the venue's addresses there.
    pub(super) async fn start(bench: &Bench, venue: &Ready, dir: &Path) -> Result<Self, StackError> {
        let folder = socket_dir()?;
        let mut command = Command::new("unshare");
        command.arg("--net").arg(bench.binary("prove")).args(["role", "bridge"]).arg(&folder);
        for port in ports(venue)? {
            let listener = UnixListener::bind(folder.join(port.to_string()))?;
            tokio::spawn(carried(listener, port));
            command.arg(port.to_string());
        }
        let mut inside = Process::spawn("bridge", command, dir)?;
        inside.first_line(LIMIT).await?;
        Ok(Self { inside, folder })
    }

    /// A program there.
    pub(super) fn command(&self, program: &Path) -> Result<Command, StackError> {
        let pid = self.inside.pid().ok_or_else(|| StackError("the bridge has ended".to_owned()))?;
        let mut command = Command::new("nsenter");
        command.arg("--net").arg("--target").arg(pid.as_raw_nonzero().to_string()).arg(program);
        Ok(command)
    }
}

/// Where the venue listens on loopback.
fn ports(venue: &Ready) -> Result<BTreeSet<u16>, StackError> {
    let urls = [&venue.clob, &venue.ws, &venue.geoblock];
    let port = |url: &String| {
        let address = url.split("://").nth(1)?.split('/').next()?;
        address.strip_prefix("127.0.0.1:")?.parse().ok()
    };
    urls.map(|url| port(url).ok_or_else(|| StackError(format!("{url} is not on loopback")))).into_iter().collect()
}

/// Here: everything that comes through the socket goes to the venue.
async fn carried(listener: UnixListener, port: u16) {
    while let Ok((mut from, _)) = listener.accept().await {
        tokio::spawn(async move {
            if let Ok(mut venue) = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
                // Whichever side breaks it breaks both.
                let _ = tokio::io::copy_bidirectional(&mut from, &mut venue).await;
            }
        });
    }
}

/// Inside: listens where the venue would, until it is killed.
pub(crate) fn play(folder: &Path, ports: &[u16]) -> Result<(), String> {
    let text = |why: std::io::Error| why.to_string();
    // A new network's loopback is down.
    let up = shell::run(Command::new("ip").args(["link", "set", "lo", "up"]), LIMIT)?;
    if !up.ok {
        return Err(up.text);
    }
    let mut listening = Vec::new();
    for port in ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).map_err(text)?;
        let socket = folder.join(port.to_string());
        listening.push(std::thread::spawn(move || listen(&listener, &socket).map_err(text)));
    }
    let mut out = std::io::stdout();
    out.write_all(b"ready\n").and_then(|()| out.flush()).map_err(text)?;
    listening.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| Err("it panicked".to_owned())))
}

fn listen(listener: &TcpListener, socket: &Path) -> std::io::Result<()> {
    for stream in listener.incoming() {
        let (ours, venue) = (stream?, UnixStream::connect(socket)?);
        ours.set_nodelay(true)?;
        let (to_venue, from_ours) = (venue.try_clone()?, ours.try_clone()?);
        std::thread::spawn(move || carry(from_ours, &to_venue, || to_venue.shutdown(Shutdown::Write)));
        std::thread::spawn(move || carry(venue, &ours, || ours.shutdown(Shutdown::Write)));
    }
    Ok(())
}

fn carry(mut from: impl Read, mut to: impl std::io::Write, end: impl FnOnce() -> std::io::Result<()>) {
    // Its end is told on, however it ended.
    let _ = std::io::copy(&mut from, &mut to);
    let _ = end();
}
