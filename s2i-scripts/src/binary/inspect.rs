//! The kind of a file, by its content.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use object::{
    Endianness, FileKind, ReadCache, ReadRef, elf,
    read::elf::{Dyn as _, FileHeader, ProgramHeader as _},
};
use s2i_core::detect::ArchiveFormat;
pub(super) use s2i_core::detect::is_tar;

/// The kind of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A program or a library for Linux or a system like it.
    Elf(Elf),
    /// A text that the program at this path runs.
    Script {
        interpreter: String,
    },
    /// An archive or a compressed file.
    Archive(Format),
    /// A web page, as servers send it in place of a missing file.
    Page,
    Windows,
    Mac,
    /// An archive with a program for Java.
    Java,
    Empty,
    Other,
}

/// The format of an archive or of a compressed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Tar,
    /// A file or a tar archive, compressed with gzip.
    Gzip,
    Zip,
    /// A format that cannot be unpacked here, by its name.
    Other(&'static str),
}

/// A file in the format of programs for Linux.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Elf {
    /// The processor, by its name in Go and OCI.
    pub(crate) arch: String,
    /// It can be started, and is not a library.
    pub(crate) is_program: bool,
    /// The program that loads it; a static one needs none.
    pub(crate) interpreter: Option<String>,
    /// The libraries that it needs.
    pub(crate) libraries: Vec<String>,
}

/// The number of bytes of a file that show its kind.
const HEAD: u64 = 512;

/// Returns the kind of a file.
pub(crate) fn inspect(path: &Path) -> io::Result<Kind> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD).read_to_end(&mut head)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    match by_head(&head, &name.to_ascii_lowercase()) {
        Kind::Elf(_) => {
            let cache = ReadCache::new(File::open(path)?);
            // A cut or damaged file is not a program.
            Ok(read_elf(&cache).map_or(Kind::Other, Kind::Elf))
        }
        kind => Ok(kind),
    }
}

fn by_head(head: &[u8], name: &str) -> Kind {
    match ArchiveFormat::of(name, head) {
        Some(ArchiveFormat::Tar) => return Kind::Archive(Format::Tar),
        Some(ArchiveFormat::Gzip) => return Kind::Archive(Format::Gzip),
        Some(ArchiveFormat::Zip) => return Kind::Archive(Format::Zip),
        None => {}
    }
    let endings = [".jar", ".war", ".ear"];
    match head {
        [] => Kind::Empty,
        [0x7f, b'E', b'L', b'F', ..] => Kind::Elf(Elf::default()),
        [b'#', b'!', line @ ..] => script(line),
        [b'M', b'Z', ..] => Kind::Windows,
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 1..=9, ..] => {
            Kind::Mac
        }
        [0xca, 0xfe, 0xba, 0xbe, ..] => Kind::Java,
        [b'P', b'K', 3, 4, ..] if endings.iter().any(|end| name.ends_with(end)) => Kind::Java,
        [0xfd, b'7', b'z', b'X', b'Z', ..] => Kind::Archive(Format::Other("xz")),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Kind::Archive(Format::Other("zstd")),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Kind::Archive(Format::Other("bzip2")),
        [b'7', b'z', 0xbc, 0xaf, ..] => Kind::Archive(Format::Other("7z")),
        _ if is_page(head) => Kind::Page,
        _ => Kind::Other,
    }
}

fn is_page(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let starts = ["<!doctype html", "<html", "<?xml"];
    let text = text.trim_start();
    starts.iter().any(|start| text.starts_with(start))
}

/// Returns the kind of a script by what follows the `#!`.
fn script(head: &[u8]) -> Kind {
    let line = head.split(|byte| *byte == b'\n').next();
    let line = String::from_utf8_lossy(line.unwrap_or_default());
    let interpreter = line.split_whitespace().next().unwrap_or_default();
    Kind::Script {
        interpreter: interpreter.to_owned(),
    }
}

fn read_elf<'data, R: ReadRef<'data>>(data: R) -> object::Result<Elf> {
    match FileKind::parse(data)? {
        FileKind::Elf32 => read_header::<elf::FileHeader32<Endianness>, R>(data),
        _ => read_header::<elf::FileHeader64<Endianness>, R>(data),
    }
}

fn read_header<'data, H, R>(data: R) -> object::Result<Elf>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let header = H::parse(data)?;
    let endian = header.endian()?;
    let segments = header.program_headers(endian, data)?;
    let mut found = Elf {
        arch: arch(header.e_machine(endian), header.is_little_endian()),
        ..Elf::default()
    };
    let (mut names, mut table, mut is_pie) = (Vec::new(), None, false);
    for segment in segments {
        if let Some(path) = segment.interpreter(endian, data)? {
            found.interpreter = Some(String::from_utf8_lossy(path).into_owned());
        }
        for entry in segment.dynamic(endian, data)?.unwrap_or_default() {
            let value = entry.val(endian);
            match entry.tag(endian) {
                elf::DT_NEEDED => names.push(value),
                elf::DT_STRTAB => table = Some(value),
                elf::DT_FLAGS_1 => is_pie = value & elf::DF_1_PIE.0 != 0,
                _ => {}
            }
        }
    }
    for name in names {
        let address = table.unwrap_or_default().wrapping_add(name);
        let name = text_at::<H, R>(segments, address, endian, data);
        found.libraries.extend(name);
    }
    found.is_program = match header.e_type(endian) {
        elf::ET_EXEC => true,
        elf::ET_DYN => is_pie || found.interpreter.is_some(),
        _ => false,
    };
    Ok(found)
}

/// Returns the text at an address of the loaded file.
fn text_at<'data, H, R>(
    segments: &[H::ProgramHeader],
    address: u64,
    endian: Endianness,
    data: R,
) -> Option<String>
where
    H: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let loads = segments
        .iter()
        .filter(|segment| segment.p_type(endian) == elf::PT_LOAD);
    for segment in loads {
        let start: u64 = segment.p_vaddr(endian).into();
        let size: u64 = segment.p_filesz(endian).into();
        let Some(inside) = address.checked_sub(start).filter(|inside| *inside < size) else {
            continue;
        };
        let offset: u64 = segment.p_offset(endian).into();
        let from = offset.checked_add(inside)?;
        let bytes = data
            .read_bytes_at_until(from..offset.checked_add(size)?, 0)
            .ok()?;
        return Some(String::from_utf8_lossy(bytes).into_owned());
    }
    None
}

fn arch(machine: elf::Machine, is_little: bool) -> String {
    match machine {
        elf::EM_X86_64 => "amd64".into(),
        elf::EM_AARCH64 => "arm64".into(),
        elf::EM_386 => "386".into(),
        elf::EM_ARM => "arm".into(),
        elf::EM_PPC64 if is_little => "ppc64le".into(),
        elf::EM_S390 => "s390x".into(),
        elf::EM_RISCV => "riscv64".into(),
        elf::EM_LOONGARCH => "loong64".into(),
        other => format!("machine {other:?}"),
    }
}
