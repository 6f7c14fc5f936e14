//! A core with one thought: it places the orders it is told to, then only keeps its lease and prints what the executor says.
//! For drills (`runbooks/drill.md`) and for whoever writes another core.
//!
//! ```sh
//! cargo run --release -p mm-core --example place -- --socket run/core.sock --token ID --side buy --price 0.45 --size 10
//! ```

#![expect(clippy::print_stdout, reason = "a command-line tool speaks on stdout")]

use clap::{Parser, ValueEnum};
use mm_core::domain::{
    ClientOrderId, Digest, MarketIx, Nanos, NewOrder, Outcome, Price, Qty, Side, TimeInForce, Token, TokenId,
};
use mm_core::io::clock::Clock;
use mm_core::io::uds::{self, FrameError};
use mm_core::protocol::{FromExecutor, PROTOCOL_VERSION, ToExecutor};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::UnixStream;

/// How often the lease is renewed: it ends after 2 s.
const LEASE_EVERY: Duration = Duration::from_millis(500);

/// Places orders through a running executor and holds the line until Ctrl-C.
#[derive(Parser)]
struct Args {
    /// The executor's core.sock
    #[arg(long)]
    socket: PathBuf,
    /// The venue's token id, decimal
    #[arg(long, value_parser = TokenId::parse)]
    token: TokenId,
    /// Which way
    #[arg(long, value_enum)]
    side: Way,
    /// Dollars a share
    #[arg(long, value_parser = Price::parse)]
    price: Price,
    /// Shares
    #[arg(long, value_parser = Qty::parse)]
    size: Qty,
    /// How many such orders
    #[arg(long, default_value_t = 1)]
    count: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Way {
    Buy,
    Sell,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.map_err(FrameError::Io).and_then(|runtime| runtime.block_on(drill(&args))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("place: {}: {why}", args.socket.display());
            ExitCode::FAILURE
        }
    }
}

async fn drill(args: &Args) -> Result<(), FrameError> {
    let clock = Clock::new();
    let (mut from, mut to) = uds::split(UnixStream::connect(&args.socket).await?);
    let token = Token { market: MarketIx(0), outcome: Outcome::Yes };
    to.send(&ToExecutor::Hello {
        version: PROTOCOL_VERSION,
        run: clock.now().ms(),
        config: Digest([0; 32]),
        tokens: vec![(token, args.token.clone())],
    })
    .await?;
    let order = NewOrder {
        token,
        side: match args.side {
            Way::Buy => Side::Buy,
            Way::Sell => Side::Sell,
        },
        price: args.price,
        qty: args.size,
        post_only: true,
        tif: TimeInForce::Gtc,
    };
    let (mut placed, mut was_open) = (false, false);
    let mut lease = tokio::time::interval(LEASE_EVERY);
    loop {
        tokio::select! {
            message = from.recv::<FromExecutor>() => {
                let message = message?;
                let gate = match message {
                    FromExecutor::Welcome { gate, .. } | FromExecutor::Gate(gate) => Some(gate),
                    _ => None,
                };
                let is_open = gate.map_or(was_open, |gate| gate.is_open(clock.now()));
                // an open gate is told again and again with a later end
                if !(is_open && was_open && matches!(message, FromExecutor::Gate(_))) {
                    println!("{} {message:?}", clock.now());
                }
                was_open = is_open;
                if matches!(message, FromExecutor::Goodbye { .. }) {
                    return Ok(());
                }
                if is_open && !placed {
                    placed = true;
                    for id in (1..=args.count).map(ClientOrderId) {
                        to.send(&ToExecutor::Place { id, at: clock.now(), order }).await?;
                    }
                }
            }
            _ = lease.tick() => to.send(&ToExecutor::Alive { oldest_feed: Nanos::ZERO }).await?,
            _ = tokio::signal::ctrl_c() => return Ok(()),
        }
    }
}
