//! Peers that break a rule get a typed goodbye and nothing else happens; peers that keep them are heard.

use executor::config::Peers;
use executor::desk::DeskInput;
use executor::operator::{Ask, Told};
use executor::reasons::Author;
use executor::session::{Allowed, CoreLine, OUTBOUND_MAX, Question, serve_core, serve_questions};
use mm_core::domain::{ClientOrderId, Digest, Nanos};
use mm_core::io::uds::{self, FrameReader, FrameWriter};
use mm_core::protocol::{FRAME_MAX, FromExecutor, Gate, PROTOCOL_VERSION, SessionError, ToExecutor};
use std::path::PathBuf;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

struct Bench {
    _dir: tempfile::TempDir,
    path: PathBuf,
    line: CoreLine,
    inputs: mpsc::Receiver<DeskInput>,
}

fn socket() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("temporary folder");
    let path = dir.path().join("run").join("test.sock");
    (dir, path)
}

fn serve(allowed: &[u32]) -> Bench {
    let (dir, path) = socket();
    let (inbox, inputs) = mpsc::channel(64);
    let line = CoreLine::default();
    let server = uds::bind(&path).expect("bound");
    tokio::spawn(serve_core(server, Allowed::new(allowed), line.clone(), inbox));
    Bench { _dir: dir, path, line, inputs }
}

impl Bench {
    async fn connect(&self) -> (FrameReader<OwnedReadHalf>, FrameWriter<OwnedWriteHalf>) {
        uds::split(UnixStream::connect(&self.path).await.expect("connected"))
    }

    /// Connects, sends raw bytes, and reads the goodbye.
    async fn goodbye_to(&self, bytes: &[u8]) -> SessionError {
        let mut stream = UnixStream::connect(&self.path).await.expect("connected");
        stream.write_all(bytes).await.expect("written");
        let (mut reader, _writer) = uds::split(stream);
        let why = match reader.recv::<FromExecutor>().await.expect("a goodbye") {
            FromExecutor::Goodbye { why } => why,
            other => panic!("{other:?}"),
        };
        assert!(reader.frame().await.is_err(), "the connection ends");
        why
    }

    async fn connected(&mut self) -> (FrameReader<OwnedReadHalf>, FrameWriter<OwnedWriteHalf>) {
        let (reader, mut writer) = self.connect().await;
        writer.send(&hello(PROTOCOL_VERSION)).await.expect("sent");
        assert!(matches!(self.inputs.recv().await, Some(DeskInput::CoreUp { .. })));
        assert!(matches!(self.inputs.recv().await, Some(DeskInput::Core(ToExecutor::Hello { .. }))));
        (reader, writer)
    }
}

fn hello(version: u16) -> ToExecutor {
    ToExecutor::Hello { version, run: 1, config: Digest([0; 32]), tokens: Vec::new() }
}

fn frame(message: &ToExecutor) -> Vec<u8> {
    let mut bytes = Vec::new();
    uds::encode_message(message, &mut bytes).expect("small");
    bytes
}

#[tokio::test]
async fn a_core_is_heard_and_told() {
    let mut bench = serve(&[]);
    let (mut reader, mut writer) = bench.connected().await;
    writer.send(&ToExecutor::Alive { oldest_feed: Nanos::ZERO }).await.expect("sent");
    assert!(matches!(bench.inputs.recv().await, Some(DeskInput::Core(ToExecutor::Alive { .. }))));
    assert!(bench.line.tell(FromExecutor::Gate(Gate::Unchecked)));
    assert_eq!(reader.recv::<FromExecutor>().await.expect("told"), FromExecutor::Gate(Gate::Unchecked));
    drop((reader, writer));
    assert!(matches!(bench.inputs.recv().await, Some(DeskInput::CoreLost)));
}

