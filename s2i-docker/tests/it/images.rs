//! Listing, removing, moving and pruning images.

use futures_util::TryStreamExt as _;
use insta::assert_snapshot;
use s2i_build::{
    BuildContext, EngineError,
    event::Progress,
    ports::{ImageStore as _, ImageTransfer as _, StoredContent},
    request::PullPolicy,
};
use s2i_core::ImageRef;

use crate::{
    calls::journal,
    credentials::{Provider, password},
    daemon::{Answers, BUILDER, Cancel, Endpoint, Fault, Knobs, LAYER, Moment},
    scene::{Scene, chain, outcome},
};

/// A scene with these images in the engine.
fn with(images: &[&str], knobs: Knobs) -> Scene {
    let scene = Scene::new(knobs);
    let names = images.iter().map(ToString::to_string);
    scene.daemon.model().images.extend(names);
    scene
}

fn name(text: &str) -> ImageRef {
    text.parse().unwrap()
}

async fn push(scene: &Scene, image: &str) -> Result<Option<String>, String> {
    let progress = Progress::new(&scene.recorder);
    let image = name(image);
    let pushed = scene
        .engine
        .push(&image, BuildContext::new(&progress, &scene.cancel))
        .await;
    pushed
        .map(|pushed| pushed.digest)
        .map_err(|err| chain(&err))
}

#[tokio::test]
async fn names_are_normalised_and_unnamed_images_have_none() {
    for answers in [Answers::Old, Answers::New, Answers::Podman] {
        let scene = with(
            &[],
            Knobs {
                answers,
                ..Knobs::default()
            },
        );
        let images = scene.engine.list().await.unwrap();
        let names = images
            .iter()
            .map(|image| image.names.iter().map(String::as_str).collect());
        let names: Vec<Vec<_>> = names.collect();
        let web = ["docker.io/library/web:1", "registry.test:5000/team/web:1"];
        assert_eq!(names, [&web[..], &["docker.io/s2i/go:latest"], &[]]);
        let created: Vec<_> = images.iter().map(|image| image.created).collect();
        assert_eq!(created, [Some(1_700_000_000), None, None]);
        assert!(images.iter().all(|image| image.size == 4242));
        assert_eq!(images[1].id, BUILDER);
    }
}

/// Podman fails when an image goes while it looks at all.
#[tokio::test]
async fn a_list_that_fails_is_asked_for_again() {
    for (status, expected) in [
        (500, "ok"),
        (400, "the engine failed to list `its images`: no"),
    ] {
        let scene = Scene::new(Knobs {
            answers: Answers::Podman,
            fault: Some((Endpoint::List, 0, Fault::Status(status, "no"))),
            ..Knobs::default()
        });
        assert_eq!(outcome(&scene.engine.list().await), expected);
    }
}

#[tokio::test]
async fn a_name_is_removed_as_a_name_and_an_id_as_all_its_names() {
    let tags = vec!["s2i/go:latest", "web:1"];
    let id = BUILDER.to_owned();
    let short = &id["sha256:".len()..][..12];
    for (asked, expected) in [
        ("s2i/go", vec!["s2i/go"]),
        ("web:1", vec!["web:1"]),
        ("other", vec!["other"]),
        (short, tags.clone()),
        (&id, tags.clone()),
    ] {
        let knobs = Knobs {
            tags: tags.clone(),
            ..Knobs::default()
        };
        let scene = with(&[asked, "s2i/go", "s2i/go:latest", "web:1"], knobs);
        let lines = scene.engine.remove(&name(asked)).await.unwrap();
        let expected_lines: Vec<_> = expected
            .iter()
            .map(|name| format!("deleted {name}"))
            .collect();
        assert_eq!(lines, expected_lines, "{asked}");
        let model = scene.daemon.model();
        let removals = model.calls.iter().filter(|call| call.method == "DELETE");
        // By force, Podman removes containers as well.
        assert!(
            removals
                .clone()
                .all(|call| !call.query.contains("force=true"))
        );
        let removed: Vec<_> = removals
            .map(|call| call.path.replace("/images/", ""))
            .collect();
        assert_eq!(removed, expected, "{asked}");
    }
}

