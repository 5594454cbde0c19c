//! Builders with `ONBUILD` triggers.

use s2i_core::wire::Exit;

use crate::{
    daemon::{Endpoint, Knobs},
    scene::{BUILD, Scene},
};

fn knobs(triggers: &[&'static str]) -> Knobs {
    Knobs {
        on_build: triggers.to_vec(),
        ..Knobs::default()
    }
}

#[test]
fn triggers_run_in_a_phase_of_their_own() {
    let triggers = ["COPY *.go /app/", "RUN one", "USER 1001", "RUN two"];
    let Some(scene) = Scene::with_builds(knobs(&triggers)) else {
        return;
    };
    let done = scene.s2i(&BUILD).ends_with(0);
    let steps: Vec<_> = done
        .stderr
        .lines()
        .filter(|line| line.starts_with("==> "))
        .collect();
    let steps = steps.join(" ");
    assert!(
        steps.contains("==> triggers") && steps.ends_with("==> assemble ==> clean ==> commit"),
        "{steps}"
    );
    assert_eq!(scene.daemon().count(Endpoint::Create), 1);
    assert_eq!(scene.daemon().count(Endpoint::Commit), 1);
}

#[test]
fn failed_trigger_has_the_code_of_a_failed_script() {
    let knobs = Knobs {
        exit: Exit::Code(3),
        ..knobs(&["RUN one"])
    };
    let Some(scene) = Scene::with_builds(knobs) else {
        return;
    };
    scene
        .s2i(&BUILD)
        .ends_with(4)
        .warns("`ONBUILD RUN one` of `s2i/go` failed with status 3");
    assert_eq!(scene.daemon().count(Endpoint::Commit), 0);
    assert_eq!(scene.daemon().containers(), 0);
}

#[test]
fn triggers_are_refused_before_a_container_is_created() {
    for (triggers, options, code, message) in [
        (
            &["RUN one"][..],
            &["--block-onbuild"][..],
            18,
            "the image `s2i/go` has ONBUILD triggers, and --block-onbuild is given",
        ),
        (
            &["ADD https://example.org/x /x"],
            &[],
            18,
            "s2i does not support `ADD of an address`",
        ),
        (
            &["COPY *.rs /app/"],
            &[],
            18,
            "needs `*.rs`, which the source does not have",
        ),
        // The source has it, and its rules leave it out.
        (
            &["COPY secret.key /app/"],
            &[],
            18,
            "needs `secret.key`, which the source does not have",
        ),
        (
            &["COPY main.go /app/"],
            &["--exclude", "main"],
            18,
            "needs `main.go`, which the source does not have",
        ),
        (
            &["USER 0", "RUN one"],
            &["--allowed-uids", "1-"],
            15,
            "`ONBUILD RUN one` would run as uid 0 in a container of `s2i/go`",
        ),
    ] {
        let scene = Scene::with_engine(knobs(triggers));
        scene
            .s2i(&[&BUILD[..], options].concat())
            .ends_with(code)
            .warns(message);
        assert_eq!(scene.daemon().count(Endpoint::Create), 0, "{message}");
    }
}

#[test]
fn plan_shows_the_triggers() {
    let scene = Scene::with_engine(knobs(&[
        "ENV A=b",
        "WORKDIR /app",
        "COPY . .",
        "RUN make $A",
    ]));
    let done = scene
        .s2i(&[&BUILD[..], &["--dry-run"]].concat())
        .ends_with(0);
    for line in [
        "  copy . as . of source into /app for \"\"\n",
        "  run [\"/bin/sh\", \"-c\", \"make $A\"] in /app\n",
        "  user \"\", working directory \"/app\" after the triggers\n",
    ] {
        assert!(done.stdout.contains(line), "{line}: {}", done.stdout);
    }
}
