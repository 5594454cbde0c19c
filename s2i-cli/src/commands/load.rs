//! `s2i load`.

use std::io::Read as _;

use s2i_build::{Engine as _, stream::pieces_of};

use super::engine;
use crate::{
    args::{Global, Load},
    error::Error,
    host::Host,
    render,
};

pub(crate) async fn run(args: &Load, global: &Global, host: &Host) -> Result<(), Error> {
    let path = host.working_dir.join(&args.input);
    let file = std::fs::File::open(&path).map_err(|source| Error::ReadFile { path, source })?;
    let archive = pieces_of(move |out| {
        let mut file = file;
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(()),
                count => out.write_all(&buffer[..count])?,
            }
        }
    });
    for name in engine(global, host)?.load(archive).await? {
        render::data(&format!("{name}\n"));
    }
    Ok(())
}
