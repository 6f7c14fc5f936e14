//! Commands that ask or tell a running executor over its sockets.

use crate::cancel_all::CancelAll;
use crate::screen::screen;
use crate::{Failure, say};
use executor::config::Config;
use executor::operator::{Ask, Status, Told};
use mm_core::io::uds;
use std::io::{ErrorKind, IsTerminal as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::net::UnixStream;

/// Time an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Time until a socket whose queue is full has room.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// Between two tries.
const CONNECT_EVERY: Duration = Duration::from_millis(5);
/// Between two looks while waiting.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Exit code of `cancel-all` when it is not confirmed that nothing rests.
const NOT_FLAT: u8 = 3;

pub(crate) fn status(config: &Config, json: bool) -> Result<ExitCode, Failure> {
    let status = blocking(async { look(config).await })?;
    if json {
        say(&serde_json::to_string_pretty(&status).map_err(|why| why.to_string())?)
    } else {
        say(&screen(&status))
    }
}

pub(crate) fn arm(config: &Config, code: Option<String>) -> Result<ExitCode, Failure> {
    let ask = |question: Ask| blocking(async { ask(config, "op.sock", &question).await });
    if let Some(code) = code {
        return told(ask(Ask::Arm { code })?);
    }
    told(ask(Ask::AskArm)?)?;
    if !std::io::stdin().is_terminal() {
        say("not armed yet: executor arm --confirm CODE")?;
        return Ok(ExitCode::FAILURE);
    }
    say("type the code to arm, anything else to leave it:")?;
    let mut typed = String::new();
    std::io::stdin().read_line(&mut typed).map_err(|why| format!("terminal: {why}"))?;
    match typed.trim() {
        "" => Err("not armed".to_owned()),
        code => told(ask(Ask::Arm { code: code.to_owned() })?),
    }
}

/// `text` is the configuration's own text: what was checked here is what is sent.
pub(crate) fn tighten(config: &Config, text: String) -> Result<ExitCode, Failure> {
    told(blocking(async { ask(config, "op.sock", &Ask::Tighten { config: text }).await })?)
}

pub(crate) fn accept_balances(config: &Config) -> Result<ExitCode, Failure> {
    told(blocking(async { ask(config, "op.sock", &Ask::AcceptBalances).await })?)
}

pub(crate) fn halt(config: &Config, reason: String) -> Result<ExitCode, Failure> {
    told(blocking(async { ask_either(config, &Ask::Halt { reason }).await })?)
}

pub(crate) fn cancel_all(config: &Config, wait_s: u64) -> Result<ExitCode, Failure> {
    blocking(async {
        if let Told::Refused { why } = ask_either(config, &Ask::CancelAll).await? {
            return Err(why.join("; "));
        }
        let deadline = Instant::now() + Duration::from_secs(wait_s);
        let mut asked = CancelAll::default();
        loop {
            let status = look(config).await?;
            if let Some(done) = asked.look(&status.desk)? {
                return say(&done);
            }
            if Instant::now() >= deadline {
                say(&format!(
                    "NOT FLAT after {wait_s} s: {} orders may rest, {} of them unknown; the executor keeps cancelling",
                    status.desk.open_orders, status.desk.unknown
                ))?;
                return Ok(ExitCode::from(NOT_FLAT));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    })
}

fn told(told: Told) -> Result<ExitCode, Failure> {
    match told {
        Told::Done { what } => say(&what),
        Told::Refused { why } => Err(why.join("; ")),
        Told::Status(status) => say(&screen(&status)),
    }
}

async fn look(config: &Config) -> Result<Status, Failure> {
    match ask_either(config, &Ask::Status).await? {
        Told::Status(status) => Ok(*status),
        Told::Refused { why } => Err(why.join("; ")),
        Told::Done { what } => Err(format!("asked for the status, was told {what:?}")),
    }
}

/// Asks on the socket for everybody, and where that one does not serve on the operator's: its places may all be taken. What may be asked
/// there may be asked here, and to ask it twice does no harm.
async fn ask_either(config: &Config, question: &Ask) -> Result<Told, Failure> {
    let first = ask(config, "view.sock", question).await;
    if !matches!(first, Err(_) | Ok(Told::Refused { .. })) {
        return first;
    }
    match ask(config, "op.sock", question).await {
        // Who may not use it, or meets nobody there either, is better told what the first one said.
        Err(_) | Ok(Told::Refused { .. }) => first,
        second => second,
    }
}

async fn ask(config: &Config, socket: &str, question: &Ask) -> Result<Told, Failure> {
    let path = config.socket_dir.join(socket);
    let named = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let stream = connect(&path).await.map_err(|why| named(&format!("no executor answers ({why})")))?;
    let (mut reader, mut writer) = uds::split(stream);
    let talk = async {
        // A refused peer is told why before it has asked: the answer is worth more than the error of the question.
        let sent = writer.send(question).await;
        match reader.recv::<Told>().await {
            Ok(told) => Ok(told),
            Err(why) => Err(sent.err().unwrap_or(why)),
        }
    };
    match tokio::time::timeout(ANSWER_MAX, talk).await {
        Ok(Ok(told)) => Ok(told),
        Ok(Err(why)) => Err(named(&why)),
        Err(_) => Err(named(&format!("no answer within {} s", ANSWER_MAX.as_secs()))),
    }
}

/// Connects; whoever knocks all the time and is refused may fill the queue, for moments.
async fn connect(path: &Path) -> std::io::Result<UnixStream> {
    let until = Instant::now() + CONNECT_MAX;
    loop {
        match UnixStream::connect(path).await {
            Err(why) if why.kind() == ErrorKind::WouldBlock && Instant::now() < until => {
                tokio::time::sleep(CONNECT_EVERY).await;
            }
            connected => return connected,
        }
    }
}

fn blocking<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|why| format!("no runtime: {why}"))?
        .block_on(future)
}

#[cfg(test)]
mod tests {
    use super::*;
    use executor::session::{Allowed, Question, serve_questions};
    use tokio::sync::mpsc;

    /// The drill's configuration with another folder for its sockets.
    fn config(folder: &Path) -> Config {
        let text = include_str!("../../../../config/drill.toml");
        let named = text.replace("\"run/drill\"", &format!("{:?}", folder.display().to_string()));
        Config::parse("drill.toml", &named).expect("a configuration")
    }

    #[tokio::test]
    async fn eight_idle_viewers_keep_nobody_from_halting() {
        let dir = tempfile::tempdir().expect("a folder");
        let config = config(&dir.path().join("run"));
        let socket = |name: &str| config.socket_dir.join(name);
        let (questions, mut asked) = mpsc::channel::<Question>(4);
        for (name, may_arm) in [("view.sock", false), ("op.sock", true)] {
            let server = uds::bind(&socket(name)).expect("bound");
            tokio::spawn(serve_questions(server, Allowed::new(&[]), may_arm, questions.clone()));
        }
        tokio::spawn(async move {
            while let Some(question) = asked.recv().await {
                let _ = question.answer.send(Told::Done { what: format!("{:?}", question.ask) });
            }
        });
        let mut idle = Vec::new();
        for _ in 0..8 {
            idle.push(UnixStream::connect(&socket("view.sock")).await.expect("connected"));
        }
        let halt = tokio::task::spawn_blocking(move || halt(&config, "now".to_owned()));
        let halted = tokio::time::timeout(Duration::from_secs(1), halt).await.expect("within a second");
        assert_eq!(halted.expect("it ended"), Ok(ExitCode::SUCCESS));
    }
}
