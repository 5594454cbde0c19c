//! Builds archives from blocks, also those that no proper writer makes.

/// A header that can be changed in every byte before its checksum is set.
#[derive(Clone)]
pub(crate) struct Block([u8; 512]);

impl Block {
    /// A POSIX header: root's, mode 0644, from second 1000.
    pub(crate) fn new(kind: u8, name: &[u8], size: u64) -> Self {
        let mut block = Self([0; 512]);
        let name = &name[..name.len().min(100)];
        block
            .put(0, name)
            .mode(0o644)
            .owner(0, 0)
            .put(124, format!("{size:011o}\0").as_bytes())
            .put(136, b"00000001750\0")
            .put(156, &[kind])
            .put(257, b"ustar\x0000");
        block
    }

    /// Puts bytes at an offset.
    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) -> &mut Self {
        self.0[at..at + bytes.len()].copy_from_slice(bytes);
        self
    }

    pub(crate) fn mode(&mut self, mode: u32) -> &mut Self {
        self.put(100, format!("{mode:07o}\0").as_bytes())
    }

    pub(crate) fn owner(&mut self, uid: u32, gid: u32) -> &mut Self {
        self.put(108, format!("{uid:07o}\0{gid:07o}\0").as_bytes())
    }

    pub(crate) fn device(&mut self, major: u32, minor: u32) -> &mut Self {
        self.put(329, format!("{major:07o}\0{minor:07o}\0").as_bytes())
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
    block[148..156].copy_from_slice(format!("{sum:07o}\0").as_bytes());
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
pub(crate) fn typed(kind: u8, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let mut entry = Block::new(kind, name.as_ref(), content.len() as u64).done();
    entry.extend(padded(content));
    entry
}

pub(crate) fn dir(name: impl AsRef<[u8]>) -> Vec<u8> {
    Block::new(b'5', name.as_ref(), 0).mode(0o755).done()
}

pub(crate) fn link(name: &str, target: &str) -> Vec<u8> {
    linked(b'2', name, target)
}

pub(crate) fn hard_link(name: &str, target: &str) -> Vec<u8> {
    linked(b'1', name, target)
}

fn linked(kind: u8, name: &str, target: &str) -> Vec<u8> {
    assert!(target.len() <= 100, "this needs a long link");
    Block::new(kind, name.as_bytes(), 0)
        .put(157, target.as_bytes())
        .done()
}

pub(crate) fn device(kind: u8, name: &str, major: u32, minor: u32) -> Vec<u8> {
    Block::new(kind, name.as_bytes(), 0)
        .device(major, minor)
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
    let records: Vec<_> = records
        .iter()
        .map(|(key, value)| record(key, value))
        .collect();
    typed(b'x', "PaxHeaders/x", records.concat())
}

/// One PAX record, whose length counts itself.
pub(crate) fn record(key: &str, value: impl AsRef<[u8]>) -> Vec<u8> {
    let value = value.as_ref();
    let rest = key.len() + value.len() + 3;
    let length = rest + (rest + 1).to_string().len();
    let length = rest + length.to_string().len();
    [format!("{length} {key}=").as_bytes(), value, b"\n"].concat()
}
