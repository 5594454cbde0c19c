//! `s2i logout`.

use s2i_docker::Flavour;
use s2i_oci::registry::Keeper;
use serde_json::json;

use super::{
    Setting,
    login::{object, place},
};
use crate::{args, error::Error, keyring};

pub(crate) async fn run(args: &args::Logout, setting: &Setting<'_>) -> Result<(), Error> {
    let registry = &args.registry;
    let keyring = keyring::read(setting.host, Flavour::Podman);
    let (keepers, all) = keyring.forget(registry).await;
    if keepers.is_empty() && all.is_ok() {
        setting.notice(&format!("there was no login for `{registry}`"));
    }
    let line = |keeper: &Keeper| {
        format!(
            "removed the login for `{registry}` that was kept {}\n",
            place(keeper)
        )
    };
    let text: String = keepers.iter().map(line).collect();
    let kept: Vec<_> = keepers.iter().map(object).collect();
    let object = json!({"event": "logged_out", "registry": registry, "kept": kept});
    setting.renderer().answer(&text, &object);
    all.map_err(Error::Keyring)
}
