//! Builds an image from source without a daemon: `build AGENT STORE ARCHIVE SOURCE BUILDER TAG`.
use std::{fs, process::ExitCode};

use s2i_build::{Agents, CancelToken, Images as _, event::{Event, EventSink, Output}, request::BuildRequest, source::LocalAndGit, stream::pieces_of};
use s2i_native::{NativeEngine, Options};

struct Print;
impl EventSink for Print {
    fn event(&self, event: Event) {
        match event {
            Event::Output(Output::Stdout | Output::Stderr, bytes) => print!("{}", String::from_utf8_lossy(&bytes)),
            Event::Uploaded(_) => {}
            other => println!("{other:?}"),
        }
    }
}

fn main() -> ExitCode {
    if let Some(code) = s2i_native::reexec() {
        return code;
    }
    let args: Vec<String> = std::env::args().collect();
    let agent = fs::read(&args[1]).unwrap();
    let engine = NativeEngine::open(Options {
        store: args[2].clone().into(),
        agents: Agents { amd64: Some(agent.into()), arm64: None },
        registry: s2i_oci::registry::Options::default(),
    }).unwrap();
    let archive = args[3].clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        if !archive.is_empty() {
            let t = std::time::Instant::now();
            let pieces = pieces_of(move |out| { std::io::copy(&mut fs::File::open(archive)?, out).map(drop) });
            println!("{:?} {:?}", engine.load(pieces).await, t.elapsed());
        }
        let mut request = BuildRequest::new(args[4].parse().unwrap(), args[5].parse().unwrap());
        request.tag = Some(args[6].parse().unwrap());
        request.source.copy = true;
        request.no_cache = std::env::var_os("NO_CACHE").is_some();
        let source = LocalAndGit { working_dir: "/".into(), temp_dir: "/tmp".into() };
        let t = std::time::Instant::now();
        let built = s2i_build::build(&engine, &source, &request, &Print, &CancelToken::default()).await;
        println!("{built:#?} {:?}", t.elapsed());
    });
    ExitCode::SUCCESS
}
