//! The latch's marker: a file that holds a halt even when the ledger cannot.
//!
//! Its bytes are on the disk from the start, under another name, so a full disk keeps nobody from halting. It is put down and
//! taken away by a thread of its own: a disk that stalls delays no cancel.

use crate::crash_point;
use crate::durable::sync_folder;
use crate::worker::Worker;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

/// Size of the marker, in bytes; a longer reason is cut.
const SIZE: usize = 4096;
/// How long the end waits until what was ordered is on the disk.
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// The two names of the marker in a state folder.
#[derive(Clone, Debug)]
pub struct Marker {
    folder: PathBuf,
}

impl Marker {
    /// The marker of a state folder.
    #[must_use]
    pub fn of(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn down(&self) -> PathBuf {
        self.folder.join("HALTED")
    }

    fn reserve(&self) -> PathBuf {
        self.folder.join("HALTED.reserve")
    }

    /// Why the latch is down, if the marker says so. A marker that cannot be read is one.
    #[must_use]
    pub fn read(&self) -> Option<Box<str>> {
        match std::fs::read_to_string(self.down()) {
            Ok(why) => Some(why.trim().into()),
            Err(why) if why.kind() == io::ErrorKind::NotFound => None,
            Err(why) => Some(format!("the latch's marker cannot be read: {why}").into()),
        }
    }

    /// Makes sure that there is a marker to put down.
    ///
    /// # Errors
    /// When the disk takes no file.
    pub fn prepare(&self) -> io::Result<()> {
        if self.reserve().symlink_metadata().is_ok() {
            return Ok(());
        }
        fill(&self.reserve(), "")?;
        sync_folder(&self.folder)
    }

    /// Puts the marker down, durably.
    ///
    /// # Errors
    /// When the disk does not.
    pub fn put(&self, why: &str) -> io::Result<()> {
        crash_point!("marker.put.before");
        fill(&self.reserve(), why)?;
        crash_point!("marker.put.filled");
        std::fs::rename(self.reserve(), self.down())?;
        crash_point!("marker.put.renamed");
        sync_folder(&self.folder)?;
        crash_point!("marker.put.after");
        Ok(())
    }

    /// Takes the marker away.
    ///
    /// # Errors
    /// When the disk does not.
    pub fn take(&self) -> io::Result<()> {
        crash_point!("marker.take.before");
        match std::fs::rename(self.down(), self.reserve()) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            _ => sync_folder(&self.folder)?,
        }
        crash_point!("marker.take.after");
        Ok(())
    }
}

/// Overwrites a marker in place: blocks that are there are kept.
fn fill(path: &Path, text: &str) -> io::Result<()> {
    let mut line: String = text.chars().filter(|letter| *letter != '\n').collect();
    // Half a letter could not be read.
    line.truncate(line.floor_char_boundary(SIZE - 1));
    let mut bytes = line.into_bytes();
    bytes.push(b'\n');
    bytes.resize(SIZE, b' ');
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.write_all(&bytes)?;
    file.sync_all()
}

enum Order {
    Put(Box<str>),
    Take,
}

/// The thread that puts the marker down and takes it away, in order.
pub struct Latch {
    orders: Sender<Order>,
    thread: Worker,
}

impl Latch {
    /// Starts the thread. `failed` is called on it for each order the disk did not follow.
    ///
    /// # Errors
    /// When the disk has no room for a marker, or the system gives no thread.
    pub fn start(marker: Marker, mut failed: impl FnMut(io::Error) + Send + 'static) -> io::Result<Self> {
        marker.prepare()?;
        let (orders, queue) = channel();
        let thread = Worker::start("latch", move || {
            for order in queue {
                let done = match order {
                    Order::Put(why) => marker.put(&why),
                    Order::Take => marker.take(),
                };
                done.unwrap_or_else(&mut failed);
            }
        })?;
        Ok(Self { orders, thread })
    }

    /// Has the marker put down.
    pub fn put(&self, why: Box<str>) {
        self.order(Order::Put(why));
    }

    /// Has the marker taken away.
    pub fn take(&self) {
        self.order(Order::Take);
    }

    fn order(&self, order: Order) {
        // The thread ends only with us.
        let _ = self.orders.send(order);
    }

    /// Waits a little until everything ordered is done; `false`: the disk did not answer.
    #[must_use]
    pub fn close(self) -> bool {
        drop(self.orders);
        self.thread.ends_within(CLOSE_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_put_down_and_taken_away_without_a_new_byte() {
        let folder = tempfile::tempdir().expect("a folder");
        let marker = Marker::of(folder.path());
        marker.prepare().expect("room");
        assert_eq!(marker.read(), None);
        for why in ["by hand", "line one\nline two", &"x".repeat(9000), &"é".repeat(9000)] {
            let first: String =
                why.replace('\n', "").chars().take((SIZE - 1) * why.chars().count() / why.len()).collect();
            marker.put(why).expect("put down");
            assert_eq!(marker.read().as_deref(), Some(first.as_str()));
            assert_eq!(std::fs::metadata(marker.down()).expect("it is there").len(), 4096);
            assert!(!marker.reserve().exists(), "the reserve became the marker");
            marker.take().expect("taken away");
            marker.take().expect("nothing to take");
            assert_eq!(marker.read(), None);
            assert!(marker.reserve().exists(), "and the reserve again");
        }
        // two halts in a row: the second finds no reserve and makes a new one
        marker.put("first").expect("put down");
        marker.put("second").expect("put down");
        assert_eq!(marker.read().as_deref(), Some("second"));
        std::fs::remove_file(marker.down()).and_then(|()| std::fs::create_dir(marker.down())).expect("a folder");
        assert!(marker.read().expect("it is one").contains("cannot be read"));
    }

    #[test]
    fn orders_are_followed_in_order_and_failures_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let marker = Marker::of(folder.path());
        let (tell, told) = channel();
        let latch = Latch::start(marker.clone(), move |why| tell.send(why.kind()).expect("we listen")).expect("room");
        for why in ["one", "two"] {
            latch.put(why.into());
            latch.take();
        }
        latch.put("three".into());
        assert!(latch.close());
        assert_eq!(marker.read().as_deref(), Some("three"));
        assert!(told.try_recv().is_err());

        let (tell, told) = channel();
        marker.take().expect("taken away");
        let latch = Latch::start(marker, move |why| tell.send(why.kind()).expect("we listen")).expect("room");
        drop(folder);
        latch.put("no folder".into());
        assert!(latch.close());
        assert_eq!(told.recv(), Ok(io::ErrorKind::NotFound));
    }
}
