//! One request over the wire, once: headers marked as sensitive, a cap on the answer, and what a transport error proves.

use super::Ready;
use crate::crash_point;
use crate::outcome::{Answer, Lost, VenueReply};
use crate::way_out::Leave;
use mm_core::io::http::{self, HttpError};
use reqwest::Client;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};

/// Longest answer that is read: a page of trades is far below.
pub const BODY_MAX: usize = 4 * 1024 * 1024;

/// How a body goes out.
pub(crate) enum Body {
    Plain,
    /// The connection asks for leave when it takes the body.
    OnLeave(Leave),
}

impl Body {
    fn of(self, bytes: Vec<u8>) -> reqwest::Body {
        match self {
            Self::Plain => bytes.into(),
            Self::OnLeave(leave) => reqwest::Body::wrap_stream(futures_util::stream::once(async move {
                if !leave.go() {
                    return Err(std::io::Error::other("no leave"));
                }
                crash_point!("post.body");
                Ok(bytes)
            })),
        }
    }
}

/// Sends one request once. Judges nothing.
pub(crate) async fn send(client: &Client, ready: Ready, as_body: Body) -> VenueReply {
    let Ready { method, url, body, headers } = ready;
    let mut request = client.request(method, url).headers(headers);
    if !body.is_empty() {
        request =
            request.header(CONTENT_TYPE, "application/json").header(CONTENT_LENGTH, body.len()).body(as_body.of(body));
    }
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(why) => return classify(&why),
    };
    let status = answer.status().as_u16();
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let retry_after_s = header("retry-after").and_then(|text| text.trim().parse().ok());
    let limiter = header("poly-ratelimit-remaining").is_some();
    match http::read_capped(answer, BODY_MAX).await {
        Ok(body) => VenueReply::Answer(Answer { status, body, retry_after_s, limiter, for_many: false }),
        Err(HttpError::TooLong { .. }) => VenueReply::Lost(Lost::TooLarge),
        Err(HttpError::Transport(why)) if why.is_timeout() => VenueReply::Lost(Lost::Timeout),
        Err(HttpError::Transport(_) | HttpError::NotText) => VenueReply::Lost(Lost::Truncated),
    }
}

/// What a transport error proves. Only a failure to connect proves that nothing was sent.
fn classify(why: &reqwest::Error) -> VenueReply {
    if why.is_connect() {
        VenueReply::NotSent("no connection".into())
    } else if why.is_builder() {
        VenueReply::NotSent("not a request".into())
    } else if why.is_timeout() {
        VenueReply::Lost(Lost::Timeout)
    } else if why.is_request() {
        VenueReply::Lost(Lost::Reset)
    } else {
        VenueReply::Lost(Lost::Other)
    }
}

/// Percent-encodes everything that is not plainly safe in a query.
pub(crate) fn percent(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    out
}
