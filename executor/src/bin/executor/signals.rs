//! What a signal wishes. Every signal that would end or stop the process and can be caught is, but for those with which a fault of the program
//! itself ends it (`ILL`, `TRAP`, `BUS`, `FPE`, `SEGV`, `SYS`): whoever returns from one of them meets it again.

use rustix::process::Signal as Number;
use std::future::poll_fn;
use std::ops::RangeInclusive;
use std::task::Poll;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What to do about a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Cancel everything, then end.
    Drain,
    /// Latch, and stay; the signal's name.
    Halt(&'static str),
}

/// A terminal that is closed hangs up, a service manager's watchdog aborts, a limit of processor time says XCPU first. Nobody uses the
/// others for anything here, so nobody who sends one wants orders to rest.
const DRAIN: [Number; 12] = [
    Number::INT,
    Number::TERM,
    Number::HUP,
    Number::QUIT,
    Number::ABORT,
    Number::XCPU,
    Number::POWER,
    Number::ALARM,
    Number::VTALARM,
    Number::PROF,
    Number::IO,
    Number::STKFLT,
];
/// As those of [`DRAIN`]; the two below are the C library's own.
const REAL_TIME: RangeInclusive<i32> = 34..=64;
/// The last three would stop us, with orders resting and nobody to watch them: Ctrl-Z, and a terminal that is another program's.
const HALT: [(Number, &str); 5] = [
    (Number::USR1, "USR1"),
    (Number::USR2, "USR2"),
    (Number::TSTP, "TSTP"),
    (Number::TTIN, "TTIN"),
    (Number::TTOU, "TTOU"),
];

/// The signals that are waited for.
pub(crate) struct Signals {
    waited_for: Vec<(Signal, Wish)>,
    /// Comes with a write beyond the largest size a file may have. Caught, it changes nothing, and the write fails: then the ledger has
    /// failed, and that cancels everything.
    _file_size: Signal,
}

impl Signals {
    /// Takes the signals over from the system.
    pub(crate) fn new() -> std::io::Result<Self> {
        let of = |number: i32| signal(SignalKind::from_raw(number));
        let mut waited_for = Vec::new();
        for number in DRAIN.map(Number::as_raw).into_iter().chain(REAL_TIME) {
            waited_for.push((of(number)?, Wish::Drain));
        }
        for (number, name) in HALT {
            waited_for.push((of(number.as_raw())?, Wish::Halt(name)));
        }
        Ok(Self { waited_for, _file_size: of(Number::XFSZ.as_raw())? })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Wish {
        poll_fn(|context| {
            let mut each = self.waited_for.iter_mut();
            let told = each.find_map(|(signal, wish)| signal.poll_recv(context).is_ready().then_some(*wish));
            told.map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{getpid, kill_process};
    use std::time::Duration;

    /// Signals whose default is to end the process and that may do so: the one that cannot be caught, and faults.
    const MAY_END: [Number; 7] =
        [Number::KILL, Number::ILL, Number::TRAP, Number::BUS, Number::FPE, Number::SEGV, Number::SYS];
    /// Signals that end nothing.
    const HARMLESS: [Number; 4] = [Number::CHILD, Number::CONT, Number::URG, Number::WINCH];
    /// Stops that nobody can catch.
    const STOPS: Number = Number::STOP;

    /// Signals that this process catches or ignores.
    fn handled() -> Vec<i32> {
        let status = std::fs::read_to_string("/proc/self/status").expect("ours");
        let mask = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("it is there");
            u64::from_str_radix(line.trim(), 16).expect("a mask")
        };
        let mask = mask("SigCgt:") | mask("SigIgn:");
        (1..=64).filter(|number| mask & (1 << (number - 1)) != 0).collect()
    }

    #[tokio::test]
    async fn no_signal_that_can_be_caught_ends_or_stops_us_with_orders_resting() {
        let mut signals = Signals::new().expect("taken over");
        let handled = handled();
        let known = MAY_END.iter().chain(&HARMLESS).chain([&STOPS]);
        let may: Vec<i32> = known.map(|known| known.as_raw()).chain([32, 33]).collect();
        let ends: Vec<i32> = (1..=64).filter(|number| !handled.contains(number) && !may.contains(number)).collect();
        assert!(ends.is_empty(), "these end or stop the process: {ends:?}");

        let drains = DRAIN.map(|number| (number, Wish::Drain));
        for (number, wish) in drains.into_iter().chain(HALT.map(|(number, name)| (number, Wish::Halt(name)))) {
            kill_process(getpid(), number).expect("sent");
            assert_eq!(signals.next().await, wish, "{number:?}");
        }
        kill_process(getpid(), Number::XFSZ).expect("sent");
        let told = tokio::time::timeout(Duration::from_millis(50), signals.next()).await;
        assert!(told.is_err(), "{told:?}: the write that failed has to be noticed, not the signal");
    }
}