#[tokio::test]
async fn rule_breakers_get_a_typed_goodbye_and_the_desk_hears_nothing() {
    let mut bench = serve(&[]);
    let alive = frame(&ToExecutor::Alive { oldest_feed: Nanos::ZERO });
    assert_eq!(bench.goodbye_to(&alive).await, SessionError::HelloFirst);
    let newer = bench.goodbye_to(&frame(&hello(PROTOCOL_VERSION + 1))).await;
    assert_eq!(newer, SessionError::Version { theirs: PROTOCOL_VERSION + 1, ours: PROTOCOL_VERSION });
    let size = u64::try_from(FRAME_MAX).expect("fits") + 1;
    let huge = bench.goodbye_to(&u32::try_from(size).expect("fits").to_le_bytes()).await;
    assert_eq!(huge, SessionError::FrameTooLarge { size, limit: size - 1 });
    assert!(matches!(bench.goodbye_to(b"\x04\0\0\0garb").await, SessionError::Garbage(_)));
    assert!(matches!(bench.goodbye_to(b"\x02\0\0\0{}").await, SessionError::Garbage(_)));
    let unknown = br#"{"Alive":{"oldest_feed":0,"more":1}}"#;
    let mut bytes = Vec::new();
    uds::encode(unknown, &mut bytes).expect("small");
    assert!(matches!(bench.goodbye_to(&bytes).await, SessionError::Garbage(_)));
    assert!(bench.inputs.try_recv().is_err(), "the desk heard something");
    bench.connected().await;
}

#[tokio::test]
async fn silence_instead_of_hello_ends_the_connection() {
    let bench = serve(&[]);
    let (mut reader, _writer) = bench.connect().await;
    let told = reader.recv::<FromExecutor>().await.expect("a goodbye");
    assert_eq!(told, FromExecutor::Goodbye { why: SessionError::HelloLate });
}

#[tokio::test]
async fn garbage_in_mid_session_ends_it_and_the_desk_hears_of_the_loss() {
    let mut bench = serve(&[]);
    let stream = UnixStream::connect(&bench.path).await.expect("connected");
    let (read, mut write) = stream.into_split();
    write.write_all(&frame(&hello(PROTOCOL_VERSION))).await.expect("written");
    write.write_all(b"\x01\0\0\0x").await.expect("written");
    let told = FrameReader::new(read).recv::<FromExecutor>().await.expect("a goodbye");
    assert!(matches!(told, FromExecutor::Goodbye { why: SessionError::Garbage(_) }), "{told:?}");
    assert!(matches!(bench.inputs.recv().await, Some(DeskInput::CoreUp { .. })));
    assert!(matches!(bench.inputs.recv().await, Some(DeskInput::Core(_))));
    assert!(matches!(bench.inputs.recv().await, Some(DeskInput::CoreLost)));
}

#[tokio::test]
async fn a_second_core_is_told_that_the_first_lives() {
    let mut bench = serve(&[]);
    let first = bench.connected().await;
    assert_eq!(bench.goodbye_to(&frame(&hello(PROTOCOL_VERSION))).await, SessionError::Busy);
    drop(first);
    assert!(matches!(bench.inputs.recv().await, Some(DeskInput::CoreLost)));
    bench.connected().await;
}

#[tokio::test]
async fn a_user_that_is_not_listed_is_refused() {
    let ours = rustix::process::geteuid().as_raw();
    let mut bench = serve(&[ours + 1]);
    assert_eq!(bench.goodbye_to(&frame(&hello(PROTOCOL_VERSION))).await, SessionError::Peer(ours));
    assert!(bench.inputs.try_recv().is_err(), "the desk heard something");
}

#[tokio::test]
async fn a_core_that_does_not_read_is_cut_off() {
    let mut bench = serve(&[]);
    let _silent = bench.connected().await;
    let told = (0..).take_while(|n| bench.line.tell(FromExecutor::Unknown { id: ClientOrderId(*n) })).count();
    assert!(told >= OUTBOUND_MAX, "only {told} messages");
    assert!(!bench.line.is_up());
    assert!(matches!(bench.inputs.recv().await, Some(DeskInput::CoreLost)));
}

