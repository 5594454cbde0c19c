//! `s2i logout`.

use s2i_build::Notice;
use s2i_docker::Flavour;
use s2i_oci::credentials::CredentialLocation;
use serde_json::json;

use super::{
    Setting,
    login::{object, place},
};
use crate::{args, credentials, error::Error};

pub(crate) async fn run(args: &args::Logout, setting: &Setting<'_>) -> Result<(), Error> {
    let registry = &args.registry;
    let store = credentials::store(setting.host, Flavour::Podman);
    let (locations, all) = store.erase(registry).await;
    if locations.is_empty() && all.is_ok() {
        setting.notice(Notice::NoLogin {
            registry: registry.clone(),
        });
    }
    let line = |location: &CredentialLocation| {
        format!(
            "removed the login for `{registry}` that was kept {}\n",
            place(location)
        )
    };
    let text: String = locations.iter().map(line).collect();
    let kept: Vec<_> = locations.iter().map(object).collect();
    let object = json!({"event": "logged_out", "registry": registry, "kept": kept});
    setting.renderer().answer(&text, &object);
    all.map_err(Error::Credentials)
}
