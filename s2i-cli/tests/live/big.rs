//! A large source: the memory stays flat, the image holds it once.

use std::{fs, io::Write as _, path::Path};

use crate::harness::{is_thorough, live};

const FILES: u64 = 20_000;
const FILE_SIZE: u64 = 20_000;

/// What `s2i` may need at most, in KiB.
const MEMORY: u64 = 64 * 1024;

#[test]
fn twenty_thousand_files_fit_through_little_memory() {
    let Some(live) = live() else { return };
    if !is_thorough() {
        return;
    }
    let source = live.path("source");
    fill(&source);
    let done = live.build(&["--progress", "plain"], &source).succeeds();
    assert!(done.peak_kib > 0, "it was not measured");
    assert!(done.peak_kib < MEMORY, "{} KiB", done.peak_kib);
    let layer = live.engine.last_layer(&live.image("app"), &live.path(""));
    // Wherever they are: a second copy would count as well.
    let files = layer.values().filter(|file| file.size == FILE_SIZE);
    assert_eq!(files.clone().count() as u64, FILES);
    let bytes: u64 = files.map(|file| file.size).sum();
    assert_eq!(bytes, FILES * FILE_SIZE);
    assert!(layer.contains_key("app/99/99"), "it is in /app");
}

/// Fills a directory with bytes that compress badly.
fn fill(root: &Path) {
    let mut state: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut bytes = vec![0; usize::try_from(FILE_SIZE).unwrap()];
    for piece in bytes.chunks_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        piece.copy_from_slice(&state.to_le_bytes()[..piece.len()]);
    }
    for number in 0..FILES {
        let dir = root.join((number / 200).to_string());
        fs::create_dir_all(&dir).unwrap();
        let mut file = fs::File::create(dir.join((number % 200).to_string())).unwrap();
        // The same noise from another place, so that no two files are alike.
        let at = usize::try_from(number % FILE_SIZE).unwrap();
        file.write_all(&bytes[at..]).unwrap();
        file.write_all(&bytes[..at]).unwrap();
    }
}
