//! Length-prefixed frames on a Unix socket: a 4-byte little-endian length, then that many bytes of JSON.
//!
//! The announced length is judged before anything is allocated for it. Framing itself ([`encode`], [`Decoder`]) does no IO.
//! Nothing here knows what a message means; who may speak is decided by the caller with [`peer_uid`].

use crate::protocol::FRAME_MAX;
use rustix::fs::{FlockOperation, flock};
use serde::{Serialize, de::DeserializeOwned};
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};

/// Bytes of the length in front of each frame.
const HEADER: usize = 4;
/// How much is asked of the socket in one read.
const READ_CHUNK: usize = 16 * 1024;
/// Most bytes that may wait for a slow reader before the connection counts as dead.
pub const BACKLOG_MAX: usize = 4 * 1024 * 1024;

/// Why a frame could not be read or written. After any of these the connection is of no further use.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Longer than allowed. When reading, nothing was allocated for it.
    #[error("frame of {size} bytes, limit is {limit}")]
    TooLarge {
        /// Announced or offered size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// The peer closed the connection between two frames.
    #[error("the peer closed the connection")]
    Closed,
    /// The peer closed the connection inside a frame.
    #[error("the connection ended inside a frame, {missing} bytes short")]
    Torn {
        /// Bytes that were still to come; counts only the length itself while that was incomplete.
        missing: u64,
    },
    /// The frame holds something else than the expected message.
    #[error("frame is not a message: {0}")]
    Garbage(#[source] serde_json::Error),
    /// The peer reads too slowly or not at all.
    #[error("{waiting} bytes wait for the peer, limit is {limit}")]
    Backlog {
        /// Bytes that would wait.
        waiting: usize,
        /// The limit.
        limit: usize,
    },
    /// The socket failed.
    #[error("socket: {0}")]
    Io(#[from] io::Error),
}

/// Appends one frame to `out`.
///
/// # Errors
/// [`FrameError::TooLarge`]; `out` is unchanged then.
pub fn encode(payload: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
    let size = header_of(payload.len())?;
    out.extend_from_slice(&size);
    out.extend_from_slice(payload);
    Ok(())
}

/// Appends one message as a frame to `out`.
///
/// # Errors
/// [`FrameError::TooLarge`], or [`FrameError::Garbage`] for a value JSON cannot express; `out` is unchanged then.
pub fn encode_message<T: Serialize + ?Sized>(message: &T, out: &mut Vec<u8>) -> Result<(), FrameError> {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER]);
    let written = serde_json::to_writer(&mut *out, message).map_err(FrameError::Garbage);
    let header = written.and_then(|()| header_of(out.len() - start - HEADER));
    match header {
        Ok(header) => {
            out[start..start + HEADER].copy_from_slice(&header);
            Ok(())
        }
        Err(why) => {
            out.truncate(start);
            Err(why)
        }
    }
}

fn header_of(len: usize) -> Result<[u8; HEADER], FrameError> {
    match u32::try_from(len) {
        Ok(size) if len <= FRAME_MAX => Ok(size.to_le_bytes()),
        _ => Err(too_large(len as u64)),
    }
}

const fn too_large(size: u64) -> FrameError {
    FrameError::TooLarge { size, limit: FRAME_MAX as u64 }
}

/// Cuts a stream of bytes into frames, however the bytes were split on their way.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: Vec<u8>,
    /// Everything before this was handed out already.
    taken: usize,
}

impl Decoder {
    /// A decoder at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes as they came. Take all complete frames out before adding more: then the buffer stays below one frame
    /// and what was added last.
    pub fn push(&mut self, bytes: &[u8]) {
        self.make_room(bytes.len());
        self.buffer.extend_from_slice(bytes);
    }

    /// The next complete frame; `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`FrameError::TooLarge`] as soon as the length is known, and on every later call.
    pub fn next_frame(&mut self) -> Result<Option<&[u8]>, FrameError> {
        Ok(self.next_range()?.map(|range| &self.buffer[range]))
    }

