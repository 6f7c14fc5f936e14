//! Whether a cancel-all that was asked for is done, told from one look at the desk after another.
//!
//! That nothing rests may be true for a moment only: the gate opens in the turn that confirms it, and the core may place again before
//! anybody looks. What lasts is that the sweep that was under way when it was asked for is over, for it ends in no other way.

use executor::desk::Status;
use mm_core::domain::Timestamp;

/// What is waited for.
#[derive(Default)]
pub(crate) struct CancelAll {
    /// The executor's start, and the sweep of it that has to end; known at the first look.
    awaited: Option<(u64, Option<Timestamp>)>,
}

impl CancelAll {
    /// Looks at the desk; first after the executor has said that it is cancelling everything. What to tell once that is done.
    ///
    /// # Errors
    /// Another start than at the first look knows nothing of what was asked for.
    pub(crate) fn look(&mut self, desk: &Status) -> Result<Option<String>, String> {
        let (epoch, awaited) = *self.awaited.get_or_insert((desk.epoch, desk.cancelling_since));
        if epoch != desk.epoch {
            return Err("the executor was started again meanwhile: ask again".to_owned());
        }
        if desk.flat {
            return Ok(Some("flat: nothing rests, confirmed by two readings".to_owned()));
        }
        let since_then = match desk.cancelling_since {
            Some(_) if desk.cancelling_since == awaited => return Ok(None),
            Some(_) => "everything is being cancelled once more",
            None => "placing has resumed",
        };
        Ok(Some(format!(
            "done: nothing rested, confirmed by two readings. Since then {since_then}: {} orders may rest",
            desk.open_orders
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use executor::desk::Op;
    use executor::rehearsal::{Rehearsal, order, policy, setup};
    use mm_core::domain::{Outcome, Side};

    /// An armed desk with an order at rest that has just said that it is cancelling everything, and a first look at it.
    fn asked() -> (Rehearsal, CancelAll) {
        let mut stage = Rehearsal::armed(setup(policy(1), false), 1);
        place(&mut stage, 1);
        stage.run_ms(500);
        assert_eq!(stage.resting(), 1);
        stage.operate(Op::CancelAll);
        stage.run_ms(1);
        let mut asked = CancelAll::default();
        assert_eq!(asked.look(&stage.desk.status()), Ok(None));
        (stage, asked)
    }

    fn place(stage: &mut Rehearsal, id: u64) {
        stage.place(id, order(0, Outcome::Yes, Side::Buy, 40, 10));
    }

    /// Goes on until everything is cancelled; `asked` looks at each moment until then if there is one.
    fn swept(stage: &mut Rehearsal, mut asked: Option<&mut CancelAll>) {
        for _ in 0..5_000 {
            stage.run_ms(1);
            if stage.desk.status().flat {
                return;
            }
            if let Some(asked) = &mut asked {
                assert_eq!(asked.look(&stage.desk.status()), Ok(None));
            }
        }
        panic!("it does not end");
    }

    #[test]
    fn nothing_is_done_before_two_readings_and_then_it_is_flat() {
        let (mut stage, mut asked) = asked();
        swept(&mut stage, Some(&mut asked));
        let told = asked.look(&stage.desk.status());
        assert_eq!(told, Ok(Some("flat: nothing rests, confirmed by two readings".to_owned())));
    }

    #[test]
    fn a_core_that_places_again_before_the_next_look_undoes_nothing() {
        let (mut stage, mut asked) = asked();
        swept(&mut stage, None);
        place(&mut stage, 2);
        stage.run_ms(199);
        let desk = stage.desk.status();
        assert!(!desk.flat && stage.is_open());
        let told = asked.look(&desk).expect("the same start").expect("it is done");
        assert!(told.ends_with("placing has resumed: 1 orders may rest"), "{told}");
    }

    #[test]
    fn another_sweep_is_not_the_one_that_was_asked_for() {
        let (mut stage, mut asked) = asked();
        swept(&mut stage, None);
        place(&mut stage, 2);
        stage.run_ms(100);
        stage.operate(Op::CancelAll);
        stage.run_ms(1);
        let told = asked.look(&stage.desk.status()).expect("the same start").expect("it is done");
        assert!(told.contains("cancelled once more"), "{told}");
        let mut later = CancelAll::default();
        assert_eq!(later.look(&stage.desk.status()), Ok(None), "who asked for that one waits for it");
    }

    #[test]
    fn another_start_has_not_heard_what_was_asked_for() {
        let (stage, mut asked) = asked();
        let mut desk = stage.desk.status();
        desk.epoch += 1;
        desk.cancelling_since = None;
        assert!(asked.look(&desk).is_err());
    }
}
