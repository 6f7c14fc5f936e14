//! The same quotes, looked at again where nothing has changed but how much rests at levels that count before and after.
//!
//! Such a change moves no best level, no midpoint and no limit: only what the others score. So only the search is asked again, and where
//! the placement leads by more than the change can make, no more than its size; if the answer is as before, all that follows from it is
//! as it was, but for what the quotes are expected to bring.

use super::near::{self, Level, Near};
use super::rivals::Rivals;
use super::{Midpoint, NewOrder, Scratch, Strategy, Value, View, Why, funded, wanted_rewards};
use super::{ladder, reward, value};
use crate::domain::Qty;
use crate::rewards::Depth;

/// What quotes were found from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Basis {
    /// The quotes themselves.
    pub(super) pair: ladder::Pair,
    /// Where they are measured from, with them in the book; `None` where they are not.
    pub(super) scoring: Option<Midpoint>,
    /// What was searched; `None` where nothing was.
    pub(super) searched: Option<Searched>,
}

/// A search, and what it found before holdings and caps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Searched {
    pub(super) within: reward::Within,
    pub(super) found: ladder::Pair,
    pub(super) lead: reward::Lead,
}

impl Basis {
    /// What the quotes, as `orders`, are expected to bring.
    pub(super) fn value<B, I: Iterator<Item = Level>>(
        &self,
        view: &View<'_, B>,
        fair: Midpoint,
        near: &mut Near<'_, I>,
        rivals: &mut Rivals,
        orders: &[NewOrder],
    ) -> Option<Value> {
        let (terms, scoring) = (funded(view.market)?, self.scoring?);
        let costs = (view.params.cost.as_ref(), view.recent.extra_dollars());
        let levels = self.pair.levels();
        let levels = [levels[0].as_slice(), levels[1].as_slice()];
        let value = value::value((near, rivals), terms, costs, fair, scoring, levels);
        Some(value.paying(view.room.money, orders))
    }
}

/// Why the quotes of a `basis` are still wanted, and their basis now, where since they were only sizes in the book have changed: of levels
/// with the scoring size before and after, our own orders left out, and the fair value does not follow sizes. `gone`: how many shares
/// have left them.
///
/// # Errors
/// Perhaps others are wanted: what was found for them, if that is known.
pub(crate) fn again<B: Depth>(
    view: &View<'_, B>,
    why: &Why,
    (basis, gone): (&Basis, Qty),
    scratch: &mut Scratch,
) -> Result<(Why, Basis), Option<Searched>> {
    let Scratch { near, rivals, search } = scratch;
    rivals.forget();
    let mut near = near::read(view.book, [view.own, view.shown], near);
    let mut basis = *basis;
    if let Some(Searched { within, found, lead }) = basis.searched {
        let (Some(terms), Some(cost)) = (wanted_rewards(view), view.params.cost.as_ref()) else { return Err(None) };
        let known = (found, lead, gone);
        let now = match reward::still_best(view, (&mut near, rivals), terms, cost, &within, known) {
            Some(now) => Some(now),
            None => reward::plan(view, (&mut near, rivals, search), terms, cost, &within).map_err(|_| None)?,
        };
        basis.searched = now.map(|(found, lead)| Searched { within, found, lead });
        if now.is_none_or(|(now, _)| now != found) {
            return Err(basis.searched);
        }
    }
    let value = basis.value(view, why.fair.value, &mut near, rivals, &basis.pair.sorted(view.row));
    let pays =
        why.strategy != Strategy::Reward || why.lean_ticks != 0 || value.is_none_or(|v| v.net_per_day().micro() > 0);
    if pays { Ok((Why { value, ..*why }, basis)) } else { Err(basis.searched) }
}
