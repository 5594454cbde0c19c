//! Streaming files out as one archive.

use std::{fs::File, io, os::unix::fs::PermissionsExt as _, path::Path};

use s2i_core::{
    archive::{TreeOptions, Writer},
    ignore::Filter,
    wire::{Answer, Failure, FailureKind, Frame, Kind, ReadItem, Trailer},
};

use crate::output::{Data, Output};

pub(crate) fn read(items: &[ReadItem], mtime: u64, output: &Output) -> Result<Answer, Failure> {
    if let Some(missing) = items
        .iter()
        .find(|item| Path::new(item.path.as_str()).symlink_metadata().is_err())
    {
        let message = format!("there is no `{}` to take", missing.path);
        return Err(Failure {
            kind: FailureKind::NoArtifact,
            message,
        });
    }
    let os = |err: io::Error| Failure {
        kind: FailureKind::Os,
        message: format!("can't read the artifacts: {err}"),
    };
    let data = io::BufWriter::with_capacity(256 * 1024, Data { output, bytes: 0 });
    let mut archive = Writer::new(data, mtime);
    for item in items {
        write(item, mtime, &mut archive).map_err(os)?;
    }
    let (data, written) = archive.finish().map_err(os)?;
    let data = data.into_inner().map_err(|err| os(err.into_error()))?;
    let trailer = Trailer {
        bytes: data.bytes,
        entries: written.entries,
    };
    output
        .frame(&Frame::json(Kind::End, &trailer))
        .map_err(os)?;
    Ok(Answer::Read)
}

/// One item: a tree, or a file. A link that is named itself stands for what it points to.
fn write<W: io::Write>(item: &ReadItem, mtime: u64, archive: &mut Writer<W>) -> io::Result<()> {
    let path = Path::new(item.path.as_str());
    let metadata = path.metadata()?;
    if metadata.is_dir() {
        let options = TreeOptions {
            filter: &Filter::default(),
            mtime,
            prefix: &item.name,
        };
        return archive.tree(path, &options);
    }
    let mode = if metadata.permissions().mode() & 0o111 == 0 {
        0o644
    } else {
        0o755
    };
    archive.file(&item.name, mode, metadata.len(), &mut File::open(path)?)
}