#[tokio::test]
async fn missing_image_is_an_error() {
    let scene = with(&[], Knobs::default());
    let image = name("nothing");
    let removed = scene.engine.remove(&image).await.unwrap_err();
    assert!(
        matches!(removed, EngineError::NoSuchImage { .. }),
        "{removed:?}"
    );
    let exported = scene.engine.export(&image, &scene.cancel);
    let exported: Result<Vec<_>, _> = exported.try_collect().await;
    let exported = exported.unwrap_err().downcast::<EngineError>().unwrap();
    assert!(
        matches!(exported, EngineError::NoSuchImage { .. }),
        "{exported:?}"
    );
    push(&scene, "nothing").await.unwrap_err();
    let tagged = scene.engine.tag(&image, &name("other")).await.unwrap_err();
    assert!(
        matches!(tagged, EngineError::NoSuchImage { .. }),
        "{tagged:?}"
    );
    assert_eq!(scene.daemon.count(Endpoint::Push), 0);
    scene.daemon.check();
}

/// By layers where an engine keeps those, by whole manifests where it keeps archives.
#[tokio::test]
async fn stored_content_need_not_be_sent() {
    let known = |digests: [&str; 1]| digests.map(str::to_owned).into();
    for answers in [Answers::Old, Answers::New, Answers::Podman] {
        let scene = with(
            &["s2i/go"],
            Knobs {
                answers,
                ..Knobs::default()
            },
        );
        let images = [name("s2i/go"), name("nothing")];
        let there = scene.engine.stored_content(&images).await.unwrap();
        let mut expected = StoredContent {
            images: known([BUILDER]),
            layers: known([LAYER]),
        };
        if answers == Answers::New {
            expected.layers.clear();
        }
        assert_eq!(there, expected, "{answers:?}");
        if answers == Answers::New {
            let model = scene.daemon.model();
            let list = model.calls.iter().find(|call| call.path == "/images/json");
            let asked = |name| list.and_then(|call| call.asked(name)).unwrap_or_default();
            assert_eq!(asked("manifests"), "true");
            assert_eq!(asked("filters"), r#"{"reference":["s2i/go"]}"#);
        }
        let nothing = scene.engine.stored_content(&images[1..]).await.unwrap();
        assert_eq!(nothing, StoredContent::default(), "{answers:?}");
    }
}

#[tokio::test]
async fn a_name_is_given_by_id() {
    let scene = with(&["s2i/go", BUILDER], Knobs::default());
    let image = name("s2i/go");
    scene.engine.tag(&image, &name("team/go:2")).await.unwrap();
    assert_snapshot!(journal(&scene.daemon), @"
    GET /images/s2i/go/json
    POST /images/sha256:2222222222222222222222222222222222222222222222222222222222222222/tag?repo=team/go&tag=2
    ");
    scene.daemon.check();
}

#[tokio::test]
async fn push_sends_one_tag_and_returns_the_digest() {
    let knobs = Knobs {
        digests: vec![
            "other.test/team/web@sha256:1111111111111111111111111111111111111111111111111111111111111111",
            "registry.test/team/web@sha256:2222222222222222222222222222222222222222222222222222222222222222",
        ],
        ..Knobs::default()
    };
    let image = "registry.test/team/web:1";
    let scene = with(&[image], knobs).with_credentials(Provider::with(image, password()));
    let digest = push(&scene, image).await.unwrap();
    assert_eq!(digest.as_deref(), Some(BUILDER));
    assert_snapshot!(journal(&scene.daemon), @"
    GET /images/registry.test/team/web:1/json
    POST /images/registry.test/team/web/push?tag=1
    GET /images/registry.test/team/web:1/json
    ");
    let model = scene.daemon.model();
    let with_credentials = model
        .calls
        .iter()
        .filter(|call| call.headers.contains_key("x-registry-auth"));
    assert_eq!(with_credentials.count(), 1);
}

#[tokio::test]
async fn only_an_unambiguous_digest_is_known() {
    let digests = [
        "registry.test/web@sha256:1111111111111111111111111111111111111111111111111111111111111111",
        "registry.test/web@sha256:2222222222222222222222222222222222222222222222222222222222222222",
    ];
    for (digests, has_one) in [
        (&digests[..0], false),
        (&digests[..1], true),
        (&digests, false),
    ] {
        let knobs = Knobs {
            digests: digests.to_vec(),
            ..Knobs::default()
        };
        let scene = with(&["registry.test/web"], knobs);
        assert_eq!(
            push(&scene, "registry.test/web").await.unwrap().is_some(),
            has_one
        );
        let name = "registry.test/web".to_owned();
        let scene = Scene {
            image: name,
            ..scene
        };
        let facts = scene.resolve(PullPolicy::Never).await.unwrap();
        assert_eq!(facts.digest.is_some(), has_one);
    }
}

#[tokio::test]
async fn an_error_in_the_progress_is_the_error_of_the_push() {
    let whole = "{\"status\":\"Preparing\"}\r\n{\"errorDetail\":{\"message\":\"denied\"},\"error\":\"denied\"}\r\n";
    for at in 1..whole.len() {
        let knobs = Knobs {
            push: vec![&whole[..at], &whole[at..]],
            ..Knobs::default()
        };
        let scene = with(&["app"], knobs);
        assert_eq!(
            push(&scene, "app").await.unwrap_err(),
            "the engine failed to push `app`: denied",
            "cut at {at}"
        );
    }
}

#[tokio::test]
async fn a_push_can_be_stopped() {
    let token = s2i_build::CancelToken::default();
    let knobs = Knobs {
        cancel: Some(Cancel {
            at: Moment::Call(Endpoint::Push, 0),
            token,
            hangs: true,
        }),
        ..Knobs::default()
    };
    let scene = with(&["app"], knobs);
    assert_eq!(push(&scene, "app").await.unwrap_err(), "stopped by Ctrl-C");
}

/// Without a tag, engines would take all of them.
#[tokio::test]
async fn an_export_asks_for_one_name() {
    let tags = vec!["s2i/go:latest", "s2i/go:1"];
    for (asked, expected) in [
        ("s2i/go", "/images/s2i/go:latest/get"),
        ("s2i/go:1", "/images/s2i/go:1/get"),
        ("222222222222", &format!("/images/{BUILDER}/get")),
    ] {
        let knobs = Knobs {
            tags: tags.clone(),
            ..Knobs::default()
        };
        let scene = with(&[asked], knobs);
        let export = scene.engine.export(&name(asked), &scene.cancel);
        let pieces: Vec<_> = export.try_collect().await.unwrap();
        assert_eq!(pieces.concat(), b"an archive");
        let path = scene.daemon.model().calls.last().unwrap().path.clone();
        assert_eq!(path, expected, "{asked}");
    }
}

#[tokio::test]
async fn an_export_that_is_cut_is_never_taken_for_whole() {
    let knobs = Knobs {
        fault: Some((Endpoint::Export, 0, Fault::CutAfter)),
        ..Knobs::default()
    };
    let scene = with(&["app"], knobs);
    let exported = scene.engine.export(&name("app"), &scene.cancel);
    let exported: Result<Vec<_>, _> = exported.try_collect().await;
    let err = exported.unwrap_err().downcast::<EngineError>().unwrap();
    assert!(
        chain(&err).starts_with("the engine failed to export `app`: "),
        "{err}"
    );
}

#[tokio::test]
async fn only_unnamed_images_are_pruned() {
    let scene = with(&[], Knobs::default());
    let pruned = scene.engine.prune().await.unwrap();
    assert_eq!(
        pruned.removed,
        ["untagged web@sha256:5", "deleted sha256:4"]
    );
    assert_eq!(pruned.bytes, 4242);
    assert_snapshot!(journal(&scene.daemon), @r#"POST /images/prune?filters={"dangling":["true"]}"#);
    let knobs = Knobs {
        answers: Answers::Podman,
        ..Knobs::default()
    };
    let pruned = with(&[], knobs).engine.prune().await.unwrap();
    assert_eq!((pruned.removed.len(), pruned.bytes), (0, 0));
}
