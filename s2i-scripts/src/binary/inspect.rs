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
pub enum Kind {
    /// A program or a library for Linux or a system like it.
    Elf(Elf),
    /// A text that another program runs.
    Script {
        /// The path of that program.
        interpreter: String,
    },
    /// An archive or a compressed file.
    Archive(Packing),
    /// A page of the web, as servers send it when they have not what was asked for.
    Page,
    /// A program for Windows.
    Windows,
    /// A program for macOS.
    Mac,
    /// An archive with a program for Java.
    Java,
    /// Nothing at all.
    Empty,
    /// Something else.
    Other,
}

/// The format of an archive or of a compressed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// A tar archive.
    Tar,
    /// A file or a tar archive, compressed with gzip.
    Gzip,
    /// A zip archive.
    Zip,
    /// Something that can't be unpacked here, by its name.
    Other(&'static str),
}

/// A file in the format of programs for Linux.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elf {
    /// The processor, as Go and OCI call it.
    pub arch: String,
    /// It can be started, and is no library.
    pub is_program: bool,
    /// The program that loads it; a static one needs none.
    pub interpreter: Option<String>,
    /// The libraries that it needs.
    pub libraries: Vec<String>,
}

/// The bytes of a file that show its kind.
const HEAD: u64 = 512;

/// Looks into a file.
///
/// # Errors
/// When it can't be read.
pub fn inspect(path: &Path) -> io::Result<Kind> {
    let mut head = Vec::new();
    File::open(path)?.take(HEAD).read_to_end(&mut head)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let kind = by_head(&head, &name.to_ascii_lowercase());
    match kind {
        Kind::Elf(_) => {
            let cache = ReadCache::new(File::open(path)?);
            // What is cut or damaged is no program.
            Ok(read_elf(&cache).map_or(Kind::Other, Kind::Elf))
        }
        kind => Ok(kind),
    }
}

fn by_head(head: &[u8], name: &str) -> Kind {
    match ArchiveFormat::of(name, head) {
        Some(ArchiveFormat::Tar) => return Kind::Archive(Packing::Tar),
        Some(ArchiveFormat::Gzip) => return Kind::Archive(Packing::Gzip),
        Some(ArchiveFormat::Zip) => return Kind::Archive(Packing::Zip),
        None => {}
    }
    let is_java = || {
        [".jar", ".war", ".ear"]
            .iter()
            .any(|ending| name.ends_with(ending))
    };
    match head {
        [] => Kind::Empty,
        [0x7f, b'E', b'L', b'F', ..] => Kind::Elf(Elf::default()),
        [b'#', b'!', ..] => script(head),
        [b'M', b'Z', ..] => Kind::Windows,
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 1..=9, ..] => {
            Kind::Mac
        }
        [0xca, 0xfe, 0xba, 0xbe, ..] => Kind::Java,
        [b'P', b'K', 3, 4, ..] if is_java() => Kind::Java,
        [0xfd, b'7', b'z', b'X', b'Z', ..] => Kind::Archive(Packing::Other("xz")),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Kind::Archive(Packing::Other("zstd")),
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => Kind::Archive(Packing::Other("bzip2")),
        [b'7', b'z', 0xbc, 0xaf, ..] => Kind::Archive(Packing::Other("7z")),
        _ if is_page(head) => Kind::Page,
        _ => Kind::Other,
    }
}

fn is_page(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head)
        .trim_start()
        .to_ascii_lowercase();
    ["<!doctype html", "<html", "<?xml"]
        .iter()
        .any(|start| text.starts_with(start))
}

fn script(head: &[u8]) -> Kind {
    let line = head[2..]
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_whitespace();
    Kind::Script {
        interpreter: words.next().unwrap_or_default().to_owned(),
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
        found
            .libraries
            .extend(text_at::<H, R>(segments, address, endian, data));
    }
    let kind = header.e_type(endian);
    let is_shared = kind == elf::ET_DYN;
    found.is_program =
        kind == elf::ET_EXEC || (is_shared && (is_pie || found.interpreter.is_some()));
    Ok(found)
}

/// The text at an address of the loaded file.
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
