//! What the binary talks to in these tests: a market channel, a REST host and an executor's socket, played by the test.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use futures_util::{SinkExt, StreamExt};
use mm_core::io::uds::{self, FrameReader, FrameWriter, Server};
use mm_core::protocol::{FromExecutor, ToExecutor};
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

pub const CONDITION: &str = "0x4c27acaa00000000000000000000000000000000000000000000000000000000";
/// Everything awaited here happens within moments; a test that meets this limit has failed.
const SOON: Duration = Duration::from_secs(60);

pub fn block_on<F: Future>(test: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(test)
}

pub fn book_frame(token: &str) -> String {
    format!(
        r#"[{{"market":"{CONDITION}","asset_id":"{token}","timestamp":"1790908667676","hash":"","bids":[{{"price":"0.48","size":"100"}}],"asks":[{{"price":"0.52","size":"100"}}],"tick_size":"0.01","event_type":"book","last_trade_price":"0.500"}}]"#
    )
}

pub struct Stage {
    folder: TempDir,
    feed: TcpListener,
    rest: String,
    executor: Option<Server>,
}

impl Stage {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let feed = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let executor = uds::bind(&folder.path().join("run/core.sock")).expect("free");
        let terms = format!(
            r#"{{"c":"{CONDITION}","t":[{{"t":"101","o":"Yes"}},{{"t":"102","o":"No"}}],"mts":0.01,"mos":5,"ao":true}}"#
        );
        let known = format!("/clob-markets/{CONDITION}");
        let book = book_frame("101");
        let router = Router::new()
            .route(&known, get(move || async move { terms }))
            .route("/book", get(move || async move { book.trim_matches(['[', ']']).to_owned() }))
            .fallback(|| async { (StatusCode::NOT_FOUND, r#"{"error":"market not found"}"#) });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let rest = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { folder, feed, rest, executor: Some(executor) }
    }

    pub fn close_executor(&mut self) {
        self.executor = None;
    }

    /// The example configuration, pointed at this stage.
    fn config(&self) -> String {
        let example = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../config/mm-core.toml"));
        let folder = self.folder.path().display();
        let mut text = String::new();
        for line in example.lines() {
            let key = line.split('=').next().unwrap_or_default().trim();
            let line = match key {
                "ws_url" => format!("ws_url = \"ws://{}\"", self.feed.local_addr().expect("bound")),
                "rest_url" => format!("rest_url = \"{}\"", self.rest),
                "gamma_url" => "gamma_url = \"\"".to_owned(),
                "reconnect_min_ms" => "reconnect_min_ms = 1".to_owned(),
                "alive_every_ms" => "alive_every_ms = 20".to_owned(),
                "socket" => format!("socket = \"{folder}/run/core.sock\""),
                "dir" => format!("dir = \"{folder}/runs\""),
                "listen" => "listen = \"127.0.0.1:0\"".to_owned(),
                "condition" => format!("condition = \"{CONDITION}\""),
                _ => line.to_owned(),
            };
            text.push_str(&line);
            text.push('\n');
        }
        text
    }

    fn spawn(&self, config: &str) -> Child {
        let path = self.folder.path().join("mm-core.toml");
        std::fs::write(&path, config).expect("written");
        // A file that may not grow is an error to us, not the end: what the signal means is ours to say, before the binary starts.
        Command::new("sh")
            .args(["-c", r#"trap "" XFSZ; exec "$0" "$@""#, env!("CARGO_BIN_EXE_mm-core"), "run", "--config"])
            .arg(path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(self.folder.path().join("stderr")).expect("made"))
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts")
    }

    /// Starts the binary and reads its first line.
    pub async fn start(&self) -> Run {
        let mut child = self.spawn(&self.config());
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let stderr = self.folder.path().join("stderr");
        let mut line = String::new();
        timeout(SOON, stdout.read_line(&mut line)).await.expect("in time").expect("readable");
        let ready: serde_json::Value = serde_json::from_str(&line)
            .unwrap_or_else(|why| panic!("{line:?}: {why}; {}", std::fs::read_to_string(&stderr).unwrap_or_default()));
        Run {
            child,
            stderr,
            number: ready["run"].as_u64().expect("a number"),
            folder: ready["dir"].as_str().expect("a path").into(),
            metrics: ready["metrics"].as_str().expect("a URL").to_owned(),
        }
    }

    /// Starts the binary with a changed configuration that must not work; its exit code and what it said.
    pub async fn failing_start(&self, change: impl FnOnce(String) -> String) -> (Option<i32>, String) {
        let mut child = self.spawn(&change(self.config()));
        let status = timeout(SOON, child.wait()).await.expect("in time").expect("it ran");
        let said = std::fs::read_to_string(self.folder.path().join("stderr")).expect("readable");
        (status.code(), said)
    }

    pub async fn accept_executor(&self) -> Executor {
        let server = self.executor.as_ref().expect("offered");
        let stream = timeout(SOON, server.accept()).await.expect("in time").expect("a connection");
        let (reader, writer) = uds::split(stream);
        Executor { reader, writer }
    }

    pub async fn accept_feed(&self) -> Feed {
        let (stream, _) = timeout(SOON, self.feed.accept()).await.expect("in time").expect("a connection");
        Feed(tokio_tungstenite::accept_async(stream).await.expect("an upgrade"))
    }

    pub async fn get(&self, url: &str) -> (u16, String) {
        let timeouts = mm_core::io::http::Timeouts { connect: SOON, total: SOON };
        let client = mm_core::io::http::client(timeouts).expect("a client");
        mm_core::io::http::get_text(&client, url, 1 << 20).await.expect("an answer")
    }
}

/// A running binary.
pub struct Run {
    child: Child,
    stderr: PathBuf,
    pub number: u64,
    pub folder: PathBuf,
    pub metrics: String,
}

impl Run {
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("ours");
    }

    /// From now on none of its files grows beyond this many bytes.
    pub fn limit_files(&self, bytes: u64) {
        let limit = Rlimit { current: Some(bytes), maximum: None };
        prlimit(Some(self.pid()), Resource::Fsize, limit).expect("ours");
    }

    fn pid(&self) -> Pid {
        self.child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)).expect("it runs")
    }

    pub async fn exit_code(&mut self) -> Option<i32> {
        timeout(SOON, self.child.wait()).await.expect("in time").expect("it ran").code()
    }

    pub fn stderr(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap_or_default()
    }
}

pub struct Executor {
    reader: FrameReader<OwnedReadHalf>,
    writer: FrameWriter<OwnedWriteHalf>,
}

impl Executor {
    pub async fn hear(&mut self) -> ToExecutor {
        timeout(SOON, self.reader.recv()).await.expect("in time").expect("a message")
    }

    pub async fn hear_until(&mut self, wanted: impl Fn(&ToExecutor) -> bool) {
        while !wanted(&self.hear().await) {}
    }

    pub async fn say(&mut self, message: &FromExecutor) {
        self.writer.send(message).await.expect("sent");
    }
}

pub struct Feed(WebSocketStream<TcpStream>);

impl Feed {
    pub async fn hear(&mut self) -> String {
        match timeout(SOON, self.0.next()).await.expect("in time") {
            Some(Ok(Message::Text(text))) => text.as_str().to_owned(),
            other => panic!("expected text, got {other:?}"),
        }
    }

    pub async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("sent");
    }
}

/// `mm-core` with this command on a run's folder: exit code and what it printed.
pub async fn look_back(command: &str, folder: &Path, more: &[&str]) -> (Option<i32>, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mm-core"))
        .arg(command)
        .arg(folder)
        .args(more)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary starts");
    let mut said = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut said).await.expect("readable");
    (timeout(SOON, child.wait()).await.expect("in time").expect("it ran").code(), said)
}
