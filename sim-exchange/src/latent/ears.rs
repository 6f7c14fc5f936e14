//! An agent's ears at one moment, asked only if the agent listens: most news are heard without a thought for the fair price.

use super::{Latent, Receiver, Signals, View};
use mm_core::domain::{MarketIx, Outcome, Timestamp};
use std::cell::{Cell, RefCell};

/// [`Latent::view`], taken at the first question. When it is taken changes nothing: what ears hold is a function of the moment.
pub struct Ears<'a> {
    at: Timestamp,
    source: RefCell<(&'a mut Latent, &'a mut Receiver)>,
    view: Cell<Option<View>>,
}

impl<'a> Ears<'a> {
    /// What `receiver` holds at `at`.
    pub const fn new(at: Timestamp, latent: &'a mut Latent, receiver: &'a mut Receiver) -> Self {
        Self { at, source: RefCell::new((latent, receiver)), view: Cell::new(None) }
    }

    fn view(&self) -> View {
        self.view.get().unwrap_or_else(|| {
            let mut source = self.source.borrow_mut();
            let (latent, receiver) = &mut *source;
            let view = latent.view(self.at, receiver);
            self.view.set(Some(view));
            view
        })
    }
}

impl Signals for Ears<'_> {
    fn log_odds(&self, market: MarketIx) -> Option<f64> {
        self.view().log_odds(market)
    }

    fn outcome(&self, market: MarketIx) -> Option<Outcome> {
        self.view().outcome(market)
    }
}
