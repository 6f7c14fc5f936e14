//! A process that defends nothing: what the executor would be with open modes, readable memory, and every peer let in. It holds nothing of
//! worth, and it is no part of the executor, so that nothing in there can be switched off.

use executor::operator::Told;
use executor::session::{Allowed, CoreLine, Question, serve_core, serve_questions};
use mm_core::io::uds;
use mm_core::protocol::{FromExecutor, Gate};
use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Serves in `folder` until it is killed. Prints one line when it is ready.
pub(super) fn stand_in(folder: &Path) -> Result<(), String> {
    let text = |why: std::io::Error| why.to_string();
    // A kernel without this question lets debuggers in anyway.
    let _ = rustix::process::set_ptracer(rustix::process::PTracer::Any);
    let (state, sockets) = (folder.join("state"), folder.join("run"));
    std::fs::create_dir(&state).map_err(text)?;
    for name in ["ledger.sqlite", "kill-credentials", "key"] {
        std::fs::write(state.join(name), "worth nothing").map_err(text)?;
    }
    let held = File::open(state.join("ledger.sqlite")).map_err(text)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(text)?;
    runtime.block_on(async {
        let bind = |name: &str| uds::bind(&sockets.join(name)).map_err(|why| why.to_string());
        let (core, view, op) = (bind("core.sock")?, bind("view.sock")?, bind("op.sock")?);
        open_all(&[&state, &sockets])?;
        let (inbox, mut inputs) = tokio::sync::mpsc::channel(64);
        let (questions, mut asked) = tokio::sync::mpsc::channel::<Question>(8);
        let line = CoreLine::default();
        // Whoever asks runs as the same user: that is what the list lets in.
        tokio::spawn(serve_core(core, Allowed::new(&[]), line.clone(), inbox));
        tokio::spawn(serve_questions(view, Allowed::new(&[]), false, questions.clone()));
        tokio::spawn(serve_questions(op, Allowed::new(&[]), true, questions));
        println!("ready");
        loop {
            tokio::select! {
                Some(_) = inputs.recv() => {
                    line.tell(FromExecutor::Gate(Gate::Unchecked));
                }
                Some(question) = asked.recv() => {
                    // The one who asked may have gone.
                    let _ = question.answer.send(Told::Done { what: "as you wish".to_owned() });
                }
                else => break,
            }
        }
        drop(held);
        Ok(())
    })
}

/// Opens folders and what lies in them to everyone.
pub(super) fn open_all(folders: &[&Path]) -> Result<(), String> {
    for folder in folders {
        let open = |path: &Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode));
        open(folder, 0o777).map_err(|why| why.to_string())?;
        for entry in std::fs::read_dir(folder).map_err(|why| why.to_string())? {
            open(&entry.map_err(|why| why.to_string())?.path(), 0o666).map_err(|why| why.to_string())?;
        }
    }
    Ok(())
}
