//! Builds an image from a directory with Docker or Podman: `docker SOURCE BUILDER NAME`.

use std::env;

use s2i_build::{CancelToken, build, request::BuildRequest, source::LocalAndGit};
use s2i_docker::DockerEngine;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().collect();
    let [_, source, builder, name] = &arguments[..] else {
        anyhow::bail!("usage: docker SOURCE BUILDER NAME");
    };
    let engine = DockerEngine::from_env(s2i_agent_bin::agents()?)?;
    let request = BuildRequest::new(source.parse()?, builder.parse()?).with_tag(name.parse()?);
    let reader = LocalAndGit::from_env()?;
    let outcome = build(&engine, &reader, &request, &(), &CancelToken::default()).await?;
    println!("{name} is {}", outcome.image_id);
    Ok(())
}
