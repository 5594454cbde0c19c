//! `s2i prune`.

use s2i_build::ports::ImageStore;
use serde_json::json;

use crate::{context::CommandContext, error::Error, render};

pub(crate) async fn run(
    engine: &impl ImageStore,
    context: &CommandContext<'_>,
) -> Result<(), Error> {
    let pruned = engine.prune().await?;
    let lines = pruned.removed.iter().map(|line| format!("{line}\n"));
    let text = lines.collect::<String>() + &format!("freed {}\n", render::size(pruned.bytes));
    let object = json!({"event": "pruned", "removed": pruned.removed, "bytes": pruned.bytes});
    context.renderer().answer(&text, &object);
    Ok(())
}
