//! Runs a build in the cluster of the current context.
//!
//! ```text
//! build NAME AGENT BUILDER IMAGE UID FILE
//! ```
//!
//! The file has the source in the format that `prepare` reads. Ctrl-C is left to the shell here: the build goes on.
#![expect(clippy::print_stdout, reason = "the example shows what happens")]

use std::{env, error::Error, io};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use s2i_build::CancelToken;
use s2i_kube::{
    client::{ByteStream, Cluster, Run, State, Target, run},
    job::{BuildJob, PodUser, Source},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [name, agent, builder, image, uid, file] = args.as_slice() else {
        return Err("usage: build NAME AGENT BUILDER IMAGE UID FILE".into());
    };
    let cluster = Cluster::connect(&Target::default()).await?;
    let mut build = BuildJob::new(name, Source::Upload, builder, PodUser::Id(uid.parse()?));
    build.agent.clone_from(agent);
    build.args = vec![".".to_owned(), builder.clone(), image.clone()];
    let submitted = cluster.submit(&build.object()?).await?;
    for warning in submitted.warnings {
        println!("warning: {}", warning.words);
    }
    let file = file.clone();
    let options = Run {
        source: Some(Box::new(move || chunks(&file))),
        ..Run::default()
    };
    let cancel = CancelToken::default();
    let mut show = |state| match state {
        State::Log { step, line, .. } => println!("{step}: {line}"),
        State::Waiting(waiting) => println!("{waiting}"),
        other => println!("{other:?}"),
    };
    let outcome = run(&submitted.build, options, &cancel, &mut show).await?;
    println!("{outcome:?}");
    Ok(())
}

/// Returns the content of a file in chunks.
fn chunks(path: &str) -> ByteStream {
    let file = std::fs::File::open(path);
    let chunks = stream::unfold(Some(file), |file| async {
        let mut file = match file? {
            Ok(file) => file,
            Err(error) => return Some((Err(error), None)),
        };
        let mut chunk = vec![0; 64 * 1024];
        match io::Read::read(&mut file, &mut chunk) {
            Ok(0) => None,
            Ok(length) => {
                chunk.truncate(length);
                Some((Ok(Bytes::from(chunk)), Some(Ok(file))))
            }
            Err(error) => Some((Err(error), None)),
        }
    });
    chunks.boxed()
}
