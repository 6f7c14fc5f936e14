//! The whole bot against a venue that misbehaves: four real processes, faults switched on through the venue's admin API.
//!
//! One proof for each group of faults, its kinds as cases. A case begins with a healthy bot, switches the fault on, lets it act,
//! switches it off, and wants a healthy bot again: books that are the venue's, quotes that rest, no order lost track of. At the
//! end the account is made flat and the ledger is held against everything the venue ever accepted.

mod cases;
mod stage;

use crate::proof::{Bench, Depth, Evidence, Proof, Verdict};
use crate::proofs::{in_runtime, judged};
use crate::stack::StackError;
use cases::{Case, During};
use stage::{Failure, Stage};

/// All claims of this file.
pub(crate) const PROOFS: &[Proof] = &[
    Proof {
        id: "dead-feeds-withdraw",
        milestone: 5,
        claim: "While the market feed is dead, frozen, half-open or closed again and again nothing rests on books that are not \
                known; when it lives again books and quotes come back by themselves.",
        quick: false,
        min_cases: 3,
        run: |bench| in_runtime(survives(bench, &cases::FEEDS, Sabotage::None)),
        sabotage_claim: "watchdogs that wait an hour",
        sabotage: Some(|bench| in_runtime(survives(bench, &cases::FEEDS[..1], Sabotage::SleepyWatchdogs))),
    },
    Proof {
        id: "dead-user-stream-cancels",
        milestone: 5,
        claim: "The user stream is silent with its socket open and PONG answered, half-open, frozen, cut or closed again and again, while \
                orders are filled: the executor shuts its gate for that and withdraws everything; when the stream lives again quotes come back.",
        quick: false,
        min_cases: 2,
        run: |bench| in_runtime(survives(bench, &cases::USER, Sabotage::None)),
        sabotage_claim: "what the stream does not tell is waited for a minute",
        sabotage: Some(|bench| in_runtime(survives(bench, &cases::USER[..1], Sabotage::PatientWithTheStream))),
    },
    Proof {
        id: "broken-frames-leave-true-books",
        milestone: 5,
        claim: "Frames that are lost, doubled, late, out of order, half, crossed or in another format, and REST books that are \
                stale or ghosts, end with the venue's own books and resting quotes.",
        quick: false,
        min_cases: 3,
        run: |bench| in_runtime(survives(bench, &cases::FRAMES, Sabotage::None)),
        sabotage_claim: "the core's books are held against those of the other token",
        sabotage: Some(|bench| in_runtime(survives(bench, &cases::FRAMES[..1], Sabotage::OtherToken))),
    },
    Proof {
        id: "false-answers-leave-a-true-ledger",
        milestone: 5,
        claim: "Answers that are lost, late, false or torn, limits, restarts and heartbeats that go wrong end with a ledger \
                that knows every order the venue has taken, and with as many orders open as the venue holds.",
        quick: false,
        min_cases: 3,
        run: |bench| in_runtime(survives(bench, &cases::ANSWERS, Sabotage::None)),
        sabotage_claim: "the refusals never end",
        sabotage: Some(|bench| in_runtime(survives(bench, &cases::ANSWERS[..1], Sabotage::Endless))),
    },
    Proof {
        id: "strange-fills-are-counted-once",
        milestone: 5,
        claim: "Fills told late, twice, backwards, behind a cancel, together, or that fail on the chain end with the shares the \
                venue says are ours.",
        quick: false,
        min_cases: 3,
        run: |bench| in_runtime(survives(bench, &cases::FILLS, Sabotage::None)),
        sabotage_claim: "what the account holds is read with one share more",
        sabotage: Some(|bench| in_runtime(survives(bench, &cases::FILLS[..1], Sabotage::OneShareMore))),
    },
    Proof {
        id: "what-is-bought-can-be-sold",
        milestone: 5,
        claim: "A venue that looks up no balance by itself takes sales of what has just been bought: it was asked to look, and a whole                 bot went from the fill to the resting sale.",
        quick: false,
        min_cases: 1,
        run: |bench| in_runtime(survives(bench, &cases::BALANCES, Sabotage::None)),
        sabotage_claim: "being asked to look changes nothing",
        sabotage: Some(|bench| in_runtime(survives(bench, &cases::BALANCES, Sabotage::DeafToUpdates))),
    },
    Proof {
        id: "changed-worlds-are-survived",
        milestone: 5,
        claim: "Ticks, reward terms, markets, answers, place, standing, balances and the venue's clock change in mid-session; where \
                quoting must stop it stops, and it resumes by itself when the world is as before.",
        quick: false,
        min_cases: 3,
        run: |bench| in_runtime(survives(bench, &cases::WORLDS, Sabotage::None)),
        sabotage_claim: "the region stays blocked",
        sabotage: Some(|bench| in_runtime(survives(bench, &cases::WORLDS[..1], Sabotage::Endless))),
    },
];

