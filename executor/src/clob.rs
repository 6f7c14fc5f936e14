//! The venue's REST calls. Adds authentication, sends once, hands back what came; judges nothing.
//!
//! Three clients: places, cancels and reads have connections of their own, so that a throttled POST cannot hold up a DELETE.
//! A body is serialized once; the same bytes are signed and sent. Nothing here repeats a request, with one exception: a
//! cancel answered 401 is sent again after the credentials were derived anew, because cancelling twice does no harm.

mod login;
mod request;
pub(crate) mod wire;

pub use login::Login;
pub use request::{Ready, Request};
pub use wire::BODY_MAX;
use wire::Body;

use crate::auth::{Credentials, login_headers};
use crate::crash;
use crate::crash_point;
use crate::gate::venue_ahead;
use crate::outcome::{self, Answer, Lost, VenueCall, VenueReply};
use crate::sign::{Account, SignedOrder};
use crate::way_out::Leave;
use mm_core::domain::{Nanos, OrderId, Timestamp};
use mm_core::io::clock::Clock;
use mm_core::io::http::{self, HttpError, Timeouts};
use mm_core::venue::rest::ApiKeyBody;
use reqwest::{Client, Method};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use zeroize::Zeroizing;

/// Where the venue is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// REST root, without a slash at its end.
    pub rest: String,
    /// The whole geoblock address.
    pub geoblock: String,
}

/// The venue over REST.
#[derive(Clone)]
pub struct Clob {
    place: Client,
    cancel: Client,
    read: Client,
    endpoints: Arc<Endpoints>,
    login: Arc<Login>,
    account: Account,
    clock: Clock,
    request_limit: Duration,
    /// Also how long a cancel waits for somebody else's login.
    cancel_limit: Duration,
    /// Nanoseconds the venue's clock is ahead of ours.
    venue_ahead: Arc<AtomicI64>,
}

impl Clob {
    /// Makes the three clients. No connection is opened yet.
    ///
    /// # Errors
    /// When the system cannot make a client.
    pub fn new(
        endpoints: Endpoints,
        login: Arc<Login>,
        account: Account,
        clock: Clock,
        request: Duration,
        cancel: Duration,
    ) -> Result<Self, HttpError> {
        let slow = Timeouts { connect: request.min(Duration::from_secs(3)), total: request };
        Ok(Self {
            place: http::client(slow)?,
            cancel: http::client(Timeouts { connect: cancel, total: cancel })?,
            read: http::client(slow)?,
            endpoints: Arc::new(endpoints),
            login,
            account,
            clock,
            request_limit: request,
            cancel_limit: cancel,
            venue_ahead: Arc::default(),
        })
    }

    /// The same venue with connections and a login of its own; what is learnt of its clock is shared.
    ///
    /// # Errors
    /// When the system cannot make a client.
    pub fn apart(&self, login: Arc<Login>) -> Result<Self, HttpError> {
        let endpoints = Endpoints::clone(&self.endpoints);
        let (request, cancel) = (self.request_limit, self.cancel_limit);
        let new = Self::new(endpoints, login, self.account, self.clock.clone(), request, cancel)?;
        Ok(Self { venue_ahead: Arc::clone(&self.venue_ahead), ..new })
    }

    /// Posts orders in one request, once; a reply for each comes back, in their order. The body leaves only while `leave` is good; if
    /// it did not, every reply is [`VenueReply::NotSent`], whatever became of the connection.
    pub async fn post(&self, orders: Vec<SignedOrder>, leave: Leave) -> Vec<VenueReply> {
        let ids: Vec<OrderId> = orders.iter().map(SignedOrder::id).collect();
        crash_point!("post.before");
        let reply = match self.login.current() {
            Some((credentials, _)) => self.send_on_leave(Request::place(orders, &credentials), leave).await,
            None => no_credentials(),
        };
        crash_point!("post.answered");
        outcome::split_batch(&reply, &ids)
    }

    async fn send_on_leave(&self, request: Request, mut leave: Leave) -> VenueReply {
        let body = Body::OnLeave(leave.clone());
        let sending = self.send_private(&self.place, request, body);
        #[cfg(feature = "crash-points")]
        let sending = crash::watched(sending, leave.clone());
        let reply = tokio::select! {
            biased;
            reply = sending => reply,
            () = leave.withdrawn() => return held_back(),
        };
        match reply {
            not_sent @ VenueReply::NotSent(_) => not_sent,
            _ if leave.withdraw() => held_back(),
            reply => reply,
        }
    }

    /// Every other call.
    pub async fn call(&self, call: &VenueCall) -> VenueReply {
        crash::at_call(call, crash::Call::Before);
        let reply = self.made(call).await;
        crash::at_call(call, crash::Call::Answered);
        reply
    }

