//! Taking files out of an archive, and listing what is in it.

use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    path::Path,
};

use cap_std::{ambient_authority, fs::Dir};
use flate2::read::MultiGzDecoder;
use s2i_core::archive::{self, Entry, Kind, Limits, Selection};

use super::{
    arguments::{Arguments, Mode},
    chain,
};

/// How much of an archive is read at once, in bytes.
const BUFFER: usize = 256 << 10;

/// How a file starts that gzip has compressed.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Extracts or lists. The error is a text.
pub(super) fn run(args: &Arguments) -> Result<(), String> {
    let mut archive = open(args.file.as_deref())?;
    let is_list = args.mode == Mode::List;
    let mut out = io::stdout().lock();
    let mut wanted: Vec<Wanted<'_>> = args
        .operands
        .iter()
        .map(|(_, name)| Wanted::new(name))
        .collect();
    let mut wants = |entry: &Entry| {
        let is_wanted = wanted.is_empty() || mark(&mut wanted, &entry.name);
        let is_wanted = is_wanted && !args.exclude.matches(&entry.name);
        if is_wanted && (is_list || args.is_verbose) {
            // A reader of the list that has read enough is no reason to stop.
            let _ = print(&mut out, entry, is_list && args.is_verbose);
        }
        is_wanted && !is_list
    };
    let selection = Selection {
        wants: &mut wants,
        strip: args.strip,
        keeps_owners: args
            .keeps_owners
            .unwrap_or_else(|| rustix::process::geteuid().is_root()),
    };
    let directory = if args.directory.as_os_str().is_empty() || is_list {
        Path::new(".")
    } else {
        &args.directory
    };
    let into = Dir::open_ambient_dir(directory, ambient_authority())
        .map_err(|err| format!("can't open `{}`: {err}", directory.display()))?;
    archive::unpack_selected(&mut archive, &into, &Limits::default(), selection)
        .map_err(|err| chain(&err))?;
    match wanted.iter().find(|wanted| !wanted.is_found) {
        Some(Wanted { name, .. }) => Err(format!("there is no `{name}` in the archive")),
        None => Ok(()),
    }
}

/// The plain bytes of the archive, whether it is compressed or not.
fn open(file: Option<&Path>) -> Result<BufReader<Box<dyn Read>>, String> {
    let mut archive: Box<dyn Read> = match file {
        Some(path) => {
            let file = File::open(path);
            Box::new(file.map_err(|err| format!("can't open `{}`: {err}", path.display()))?)
        }
        None => Box::new(io::stdin().lock()),
    };
    let mut start = Vec::new();
    let read = archive
        .by_ref()
        .take(GZIP.len() as u64)
        .read_to_end(&mut start);
    read.map_err(|err| format!("can't read the archive: {err}"))?;
    let is_gzip = start == GZIP;
    let whole = io::Cursor::new(start).chain(archive);
    let plain: Box<dyn Read> = if is_gzip {
        Box::new(MultiGzDecoder::new(BufReader::new(whole)))
    } else {
        Box::new(whole)
    };
    Ok(BufReader::with_capacity(BUFFER, plain))
}

/// An operand.
struct Wanted<'a> {
    name: &'a str,
    is_found: bool,
}

impl<'a> Wanted<'a> {
    fn new(name: &'a str) -> Self {
        Self {
            name,
            is_found: false,
        }
    }
}

/// Whether the entry is one of those, or below one.
fn mark(wanted: &mut [Wanted<'_>], name: &[u8]) -> bool {
    let mut is_wanted = false;
    for one in wanted {
        let mut parts = parts(name);
        if self::parts(one.name.as_bytes()).all(|part| parts.next() == Some(part)) {
            one.is_found = true;
            is_wanted = true;
        }
    }
    is_wanted
}

fn parts(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let parts = name.split(|&byte| byte == b'/');
    parts.filter(|part| !matches!(*part, b"" | b"."))
}

fn print(out: &mut impl Write, entry: &Entry, is_long: bool) -> io::Result<()> {
    if is_long {
        let (user, group) = entry.owner.unwrap_or_default();
        let (kind, mode, size) = (letter(entry.kind), permissions(entry.mode), entry.size);
        let time = date(entry.mtime);
        write!(out, "{kind}{mode} {user}/{group} {size:>9} {time} ")?;
    }
    out.write_all(&entry.name)?;
    if entry.kind == Kind::Directory && !entry.name.ends_with(b"/") {
        out.write_all(b"/")?;
    }
    let arrow: &[u8] = match entry.kind {
        Kind::Symlink if is_long => b" -> ",
        Kind::HardLink if is_long => b" link to ",
        _ => b"",
    };
    if !arrow.is_empty() {
        out.write_all(arrow)?;
        out.write_all(&entry.target)?;
    }
    out.write_all(b"\n")
}

fn letter(kind: Kind) -> char {
    match kind {
        Kind::File => '-',
        Kind::Directory => 'd',
        Kind::Symlink => 'l',
        Kind::HardLink => 'h',
    }
}

fn permissions(mode: u32) -> String {
    let bits = "rwxrwxrwx".chars().zip((0..9).rev());
    bits.map(|(letter, bit)| if mode >> bit & 1 == 1 { letter } else { '-' })
        .collect()
}

/// Seconds since 1970 as a date in UTC.
fn date(seconds: u64) -> String {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    // Years that start in March have their leap day at the end.
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = year + 400 * era + later;
    let (hour, minute) = (seconds / 3_600 % 24, seconds / 60 % 60);
    format!("{year}-{month:02}-{day_of_month:02} {hour:02}:{minute:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(date(0), "1970-01-01 00:00");
        assert_eq!(date(951_782_399), "2000-02-28 23:59");
        assert_eq!(date(951_782_400), "2000-02-29 00:00");
        assert_eq!(date(1_735_689_600), "2025-01-01 00:00");
        assert_eq!(date(4_107_542_400), "2100-03-01 00:00");
    }

    #[test]
    fn operands_are_whole_components() {
        let names = ["a/b", "./c/"];
        let mut wanted: Vec<_> = names.iter().map(|name| Wanted::new(name)).collect();
        assert!(!mark(&mut wanted, b"a/bc"));
        assert!(!mark(&mut wanted, b"a"));
        assert!(mark(&mut wanted, b"./a/b/d"));
        assert!(mark(&mut wanted, b"c"));
        assert!(wanted.iter().all(|one| one.is_found));
    }
}
