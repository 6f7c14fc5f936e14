//! Events and facts in words: the entries of the log.
//!
//! Numbers are in the smallest units: nanoseconds, millionths of a dollar or a share, ten-thousandths of a dollar for prices. An
//! entry holds what was done and every fact that followed, so the venue's part of a run can be done again from the log alone.

use super::bot::{Ask, News as BotNews};
use super::crowd::{Control, Event};
use crate::agents::{News, Request};
use crate::exchange::{Fact, OrderChange, PlaceRequest};
use crate::kernel::Class;
use crate::log::Writer;
use executor::outcome::VenueCall;
use mm_core::domain::{Digest, Outcome, Side, TimeInForce, Timestamp};

/// Opens an entry: time, class and what happens. Facts follow.
pub(super) fn begin(out: &mut Writer, at: Timestamp, class: Class, event: &Event) {
    out.object().key("at").int(at.nanos()).key("class").text(class.name()).key("do").list();
    what(out, event);
    out.end().key("facts").list();
}

/// Closes it.
pub(super) fn end(out: &mut Writer, n: u64) {
    out.end().key("n").int(n).end();
}

/// An entry about the whole state as it was at `clock`, which is part of it.
pub(super) fn state(out: &mut Writer, n: u64, clock: Timestamp, state: &Digest) {
    out.object().key("clock").int(clock.nanos()).key("n").int(n).key("state").text(&state.to_string()).end();
}

fn what(out: &mut Writer, event: &Event) {
    match event {
        Event::Open(address, funds) => {
            out.text("open").text(address).int(funds.micro());
        }
        Event::Venue => {
            out.text("tick");
        }
        Event::Latent => {
            out.text("latent");
        }
        Event::Announce(market, winner) => {
            out.text("announce").int(market.0).text(outcome_name(*winner));
        }
        Event::Control(control) => match control {
            Control::Feed { speaks } => {
                out.text("feed").int(u8::from(*speaks));
            }
            Control::Geoblocked(on) => {
                out.text("geoblocked").int(u8::from(*on));
            }
            Control::ClosedOnly(on) => {
                out.text("closed-only").int(u8::from(*on));
            }
        },
        Event::Wake(seat) => {
            out.text("wake").int(*seat);
        }
        Event::Arrive(_, account, request) => self::request(out, account.0, request),
        Event::Hear(seat, news, _) => {
            out.text("hear").int(*seat);
            self::news(out, news.as_ref());
        }
        Event::BotTurn => {
            out.text("bot-turn");
        }
        Event::BotAsk(account, ask) => self::ask(out, account.0, ask),
        Event::BotNews(news) => {
            out.text("bot-hear").text(match **news {
                BotNews::Reply { .. } => "reply",
                BotNews::User(_) => "user",
                BotNews::Book(..) => "book",
                BotNews::Catalog(_) => "catalog",
                BotNews::Durable(_) => "durable",
                BotNews::UserLink(_) => "user-link",
            });
        }
    }
}

fn request(out: &mut Writer, account: u32, request: &Request) {
    match *request {
        Request::Place { market, outcome, side, price, qty, tif, post_only, .. } => {
            out.text("submit").int(account).int(market.0).text(outcome_name(outcome)).text(side_name(side));
            out.int(price.ten_thousandths()).int(qty.micro());
            time_in_force(out, tif);
            out.int(u8::from(post_only));
        }
        Request::Cancel { order } => {
            out.text("withdraw").int(account).int(order.0);
        }
        Request::CancelAll => {
            out.text("cancel-all").int(account);
        }
        Request::Split { market, qty } => {
            out.text("split").int(account).int(market.0).int(qty.micro());
        }
        Request::Merge { market, qty } => {
            out.text("merge").int(account).int(market.0).int(qty.micro());
        }
    }
}