#[tokio::test]
async fn arming_needs_the_operators_socket() {
    for may_arm in [false, true] {
        let (_dir, path) = socket();
        let (questions, mut asked) = mpsc::channel::<Question>(4);
        tokio::spawn(serve_questions(uds::bind(&path).expect("bound"), Allowed::new(&[]), may_arm, questions));
        tokio::spawn(async move {
            while let Some(question) = asked.recv().await {
                let _ = question.answer.send(Told::Done { what: format!("{:?}", question.ask) });
            }
        });
        let (mut reader, mut writer) = uds::split(UnixStream::connect(&path).await.expect("connected"));
        writer.send(&Ask::Halt { reason: "drill".into() }).await.expect("sent");
        assert!(matches!(reader.recv::<Told>().await.expect("told"), Told::Done { .. }));
        for ask in [Ask::AskArm, Ask::Arm { code: "000000".into() }, Ask::Tighten { config: String::new() }] {
            writer.send(&ask).await.expect("sent");
            let told = reader.recv::<Told>().await.expect("told");
            assert_eq!(matches!(told, Told::Done { .. }), may_arm, "{ask:?}: {told:?}");
        }
    }
}

#[tokio::test]
async fn whoever_may_arm_may_halt_and_look() {
    let ours = rustix::process::geteuid().as_raw();
    let (others, nobody) = (vec![ours + 1], Vec::new());
    for (view, operator, admitted) in [
        (&others, &vec![ours], true),
        // an empty list is our own user, wherever it stands
        (&others, &nobody, true),
        (&nobody, &others, true),
        (&others, &others, false),
    ] {
        let (_dir, path) = socket();
        let (questions, mut asked) = mpsc::channel::<Question>(4);
        let peers = Peers { core: vec![ours], view: view.clone(), operator: operator.clone() };
        let server = uds::bind(&path).expect("bound");
        tokio::spawn(serve_questions(server, Allowed::viewers(&peers), false, questions));
        tokio::spawn(async move {
            while let Some(question) = asked.recv().await {
                let _ = question.answer.send(Told::Done { what: "halted".into() });
            }
        });
        let (mut reader, mut writer) = uds::split(UnixStream::connect(&path).await.expect("connected"));
        // who is refused is told before it has asked
        let _ = writer.send(&Ask::Halt { reason: "drill".into() }).await;
        let told = reader.recv::<Told>().await.expect("told");
        assert_eq!(matches!(told, Told::Done { .. }), admitted, "{peers:?}: {told:?}");
    }
}

/// The sockets of an executor, which answers every question with who asked it.
fn serve_asked(allowed: &[u32]) -> (tempfile::TempDir, PathBuf, PathBuf) {
    let dir = tempfile::tempdir().expect("temporary folder");
    let (view, op) = (dir.path().join("run/view.sock"), dir.path().join("run/op.sock"));
    let (questions, mut asked) = mpsc::channel::<Question>(4);
    let server = |path| uds::bind(path).expect("bound");
    tokio::spawn(serve_questions(server(&view), Allowed::new(allowed), false, questions.clone()));
    tokio::spawn(serve_questions(server(&op), Allowed::new(allowed), true, questions));
    tokio::spawn(async move {
        while let Some(question) = asked.recv().await {
            let _ = question.answer.send(Told::Done { what: question.by.to_string() });
        }
    });
    (dir, view, op)
}

/// Asks for a halt; it is answered within a second, whatever the answer.
async fn halt_at(path: &std::path::Path) -> Told {
    let (mut reader, mut writer) = uds::split(UnixStream::connect(path).await.expect("connected"));
    // who is refused is told before it has asked
    let _ = writer.send(&Ask::Halt { reason: "now".into() }).await;
    let told = tokio::time::timeout(std::time::Duration::from_secs(1), reader.recv::<Told>());
    told.await.expect("within a second").expect("an answer")
}

#[tokio::test]
async fn idle_connections_of_one_user_take_half_the_places_and_the_next_is_told_so() {
    let (_dir, view, op) = serve_asked(&[]);
    let mut idle = Vec::new();
    for _ in 0..8 {
        idle.push(UnixStream::connect(&view).await.expect("connected"));
    }
    let Told::Refused { why } = halt_at(&view).await else { panic!("there was a place") };
    assert!(why[0].contains("4 connections"), "{why:?}");
    assert!(matches!(halt_at(&op).await, Told::Done { .. }));
    drop(idle);
    let served = async { while !matches!(halt_at(&view).await, Told::Done { .. }) {} };
    tokio::time::timeout(std::time::Duration::from_secs(5), served).await.expect("their places are free again");
}

