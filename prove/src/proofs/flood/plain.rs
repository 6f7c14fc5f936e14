//! What a frame says, read plainly: every field once, none unknown, whole numbers in their range.

use super::json::{J, read};
use mm_core::domain::{NewOrder, Outcome, Side, TimeInForce, Token};
use mm_core::protocol::ToExecutor;

/// An order in bare numbers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Order {
    pub(super) token: (u16, bool),
    pub(super) buy: bool,
    /// Ten-thousandths of a dollar.
    pub(super) price: u16,
    /// Millionths of a share.
    pub(super) qty: u64,
    pub(super) post_only: bool,
    pub(super) lives: Lives,
}

/// How long an order lives.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Lives {
    Gtc,
    /// Nanoseconds since 1970.
    Gtd(u64),
    Taker,
}

/// A message in bare numbers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Says {
    Hello { version: u16, run: u64, config: String, tokens: Vec<((u16, bool), String)> },
    Alive(u64),
    Place { id: u64, at: u64, order: Order },
    Cancel(u64),
    CancelAll(Option<u16>),
}

/// What a core's frame says; `None`: nothing.
pub(super) fn says(frame: &[u8]) -> Option<Says> {
    let (name, body) = one(read(frame)?)?;
    Some(match name.as_str() {
        "Hello" => {
            let [version, run, config, tokens] = fields(body, ["version", "run", "config", "tokens"])?;
            Says::Hello {
                version: u16::try_from(whole(&version?)?).ok()?,
                run: whole(&run?)?,
                config: digest(&config?)?,
                tokens: items(tokens?)?.into_iter().map(row).collect::<Option<_>>()?,
            }
        }
        "Alive" => {
            let [age] = fields(body, ["oldest_feed"])?;
            Says::Alive(whole(&age?)?)
        }
        "Place" => {
            let [id, at, order] = fields(body, ["id", "at", "order"])?;
            Says::Place { id: whole(&id?)?, at: whole(&at?)?, order: read_order(order?)? }
        }
        "Cancel" => {
            let [id] = fields(body, ["id"])?;
            Says::Cancel(whole(&id?)?)
        }
        "CancelAll" => {
            let is_list = matches!(body, J::Arr(_));
            match fields(body, ["market"])? {
                // A list must name it; in an object a missing market means all.
                [None] if is_list => return None,
                [None | Some(J::Null)] => Says::CancelAll(None),
                [Some(market)] => Says::CancelAll(Some(u16::try_from(whole(&market)?).ok()?)),
            }
        }
        _ => return None,
    })
}

/// A word on `view.sock` or `op.sock`: its name, and the length of a halt's reason in characters.
pub(super) fn asks(frame: &[u8]) -> Option<(&'static str, usize)> {
    const WORDS: [&str; 4] = ["Status", "CancelAll", "AskArm", "AcceptBalances"];
    let value = read(frame)?;
    if let Some(nth) = word(value.clone(), &WORDS) {
        return Some((WORDS[nth], 0));
    }
    let (name, body) = one(value)?;
    let text = |field| match fields(body.clone(), [field])? {
        [Some(J::Str(text))] => Some(text.chars().count()),
        _ => None,
    };
    match name.as_str() {
        "Halt" => Some(("Halt", text("reason")?)),
        "Tighten" => text("config").map(|_| ("Tighten", 0)),
        "Arm" => text("code").map(|_| ("Arm", 0)),
        _ => None,
    }
}

/// What a decoded message says.
pub(super) fn of(message: &ToExecutor) -> Says {
    match message {
        ToExecutor::Hello { version, run, config, tokens } => Says::Hello {
            version: *version,
            run: *run,
            config: config.to_string(),
            tokens: tokens.iter().map(|(token, id)| (number(*token), id.to_string())).collect(),
        },
        ToExecutor::Alive { oldest_feed } => Says::Alive(oldest_feed.nanos()),
        ToExecutor::Place { id, at, order } => Says::Place { id: id.0, at: at.nanos(), order: of_order(order) },
        ToExecutor::Cancel { id } => Says::Cancel(id.0),
        ToExecutor::CancelAll { market } => Says::CancelAll(market.map(|market| market.0)),
    }
}

