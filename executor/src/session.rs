//! Who may speak to us, and in which words: `core.sock` (one core), `view.sock` and `op.sock` (questions).
//!
//! One connection is one session. A peer of the wrong user, a frame that is too large or no message, another version, silence
//! instead of `Hello`: a typed goodbye and the connection ends; nothing else happens. Queues are bounded: a peer that does not
//! read is cut off, never waited for.

mod door;

pub use door::{CONNECTIONS_MAX, CONNECTIONS_OF_ONE_MAX, KEPT_FOR_OPERATORS};

use crate::config::Peers;
use crate::desk::DeskInput;
use crate::operator::{Ask, REASON_MAX, Told};
use crate::reasons::Author;
use door::{Door, Guest, Refused, RefusedLines, turn_away};
use mm_core::io::uds::{self, FrameError, FrameReader, FrameWriter};
use mm_core::protocol::{FromExecutor, PROTOCOL_VERSION, SessionError, ToExecutor};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// Time a new connection has for its `Hello`.
pub const HELLO_MAX: Duration = Duration::from_secs(1);
/// Messages that may wait for a core that reads slowly.
pub const OUTBOUND_MAX: usize = 1024;
/// Time a goodbye or an answer may take to leave.
const PARTING_MAX: Duration = Duration::from_secs(1);
/// A question's connection may be idle for this long.
const QUESTION_IDLE_MAX: Duration = Duration::from_secs(60);

/// The way to the connected core, if there is one.
#[derive(Clone, Default)]
pub struct CoreLine {
    line: Arc<Mutex<Line>>,
}

#[derive(Default)]
struct Line {
    outbound: Option<mpsc::Sender<FromExecutor>>,
    /// A session has it: until the desk has heard that it ended, also when it was hung up on.
    taken: bool,
}

impl CoreLine {
    /// Queues a message. Without a core it is dropped; when the queue is full the core is cut off and this says `false`.
    pub fn tell(&self, message: FromExecutor) -> bool {
        let mut line = self.lock();
        let Some(sender) = line.outbound.as_ref() else { return true };
        match sender.try_send(message) {
            Ok(()) => true,
            Err(mpsc::error::TrySendError::Closed(_)) => true,
            Err(mpsc::error::TrySendError::Full(_)) => {
                line.outbound = None;
                false
            }
        }
    }

    /// Ends the session after what was told.
    pub fn hang_up(&self) {
        self.lock().outbound = None;
    }

