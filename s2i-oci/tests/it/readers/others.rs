//! What GNU tar and Go see in an archive.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use super::{Entry, shown};

static HAS_GNU_TAR: LazyLock<bool> = LazyLock::new(|| {
    let version = Command::new("tar").arg("--version").output();
    let has = version.is_ok_and(|version| version.stdout.starts_with(b"tar (GNU tar)"));
    if !has {
        eprintln!("SKIPPED: the comparison with GNU tar, which is not on this machine");
    }
    has
});

/// The entries that GNU tar lists, without contents, and the contents of all files, one after another.
pub(super) fn gnu(archive: &Path) -> Option<(Vec<Entry>, Vec<u8>)> {
    if !*HAS_GNU_TAR {
        return None;
    }
    let run = |args: &[&str]| {
        let mut tar = Command::new("tar");
        tar.args(args).arg("--file").arg(archive).env("LC_ALL", "C");
        // Its exit status reports warnings, but it lists the entries nevertheless.
        tar.output().unwrap().stdout
    };
    let listed = run(&[
        "--list",
        "--verbose",
        "--numeric-owner",
        "--full-time",
        "--quoting-style=escape",
        "--quote-chars= ",
    ]);
    let lines = listed.split(|byte| *byte == b'\n');
    let entries = lines.filter(|line| !line.is_empty()).map(gnu_entry);
    Some((entries.collect(), run(&["--extract", "--to-stdout"])))
}

/// A line such as `lrwxrwxrwx 0/0 0 1970-01-01 00:16:40 NAME -> TARGET`.
fn gnu_entry(line: &[u8]) -> Entry {
    let line = str::from_utf8(line).expect("an escaped line");
    let mut rest = line;
    let mut field = || {
        let (field, after) = rest.split_once(' ').expect("a field more");
        rest = after.trim_start();
        field
    };
    let (permissions, _owner, size, _date, _time) = (field(), field(), field(), field(), field());
    let kind = match permissions.as_bytes()[0] {
        b'-' => '0',
        b'h' => '1',
        b'l' => '2',
        b'c' => '3',
        b'b' => '4',
        b'd' => '5',
        b'p' => '6',
        other => panic!("{}", char::from(other)),
    };
    // Spaces in names are escaped.
    let (name, target) = match kind {
        '1' => rest.split_once(" link to ").expect("a target"),
        '2' => rest.split_once(" -> ").expect("a target"),
        _ => (rest, ""),
    };
    let name = unescaped(name);
    Entry {
        kind,
        name: shown(trimmed(&name)),
        target: shown(&unescaped(target)),
        size: size.parse().unwrap_or(0),
        mode: mode(&permissions.as_bytes()[1..]),
        content: None,
    }
}

/// The bits of `rwsr-x--t`.
fn mode(permissions: &[u8]) -> u32 {
    let bit = |(index, letter): (usize, &u8)| {
        let own = 0o400 >> index;
        let special = [0o4000, 0o2000, 0o1000][index / 3];
        match letter {
            b'-' => 0,
            b's' | b't' => own | special,
            b'S' | b'T' => special,
            _ => own,
        }
    };
    permissions.iter().enumerate().map(bit).sum()
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            plain.push(byte);
            continue;
        }
        plain.push(match bytes.next().expect("an escaped character") {
            high @ b'0'..=b'7' => {
                let mut digit = || bytes.next().expect("three digits") - b'0';
                (high - b'0') << 6 | digit() << 3 | digit()
            }
            other => {
                let index = b"abfnrtv".iter().position(|known| *known == other);
                index.map_or(other, |index| b"\x07\x08\x0c\n\r\t\x0b"[index])
            }
        });
    }
    plain
}

/// A name without the slashes that some readers add to directories.
pub(super) fn trimmed(name: &[u8]) -> &[u8] {
    let end = name.iter().rposition(|byte| *byte != b'/');
    &name[..end.map_or(0, |end| end + 1)]
}

/// Returns the entries that Go lists of each file in a directory, or its error.
pub(super) fn go(dir: &Path) -> Option<BTreeMap<String, Result<Vec<Entry>, String>>> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/readers/list.go");
    let output = Command::new("go")
        .arg("run")
        .arg(program)
        .args(&files)
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "")
        .output();
    let Ok(output) = output else {
        eprintln!("SKIPPED: the comparison with Go, which is not on this machine");
        return None;
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let mut listed = BTreeMap::new();
    let mut last = None;
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        match line.split_once(' ').expect("two words") {
            ("archive", path) => {
                let name = Path::new(path).file_name().unwrap().to_str().unwrap();
                last = Some(listed.entry(name.to_owned()).or_insert(Ok(Vec::new())));
            }
            ("entry", entry) => {
                let entries = last.as_mut().expect("an archive").as_mut();
                entries.expect("no error before it").push(go_entry(entry));
            }
            (_, error) => {
                let error = String::from_utf8(hex(error)).unwrap();
                **last.as_mut().expect("an archive") = Err(error);
            }
        }
    }
    Some(listed)
}

fn go_entry(line: &str) -> Entry {
    let mut fields = line.split(' ');
    let mut field = || fields.next().expect("a field more");
    let kind = field().parse().expect("one letter");
    let mode = u32::from_str_radix(field(), 8).expect("octal digits");
    let size = field().parse().expect("digits");
    let (name, target, content) = (hex(field()), hex(field()), field());
    let kind = if kind == 'S' { '0' } else { kind };
    Entry {
        kind,
        name: shown(trimmed(&name)),
        target: match kind {
            '1' | '2' => shown(&target),
            _ => String::new(),
        },
        size,
        mode: mode & 0o7777,
        content: (kind == '0').then(|| content.to_owned()),
    }
}

/// The bytes of hex digits behind a point.
fn hex(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix('.').expect("a point").as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks_exact(2).map(byte).collect()
}
