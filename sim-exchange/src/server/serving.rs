//! One host's connections, from the door to the last answer: HTTP/1.1, each in a task of its own, each with a bounded wait.
//!
//! A connection on which no whole head of a request arrives for [`HEAD_WAIT`] is closed: one that never spoke, one that was kept alive
//! and is not used, and one that sends a head a byte at a time. So a seat is never lost to somebody who wants nothing. Sockets that
//! were upgraded are not HTTP any more and keep their own time.

use super::door::{Caller, Door, Seat};
use super::front::told;
use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::serve::Listener as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Longest wait for the head of the next request. Longer than clients keep unused connections (`reqwest`: 90 s at most, the executor's
/// own pools are used every few seconds), so that a close seldom meets a request that is just being sent.
pub(super) const HEAD_WAIT: Duration = Duration::from_secs(120);

/// Serves until told to stop; then no connection is accepted, those that are open end behind the answer they are at.
pub(super) async fn serve(mut door: Door, routes: Router, head_wait: Duration, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = told(&mut stopped) => break,
            Some(_) = connections.join_next() => {}
            (seat, caller) = door.accept() => {
                connections.spawn(connection(seat, caller, routes.clone(), head_wait, stopped.clone()));
            }
        }
    }
    drop(door);
    while connections.join_next().await.is_some() {}
}

async fn connection(
    seat: Seat,
    caller: SocketAddr,
    routes: Router,
    head_wait: Duration,
    mut stopped: watch::Receiver<bool>,
) {
    let routes = TowerToHyperService::new(routes);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(Caller(caller)));
        routes.call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head_wait);
    let mut served = pin!(http.serve_connection(TokioIo::new(seat), service).with_upgrades());
    let ended = tokio::select! {
        biased;
        ended = served.as_mut() => ended,
        () = told(&mut stopped) => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(why) = ended {
        // clients that go away in the middle, or say nothing, are no fault of ours
        tracing::debug!(%why, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    const WAIT: Duration = Duration::from_millis(150);
    const SEATS: usize = 2;

    struct Host {
        address: SocketAddr,
        stop: watch::Sender<bool>,
        serving: tokio::task::JoinHandle<()>,
    }

    async fn host() -> Host {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it listens");
        let routes =
            Router::new().route("/ok", get(|ConnectInfo(from): ConnectInfo<Caller>| async move { from.0.to_string() }));
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(serve(Door::new(listener, SEATS), routes, WAIT, stopped));
        Host { address, stop, serving }
    }

    /// Everything that comes until the other side closes.
    async fn rest(mut stream: TcpStream) -> String {
        let mut text = String::new();
        let end = stream.read_to_string(&mut text);
        tokio::time::timeout(Duration::from_secs(20), end).await.expect("it is closed").expect("in order");
        text
    }

    #[tokio::test]
    async fn a_connection_that_says_nothing_or_not_enough_is_closed_and_frees_its_seat() {
        let host = host().await;
        let silent = TcpStream::connect(host.address).await.expect("a seat");
        let mut slow = TcpStream::connect(host.address).await.expect("a seat");
        slow.write_all(b"GET /ok HTTP/1.1\r\nHost: x\r\nSlow: ").await.expect("open");
        // both seats are taken: this one waits until the first two have been closed
        let mut third = TcpStream::connect(host.address).await.expect("the system's queue");
        third.write_all(b"GET /ok HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("open");
        let began = tokio::time::Instant::now();
        assert_eq!(rest(silent).await, "");
        let slow = rest(slow).await;
        assert!(slow.is_empty() || slow.starts_with("HTTP/1.1 408"), "{slow}");
        assert!(began.elapsed() >= WAIT / 2, "closed before its time");
        let from = third.local_addr().expect("connected").to_string();
        let answer = rest(third).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with(&from), "{answer}");
    }

    #[tokio::test]
    async fn a_kept_connection_that_is_not_used_is_closed_too() {
        let host = host().await;
        let mut stream = TcpStream::connect(host.address).await.expect("a seat");
        for _ in 0..2 {
            stream.write_all(b"GET /ok HTTP/1.1\r\nHost: x\r\n\r\n").await.expect("still open");
            let mut some = [0; 512];
            let n = stream.read(&mut some).await.expect("an answer");
            assert!(some[..n].starts_with(b"HTTP/1.1 200 OK\r\n"));
        }
        assert_eq!(rest(stream).await, "");
    }

    #[tokio::test]
    async fn a_stop_ends_idle_connections_at_once() {
        let Host { address, stop, serving } = host().await;
        let idle = TcpStream::connect(address).await.expect("a seat");
        tokio::task::yield_now().await;
        stop.send(true).expect("somebody serves");
        tokio::time::timeout(Duration::from_secs(20), serving).await.expect("in time").expect("no panic");
        drop(idle);
        assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    }
}
