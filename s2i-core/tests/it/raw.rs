//! Builds archives from blocks, also those that no proper writer makes.

/// A header that can be changed in every byte before its checksum is set.
#[derive(Clone)]
pub(crate) struct Block([u8; 512]);

impl Block {
    /// A POSIX header.
    pub(crate) fn new(kind: u8, name: &[u8], size: u64) -> Self {
        let mut block = Self([0; 512]);
        let name = &name[..name.len().min(100)];
        block
            .put(0, name)
            .put(100, b"0000644\0")
            .put(108, b"0000000\0")
            .put(116, b"0000000\0");
        block
            .put(124, format!("{size:011o}\0").as_bytes())
            .put(136, b"00000001750\0");
        block.put(156, &[kind]).put(257, b"ustar\x0000");
        block
    }

    /// Puts bytes at an offset.
    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) -> &mut Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    /// Makes it a GNU header.
    pub(crate) fn gnu(&mut self) -> &mut Self {
        self.put(257, b"ustar  \0")
    }

    /// The block with its checksum.
    pub(crate) fn done(&mut self) -> Vec<u8> {
        seal(&mut self.0);
        self.0.to_vec()
    }
}

/// Sets the checksum of a block.
pub(crate) fn seal(block: &mut [u8]) {
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// Parts and the end of the archive.
pub(crate) fn tar(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut archive = parts.concat();
    archive.extend([0; 1024]);
    archive
}

/// Contents, filled up to whole blocks.
pub(crate) fn padded(content: &[u8]) -> Vec<u8> {
    let mut blocks = content.to_vec();
    blocks.resize(content.len().next_multiple_of(512), 0);
    blocks
}

pub(crate) fn file(name: impl AsRef<[u8]>, content: &str) -> Vec<u8> {
    typed(b'0', name, content)
}

/// An entry of any type with contents.
pub(crate) fn typed(kind: u8, name: impl AsRef<[u8]>, content: &str) -> Vec<u8> {
    let mut entry = Block::new(kind, name.as_ref(), content.len() as u64).done();
    entry.extend(padded(content.as_bytes()));
    entry
}

pub(crate) fn dir(name: impl AsRef<[u8]>) -> Vec<u8> {
    Block::new(b'5', name.as_ref(), 0)
        .put(100, b"0000755\0")
        .done()
}

pub(crate) fn link(name: &str, target: &str) -> Vec<u8> {
    assert!(target.len() <= 100, "this needs a long link");
    Block::new(b'2', name.as_bytes(), 0)
        .put(157, target.as_bytes())
        .done()
}

pub(crate) fn hard_link(name: &str, target: &str) -> Vec<u8> {
    assert!(target.len() <= 100, "this needs a long link");
    Block::new(b'1', name.as_bytes(), 0)
        .put(157, target.as_bytes())
        .done()
}

/// A GNU long name (`L`) or link name (`K`).
pub(crate) fn long(kind: u8, text: impl AsRef<[u8]>) -> Vec<u8> {
    let text = [text.as_ref(), b"\0"].concat();
    let mut entry = Block::new(kind, b"././@LongLink", text.len() as u64)
        .gnu()
        .done();
    entry.extend(padded(&text));
    entry
}

/// A PAX header for the next entry.
pub(crate) fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    typed(
        b'x',
        "PaxHeaders/x",
        &records
            .iter()
            .map(|(key, value)| record(key, value))
            .collect::<Vec<_>>()
            .concat(),
    )
}

/// One PAX record, whose length counts itself.
pub(crate) fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let length = rest + (rest + 1).to_string().len();
    let length = rest + length.to_string().len();
    format!("{length} {key}={value}\n")
}