fn ask(out: &mut Writer, account: u32, ask: &Ask) {
    match ask {
        Ask::Post { order, .. } => {
            let PlaceRequest { id, token, side, price, qty, tif, post_only, owner } = &**order;
            out.text("place").int(account).text(&id.to_string()).text(token.as_str()).text(side_name(*side));
            out.int(price.ten_thousandths()).int(qty.micro());
            time_in_force(out, *tif);
            out.int(u8::from(*post_only)).text(owner);
        }
        Ask::Call { request, .. } => match request {
            VenueCall::Cancel(ids) => {
                out.text("cancel").int(account);
                for id in ids {
                    out.text(&id.to_string());
                }
            }
            VenueCall::CancelAll => {
                out.text("cancel-all").int(account);
            }
            VenueCall::CancelMarket(condition) => {
                out.text("cancel-market").int(account).text(condition.as_str());
            }
            VenueCall::Heartbeat { id } => {
                out.text("beat").int(account).text(id);
            }
            // what changes nothing at the venue
            _ => {
                out.text("read").int(account);
            }
        },
        Ask::Subscribe(market) => {
            out.text("subscribe").int(market.0);
        }
        Ask::Book(token) => {
            out.text("book").int(token.market.0).text(outcome_name(token.outcome));
        }
        Ask::Catalog => {
            out.text("catalog");
        }
    }
}

fn news(out: &mut Writer, news: Option<&News>) {
    match news {
        None => out.text("balance"),
        Some(News::Accepted { tag, order }) => out.text("accepted").int(*tag).int(order.0),
        Some(News::Rejected { tag }) => out.text("rejected").int(*tag),
        Some(News::Filled { order, qty, .. }) => out.text("filled").int(order.0).int(qty.micro()),
        Some(News::Ended { order }) => out.text("ended").int(order.0),
        Some(News::Split { qty, .. }) => out.text("split").int(qty.micro()),
        Some(News::Merged { qty, .. }) => out.text("merged").int(qty.micro()),
        // reals have no one spelling in decimals; their bits have
        Some(News::Jump(jump)) => out.text("jump").int(jump.market.0).int(jump.after.to_bits()),
    };
}

fn time_in_force(out: &mut Writer, tif: TimeInForce) {
    match tif {
        TimeInForce::Gtc => out.text("GTC"),
        TimeInForce::Gtd(end) => out.int(end.nanos()),
        TimeInForce::Fok => out.text("FOK"),
        TimeInForce::Fak => out.text("FAK"),
    };
}

const fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Yes => "yes",
        Outcome::No => "no",
    }
}

const fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "buy",
        Side::Sell => "sell",
    }
}

/// One fact.
pub(super) fn fact(out: &mut Writer, fact: &Fact) {
    out.list();
    match *fact {
        Fact::Level { market, side, price, qty, first } => {
            out.text("level").int(market.0).text(side_name(side)).int(price.ten_thousandths()).int(qty.micro());
            out.text(outcome_name(first));
        }
        Fact::Print { market, outcome, side, price, qty } => {
            out.text("print").int(market.0).text(outcome_name(outcome)).text(side_name(side));
            out.int(price.ten_thousandths()).int(qty.micro());
        }
        Fact::Whole { market, outcome } => {
            out.text("whole").int(market.0).text(outcome_name(outcome));
        }
        Fact::Tick { market, old, new } => {
            out.text("tick").int(market.0).int(old.ten_thousandths()).int(new.ten_thousandths());
        }
        Fact::Opened { market } => {
            out.text("opened").int(market.0);
        }
        Fact::Closed { market } => {
            out.text("closed").int(market.0);
        }
        Fact::Resolved { market, winner } => {
            out.text("resolved").int(market.0).text(winner.map_or("half", outcome_name));
        }
        Fact::Order { account, order, change, matched, left } => {
            let what = match change {
                OrderChange::Placed => "placed",
                OrderChange::Updated => "updated",
                OrderChange::Ended(why) => why.name(),
            };
            out.text(what).int(account.0).int(order.0).int(matched.micro()).int(left.micro());
        }
        Fact::Fill { account, order, trade, market, outcome, side, price, qty, fee, taker } => {
            out.text("fill").int(account.0).int(order.0).int(trade.0).int(market.0).text(outcome_name(outcome));
            out.text(side_name(side))
                .int(price.ten_thousandths())
                .int(qty.micro())
                .int(fee.micro())
                .int(u8::from(taker));
        }
        Fact::Paid { account, kind, amount } => {
            out.text(kind.name()).int(account.0).int(amount.micro());
        }
        Fact::Trade { trade, stage } => {
            out.text("trade").int(trade.0).text(stage.word());
        }
    }
    out.end();
}