fn number(token: Token) -> (u16, bool) {
    (token.market.0, token.outcome == Outcome::Yes)
}

pub(super) fn of_order(order: &NewOrder) -> Order {
    Order {
        token: number(order.token),
        buy: order.side == Side::Buy,
        price: order.price.ten_thousandths(),
        qty: order.qty.micro(),
        post_only: order.post_only,
        lives: lives_of(order.tif),
    }
}

pub(super) fn lives_of(tif: TimeInForce) -> Lives {
    match tif {
        TimeInForce::Gtc => Lives::Gtc,
        TimeInForce::Gtd(end) => Lives::Gtd(end.nanos()),
        TimeInForce::Fok | TimeInForce::Fak => Lives::Taker,
    }
}

fn read_order(value: J) -> Option<Order> {
    let [token, side, price, qty, post_only, tif] =
        fields(value, ["token", "side", "price", "qty", "post_only", "tif"])?;
    let price = u16::try_from(whole(&price?)?).ok()?;
    Some(Order {
        token: read_token(token?)?,
        buy: word(side?, &["Buy", "Sell"])? == 0,
        price: (price <= 10_000).then_some(price)?,
        qty: whole(&qty?)?,
        post_only: match post_only? {
            J::Bool(value) => value,
            _ => return None,
        },
        lives: match tif? {
            J::Obj(fields) if fields.len() == 1 && fields[0].0 == "Gtd" => Lives::Gtd(whole(&fields[0].1)?),
            other => match word(other, &["Gtc", "Fok", "Fak"])? {
                0 => Lives::Gtc,
                _ => Lives::Taker,
            },
        },
    })
}

fn read_token(value: J) -> Option<(u16, bool)> {
    let [market, outcome] = fields(value, ["market", "outcome"])?;
    Some((u16::try_from(whole(&market?)?).ok()?, word(outcome?, &["Yes", "No"])? == 0))
}

fn row(value: J) -> Option<((u16, bool), String)> {
    let [number, id]: [J; 2] = items(value)?.try_into().ok()?;
    let J::Str(id) = id else { return None };
    let digits = !id.is_empty() && id.len() <= 78 && id.bytes().all(|byte| byte.is_ascii_digit());
    (digits && (id == "0" || !id.starts_with('0'))).then_some(())?;
    Some((read_token(number)?, id))
}

fn digest(value: &J) -> Option<String> {
    let J::Str(text) = value else { return None };
    (text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| text.to_ascii_lowercase())
}

/// A whole number as JSON writes it: no sign, point or exponent.
fn whole(value: &J) -> Option<u64> {
    let J::Num(text) = value else { return None };
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn items(value: J) -> Option<Vec<J>> {
    if let J::Arr(items) = value { Some(items) } else { None }
}

/// The only field of an object.
fn one(value: J) -> Option<(String, J)> {
    let J::Obj(fields) = value else { return None };
    let [only]: [(String, J); 1] = fields.try_into().ok()?;
    Some(only)
}

/// One of these words, alone or as a key without a value.
fn word(value: J, words: &[&str]) -> Option<usize> {
    let text = match value {
        J::Str(text) => text,
        other => match one(other)? {
            (text, J::Null) => text,
            _ => return None,
        },
    };
    words.iter().position(|word| *word == text)
}

/// The fields by name, each at most once and no other; or all of them in order as a list.
fn fields<const N: usize>(value: J, names: [&str; N]) -> Option<[Option<J>; N]> {
    let mut found = [const { None }; N];
    match value {
        J::Obj(fields) => {
            for (key, value) in fields {
                let place = names.iter().position(|name| *name == key)?;
                if found[place].replace(value).is_some() {
                    return None;
                }
            }
        }
        J::Arr(items) => {
            let items: [J; N] = items.try_into().ok()?;
            found = items.map(Some);
        }
        _ => return None,
    }
    Some(found)
}
