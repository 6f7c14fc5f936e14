//! What happens at the limits.

use super::*;
use tokio::sync::mpsc::error::TryRecvError;

#[test]
fn a_listener_that_does_not_keep_up_is_dropped_and_nobody_else() {
    let mut hub = Hub::default();
    let (mut slow, mut quick) = (hub.join_market().expect("room"), hub.join_market().expect("room"));
    for n in 0..QUEUE_MAX {
        hub.send(slow.id, "frame");
        hub.send(quick.id, "frame");
        assert!(quick.frames.try_recv().is_ok(), "frame {n}");
    }
    assert!(
        matches!(slow.dropped.try_recv(), Err(oneshot::error::TryRecvError::Empty)),
        "a full queue is still served"
    );
    hub.send(slow.id, "one too many");
    hub.send(quick.id, "frame");
    assert!(matches!(slow.dropped.try_recv(), Err(oneshot::error::TryRecvError::Closed)));
    assert!(quick.frames.try_recv().is_ok());
    // what it had is whole: no frame was left out in the middle
    let mut kept = 0;
    while slow.frames.try_recv().is_ok() {
        kept += 1;
    }
    assert_eq!((kept, slow.frames.try_recv()), (QUEUE_MAX, Err(TryRecvError::Disconnected)));
}

#[test]
fn there_is_room_for_so_many_and_a_leaver_makes_room() {
    let mut hub = Hub::default();
    let first = hub.join_market().expect("room");
    for _ in 1..LISTENERS_MAX {
        hub.join_market().expect("room");
    }
    assert!(hub.join_market().is_none());
    assert!(hub.join_user("key".to_owned(), None).is_some(), "the other channel has its own room");
    hub.leave(first.id);
    assert!(hub.join_market().is_some());
}
