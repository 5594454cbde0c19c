//! `s2i version`.

use s2i_build::Engine as _;
use s2i_core::ErrorChain;

use super::engine;
use crate::{args::Global, error::Error, host::Host, render};

pub(crate) async fn run(global: &Global, host: &Host) -> Result<(), Error> {
    let probed = match engine(global, host) {
        Ok(engine) => engine.probe().await.map_err(Error::from),
        Err(err) => Err(err),
    };
    let engine = match probed {
        Ok(info) => format!("{} {} at {}", info.name, info.version, info.endpoint),
        Err(err) => format!("no engine: {}", ErrorChain(&err)),
    };
    render::data(&format!("s2i {}\n{engine}\n", env!("CARGO_PKG_VERSION")));
    Ok(())
}
