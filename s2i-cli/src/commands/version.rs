//! `s2i version`.

use s2i_build::ports::EngineProbe as _;
use s2i_core::ErrorChain;
use serde_json::json;

use super::Setting;
use crate::{
    choice::{self, Chosen},
    engine,
    error::Error,
    render::Renderer,
};

pub(crate) async fn run(setting: &Setting<'_>) -> Result<(), Error> {
    let version = env!("CARGO_PKG_VERSION");
    let (engine, object) = match describe(setting).await {
        Ok((name, version, place)) => (
            format!("{name} {version} at {place}"),
            json!({"name": name, "version": version, "place": place}),
        ),
        Err(err) => (format!("no engine: {}", ErrorChain(&err)), json!(null)),
    };
    let object = json!({"event": "version", "s2i": version, "engine": object});
    let Setting { global, host, .. } = setting;
    let renderer = Renderer::new(global.progress, false, host);
    renderer.answer(&format!("s2i {version}\n{engine}\n"), &object);
    Ok(())
}

/// Returns the name, version and address of the engine that would be used.
async fn describe(setting: &Setting<'_>) -> Result<(String, String, String), Error> {
    let Setting {
        global,
        config,
        host,
    } = setting;
    match choice::choose(global, config, host)?.chosen {
        Chosen::Api(endpoint) => {
            let info = engine::api(endpoint, host)?.probe().await?;
            Ok((info.name, info.version, info.endpoint))
        }
        Chosen::Native(store) => Ok((
            "the embedded engine".into(),
            env!("CARGO_PKG_VERSION").into(),
            store.display().to_string(),
        )),
    }
}