    /// Bytes set aside for what was added and not taken out yet.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// What the end of the stream means now: [`FrameError::Closed`] between frames, [`FrameError::Torn`] inside one.
    #[must_use]
    pub fn end_of_stream(&self) -> FrameError {
        let have = self.buffer.len() - self.taken;
        match self.announced() {
            None if have == 0 => FrameError::Closed,
            None => FrameError::Torn { missing: (HEADER - have) as u64 },
            Some(size) => FrameError::Torn { missing: (size as u64 + HEADER as u64).saturating_sub(have as u64) },
        }
    }

    fn announced(&self) -> Option<u32> {
        let header = self.buffer.get(self.taken..self.taken + HEADER)?;
        Some(u32::from_le_bytes(header.try_into().expect("the slice is as long as a header")))
    }

    fn next_range(&mut self) -> Result<Option<Range<usize>>, FrameError> {
        let Some(size) = self.announced() else { return Ok(None) };
        let size = match usize::try_from(size) {
            Ok(len) if len <= FRAME_MAX => len,
            _ => return Err(too_large(u64::from(size))),
        };
        let start = self.taken + HEADER;
        if self.buffer.len() - start < size {
            return Ok(None);
        }
        self.taken = start + size;
        Ok(Some(start..start + size))
    }

    fn make_room(&mut self, more: usize) {
        if self.taken > 0 {
            self.buffer.drain(..self.taken);
            self.taken = 0;
        }
        self.buffer.reserve(more);
    }
}

/// The reading half of a connection.
#[derive(Debug)]
pub struct FrameReader<R> {
    stream: R,
    decoder: Decoder,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Reads frames from `stream`.
    pub fn new(stream: R) -> Self {
        Self { stream, decoder: Decoder::new() }
    }

    /// The next frame. Nothing is lost when the future is dropped before it is ready.
    ///
    /// # Errors
    /// [`FrameError`]; [`FrameError::Closed`] is the normal end.
    pub async fn frame(&mut self) -> Result<&[u8], FrameError> {
        let range = loop {
            if let Some(range) = self.decoder.next_range()? {
                break range;
            }
            self.decoder.make_room(READ_CHUNK);
            if self.stream.read_buf(&mut self.decoder.buffer).await? == 0 {
                return Err(self.decoder.end_of_stream());
            }
        };
        Ok(&self.decoder.buffer[range])
    }

    /// The next message. Nothing is lost when the future is dropped before it is ready.
    ///
    /// # Errors
    /// As [`Self::frame`], and [`FrameError::Garbage`].
    pub async fn recv<T: DeserializeOwned>(&mut self) -> Result<T, FrameError> {
        serde_json::from_slice(self.frame().await?).map_err(FrameError::Garbage)
    }
}

/// The writing half of a connection, with a bounded buffer in front of the socket.
#[derive(Debug)]
pub struct FrameWriter<W> {
    stream: W,
    waiting: Vec<u8>,
    /// Everything before this was written already.
    written: usize,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    /// Writes frames to `stream`.
    pub fn new(stream: W) -> Self {
        Self { stream, waiting: Vec::new(), written: 0 }
    }

    /// Puts a message behind those that wait. Nothing is written yet.
    ///
    /// # Errors
    /// [`FrameError::TooLarge`], [`FrameError::Garbage`], or [`FrameError::Backlog`] when the peer does not keep up.
    pub fn queue<T: Serialize + ?Sized>(&mut self, message: &T) -> Result<(), FrameError> {
        if self.written > 0 {
            self.waiting.drain(..self.written);
            self.written = 0;
        }
        encode_message(message, &mut self.waiting)?;
        if self.waiting.len() > BACKLOG_MAX {
            return Err(FrameError::Backlog { waiting: self.waiting.len(), limit: BACKLOG_MAX });
        }
        Ok(())
    }

    /// Whether bytes still wait.
    #[must_use]
    pub fn has_backlog(&self) -> bool {
        self.written < self.waiting.len()
    }

    /// Writes what waits. When the future is dropped half-way, the next call goes on where it stopped.
    ///
    /// # Errors
    /// [`FrameError::Io`], or [`FrameError::Closed`] when the peer takes nothing any more.
    pub async fn flush(&mut self) -> Result<(), FrameError> {
        while self.has_backlog() {
            match self.stream.write(&self.waiting[self.written..]).await? {
                0 => return Err(FrameError::Closed),
                n => self.written += n,
            }
        }
        self.waiting.clear();
        self.written = 0;
        self.stream.flush().await?;
        Ok(())
    }

