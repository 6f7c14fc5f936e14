//! What happens at the limits.

use super::*;
use crate::draws::Draws;
use crate::faults::{Kind, Plan, Setting, Spec, When};
use crate::scenario::Latency;
use tokio::sync::mpsc::error::TryRecvError;

const AT: Timestamp = Timestamp::from_nanos(1_780_000_000_000_000_000);

fn hub(latency: Latency) -> (Hub, Faults) {
    let draws = Draws::new(7);
    let faults = Faults::new(&Plan::default(), &draws, AT, Vec::new());
    (Hub::new(Road::new(latency, draws)), faults)
}

fn at(ms: u64) -> Timestamp {
    AT.plus(Nanos::from_ms(ms))
}

/// Every frame that waits for the socket.
fn got(inbox: &mut Inbox) -> Vec<String> {
    std::iter::from_fn(|| inbox.frames.try_recv().ok()).map(|frame| frame.as_str().to_owned()).collect()
}

fn switched(faults: &mut Faults, now: Timestamp, kind: &str, settings: &[(&str, u64)]) {
    let mut spec = Spec::usual(Kind::named(kind).expect("a kind"), When::AtEvent(1));
    for (key, value) in settings {
        spec.set(key, &Setting::Number(*value)).expect("in bounds");
    }
    faults.switch_on(now, &spec, None);
}

#[test]
fn a_listener_that_does_not_keep_up_is_dropped_and_nobody_else() {
    let (mut hub, mut faults) = hub(Latency::default());
    let (mut slow, mut quick) =
        (hub.join_market(AT, &faults).expect("room"), hub.join_market(AT, &faults).expect("room"));
    for n in 0..QUEUE_MAX {
        hub.send(AT, &mut faults, slow.id, "frame", Payload::Event);
        hub.send(AT, &mut faults, quick.id, "frame", Payload::Event);
        assert!(quick.frames.try_recv().is_ok(), "frame {n}");
    }
    assert!(
        matches!(slow.dropped.try_recv(), Err(oneshot::error::TryRecvError::Empty)),
        "a full queue is still served"
    );
    hub.send(AT, &mut faults, slow.id, "one too many", Payload::Event);
    hub.send(AT, &mut faults, quick.id, "frame", Payload::Event);
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
    let (mut hub, faults) = hub(Latency::default());
    let first = hub.join_market(AT, &faults).expect("room");
    for _ in 1..LISTENERS_MAX {
        hub.join_market(AT, &faults).expect("room");
    }
    assert!(hub.join_market(AT, &faults).is_none());
    assert!(hub.join_user(AT, &faults, "key".to_owned(), None).is_some(), "the other channel has its own room");
    hub.leave(first.id);
    assert!(hub.join_market(AT, &faults).is_some());
}

#[test]
fn frames_are_as_late_as_the_road_is_long_and_never_overtake() {
    let ms = Nanos::from_ms;
    let (mut hub, mut faults) = hub(Latency { feed: ms(40), jitter: ms(10), ..Latency::default() });
    let mut inbox = hub.join_market(AT, &faults).expect("room");
    for n in 0..30u64 {
        hub.send(at(n), &mut faults, inbox.id, n.to_string(), Payload::Event);
    }
    assert!(got(&mut inbox).is_empty(), "nothing can be there yet");
    let mut arrived = Vec::new();
    let mut late = 0;
    while let Some(due) = hub.next_deadline() {
        hub.release(due);
        for text in got(&mut inbox) {
            let took = due.since(at(text.parse().expect("a number")));
            assert!(took >= ms(40) && took <= ms(50), "{text} took {took:?}");
            late += usize::from(took > ms(40));
            arrived.push(text);
        }
    }
    assert_eq!(arrived, (0..30).map(|n| n.to_string()).collect::<Vec<_>>());
    assert!(late > 15, "jitter is drawn");
}

#[test]
fn a_cut_line_ends_without_a_word_and_a_burst_ends_after_so_many_frames() {
    let (mut hub, mut faults) = hub(Latency::default());
    let (mut market, mut user) = (
        hub.join_market(AT, &faults).expect("room"),
        hub.join_user(AT, &faults, "key".to_owned(), None).expect("room"),
    );
    hub.cut(Channels::User);
    assert_eq!(user.dropped.try_recv(), Ok(End::Cut));
    hub.close_after(Channels::Both, 2);
    for text in ["one", "two", "three"] {
        hub.send(AT, &mut faults, market.id, text, Payload::Event);
    }
    assert_eq!(got(&mut market), ["one", "two"]);
    assert!(matches!(market.dropped.try_recv(), Ok(End::Close(_))));
}

#[test]
fn a_storm_closes_what_opens_in_it() {
    let (mut hub, mut faults) = hub(Latency::default());
    switched(&mut faults, AT, "reconnect-storm", &[("lives_ms", 300)]);
    let mut inbox = hub.join_market(AT, &faults).expect("room");
    assert_eq!(hub.next_deadline(), Some(at(300)));
    hub.release(at(299));
    assert!(matches!(inbox.dropped.try_recv(), Err(oneshot::error::TryRecvError::Empty)));
    hub.release(at(300));
    assert!(matches!(inbox.dropped.try_recv(), Ok(End::Close(_))));
}

#[test]
fn a_frozen_line_holds_even_the_pong_and_a_half_open_one_loses_everything() {
    let (mut hub, mut faults) = hub(Latency::default());
    let mut inbox = hub.join_market(AT, &faults).expect("room");
    switched(&mut faults, AT, "frozen-feed", &[]);
    hub.send(AT, &mut faults, inbox.id, "news", Payload::Event);
    hub.pong(AT, &mut faults, inbox.id);
    hub.release(at(60_000));
    assert!(got(&mut inbox).is_empty());
    faults.switch_off(at(60_000), None);
    hub.thaw(Channels::Market, at(60_000));
    hub.send(at(60_000), &mut faults, inbox.id, "newer", Payload::Event);
    hub.release(at(60_000));
    assert_eq!(got(&mut inbox), ["news", "PONG", "newer"]);
    hub.deafen(Channels::Market);
    hub.send(at(60_001), &mut faults, inbox.id, "lost", Payload::Event);
    hub.pong(at(60_001), &mut faults, inbox.id);
    assert!(hub.is_deaf(inbox.id) && got(&mut inbox).is_empty());
    assert!(matches!(inbox.dropped.try_recv(), Err(oneshot::error::TryRecvError::Empty)), "and nobody says so");
    let fresh = hub.join_market(AT, &faults).expect("room");
    assert!(!hub.is_deaf(fresh.id));
}
