//! Answers that arrive in pieces of any size.

use futures_util::TryStreamExt as _;
use s2i_build::{
    Container as _,
    event::{Event, Output},
    ports::{Files, ImageTransfer as _},
    request::PullPolicy,
};
use s2i_core::{
    Times,
    text::Filter,
    wire::{Exit, Kind, ReadItem},
};

use crate::{
    daemon::{Answers, Knobs},
    scene::{Scene, archive, chain},
};

#[tokio::test]
async fn a_whole_build_byte_by_byte() {
    for answers in [Answers::Old, Answers::New, Answers::Podman] {
        let scene = Scene::new(Knobs {
            answers,
            dribble: true,
            piece: 1,
            ..Knobs::default()
        });
        let (committed, cleaned) = scene.build().await;
        assert_eq!(committed.unwrap().size, 4242, "{answers:?}");
        cleaned.unwrap();
        scene.daemon.check();
    }
}

/// How the bytes of a pull may be cut: at line ends, within them, within values, or not at all.
const CUTS: [&[&str]; 6] = [
    &["{\"status\":\"one\"}\r\n", "{\"status\":\"two\"}\r\n"],
    &["{\"status\":\"one\"}", "\r\n{\"status\":\"two\"}", "\r\n"],
    &["{\"status\":\"one\"}\r", "\n{\"status\":\"two\"}\r", "\n"],
    &["{\"sta", "tus\":\"one\"}\r\n{\"status\":", "\"two\"}\r\n"],
    &["{\"status\":\"one\"}\r\n{\"status\":\"two\"}\r\n"],
    &["{\"status\":\"one\"}\n{\"status\":\"two\"}"],
];

#[tokio::test]
async fn progress_may_be_cut_anywhere() {
    for cut in CUTS {
        let scene = Scene::new(Knobs {
            pull: cut.to_vec(),
            ..Knobs::default()
        });
        let pulled = scene.resolve(PullPolicy::Always).await;
        assert_eq!(
            pulled.map(drop).map_err(|err| chain(&err)),
            Ok(()),
            "{cut:?}"
        );
        let events = scene.recorder.events();
        let steps = events.iter().filter_map(|event| match event {
            Event::Progress(line) => Some(line.as_str()),
            _ => None,
        });
        assert_eq!(steps.collect::<Vec<_>>(), ["one", "two"], "{cut:?}");
    }
}

#[tokio::test]
async fn an_error_in_the_progress_is_the_error_of_the_pull() {
    let whole = "{\"status\":\"one\"}\r\n{\"errorDetail\":{\"message\":\"denied\"},\"error\":\"denied\"}\r\n";
    for at in 1..whole.len() {
        let scene = Scene::new(Knobs {
            pull: vec![&whole[..at], &whole[at..]],
            pull_brings: false,
            ..Knobs::default()
        });
        let err = scene.resolve(PullPolicy::Always).await.unwrap_err();
        assert_eq!(
            chain(&err),
            "can't pull the image `s2i/go`: denied",
            "cut at {at}"
        );
    }
}

#[tokio::test]
async fn a_load_may_be_cut_anywhere() {
    let whole = "{\"stream\":\"Loaded image: s2i/go:latest\\n\"}\r\n";
    for at in 1..whole.len() {
        let scene = Scene::new(Knobs {
            load: vec![&whole[..at], &whole[at..]],
            ..Knobs::default()
        });
        let loaded = scene.engine.load(archive(&[]), &scene.cancel).await;
        assert_eq!(loaded.unwrap(), ["s2i/go:latest"], "cut at {at}");
    }
}

/// Output that looks like frames, in pieces that end within headers. What is no text is taken out.
#[tokio::test]
async fn output_arrives_as_it_was_written() {
    let tricky: Vec<u8> = (0..=255).chain(*b"\x01\0\0\0\0\0\0\x05hello").collect();
    let mut filter = Filter::default();
    let shown = filter.push(&tricky) + &filter.push(b"\n") + &filter.finish();
    for piece in [1, 2, 3, 7, 4096] {
        let scene = Scene::new(Knobs {
            output: vec![
                (Kind::Stdout, tricky.clone()),
                (Kind::Stderr, vec![b'e'; 70_000]),
                (Kind::Stdout, b"\n".to_vec()),
            ],
            exit: Exit::Code(3),
            piece,
            ..Knobs::default()
        });
        let finished = scene.run().await.unwrap();
        assert_eq!(finished.exit(), Exit::Code(3));
        finished.discard().await.unwrap();
        let of = |wanted: Output| {
            let events = scene.recorder.events();
            let parts = events.iter().filter_map(|event| match event {
                Event::Output(output, bytes) if *output == wanted => Some(bytes.clone()),
                _ => None,
            });
            parts.collect::<Vec<_>>().concat()
        };
        assert_eq!(of(Output::Stdout), shown.as_bytes());
        assert_eq!(of(Output::Stderr), vec![b'e'; 70_000]);
    }
}

#[tokio::test]
async fn files_arrive_whole() {
    for piece in [5, 32 * 1024] {
        let files: Vec<u8> = (0..50_000_u32).flat_map(u32::to_le_bytes).collect();
        let scene = Scene::new(Knobs {
            files: files.clone(),
            piece,
            ..Knobs::default()
        });
        let mut finished = scene.run().await.unwrap();
        let item = ReadItem {
            path: "/opt/app-root/bin".parse().unwrap(),
            name: "bin".into(),
        };
        let pieces: Vec<_> = finished
            .container
            .read(Files {
                items: vec![item],
                times: Times::default(),
                keep_modes: false,
            })
            .try_collect()
            .await
            .unwrap();
        assert_eq!(pieces.concat(), files);
        // The conversation goes on after it.
        scene.commit(&mut finished).await.unwrap();
        finished.discard().await.unwrap();
        scene.daemon.check();
    }
}