    async fn made(&self, call: &VenueCall) -> VenueReply {
        let request = match call {
            VenueCall::RenewCredentials => return self.renew(&self.read, self.login.since()).await,
            VenueCall::Geoblock => {
                return wire::send(&self.read, Ready::get(self.endpoints.geoblock.clone()), Body::Plain).await;
            }
            VenueCall::Time => return self.time().await,
            VenueCall::Books(_) => {
                let asked = Request::of(call, self.account.signature_type()).unsigned(&self.endpoints.rest);
                return wire::send(&self.read, asked, Body::Plain).await;
            }
            private => Request::of(private, self.account.signature_type()),
        };
        if !call.is_cancel() {
            return self.send_private(&self.read, request, Body::Plain).await;
        }
        let again = request.clone();
        let used = self.login.since();
        match self.send_private(&self.cancel, request, Body::Plain).await {
            VenueReply::Answer(Answer { status: 401, .. }) => {
                let renewed = self.renew(&self.cancel, used).await;
                let ahead = self.venue_ahead.load(Ordering::Relaxed);
                if is_status(&renewed, 401) && ahead != 0 {
                    // Of two clocks one is right: what the venue's last said may have been a gateway's, and old.
                    self.venue_ahead.store(0, Ordering::Relaxed);
                    if !is_status(&self.renew(&self.cancel, used).await, 200) {
                        // Ours is not. A reading made meanwhile stands.
                        let _ = self.venue_ahead.compare_exchange(0, ahead, Ordering::Relaxed, Ordering::Relaxed);
                    }
                }
                self.send_private(&self.cancel, again, Body::Plain).await
            }
            reply => reply,
        }
    }

    /// The venue's clock. Requests are dated by it from then on: with a clock of our own that is off, not even a cancel would pass.
    async fn time(&self) -> VenueReply {
        let sent = self.clock.now();
        let url = format!("{}/time", self.endpoints.rest);
        let reply = wire::send(&self.read, Ready::get(url), Body::Plain).await;
        if let Ok(secs) = outcome::time(&reply) {
            self.venue_ahead.store(venue_ahead(sent, self.clock.now(), secs), Ordering::Relaxed);
        }
        reply
    }

    /// Seconds since 1970 by the venue's clock as last read, or by ours.
    fn unix_s(&self) -> u64 {
        let now = self.clock.now();
        let ahead = self.venue_ahead.load(Ordering::Relaxed);
        let off = Nanos::from_nanos(ahead.unsigned_abs());
        if ahead < 0 { now.minus(off).secs() } else { now.plus(off).secs() }
    }

    /// Replaces the credentials that are in use since `used`, unless that was done meanwhile: one login at a time, and who waited for
    /// it has it too. The reply carries the status alone.
    async fn renew(&self, client: &Client, used: Option<Timestamp>) -> VenueReply {
        // Whoever is at it may hang, on a slower road than ours: then there are two logins, which does no harm.
        let _turn = tokio::time::timeout(self.cancel_limit, self.login.under_way.lock()).await;
        if self.login.since() != used {
            return VenueReply::Answer(Answer::new(200, Vec::new()));
        }
        self.log_in(client).await
    }

    /// Derives the credentials, and creates them when there are none yet.
    async fn log_in(&self, client: &Client) -> VenueReply {
        crash_point!("login.before");
        let derived = self.ask_for_key(client, Method::GET, "/auth/derive-api-key").await;
        let reply = match derived {
            VenueReply::Answer(Answer { status: 400 | 404, .. }) => {
                self.ask_for_key(client, Method::POST, "/auth/api-key").await
            }
            other => other,
        };
        match reply {
            VenueReply::Answer(answer) if answer.status == 200 => {
                let body = Zeroizing::new(answer.body);
                let credentials = serde_json::from_slice::<ApiKeyBody>(&body)
                    .ok()
                    .and_then(|body| Credentials::new(self.login.key.address(), body).ok());
                match credentials {
                    Some(credentials) => {
                        self.login.set(Arc::new(credentials), self.clock.now());
                        crash_point!("login.after");
                        VenueReply::Answer(Answer::new(200, Vec::new()))
                    }
                    None => VenueReply::Lost(Lost::Other),
                }
            }
            VenueReply::Answer(answer) => VenueReply::Answer(Answer { body: Vec::new(), ..answer }),
            lost => lost,
        }
    }

    async fn ask_for_key(&self, client: &Client, method: Method, path: &str) -> VenueReply {
        let headers = login_headers(&self.login.key, self.login.chain, self.unix_s(), 0);
        let ready = Ready { method, url: format!("{}{path}", self.endpoints.rest), body: Vec::new(), headers };
        wire::send(client, ready, Body::Plain).await
    }

    /// The credentials in use; the first call that needs some logs in.
    async fn credentials(&self, client: &Client) -> Option<Arc<Credentials>> {
        if self.login.current().is_none() {
            self.renew(client, None).await;
        }
        self.login.current().map(|(credentials, _)| credentials)
    }

    async fn send_private(&self, client: &Client, request: Request, as_body: Body) -> VenueReply {
        let Some(credentials) = self.credentials(client).await else { return no_credentials() };
        let ready = request.ready(&self.endpoints.rest, &credentials, self.unix_s());
        let mut reply = wire::send(client, ready, as_body).await;
        if let VenueReply::Answer(answer) = &mut reply {
            credentials.scrub(&mut answer.body);
        }
        reply
    }
}

fn is_status(reply: &VenueReply, status: u16) -> bool {
    matches!(reply, VenueReply::Answer(answer) if answer.status == status)
}

fn held_back() -> VenueReply {
    VenueReply::NotSent("held back before it left".into())
}

fn no_credentials() -> VenueReply {
    VenueReply::NotSent("no API credentials yet".into())
}
