//! The real `mm-core` binary between a stage feed, a stage REST host and a stage executor, all on loopback.
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "a stage reads and writes files")]
#![expect(unreachable_pub, reason = "a test crate has no public surface")]

mod stage;

use mm_core::domain::{ClientOrderId, Usdc};
use mm_core::event::Input;
use mm_core::io::journal_file::{lines, read_manifest};
use mm_core::journal::{Ended, Record, decode};
use mm_core::protocol::{Caps, FromExecutor, Gate, PROTOCOL_VERSION, Shut, ToExecutor};
use mm_core::venue::subscribe::ClientFrame;
use rustix::process::Signal;
use stage::{Stage, book_frame, look_back};

fn welcome() -> FromExecutor {
    let caps = Caps { order: Usdc::MAX, market: Usdc::MAX, total: Usdc::MAX };
    FromExecutor::Welcome { open: Vec::new(), gate: Gate::Shut(Shut::Halted), caps }
}

/// Inputs of all turns of a finished run.
fn inputs(folder: &std::path::Path) -> Vec<Input> {
    let records = lines(folder).expect("segments").map(|line| decode(&line.expect("readable")).expect("a record"));
    let turns = records.filter_map(|record| match record {
        Record::Turn(turn) => Some(turn.inputs),
        _ => None,
    });
    turns.flatten().collect()
}

#[test]
fn a_run_from_its_first_line_to_its_replay() {
    stage::block_on(async {
        let stage = Stage::new().await;
        let mut run = stage.start().await;

        let mut executor = stage.accept_executor().await;
        let ToExecutor::Hello { version, run: number, tokens, .. } = executor.hear().await else { panic!("no Hello") };
        assert_eq!((version, number), (PROTOCOL_VERSION, run.number));
        let ids: Vec<String> = tokens.iter().map(|(_, id)| id.to_string()).collect();
        assert_eq!(ids, ["101", "102"]);
        executor.say(&welcome()).await;

        let mut feed = stage.accept_feed().await;
        let first = ClientFrame::decode(&feed.hear().await).expect("a client frame");
        assert!(matches!(&first, ClientFrame::Initial { tokens, .. } if tokens.len() == 2), "{first:?}");
        feed.say(&book_frame("101")).await;
        feed.say("not json at all {").await;

        // The lease goes on whatever the feed brings.
        for _ in 0..3 {
            executor.hear_until(|message| matches!(message, ToExecutor::Alive { .. })).await;
        }
        let (status, body) = stage.get(&format!("{}/snapshot", run.metrics)).await;
        assert_eq!(status, 200, "{body}");
        let (status, body) = stage.get(&format!("{}/metrics", run.metrics)).await;
        assert!(status == 200 && body.contains("mm_turn_seconds_count"), "{body}");

        // The executor goes away and comes back: same run, so the same Hello.
        drop(executor);
        let mut executor = stage.accept_executor().await;
        let again = executor.hear().await;
        assert!(matches!(again, ToExecutor::Hello { run: number, .. } if number == run.number), "{again:?}");
        executor.say(&welcome()).await;
        executor.say(&FromExecutor::Rejected { id: ClientOrderId(99), why: "never placed".into() }).await;

        // The feed breaks: a new connection is greeted in full.
        drop(feed);
        let mut feed = stage.accept_feed().await;
        assert_eq!(ClientFrame::decode(&feed.hear().await).expect("a client frame"), first);

        executor.hear_until(|message| matches!(message, ToExecutor::Alive { .. })).await;
        run.signal(Signal::TERM);
        assert_eq!(run.exit_code().await, Some(0), "{}", run.stderr());

        assert_eq!(read_manifest(&run.folder).expect("readable").ended, Ended::Ended);
        let inputs = inputs(&run.folder);
        for (what, found) in [
            ("markets", inputs.iter().any(|i| matches!(i, Input::Universe(m) if m.len() == 1))),
            ("the link", inputs.iter().any(|i| matches!(i, Input::Link { up: true, .. }))),
            ("its loss", inputs.iter().any(|i| matches!(i, Input::Link { up: false, .. }))),
            (
                "the book",
                inputs.iter().any(|i| matches!(i, Input::MarketFrame { text, .. } if *text == book_frame("101"))),
            ),
            ("the executor's loss", inputs.iter().any(|i| matches!(i, Input::ExecutorLost))),
            ("the welcome", inputs.iter().any(|i| matches!(i, Input::Executor(FromExecutor::Welcome { .. })))),
            ("the pause", inputs.iter().any(|i| matches!(i, Input::Operator(_)))),
        ] {
            assert!(found, "{what} is not in the journal");
        }

        let (code, said) = look_back("replay", &run.folder, &[]).await;
        assert!(code == Some(0) && said.starts_with("identical, "), "{said}");
        let (code, said) = look_back("explain", &run.folder, &["--order", "99"]).await;
        assert!(code == Some(1) && said == "order 99 is not in this run\n", "{said}");
        let path = run.folder.join("turns-0000.ndjson");
        let text = std::fs::read_to_string(&path).expect("readable");
        std::fs::write(&path, text.replacen("0.48", "0.47", 1)).expect("ours");
        let (code, said) = look_back("replay", &run.folder, &[]).await;
        assert!(code == Some(1) && said.contains("differs"), "{said}");
    });
}

