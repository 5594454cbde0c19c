//! `s2i rmi`.

use std::process::ExitCode;

use s2i_build::ports::ImageStore;
use serde_json::json;

use crate::{args, context::CommandContext, error::Error, render};

/// Removes all images that can be removed. The exit code is that of the first failure.
pub(crate) async fn run(
    engine: &impl ImageStore,
    args: &args::Images,
    context: &CommandContext<'_>,
) -> Result<ExitCode, Error> {
    let renderer = context.renderer();
    let mut failed = None;
    for image in &args.images {
        match engine.remove(image).await.map_err(Error::from) {
            Ok(lines) => {
                for line in lines {
                    let object =
                        json!({"event": "removed", "image": image.to_string(), "what": line});
                    renderer.answer(&format!("{line}\n"), &object);
                }
            }
            Err(err) => {
                render::error(&err, None, renderer.is_json());
                failed = failed.or(Some(err.exit_code()));
            }
        }
    }
    Ok(failed.map_or(ExitCode::SUCCESS, Into::into))
}
