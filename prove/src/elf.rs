//! The names in a program's symbol tables (ELF, 64 bits, little-endian), as the linker wrote them.

const SYMTAB: u32 = 2;
const DYNSYM: u32 = 11;
/// Size of a section header, and of a symbol.
const HEADER: usize = 64;
const SYMBOL: usize = 24;

/// Every name; `None` if the bytes are no such program.
pub(crate) fn symbols(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    if bytes.get(..6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let (table, count) = (word(bytes, 0x28, 8)?, word(bytes, 0x3c, 2)?);
    let header = |nth: usize| bytes.get(table.checked_add(nth.checked_mul(HEADER)?)?..)?.get(..HEADER);
    let content = |header: &[u8]| {
        let (at, size) = (word(header, 0x18, 8)?, word(header, 0x20, 8)?);
        bytes.get(at..at.checked_add(size)?)
    };
    let mut names = Vec::new();
    for nth in 0..count {
        let section = header(nth)?;
        if ![SYMTAB, DYNSYM].map(|kind| kind as usize).contains(&word(section, 4, 4)?) {
            continue;
        }
        let strings = content(header(word(section, 0x28, 4)?)?)?;
        for symbol in content(section)?.chunks_exact(SYMBOL) {
            let name = strings.get(word(symbol, 0, 4)?..)?;
            names.push(&name[..name.iter().position(|byte| *byte == 0)?]);
        }
    }
    Some(names)
}

/// A number of `size` bytes.
fn word(bytes: &[u8], at: usize, size: usize) -> Option<usize> {
    let part = bytes.get(at..at.checked_add(size)?)?;
    usize::try_from(part.iter().rev().fold(0u64, |n, byte| n << 8 | u64::from(*byte))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_names_are_found_and_garbage_has_none() {
        let ours = std::fs::read(std::env::current_exe().expect("our path")).expect("our program");
        let names = symbols(&ours).expect("a program");
        assert!(names.iter().any(|name| *name == b"main"));
        assert!(names.iter().any(|name| memchr::memmem::find(name, b"our_own_names_are_found").is_some()));
        assert_eq!(symbols(b"\x7fELF\x02\x01"), None);
        assert_eq!(symbols(&ours[..ours.len() / 2]), None);
        assert_eq!(symbols(b"#!/bin/sh"), None);
    }
}
