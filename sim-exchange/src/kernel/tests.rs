use super::*;
use crate::draws::Draws;
use proptest::prelude::*;

/// Draws by the rule of the house.
struct Named(Draws);

impl Ties for Named {
    fn draw(&self, at: Timestamp, party: Party) -> u64 {
        self.0.value("tie", &format!("agent/{}", party.0), at.nanos())
    }
}

fn kernel(same_instant: SameInstant) -> Kernel<u32, Named> {
    Kernel::new(Named(Draws::new(7)), same_instant)
}

/// What a test queues: few instants, classes and parties, so that ties are the rule.
fn events() -> impl Strategy<Value = Vec<(u64, Class, u32)>> {
    let class = (0..Class::ALL.len()).prop_map(|n| Class::ALL[n]);
    prop::collection::vec((0u64..4, class, 0u32..5), 0..60)
}

/// Moments from nanoseconds to minutes ahead, with ties: all buckets, the far heap, and ways between them.
fn spread() -> impl Strategy<Value = Vec<(u64, Class, u32)>> {
    let class = (0..Class::ALL.len()).prop_map(|n| Class::ALL[n]);
    let orders = (0u64..4, 0u32..38).prop_map(|(n, shift)| n << shift);
    // every bucket, the last ones too
    let ahead = prop_oneof![orders, 0u64..10_000_000_000];
    prop::collection::vec((ahead, class, 0u32..5), 0..200)
}

/// The order as it is defined: a list, every draw made, the least one taken.
struct Naive {
    list: Vec<(u64, u8, u64, u64, u32)>,
    seq: u64,
    same_instant: SameInstant,
}

impl Naive {
    fn push(&mut self, at: u64, class: Class, party: u32, event: u32) {
        let tie = Named(Draws::new(7)).draw(Timestamp::from_nanos(at), Party(party));
        let rank = match (self.same_instant, class) {
            (SameInstant::OrdersFirst, Class::Cancel) => 6,
            (SameInstant::OrdersFirst, Class::Order) => 5,
            (_, class) => class as u8,
        };
        self.list.push((at, rank, tie, self.seq, event));
        self.seq += 1;
    }

    fn pop(&mut self) -> Option<u32> {
        let (place, _) = self.list.iter().enumerate().min_by_key(|(_, row)| **row)?;
        Some(self.list.remove(place).4)
    }
}

proptest! {
    #[test]
    fn the_queue_equals_a_list_with_every_draw_made(
        events in prop_oneof![events(), spread()],
        pops in prop::collection::vec(any::<bool>(), 200),
        orders_first in any::<bool>(),
    ) {
        let same_instant = if orders_first { SameInstant::OrdersFirst } else { SameInstant::CancelsFirst };
        let mut kernel = kernel(same_instant);
        let mut naive = Naive { list: Vec::new(), seq: 0, same_instant };
        let mut now = 0;
        for (id, ((ahead, class, party), pop)) in (0u32..).zip(events.into_iter().zip(pops)) {
            kernel.push(Timestamp::from_nanos(now + ahead), class, Party(party), id);
            naive.push(now + ahead, class, party, id);
            if pop {
                let (key, event) = kernel.pop().expect("one was just queued");
                prop_assert_eq!(Some(event), naive.pop());
                now = key.at.nanos();
            }
        }
        while let Some((_, event)) = kernel.pop() {
            prop_assert_eq!(Some(event), naive.pop());
        }
        prop_assert_eq!(naive.pop(), None);
    }

    /// Whoever is queued first between two parties, the order is the same.
    #[test]
    fn the_order_of_queueing_is_invisible(events in events(), shuffle in any::<u64>()) {
        // a party's own events of one instant and class keep their order: they carry it in their number
        let mut shuffled: Vec<(usize, (u64, Class, u32))> = events.iter().copied().enumerate().collect();
        let draws = Draws::new(shuffle);
        shuffled.sort_by_key(|(n, (_, _, party))| (draws.value("shuffle", &party.to_string(), 0), *n));
        let run = |order: &mut dyn Iterator<Item = (u32, (u64, Class, u32))>| {
            let mut kernel = kernel(SameInstant::CancelsFirst);
            for (id, (at, class, party)) in order {
                kernel.push(Timestamp::from_nanos(at), class, Party(party), id);
            }
            std::iter::from_fn(|| kernel.pop()).map(|(key, id)| (key.at, key.class, key.party, id)).collect::<Vec<_>>()
        };
        let straight = run(&mut (0u32..).zip(events));
        let permuted = run(&mut shuffled.into_iter().map(|(n, event)| (u32::try_from(n).expect("sixty"), event)));
        prop_assert_eq!(straight, permuted);
    }
}

#[test]
fn a_cancel_goes_before_an_order_unless_the_world_says_otherwise() {
    let at = Timestamp::from_nanos(5);
    for (same_instant, first) in [(SameInstant::CancelsFirst, 2), (SameInstant::OrdersFirst, 1)] {
        let mut kernel = kernel(same_instant);
        kernel.push(at, Class::Order, Party(0), 1);
        kernel.push(at, Class::Cancel, Party(1), 2);
        assert_eq!(kernel.pop().map(|(_, id)| id), Some(first), "{same_instant:?}");
    }
}

#[test]
fn an_event_of_an_earlier_class_cuts_into_a_tie() {
    let at = Timestamp::from_nanos(5);
    let mut kernel = kernel(SameInstant::CancelsFirst);
    for party in 0..3 {
        kernel.push(at, Class::Timer, Party(party), party);
    }
    let (_, first) = kernel.pop().expect("three");
    kernel.push(at, Class::Cancel, Party(9), 9);
    assert_eq!(kernel.pop().map(|(_, id)| id), Some(9));
    let mut rest: Vec<u32> = std::iter::from_fn(|| kernel.pop()).map(|(_, id)| id).chain([first]).collect();
    rest.sort_unstable();
    assert_eq!(rest, [0, 1, 2]);
}

#[test]
fn whatever_lies_between_two_events_the_second_comes() {
    // buckets of 2^23 ns, 1024 of them ahead: every distance, from every place in a word of their bits
    for start in [0u64, 1, 62, 63, 64, 700, 1023] {
        for ahead in 0..1_100u64 {
            let mut kernel = kernel(SameInstant::CancelsFirst);
            let at = |bucket: u64| Timestamp::from_nanos(bucket << 23);
            kernel.push(at(start), Class::Timer, Party(0), 1);
            kernel.push(at(start + ahead), Class::Observation, Party(0), 2);
            let order: Vec<u32> = std::iter::from_fn(|| kernel.pop()).map(|(_, id)| id).collect();
            assert_eq!(order, [1, 2], "{ahead} buckets behind {start}");
        }
    }
}

#[test]
#[should_panic(expected = "is queued at")]
fn the_past_is_refused() {
    let mut kernel = kernel(SameInstant::CancelsFirst);
    kernel.push(Timestamp::from_nanos(5), Class::Timer, Party(0), 0);
    kernel.pop();
    kernel.push(Timestamp::from_nanos(4), Class::Timer, Party(0), 1);
}