#[tokio::test]
async fn a_question_says_who_asks_by_the_socket_and_by_the_user() {
    let ours = rustix::process::geteuid().as_raw();
    let (_dir, view, op) = serve_asked(&[]);
    assert_eq!(halt_at(&view).await, Told::Done { what: format!("view (uid {ours})") });
    assert_eq!(halt_at(&op).await, Told::Done { what: format!("operator (uid {ours})") });
    // the operator is one also where everybody may ask
    let (_dir, path) = socket();
    let (questions, mut asked) = mpsc::channel::<Question>(4);
    let peers = Peers { core: vec![], view: vec![ours + 1], operator: vec![ours] };
    tokio::spawn(serve_questions(uds::bind(&path).expect("bound"), Allowed::viewers(&peers), false, questions));
    let asker = tokio::spawn(async move { halt_at(&path).await });
    let question = asked.recv().await.expect("asked");
    assert_eq!(question.by, Author::Operator(ours));
    asker.abort();
}

#[tokio::test]
async fn who_is_refused_takes_no_place_and_is_told_at_once() {
    let (_dir, view, _op) = serve_asked(&[rustix::process::geteuid().as_raw() + 1]);
    // all at once: nobody is served meanwhile
    let connect = |_| std::os::unix::net::UnixStream::connect(&view).expect("connected");
    for stream in (0..100).map(connect).collect::<Vec<_>>() {
        stream.set_nonblocking(true).expect("ours");
        let (mut reader, _writer) = uds::split(UnixStream::from_std(stream).expect("ours"));
        let Told::Refused { why } = reader.recv::<Told>().await.expect("an answer") else { panic!("let in") };
        assert!(why[0].contains("may not connect"), "{why:?}");
    }
}

#[tokio::test]
async fn the_next_core_is_let_in_only_when_the_desk_has_heard_of_the_first_ones_end() {
    let (_dir, path) = socket();
    // One place, and the desk reads nothing by itself.
    let (inbox, mut inputs) = mpsc::channel(2);
    let line = CoreLine::default();
    let server = uds::bind(&path).expect("bound");
    tokio::spawn(serve_core(server, Allowed::new(&[]), line.clone(), inbox));
    let connect = async || {
        let (reader, mut writer) = uds::split(UnixStream::connect(&path).await.expect("connected"));
        writer.send(&hello(PROTOCOL_VERSION)).await.expect("sent");
        (reader, writer)
    };
    let first = connect().await;
    while !line.is_up() || inputs.len() < 2 {
        tokio::task::yield_now().await;
    }
    // Its end cannot be told yet: the desk's inbox is full.
    drop(first);
    while line.is_up() {
        tokio::task::yield_now().await;
    }
    let (mut reader, _writer) = connect().await;
    let let_in = async {
        while !line.is_up() {
            tokio::task::yield_now().await;
        }
    };
    let told = tokio::select! {
        told = reader.recv::<FromExecutor>() => told.expect("an answer"),
        () = let_in => panic!("the next core was let in too soon"),
    };
    assert!(matches!(told, FromExecutor::Goodbye { why: SessionError::Busy }), "{told:?}");
    for _ in 0..2 {
        inputs.recv().await.expect("the first core");
    }
    assert!(matches!(inputs.recv().await, Some(DeskInput::CoreLost)));
    let _second = connect().await;
    assert!(matches!(inputs.recv().await, Some(DeskInput::CoreUp { .. })));
}

#[tokio::test]
async fn a_thousand_connections_keep_an_honest_core_out_for_no_longer_than_their_hello_may_take() {
    let mut bench = serve(&[]);
    let mut held = Vec::new();
    for _ in 0..1000 {
        held.push(UnixStream::connect(&bench.path).await.expect("connected"));
        tokio::task::yield_now().await;
    }
    // Those beyond the places were hung up on at once; the others are silent and have a second.
    for stream in &mut held {
        let mut parting = Vec::new();
        let ended = tokio::time::timeout(std::time::Duration::from_secs(10), stream.read_to_end(&mut parting)).await;
        assert!(ended.is_ok(), "nobody hung up");
    }
    // The last place is free a moment after its connection's end is seen.
    let mut tries = 0;
    loop {
        let (mut reader, mut writer) = bench.connect().await;
        if writer.send(&hello(PROTOCOL_VERSION)).await.is_ok() {
            tokio::select! {
                _ = reader.frame() => {}
                input = bench.inputs.recv() => {
                    assert!(matches!(input, Some(DeskInput::CoreUp { .. })), "{input:?}");
                    break;
                }
            }
        }
        tries += 1;
        assert!(tries < 1000, "never let in");
    }
}

