//! `s2i pod push`.

use std::path::Path;

use s2i_build::{
    BuildContext, CancelToken,
    event::Progress,
    ports::{EngineProbe as _, ImageTransfer as _},
};
use s2i_core::pod::OUT_DIR;
use serde_json::json;

use super::{PodBuild, Step, open, source, termination};
use crate::{context::CommandContext, error::Error};

/// Pushes the result under all its names.
pub(super) async fn run(
    pod: &PodBuild,
    context: &CommandContext<'_>,
    cancel: &CancelToken,
) -> Result<(), Error> {
    let args = pod.build()?;
    let names = args.names();
    let Some(first) = names.first() else {
        return Err(Error::NoName("--push"));
    };
    let engine = open(args, Step::Push, context)?;
    engine.probe().await?;
    let id = engine.read_result(Path::new(OUT_DIR), &names)?;
    let renderer = context.renderer();
    let progress = Progress::new(&renderer);
    let mut digest = None;
    for name in &names {
        let pushed = engine
            .push(name, BuildContext::new(&progress, cancel))
            .await?;
        digest = digest.or(pushed.digest);
    }
    progress.end_phase();
    let object = json!({
        "image": first.to_string(),
        "id": id.to_string(),
        "digest": digest,
        "commit": source::origin()?.commit.map(|commit| commit.id),
    });
    termination::write(&object);
    let reference = digest.map_or(first.to_string(), |digest| {
        format!("{}@{digest}", first.name())
    });
    renderer.completed(&reference, context.host);
    Ok(())
}
