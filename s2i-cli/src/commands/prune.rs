//! `s2i prune`.

use s2i_build::ports::ImageStore;
use serde_json::json;

use super::Setting;
use crate::{error::Error, render};

pub(crate) async fn run(engine: &impl ImageStore, setting: &Setting<'_>) -> Result<(), Error> {
    let pruned = engine.prune().await?;
    let lines = pruned.removed.iter().map(|line| format!("{line}\n"));
    let text = lines.collect::<String>() + &format!("freed {}\n", render::size(pruned.bytes));
    let object = json!({"event": "pruned", "removed": pruned.removed, "bytes": pruned.bytes});
    setting.renderer().answer(&text, &object);
    Ok(())
}