    /// [`Self::queue`] and [`Self::flush`].
    ///
    /// # Errors
    /// Those of both.
    pub async fn send<T: Serialize + ?Sized>(&mut self, message: &T) -> Result<(), FrameError> {
        self.queue(message)?;
        self.flush().await
    }
}

/// Both halves of a connected socket.
#[must_use]
pub fn split(stream: UnixStream) -> (FrameReader<OwnedReadHalf>, FrameWriter<OwnedWriteHalf>) {
    let (read, write) = stream.into_split();
    (FrameReader::new(read), FrameWriter::new(write))
}

/// The user id of the process at the other end, as the kernel noted it when the connection was made.
///
/// # Errors
/// When the kernel does not tell.
pub fn peer_uid(stream: &UnixStream) -> io::Result<u32> {
    Ok(stream.peer_cred()?.uid())
}

/// Why a socket could not be offered.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else offers it now.
    #[error("socket {path} is in use by a running process")]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Others could reach into the folder.
    #[error("folder {path} has mode {mode:04o}, must be 0750 or tighter (chmod 0750 {path})", path = path.display())]
    OpenFolder {
        /// The folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Something that is not a socket stands there; it is left alone.
    #[error("{path} exists and is not a socket")]
    NotASocket {
        /// What stands there.
        path: PathBuf,
    },
    /// The system said no.
    #[error("socket {path}: cannot {what}: {source}")]
    Io {
        /// The socket.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

/// A socket offered to peers. Dropping it takes the socket away; the lock file beside it stays.
#[derive(Debug)]
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
    /// Held for as long as we live: another process that wants the same socket sees that we do.
    _lock: File,
}

/// Makes a folder for sockets, mode 0750, unless it is there.
///
/// # Errors
/// The system's.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o750).create(folder)
}

/// Offers a socket at `path` with mode 0660, in a folder of mode 0750 that is made if it is missing. A socket left over by a
/// dead process is replaced.
///
/// # Errors
/// [`BindError`], naming the path.
pub fn bind(path: &Path) -> Result<Server, BindError> {
    let failed = |what| move |source| BindError::Io { path: path.to_owned(), what, source };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    make_folder(folder).map_err(failed("make its folder"))?;
    let mode = std::fs::metadata(folder).map_err(failed("look at its folder"))?.permissions().mode() & 0o7777;
    if mode & 0o027 != 0 {
        return Err(BindError::OpenFolder { path: folder.to_owned(), mode });
    }

    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&lock_path)
        .map_err(failed("open its lock file"))?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Err(BindError::InUse { path: path.to_owned() }),
        Err(why) => return Err(failed("take its lock")(why.into())),
    }

    match std::fs::symlink_metadata(path) {
        Ok(there) if !there.file_type().is_socket() => return Err(BindError::NotASocket { path: path.to_owned() }),
        // The lock says that none of us lives; a foreign program would answer.
        Ok(_) if std::os::unix::net::UnixStream::connect(path).is_ok() => {
            return Err(BindError::InUse { path: path.to_owned() });
        }
        Ok(_) => std::fs::remove_file(path).map_err(failed("remove the stale socket"))?,
        Err(why) if why.kind() == io::ErrorKind::NotFound => {}
        Err(why) => return Err(failed("look at it")(why)),
    }
    let listener = UnixListener::bind(path).map_err(failed("bind it"))?;
    std::fs::set_permissions(path, Permissions::from_mode(0o660)).map_err(failed("set its mode"))?;
    Ok(Server { listener, path: path.to_owned(), _lock: lock })
}

impl Server {
    /// The next connection. Nothing is lost when the future is dropped before it is ready.
    ///
    /// # Errors
    /// Those of `accept`; the server stays usable.
    pub async fn accept(&self) -> io::Result<UnixStream> {
        Ok(self.listener.accept().await?.0)
    }

    /// Where it is offered.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing to be done about a failure: the next start replaces a socket that was left over.
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests;
