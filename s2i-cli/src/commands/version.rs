//! `s2i version`.

use std::process::ExitCode;

use s2i_build::ports::EngineProbe as _;
use s2i_core::ErrorChain;
use serde_json::json;

use crate::{
    choice::{self, EngineKind},
    context::CommandContext,
    engine,
    error::Error,
    native,
};

pub(crate) async fn run(context: &CommandContext<'_>) -> Result<ExitCode, Error> {
    let version = env!("CARGO_PKG_VERSION");
    let (engine, object) = match describe(context).await {
        Ok((name, version, place)) => (
            format!("{name} {version} at {place}"),
            json!({"name": name, "version": version, "place": place}),
        ),
        Err(err) => (format!("no engine: {}", ErrorChain(&err)), json!(null)),
    };
    let object = json!({"event": "version", "s2i": version, "engine": object});
    context
        .renderer()
        .answer(&format!("s2i {version}\n{engine}\n"), &object);
    Ok(ExitCode::SUCCESS)
}

/// Returns the name, version and address of the engine that would be used.
async fn describe(context: &CommandContext<'_>) -> Result<(String, String, String), Error> {
    match choice::choose(context, native::check)?.engine {
        EngineKind::Api(endpoint) => {
            let info = engine::api(endpoint, context.host)?.probe().await?;
            Ok((info.name, info.version, info.endpoint))
        }
        EngineKind::Here => Ok((
            "the container of s2i".into(),
            env!("CARGO_PKG_VERSION").into(),
            "here".into(),
        )),
        EngineKind::Native(store) => Ok((
            "the embedded engine".into(),
            env!("CARGO_PKG_VERSION").into(),
            store.display().to_string(),
        )),
    }
}
