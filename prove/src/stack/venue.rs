//! What the venue is asked and told from here.

use super::{LOOK, Stack, StackError};
use mm_core::domain::{OrderId, Qty, Timestamp};
use mm_core::venue::rest::OpenOrder;
use serde_json::Value;
use std::time::{Duration, Instant};

impl Stack {
    /// The venue's own picture: tape, markets, accounts.
    pub(crate) async fn venue_status(&self) -> Result<Value, StackError> {
        self.get(&format!("{}/status", self.admin()?)).await
    }

    /// How many calls the venue sent back as they came.
    pub(crate) async fn echoed_calls(&self) -> Result<u64, StackError> {
        self.venue_status().await?["echoed"].as_u64().ok_or_else(|| StackError("the venue counts no echoes".to_owned()))
    }

    /// How many orders the venue holds open for our account.
    pub(crate) async fn open_orders_at_venue(&self) -> Result<u64, StackError> {
        let status = self.venue_status().await?;
        let accounts = status["accounts"].as_array().cloned().unwrap_or_default();
        let ours = accounts
            .iter()
            .find(|a| a["address"].as_str().is_some_and(|address| address.eq_ignore_ascii_case(&self.address)));
        Ok(ours.and_then(|account| account["open_orders"].as_u64()).unwrap_or(0))
    }

    /// Waits until the venue's count of our open orders is as wished. The inner error says that it never was: that may be what is
    /// looked for.
    pub(crate) async fn wait_for(
        &self,
        limit: Duration,
        what: &str,
        wished: impl Fn(u64) -> bool,
    ) -> Result<Result<(), String>, StackError> {
        let until = Instant::now() + limit;
        loop {
            let open = self.open_orders_at_venue().await?;
            if wished(open) {
                return Ok(Ok(()));
            }
            if Instant::now() > until {
                return Ok(Err(format!("waited {} s for {what}; {open} orders are open", limit.as_secs())));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Every order the venue has accepted from anybody, with the moment it did.
    pub(crate) async fn accepted_orders(&self) -> Result<Vec<(OrderId, Timestamp)>, StackError> {
        let text = self.get_text(&format!("{}/accepted", self.admin()?)).await?;
        serde_json::from_str(&text).map_err(|e| StackError(format!("the venue's accepted orders: {e}")))
    }

    /// Every order of a wallet in any state, as the venue lists them.
    pub(crate) async fn orders_of(&self, address: &str) -> Result<Vec<OpenOrder>, StackError> {
        let text = self.get_text(&format!("{}/orders?address={address}", self.admin()?)).await?;
        serde_json::from_str(&text).map_err(|e| StackError(format!("the venue's orders of {address}: {e}")))
    }

    /// Has somebody take so much of an order.
    pub(crate) async fn take(&self, order: OrderId, shares: Qty) -> Result<(), StackError> {
        let body = serde_json::json!({"order": order, "shares": shares}).to_string();
        self.ask(self.http.post(format!("{}/take", self.admin()?)).body(body)).await.map(drop)
    }

    /// Makes the venue's geoblock endpoint say blocked, or not.
    pub(crate) async fn switch_geoblock(&self, blocked: bool) -> Result<(), StackError> {
        let body = format!("{{\"blocked\":{blocked}}}");
        self.ask(self.http.post(format!("{}/geoblock", self.admin()?)).body(body)).await.map(drop)
    }

    /// Switches a fault of the venue on: body as its admin API documents it.
    pub(crate) async fn switch_fault(&self, body: &Value) -> Result<(), StackError> {
        self.ask(self.http.post(format!("{}/faults", self.admin()?)).body(body.to_string())).await.map(drop)
    }

    /// Ends every fault.
    pub(crate) async fn end_faults(&self) -> Result<(), StackError> {
        self.ask(self.http.delete(format!("{}/faults", self.admin()?))).await.map(drop)
    }

    fn admin(&self) -> Result<&str, StackError> {
        self.ready.admin.as_deref().ok_or_else(|| StackError("sim-exchange has no admin port".to_owned()))
    }

    async fn ask(&self, request: reqwest::RequestBuilder) -> Result<String, StackError> {
        let failed = |why: reqwest::Error| StackError(why.to_string());
        let response = request.send().await.map_err(failed)?;
        let (status, url) = (response.status(), response.url().clone());
        let text = response.text().await.map_err(failed)?;
        if status.is_success() { Ok(text) } else { Err(StackError(format!("{url}: {status} {text}"))) }
    }
}