#[tokio::test]
async fn half_a_hello_is_no_hello() {
    let mut bench = serve(&[]);
    let whole = frame(&hello(PROTOCOL_VERSION));
    for half in [1, 4, whole.len() - 1] {
        let told = bench.goodbye_to(&whole[..half]).await;
        assert_eq!(told, SessionError::HelloLate, "{half} bytes");
    }
    assert!(bench.inputs.try_recv().is_err(), "the desk heard something");
}

#[tokio::test]
async fn a_core_that_dies_inside_a_frame_said_nothing() {
    let mut bench = serve(&[]);
    let mut stream = UnixStream::connect(&bench.path).await.expect("connected");
    stream.write_all(&frame(&hello(PROTOCOL_VERSION))).await.expect("written");
    let alive = frame(&ToExecutor::Alive { oldest_feed: Nanos::ZERO });
    stream.write_all(&alive[..alive.len() - 1]).await.expect("written");
    drop(stream);
    assert!(matches!(bench.inputs.recv().await, Some(DeskInput::CoreUp { .. })));
    assert!(matches!(bench.inputs.recv().await, Some(DeskInput::Core(ToExecutor::Hello { .. }))));
    assert!(matches!(bench.inputs.recv().await, Some(DeskInput::CoreLost)));
}

#[tokio::test]
async fn a_connection_that_is_passed_on_stays_one_session_and_ends_with_its_last_holder() {
    let mut bench = serve(&[]);
    let mut stream = std::os::unix::net::UnixStream::connect(&bench.path).expect("connected");
    std::io::Write::write_all(&mut stream, &frame(&hello(PROTOCOL_VERSION))).expect("written");
    assert!(matches!(bench.inputs.recv().await, Some(DeskInput::CoreUp { .. })));
    assert!(matches!(bench.inputs.recv().await, Some(DeskInput::Core(ToExecutor::Hello { .. }))));
    let words = bench.path.with_file_name("words");
    std::fs::write(&words, frame(&ToExecutor::Alive { oldest_feed: Nanos::ZERO })).expect("written");
    let theirs = std::os::fd::OwnedFd::from(stream.try_clone().expect("a second holder"));
    let child = std::process::Command::new("cat").arg(&words).stdout(theirs).spawn();
    drop(stream);
    child.expect("cat starts").wait().expect("cat ends");
    // What the other process said is the session's, as the user that connected is; no second session comes of it.
    assert!(matches!(bench.inputs.recv().await, Some(DeskInput::Core(ToExecutor::Alive { .. }))));
    assert!(matches!(bench.inputs.recv().await, Some(DeskInput::CoreLost)));
    bench.connected().await;
}

#[tokio::test]
async fn a_replaced_path_takes_nothing_from_the_session_and_is_not_served_twice() {
    let mut bench = serve(&[]);
    let (mut reader, mut writer) = bench.connected().await;
    std::fs::remove_file(&bench.path).expect("removed");
    let theirs = std::os::unix::net::UnixListener::bind(&bench.path).expect("replaced");
    assert!(matches!(uds::bind(&bench.path), Err(uds::BindError::InUse { .. })));
    writer.send(&ToExecutor::Alive { oldest_feed: Nanos::ZERO }).await.expect("sent");
    assert!(matches!(bench.inputs.recv().await, Some(DeskInput::Core(ToExecutor::Alive { .. }))));
    assert!(bench.line.tell(FromExecutor::Gate(Gate::Unchecked)));
    reader.recv::<FromExecutor>().await.expect("told");
    drop(theirs);
}
