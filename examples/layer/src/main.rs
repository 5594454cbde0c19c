//! Puts a directory on a base image and pushes the result, with no container: `layer DIRECTORY BASE NAME`.

use std::env;

use s2i_core::image::Platform;
use s2i_oci::{
    layer::{LayerBuilder, Owner},
    registry::{Options, Push, Registry},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().collect();
    let [_, directory, base, name] = &arguments[..] else {
        anyhow::bail!("usage: layer DIRECTORY BASE NAME");
    };
    let work = tempfile::tempdir()?;
    // All files have the same time, the first second of 1980, so the same files give the same layer.
    let mut layer = LayerBuilder::new(315_532_801);
    layer.tree("srv", directory.as_ref(), Owner::ROOT)?;
    let layer = layer.build(&work.path().join("layer.tar"))?;
    let layer = layer.gzip(&work.path().join("layer.tar.gz"))?;

    let registry = Registry::new(Options::from_env())?;
    let platform = Platform::of_this_machine();
    let mut image = registry
        .image(&base.parse()?, &platform, work.path())
        .await?;
    image.push(layer, "the files of the site");
    image.container_config_mut().working_dir = "/srv".into();
    let pushed = registry
        .push(&name.parse()?, &Push::from(&image), &|_, _| ())
        .await?;
    println!("{name} is {}", pushed.digest);
    Ok(())
}
