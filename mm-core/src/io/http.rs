//! The one HTTP client of the house. No proxy, no redirect, no automatic retry, an explicit user agent, a time limit on
//! everything and a cap on every body: what was asked is asked once, of the host that was named.

use super::tls;
use std::time::Duration;

/// What we call ourselves: the venue refuses the default agents of some libraries (`clob-streams.md` section 2.4).
pub const USER_AGENT: &str = concat!("proofmaker/", env!("CARGO_PKG_VERSION"));

/// Largest answer that is read unless the caller says otherwise, in bytes. The venue's largest books are below one megabyte.
pub const BODY_MAX: usize = 8 * 1024 * 1024;

/// How long a request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect: Duration,
    /// Until the last byte of the answer.
    pub total: Duration,
}

/// Why there is no answer, or none that may be used.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// No answer, or it broke off.
    #[error("{}", chain(.0))]
    Transport(#[from] reqwest::Error),
    /// The answer is longer than allowed; the rest was not read.
    #[error("answer is longer than {cap} bytes")]
    TooLong {
        /// The cap.
        cap: usize,
    },
    /// The answer is not text.
    #[error("answer is not UTF-8")]
    NotText,
}

/// A client. Clones share its connections. It speaks HTTP/1.1 alone: there a request that is given up takes its connection along, and
/// the next one opens another. Over HTTP/2 it ends its stream only, so that everything later follows it onto a connection that is
/// dead (hyperium/hyper#4186), and a body can wait in our memory until the peer's window opens, long after it was let go.
///
/// # Errors
/// When the system cannot make one.
pub fn client(timeouts: Timeouts) -> Result<reqwest::Client, HttpError> {
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls::client_config(&[b"http/1.1"]))
        .user_agent(USER_AGENT)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(timeouts.connect)
        .timeout(timeouts.total)
        .tcp_nodelay(true)
        .build()?;
    Ok(client)
}

/// The body of an answer, at most `cap` bytes of it.
///
/// # Errors
/// [`HttpError::TooLong`] before more than `cap` bytes are kept, or [`HttpError::Transport`].
pub async fn read_capped(mut answer: reqwest::Response, cap: usize) -> Result<Vec<u8>, HttpError> {
    if answer.content_length().is_some_and(|n| n > cap as u64) {
        return Err(HttpError::TooLong { cap });
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if chunk.len() > cap - body.len() {
            return Err(HttpError::TooLong { cap });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Status and text of a GET.
///
/// # Errors
/// [`HttpError`]; any status is an answer, not an error.
pub async fn get_text(client: &reqwest::Client, url: &str, cap: usize) -> Result<(u16, String), HttpError> {
    let answer = client.get(url).send().await?;
    let status = answer.status().as_u16();
    let text = String::from_utf8(read_capped(answer, cap).await?).map_err(|_| HttpError::NotText)?;
    Ok((status, text))
}

/// An error with its causes: reqwest's own words name the URL, the causes say what happened.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
