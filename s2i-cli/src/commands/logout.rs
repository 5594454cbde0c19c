//! `s2i logout`.

use std::process::ExitCode;

use s2i_build::Notice;
use s2i_docker::Flavour;
use s2i_oci::credentials::CredentialLocation;
use serde_json::json;

use super::login::{describe, object};
use crate::{args, context::CommandContext, credentials, error::Error};

pub(crate) async fn run(
    args: &args::Logout,
    context: &CommandContext<'_>,
) -> Result<ExitCode, Error> {
    let registry = &args.registry;
    let store = credentials::store(context.host, Flavour::Podman);
    let (locations, all) = store.erase(registry).await;
    if locations.is_empty() && all.is_ok() {
        context.notice(Notice::NoLogin {
            registry: registry.clone(),
        });
    }
    let line = |location: &CredentialLocation| {
        format!(
            "removed the login for `{registry}` that was kept {}\n",
            describe(location)
        )
    };
    let text: String = locations.iter().map(line).collect();
    let kept: Vec<_> = locations.iter().map(object).collect();
    let object = json!({"event": "logged_out", "registry": registry, "kept": kept});
    context.renderer().answer(&text, &object);
    all?;
    Ok(ExitCode::SUCCESS)
}
