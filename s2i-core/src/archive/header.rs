//! Decodes the header blocks of an archive.

use tar::Header;

use super::{
    HeaderFault,
    grammar::{self, BLOCK, number, text},
};

/// What a header says.
#[derive(Debug)]
pub(super) struct Head {
    /// The type flag.
    pub(super) kind: u8,
    /// The name, with its prefix.
    pub(super) name: Vec<u8>,
    /// The target of a link.
    pub(super) target: Vec<u8>,
    /// Bytes of contents.
    pub(super) size: u64,
    /// Permissions.
    pub(super) mode: u32,
    /// Seconds since 1970.
    pub(super) mtime: u64,
    /// The numbers of user and group, where they are ones.
    pub(super) owner: Option<(u32, u32)>,
}

/// Reads one header block.
pub(super) fn decode(block: &[u8; BLOCK]) -> Result<Head, HeaderFault> {
    let name = grammar::name(block)?;
    let fields = Header::from_byte_slice(block).as_old();
    let size = number(&fields.size).ok_or(HeaderFault::Number("size"))?;
    let mode = number(&fields.mode).ok_or(HeaderFault::Number("mode"))?;
    Ok(Head {
        kind: fields.linkflag[0],
        name,
        target: text(&fields.linkname)
            .ok_or(HeaderFault::Text("link name"))?
            .to_vec(),
        size,
        mode: u32::try_from(mode & 0o7777).expect("twelve bits"),
        // Times before 1970 are negative numbers.
        mtime: number(&fields.mtime).unwrap_or(0),
        owner: owner(&fields.uid).zip(owner(&fields.gid)),
    })
}

fn owner(field: &[u8]) -> Option<u32> {
    number(field)?.try_into().ok()
}
