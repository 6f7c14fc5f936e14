//! A life in which the venue is asked again and again what it has.

use super::{House, PATIENCE, WAIT_MAX};
use crate::stack::StackError;
use mm_core::domain::OrderId;
use mm_core::protocol::ToExecutor;
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::io;
use std::process::Command;

impl House {
    /// So many orders, every other one cancelled again. After each: what the venue had, and then what `moment` says.
    pub(in crate::proofs::crash) async fn watched<T>(
        &mut self,
        command: Command,
        orders: u64,
        moment: impl Fn() -> io::Result<T>,
    ) -> Result<Vec<(BTreeSet<OrderId>, T)>, StackError> {
        let (mut process, mut core) = self.opened(command).await?;
        let mut id = self.first_order(&mut core).await?;
        let mut moments = Vec::new();
        for nth in 1..=u16::try_from(orders).unwrap_or(u16::MAX) {
            // one after the other, and now and then on its way while the venue is asked
            if !nth.is_multiple_of(4) {
                core.until(WAIT_MAX, |core| core.is_answered(&[id])).await?;
            }
            moments.push((self.look().await?.ids(), moment()?));
            if nth.is_multiple_of(2) {
                core.say(ToExecutor::Cancel { id }).await?;
            }
            id = self.place(&core, 500, 10 + nth % 9).await?;
        }
        process.signal(Signal::TERM).ok();
        process.ended(PATIENCE).await?;
        self.lives += 1;
        Ok(moments)
    }
}