    /// Whether a core is connected.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.lock().outbound.is_some()
    }

    /// Takes the line for one core; `None` while another has it.
    fn take(&self) -> Option<mpsc::Receiver<FromExecutor>> {
        let mut line = self.lock();
        if line.taken {
            return None;
        }
        let (sender, receiver) = mpsc::channel(OUTBOUND_MAX);
        *line = Line { outbound: Some(sender), taken: true };
        Some(receiver)
    }

    /// The desk has heard that the session ended: from here on the next may begin.
    fn free(&self) {
        self.lock().taken = false;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// User ids that may connect: those listed, or only our own.
#[derive(Clone, Debug)]
pub struct Allowed {
    uids: Vec<u32>,
    /// Those among them that places are kept for; none: nothing is kept.
    operators: Vec<u32>,
}

impl Allowed {
    /// An empty list means our own user alone.
    #[must_use]
    pub fn new(uids: &[u32]) -> Self {
        let uids = if uids.is_empty() { vec![rustix::process::geteuid().as_raw()] } else { uids.to_vec() };
        Self { uids, operators: Vec::new() }
    }

    /// Who may use `view.sock`: its own users and the operator. Whoever may arm must be able to halt what was armed, and to look.
    #[must_use]
    pub fn viewers(peers: &Peers) -> Self {
        let operators = Self::new(&peers.operator).uids;
        let mut uids = Self::new(&peers.view).uids;
        uids.extend(&operators);
        Self { uids, operators }
    }

    /// Whether this user may have the last places too.
    fn has_kept_places(&self, uid: u32) -> bool {
        self.operators.is_empty() || self.is_operator(uid)
    }

    fn is_operator(&self, uid: u32) -> bool {
        self.operators.contains(&uid)
    }

    /// # Errors
    /// The goodbye for a peer that is not listed.
    fn check(&self, stream: &UnixStream) -> Result<u32, SessionError> {
        // A kernel that does not tell who it is gets the answer for nobody.
        let uid = uds::peer_uid(stream).map_err(|_| SessionError::Peer(u32::MAX))?;
        if self.uids.contains(&uid) { Ok(uid) } else { Err(SessionError::Peer(uid)) }
    }
}

/// Serves `core.sock` until the desk is gone.
pub async fn serve_core(server: uds::Server, allowed: Allowed, line: CoreLine, inbox: mpsc::Sender<DeskInput>) {
    let (door, lines) = (Door::new(server, allowed), RefusedLines::default());
    while !inbox.is_closed() {
        let guest = match door.next().await {
            None => continue,
            Some(Ok(guest)) => guest,
            Some(Err((stream, why))) => {
                lines.write(&why);
                // Without a place it is hung up on: it may come again.
                if let Refused::Peer(why) = why {
                    turn_away(stream, &FromExecutor::Goodbye { why });
                }
                continue;
            }
        };
        let (line, inbox, lines) = (line.clone(), inbox.clone(), lines.clone());
        tokio::spawn(async move { core_session(guest, &line, &inbox, &lines).await });
    }
}

/// One core from connect to end.
async fn core_session(guest: Guest, line: &CoreLine, inbox: &mpsc::Sender<DeskInput>, lines: &RefusedLines) {
    let Guest { stream, uid, place: _place, .. } = guest;
    let (mut reader, mut writer) = uds::split(stream);
    let greeted = hello(&mut reader).await;
    let started = greeted.and_then(|greeted| line.take().map(|queue| (greeted, queue)).ok_or(SessionError::Busy));
    let (first, mut queue) = match started {
        Ok(started) => started,
        Err(why) => return part(&mut writer, why, lines).await,
    };
    let told = inbox.send(DeskInput::CoreUp { uid }).await.is_ok() && inbox.send(DeskInput::Core(first)).await.is_ok();
    let parting = if told { talk(&mut reader, &mut writer, &mut queue, inbox).await } else { None };
    // Before the desk hears of the loss, so that what it says next is not queued for the dead; and the next core only after it,
    // so that the desk never takes the end of one for the end of the other.
    line.hang_up();
    drop(queue);
    let _ = inbox.send(DeskInput::CoreLost).await;
    line.free();
    if let Some(why) = parting {
        part(&mut writer, why, lines).await;
    }
}

/// What a core's frame means for its session: a message for the desk, or the end, with the goodbye unless the peer is gone.
///
/// # Errors
/// The end.
pub fn hear(greeted: bool, frame: Result<ToExecutor, FrameError>) -> Result<ToExecutor, Option<SessionError>> {
    match frame {
        // A second Hello announces a grown universe; its version cannot change in between.
        Ok(ToExecutor::Hello { version, .. }) if version != PROTOCOL_VERSION => {
            Err(Some(SessionError::Version { theirs: version, ours: PROTOCOL_VERSION }))
        }
        Ok(message @ ToExecutor::Hello { .. }) => Ok(message),
        Ok(message) if greeted => Ok(message),
        Ok(_) => Err(Some(SessionError::HelloFirst)),
        Err(why) => Err(goodbye(&why)),
    }
}

/// The first message, which must be a `Hello` of our version.
async fn hello(reader: &mut FrameReader<OwnedReadHalf>) -> Result<ToExecutor, SessionError> {
    match timeout(HELLO_MAX, reader.recv::<ToExecutor>()).await {
        Err(_) => Err(SessionError::HelloLate),
        Ok(frame) => hear(false, frame).map_err(|why| why.unwrap_or(SessionError::HelloFirst)),
    }
}

/// Passes messages both ways until one side ends it; the goodbye to say, if the peer broke the rules.
async fn talk(
    reader: &mut FrameReader<OwnedReadHalf>,
    writer: &mut FrameWriter<OwnedWriteHalf>,
    queue: &mut mpsc::Receiver<FromExecutor>,
    inbox: &mpsc::Sender<DeskInput>,
) -> Option<SessionError> {
    loop {
        let backlog = writer.has_backlog();
        tokio::select! {
            biased;
            flushed = writer.flush(), if backlog => {
                if flushed.is_err() {
                    return None;
                }
            }
            message = queue.recv() => {
                let Some(message) = message else {
                    // Hung up on: what was told still leaves.
                    let _ = timeout(PARTING_MAX, writer.flush()).await;
                    return None;
                };
                if writer.queue(&message).is_err() {
                    return None;
                }
            }
            frame = reader.recv::<ToExecutor>() => match hear(true, frame) {
                Ok(message) => {
                    if inbox.send(DeskInput::Core(message)).await.is_err() {
                        return None;
                    }
                }
                Err(why) => return why,
            }
        }
    }
}

/// What a broken frame is answered with; nothing for a peer that is gone.
fn goodbye(why: &FrameError) -> Option<SessionError> {
    match why {
        FrameError::TooLarge { size, limit } => Some(SessionError::FrameTooLarge { size: *size, limit: *limit }),
        FrameError::Garbage(why) => Some(SessionError::Garbage(why.to_string().chars().take(200).collect())),
        FrameError::Closed | FrameError::Torn { .. } | FrameError::Backlog { .. } | FrameError::Io(_) => None,
    }
}

async fn part(writer: &mut FrameWriter<OwnedWriteHalf>, why: SessionError, lines: &RefusedLines) {
    lines.write(&why);
    // A peer that does not read its goodbye does not get one.
    let _ = timeout(PARTING_MAX, writer.send(&FromExecutor::Goodbye { why })).await;
}

/// A question for the main loop.
pub struct Question {
    /// What is asked.
    pub ask: Ask,
    /// Who asks.
    pub by: Author,
    /// Where the answer goes.
    pub answer: oneshot::Sender<Told>,
}

/// Serves `view.sock` (`may_arm` false) or `op.sock` until nobody listens to questions any more.
pub async fn serve_questions(server: uds::Server, allowed: Allowed, may_arm: bool, questions: mpsc::Sender<Question>) {
    let door = Door::new(server, allowed);
    while !questions.is_closed() {
        let guest = match door.next().await {
            None => continue,
            Some(Ok(guest)) => guest,
            Some(Err((stream, why))) => {
                turn_away(stream, &Told::Refused { why: vec![why.to_string()] });
                continue;
            }
        };
        let questions = questions.clone();
        tokio::spawn(async move { question_session(guest, may_arm, &questions).await });
    }
}

/// Whether a word may be said on this socket.
///
/// # Errors
/// Why not.
pub fn admit(may_arm: bool, ask: Ask) -> Result<Ask, String> {
    match ask {
        Ask::AskArm | Ask::Arm { .. } | Ask::AcceptBalances | Ask::Tighten { .. } if !may_arm => {
            Err("this needs the operator's socket, op.sock".into())
        }
        Ask::Halt { reason } if reason.chars().count() > REASON_MAX => {
            Err(format!("a reason has at most {REASON_MAX} characters"))
        }
        // it is shown to whoever arms: nobody may write other lines there
        Ask::Halt { reason } if reason.chars().any(char::is_control) => {
            Err("a reason is one line of plain text".into())
        }
        ask => Ok(ask),
    }
}

async fn question_session(guest: Guest, may_arm: bool, questions: &mpsc::Sender<Question>) {
    let Guest { stream, uid, place: _place, is_operator } = guest;
    let by = if may_arm || is_operator { Author::Operator(uid) } else { Author::Viewer(uid) };
    let (mut reader, mut writer) = uds::split(stream);
    let refuse = |why: String| Told::Refused { why: vec![why] };
    loop {
        let (told, last) = match timeout(QUESTION_IDLE_MAX, reader.recv::<Ask>()).await {
            Err(_) => return,
            Ok(Ok(ask)) => match admit(may_arm, ask) {
                Err(why) => (refuse(why), false),
                Ok(ask) => {
                    let (answer, told) = oneshot::channel();
                    if questions.send(Question { ask, by, answer }).await.is_err() {
                        return;
                    }
                    (told.await.unwrap_or_else(|_| refuse("the executor is ending".into())), false)
                }
            },
            Ok(Err(why)) => match goodbye(&why) {
                Some(why) => (refuse(why.to_string()), true),
                None => return,
            },
        };
        let sent = timeout(PARTING_MAX, writer.send(&told)).await;
        if last || !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}
