//! Builds an image from a directory with no daemon, and shows the output of its scripts:
//! `embedded SOURCE BUILDER NAME STORE`.

use std::{
    env,
    io::{Write as _, stderr},
    process::ExitCode,
};

use s2i_build::{CancelToken, build, event::Event, request::BuildRequest, source::LocalAndGit};
use s2i_native::{NativeEngine, Options, userns};

fn main() -> anyhow::Result<ExitCode> {
    // The engine executes this program again to start containers.
    if let Some(code) = s2i_native::reexec() {
        return Ok(code);
    }
    let arguments: Vec<String> = env::args().collect();
    let [_, source, builder, name, store] = &arguments[..] else {
        anyhow::bail!("usage: embedded SOURCE BUILDER NAME STORE");
    };
    // An ordinary user becomes root of a user namespace, before there are threads.
    userns::enter()?;
    let engine = NativeEngine::open(Options::new(store, s2i_agent_bin::agents()?))?;
    let request = BuildRequest::new(source.parse()?, builder.parse()?).with_tag(name.parse()?);
    let (reader, cancel) = (LocalAndGit::from_env()?, CancelToken::default());
    let show = |event| {
        if let Event::Output(_, text) = event {
            let _ = stderr().write_all(&text);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(build(&engine, &reader, &request, &show, &cancel))?;
    println!("{name} is {}", outcome.image_id);
    Ok(ExitCode::SUCCESS)
}
