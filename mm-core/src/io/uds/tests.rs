use super::*;
use crate::domain::ClientOrderId;
use crate::protocol::ToExecutor;
use proptest::prelude::*;

fn frames_of(stream: &[u8], cuts: &[usize]) -> (Vec<Vec<u8>>, Decoder, Option<FrameError>) {
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    let mut start = 0;
    for end in cuts.iter().copied().chain([stream.len()]) {
        decoder.push(&stream[start..end]);
        start = end;
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame.to_vec()),
                Ok(None) => break,
                Err(why) => return (frames, decoder, Some(why)),
            }
        }
    }
    (frames, decoder, None)
}

proptest! {
    #[test]
    fn any_split_gives_the_same_frames(
        payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..12),
        mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut stream = Vec::new();
        for payload in &payloads {
            encode(payload, &mut stream).expect("small enough");
        }
        let mut at: Vec<usize> = cuts.drain(..).map(|cut| cut.index(stream.len() + 1)).collect();
        at.sort_unstable();
        let (frames, decoder, error) = frames_of(&stream, &at);
        prop_assert!(error.is_none());
        prop_assert_eq!(frames, payloads);
        prop_assert!(matches!(decoder.end_of_stream(), FrameError::Closed));
    }

    #[test]
    fn garbage_never_panics_and_never_yields_an_oversized_frame(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let (frames, decoder, error) = frames_of(&bytes, &[]);
        let used: usize = frames.iter().map(|frame| frame.len() + HEADER).sum();
        prop_assert!(used <= bytes.len());
        match error {
            Some(FrameError::TooLarge { size, .. }) => {
                let header: [u8; 4] = bytes[used..used + 4].try_into().expect("four bytes");
                prop_assert_eq!(size, u64::from(u32::from_le_bytes(header)));
                prop_assert!(size > FRAME_MAX as u64);
            }
            Some(other) => prop_assert!(false, "{other}"),
            None => prop_assert_eq!(matches!(decoder.end_of_stream(), FrameError::Closed), used == bytes.len()),
        }
    }
}

#[test]
fn every_cut_of_one_message_is_torn_by_what_is_missing() {
    let mut stream = Vec::new();
    encode_message(&ToExecutor::Cancel { id: ClientOrderId(7) }, &mut stream).expect("small enough");
    for cut in 1..stream.len() {
        let (frames, decoder, error) = frames_of(&stream[..cut], &[]);
        assert!(frames.is_empty() && error.is_none());
        let expected = if cut < HEADER { HEADER - cut } else { stream.len() - cut };
        let FrameError::Torn { missing } = decoder.end_of_stream() else { panic!("cut at {cut} is not torn") };
        assert_eq!(missing, expected as u64, "cut at {cut}");
    }
}

#[test]
fn the_limit_is_judged_on_the_length_alone() {
    let mut decoder = Decoder::new();
    decoder.push(&u32::MAX.to_le_bytes());
    for _ in 0..2 {
        let Err(FrameError::TooLarge { size, limit }) = decoder.next_frame() else { panic!("taken") };
        assert_eq!((size, limit), (u64::from(u32::MAX), FRAME_MAX as u64));
    }
    assert!(decoder.buffer.capacity() < 64, "nothing was set aside for it");

    let mut out = vec![1, 2, 3];
    assert!(encode(&vec![0; FRAME_MAX + 1], &mut out).is_err());
    assert!(encode_message(&"x".repeat(FRAME_MAX), &mut out).is_err(), "the quotes make it too long");
    assert_eq!(out, [1, 2, 3]);
    encode(&vec![0; FRAME_MAX], &mut out).expect("exactly the limit");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

#[test]
fn messages_cross_a_real_socket_and_the_peer_is_known() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/core.sock");
        let server = bind(&path).expect("free");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o660);
        let parent = path.parent().expect("a folder");
        assert_eq!(std::fs::metadata(parent).expect("there").permissions().mode() & 0o7777, 0o750);

        let (ours, theirs) = tokio::join!(UnixStream::connect(&path), server.accept());
        let theirs = theirs.expect("a connection");
        assert_eq!(peer_uid(&theirs).expect("known"), rustix::process::geteuid().as_raw());
        let (_, mut writer) = split(ours.expect("a connection"));
        let (mut reader, _keep) = split(theirs);
        for n in 0..100 {
            writer.queue(&ToExecutor::Cancel { id: ClientOrderId(n) }).expect("room");
        }
        writer.flush().await.expect("written");
        for n in 0..100 {
            let message: ToExecutor = reader.recv().await.expect("a message");
            assert_eq!(message, ToExecutor::Cancel { id: ClientOrderId(n) });
        }
        writer.send(&"not of the protocol").await.expect("written");
        assert!(matches!(reader.recv::<ToExecutor>().await, Err(FrameError::Garbage(_))));
        drop(writer);
        assert!(matches!(reader.recv::<ToExecutor>().await, Err(FrameError::Closed)));
    });
}

#[test]
fn a_reader_that_never_reads_is_noticed() {
    runtime().block_on(async {
        let (ours, _theirs) = UnixStream::pair().expect("a pair");
        let (_, mut writer) = split(ours);
        let long = "x".repeat(FRAME_MAX - 2);
        let why = loop {
            if let Err(why) = writer.queue(&long) {
                break why;
            }
        };
        assert!(matches!(why, FrameError::Backlog { .. }), "{why}");
    });
}

#[test]
fn a_stale_socket_is_replaced_and_a_living_one_is_not() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o750)).expect("ours");
        let path = folder.path().join("core.sock");
        // A process that died leaves its socket behind: nobody listens on it.
        drop(std::os::unix::net::UnixListener::bind(&path).expect("free"));
        let server = bind(&path).expect("stale");
        assert!(matches!(bind(&path), Err(BindError::InUse { .. })));
        drop(server);
        assert!(!path.exists(), "taken away with its server");
        // A foreign program that takes no lock.
        let _foreign = std::os::unix::net::UnixListener::bind(&path).expect("free");
        assert!(matches!(bind(&path), Err(BindError::InUse { .. })));
    });
}

#[test]
fn a_file_or_an_open_folder_is_refused_and_left_alone() {
    runtime().block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o750)).expect("ours");
        let path = folder.path().join("core.sock");
        std::fs::write(&path, "keep me").expect("written");
        assert!(matches!(bind(&path), Err(BindError::NotASocket { .. })));
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "keep me");

        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("ours");
        let why = bind(&folder.path().join("other.sock")).expect_err("others could look inside");
        assert!(matches!(why, BindError::OpenFolder { mode: 0o755, .. }), "{why}");
    });
}