/// What is broken on purpose.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sabotage {
    None,
    /// No watchdog of the core ever fires.
    SleepyWatchdogs,
    /// The executor waits a minute for the stream to tell of what REST knows.
    PatientWithTheStream,
    /// The fault is not switched off.
    Endless,
    /// The venue's best prices are read as those of the other token.
    OtherToken,
    /// The venue's balance cache stays as it is when it is asked to look again.
    DeafToUpdates,
    /// The venue's holdings are read with one share too many: not with one fill, which can be what the venue still has to settle.
    OneShareMore,
}

/// Runs the cases of a group one after the other on one bot; the first of each group are the default, all of them the full depth.
async fn survives(bench: &Bench, cases: &[Case], sabotage: Sabotage) -> Result<Verdict, StackError> {
    let count = match bench.depth {
        Depth::Full => cases.len(),
        Depth::Quick | Depth::Default => cases.iter().filter(|case| case.default).count(),
    };
    let mut evidence = Evidence::default();
    let mut wrong = Vec::new();
    let sells = cases.iter().any(|case| case.during == During::Sells);
    let stage = Stage::set(bench, sabotage, sells).await?;
    for case in cases.iter().filter(|case| case.default || bench.depth == Depth::Full) {
        match one(&stage, case, sabotage).await {
            Ok(()) => evidence.cases += 1,
            Err(Failure::Wrong(why)) => {
                wrong.push(format!("{}: {why}", case.name()));
                // what follows would be judged by a bot that is not well to begin with
                break;
            }
            Err(Failure::Broken(why)) => return Err(StackError(format!("{}: {why}", case.name()))),
        }
    }
    match stage.end().await {
        // only a case can show that a sabotage is seen
        Err(Failure::Wrong(why)) if sabotage == Sabotage::None => wrong.push(why),
        Ok(()) | Err(Failure::Wrong(_)) => {}
        Err(Failure::Broken(why)) if wrong.is_empty() => return Err(why),
        Err(Failure::Broken(why)) => evidence.fact("and the stage broke", why),
    }
    evidence.fact("kinds", count);
    Ok(judged(evidence, &wrong))
}

/// One fault, from a healthy bot to a healthy bot.
async fn one(stage: &Stage, case: &Case, sabotage: Sabotage) -> Result<(), Failure> {
    stage.healthy("before it").await?;
    stage.switch_on(case).await?;
    let during = match case.during {
        During::Withdraws => stage.withdraws(case).await,
        During::LeavesFirst => stage.leaves_first(case).await,
        During::Anything => stage.lives(case).await,
        During::Heals => match stage.lives(case).await {
            Ok(()) => stage.healthy("while it acts").await,
            failed => failed,
        },
        During::Filled => stage.is_filled(case).await,
        During::Distrusts => stage.distrusts(case).await,
        During::Sells => stage.sells(case).await,
        During::Halts => stage.halts(case).await,
    };
    if sabotage != Sabotage::Endless {
        stage.switch_off().await?;
    }
    during?;
    if case.during == During::Halts || (case.may_halt && stage.is_halted()?) {
        stage.arm().await?;
    }
    stage.healthy("after it").await
}
