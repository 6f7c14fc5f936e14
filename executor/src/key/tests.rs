use super::*;
use std::os::unix::fs::PermissionsExt as _;

/// The first of the well-known public development keys. Never fund it.
const DEV_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

fn load(text: &str, mode: u32) -> Result<Key, KeyError> {
    let dir = tempfile::tempdir().expect("temporary folder");
    let path = dir.path().join("key");
    std::fs::write(&path, text).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("mode set");
    Key::load(&path, Keeper::Us)
}

#[test]
fn loads_a_private_file() {
    for (text, mode) in [(DEV_KEY.to_owned(), 0o400), (format!("{}\n", &DEV_KEY[2..]), 0o600)] {
        let key = load(&text, mode).expect("a key");
        assert_eq!(key.address().to_string(), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
    }
}

#[test]
fn refuses_files_others_can_touch() {
    for mode in [0o644, 0o440, 0o660, 0o700, 0o4600] {
        assert!(matches!(load(DEV_KEY, mode), Err(KeyError::File(SecretFileError::Mode { .. }))), "{mode:o}");
    }
}

#[test]
fn refuses_what_is_not_a_key_and_never_repeats_it() {
    let order_of_the_curve = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    for text in ["", "0x", "12", &DEV_KEY[..65], &format!("{DEV_KEY}0"), &"0".repeat(64), order_of_the_curve, "zz"] {
        let error = load(text, 0o400).err().expect("refused").to_string();
        assert!(error.ends_with("does not hold a private key of 64 hex digits"), "{error}");
        assert!(text.len() < 10 || !error.contains(text), "{error}");
    }
}

#[test]
fn refuses_links_folders_and_absence() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let target = dir.path().join("key");
    std::fs::write(&target, DEV_KEY).expect("written");
    std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o400)).expect("mode set");
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&target, &link).expect("linked");
    assert!(matches!(Key::load(&link, Keeper::Us), Err(KeyError::File(SecretFileError::Open { .. }))));
    assert!(matches!(Key::load(dir.path(), Keeper::Us), Err(KeyError::File(SecretFileError::NotAFile { .. }))));
    assert!(matches!(
        Key::load(&dir.path().join("absent"), Keeper::Us),
        Err(KeyError::File(SecretFileError::Open { .. }))
    ));
}

#[test]
fn throw_away_keys_differ() {
    let a = Key::throw_away().expect("a key").address();
    assert_ne!(a, Key::throw_away().expect("a key").address());
}

/// By the kernel's own word on the mapping the key lies in.
#[test]
fn it_lies_on_a_page_of_its_own_that_is_locked_or_says_why_not() {
    let key = Key::throw_away().expect("a key");
    let at = std::ptr::from_ref(&*key.page).addr();
    assert_eq!((at % 4096, size_of::<Page>()), (0, 4096));
    let maps = std::fs::read_to_string("/proc/self/smaps").expect("Linux");
    let mut here = false;
    let flags = maps.lines().find_map(|line| {
        let bounds = line.split_once(' ').and_then(|(bounds, _)| bounds.split_once('-'));
        let bounds = bounds.map(|(from, to)| (usize::from_str_radix(from, 16), usize::from_str_radix(to, 16)));
        if let Some((Ok(from), Ok(to))) = bounds {
            here = (from..to).contains(&at);
        }
        line.strip_prefix("VmFlags:").filter(|_| here)
    });
    let locked = flags.expect("it is somewhere").split_whitespace().any(|flag| flag == "lo");
    assert_eq!(locked, key.is_locked().is_ok(), "{:?}", key.is_locked());
}