#[test]
fn without_an_executor_the_run_goes_on_and_still_ends_in_order() {
    stage::block_on(async {
        let mut stage = Stage::new().await;
        stage.close_executor();
        let mut run = stage.start().await;
        let mut feed = stage.accept_feed().await;
        feed.hear().await;
        run.signal(Signal::INT);
        assert_eq!(run.exit_code().await, Some(0), "{}", run.stderr());
        assert_eq!(read_manifest(&run.folder).expect("readable").ended, Ended::Ended);
    });
}

#[test]
fn a_journal_that_takes_nothing_more_stops_the_run_and_cancels_everything() {
    stage::block_on(async {
        let stage = Stage::new().await;
        let mut run = stage.start().await;
        let mut executor = stage.accept_executor().await;
        executor.say(&welcome()).await;
        let mut feed = stage.accept_feed().await;
        feed.hear().await;
        run.limit_files(32 * 1024);
        feed.say(&format!(r#"{{"event_type":"unheard_of","what":"{}"}}"#, "x".repeat(40 * 1024))).await;
        executor.hear_until(|message| matches!(message, ToExecutor::CancelAll { market: None })).await;
        assert_eq!(run.exit_code().await, Some(1), "{}", run.stderr());
        assert!(run.stderr().contains("cannot write"), "{}", run.stderr());
        assert_eq!(read_manifest(&run.folder).expect("readable").ended, Ended::Running);
    });
}

#[test]
fn what_cannot_start_says_why_on_one_line() {
    stage::block_on(async {
        let stage = Stage::new().await;
        let (exit, said) = stage.failing_start(|text| text.replace("condition = ", "conditoin = ")).await;
        let one_line = said.lines().count() == 1;
        assert!(exit == Some(2) && one_line && said.contains("unknown field `conditoin`"), "{exit:?} {said}");

        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = taken.local_addr().expect("bound").to_string();
        let (exit, said) = stage.failing_start(|text| text.replace("127.0.0.1:0", &address)).await;
        assert!(exit == Some(1) && said.contains(&format!("metrics.listen = {address}")), "{exit:?} {said}");

        let other = format!("0x{}", "9".repeat(64));
        let (exit, said) = stage.failing_start(|text| text.replace(stage::CONDITION, &other)).await;
        assert!(
            exit == Some(1) && said.contains(&format!("market {other}")) && said.contains("404"),
            "{exit:?} {said}"
        );
    });
}
