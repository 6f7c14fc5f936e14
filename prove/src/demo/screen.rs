//! The live table: one picture of the whole stack as text. Pure: what is shown is what is given.

use std::fmt::Write as _;

/// Everything the table shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct View {
    /// Name of the tape.
    pub(crate) tape: String,
    /// Share of the tape played, 0 to 1000.
    pub(crate) permille: u64,
    /// Tape time played and its whole length, seconds.
    pub(crate) played_s: (u64, u64),
    /// Tape time for each second of wall clock.
    pub(crate) speed: f64,
    /// One row a market.
    pub(crate) markets: Vec<MarketRow>,
    /// The executor's gate as the core knows it.
    pub(crate) gate: String,
    /// Placements and cancels in the last minute of wall clock.
    pub(crate) calls_per_minute: u64,
    /// Totals since the start: frames, placed, cancelled, accepted, fills.
    pub(crate) totals: [u64; 5],
    /// Whole books of the venue read so far for the comparison.
    pub(crate) books_read: u64,
    /// Rewards earned so far at the venue, dollars.
    pub(crate) rewards: String,
}

/// One market's row.
#[derive(Clone, Debug, Default)]
pub(crate) struct MarketRow {
    /// Name.
    pub(crate) name: String,
    /// `synced`, `unsynced`, `suspect`.
    pub(crate) sync: String,
    /// Midpoint without our orders.
    pub(crate) midpoint: String,
    /// Our YES bid, `price×size`.
    pub(crate) yes_bid: String,
    /// Our NO bid.
    pub(crate) no_bid: String,
    /// Why nothing is quoted.
    pub(crate) no_quote: String,
    /// Reward score of a minute.
    pub(crate) score: String,
    /// Share of the pool.
    pub(crate) share: String,
    /// Shares held, YES and NO.
    pub(crate) held: (String, String),
    /// Witness comparisons with the venue's book: equal, different.
    pub(crate) witness: (u64, u64),
}

/// Cells of a progress bar.
const BAR: usize = 30;

/// The table for a terminal.
pub(crate) fn render(view: &View) -> String {
    let mut out = String::new();
    render_into(view, &mut out).expect("writing to a String cannot fail");
    out
}

fn render_into(view: &View, out: &mut String) -> std::fmt::Result {
    let full = usize::try_from(view.permille.min(1000)).unwrap_or(0) * BAR / 1000;
    writeln!(
        out,
        "{}  [{}{}] {} of {} at {}",
        view.tape,
        "#".repeat(full),
        ".".repeat(BAR - full),
        clock(view.played_s.0),
        clock(view.played_s.1),
        speed(view.speed)
    )?;
    writeln!(
        out,
        "{:<22} {:<9} {:>8}  {:>12} {:>12}  {:>10} {:>7}  {:>13}  {:>7}",
        "market", "book", "midpoint", "our YES bid", "our NO bid", "score/min", "share", "held YES/NO", "witness"
    )?;
    for row in &view.markets {
        let quotes = if row.yes_bid.is_empty() && row.no_bid.is_empty() && !row.no_quote.is_empty() {
            format!("{:>25}", fit(&format!("({})", row.no_quote), 25))
        } else {
            format!("{:>12} {:>12}", dash(&row.yes_bid), dash(&row.no_bid))
        };
        writeln!(
            out,
            "{:<22} {:<9} {:>8}  {quotes}  {:>10} {:>7}  {:>13}  {:>7}",
            fit(&row.name, 22),
            row.sync,
            dash(&row.midpoint),
            dash(&row.score),
            row.share,
            format!("{}/{}", row.held.0, row.held.1),
            format!(
                "{}={}",
                row.witness.0,
                if row.witness.1 == 0 { String::new() } else { format!(" {}!", row.witness.1) }
            ),
        )?;
    }
    let [frames, placed, canceled, accepted, fills] = view.totals;
    writeln!(out, "gate {}   orders/min {}   rewards so far ${}", view.gate, view.calls_per_minute, view.rewards)?;
    writeln!(
        out,
        "frames {frames}   placed {placed}   accepted {accepted}   cancelled {canceled}   fills {fills}   venue books compared {}",
        view.books_read
    )
}

/// The same in one line, for a pipe.
pub(crate) fn line(view: &View) -> String {
    let synced = view.markets.iter().filter(|m| m.sync == "synced").count();
    let quoting = view.markets.iter().filter(|m| !m.yes_bid.is_empty() || !m.no_bid.is_empty()).count();
    let [frames, placed, canceled, accepted, fills] = view.totals;
    format!(
        "{} of {}  synced {synced}/{}  quoting {quoting}  frames {frames}  placed {placed}  accepted {accepted}  cancelled {canceled}  fills {fills}  gate {}",
        clock(view.played_s.0),
        clock(view.played_s.1),
        view.markets.len(),
        view.gate
    )
}

fn clock(seconds: u64) -> String {
    format!("{:02}:{:02}", seconds / 60, seconds % 60)
}

fn speed(times: f64) -> String {
    if times > 0.0 { format!("{times}x") } else { "full speed".to_owned() }
}

fn dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

/// The text, or as much of it as fits with a mark where it was cut.
fn fit(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['~']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_quotes_or_the_reason_for_none() {
        let row = |name: &str, yes: &str, why: &str| MarketRow {
            name: name.to_owned(),
            sync: "synced".to_owned(),
            midpoint: "0.365".to_owned(),
            yes_bid: yes.to_owned(),
            no_quote: why.to_owned(),
            score: "12.5".to_owned(),
            share: "3.10%".to_owned(),
            held: ("10".to_owned(), "0".to_owned()),
            witness: (4, 0),
            ..MarketRow::default()
        };
        let view = View {
            tape: "nhl".to_owned(),
            permille: 500,
            played_s: (425, 850),
            speed: 10.0,
            markets: vec![row("a", "0.35x50", ""), row("a-market-with-a-very-long-name", "", "TooWide")],
            gate: "open".to_owned(),
            ..View::default()
        };
        let text = render(&view);
        assert!(text.contains("07:05 of 14:10 at 10x"), "{text}");
        assert!(text.contains("0.35x50            -"), "{text}");
        assert!(text.contains("(TooWide)"), "{text}");
        assert!(text.contains("a-market-with-a-very-~"), "{text}");
        let widths: Vec<usize> = text.lines().skip(1).take(3).map(|l| l.chars().count()).collect();
        assert!(widths.windows(2).all(|w| w[0] == w[1]), "columns do not line up: {widths:?}\n{text}");
    }
}
