//! The entry point of a builder in the result.

use crate::{
    harness::{Live, live},
    images::{Entry, Recipe},
    process::Done,
};

/// A builder with this entry point, and what it is tried with.
fn recipe(entrypoint: &[&'static str]) -> Recipe {
    let programs = [
        "usr/bin/true",
        "usr/bin/false",
        "wrapper",
        "printer",
        "waiter",
    ];
    let builder = Recipe::builder();
    let mut recipe = programs
        .into_iter()
        .fold(builder, |recipe, name| recipe.with(name, Entry::Program));
    recipe.entrypoint = entrypoint.to_vec();
    recipe
}

fn build(live: &Live, name: &str, recipe: &Recipe) -> (Done, Vec<String>) {
    let builder = live.load(name, recipe);
    let source = live.instructions("write /app/file text");
    let done = live.build_with(&builder, &[], source).succeeds();
    (done, live.config("app").entrypoint.unwrap_or_default())
}

#[test]
fn entry_point_that_runs_its_arguments_wraps_the_command() {
    let Some(live) = live() else { return };
    let (done, entrypoint) = build(&live, "wrapped", &recipe(&["/wrapper"]));
    done.never_says("ENTRYPOINT").never_says("wrapped");
    assert_eq!(entrypoint, ["/wrapper"]);
    live.s2i(["run", "--network", "none", &live.image("app")])
        .succeeds()
        .says("wrapped")
        .says("run ended");
    live.engine.remove_image(&live.image("app")).unwrap();
    live.nothing_left();
}

#[test]
fn entry_point_that_can_not_wrap_the_command_is_dropped_with_a_warning() {
    let Some(live) = live() else { return };
    let no_program = recipe(&["/wrapper"]).without("usr/bin/true");
    for (name, recipe, why) in [
        (
            "printer",
            recipe(&["/printer", "it"]),
            "it does not run its arguments",
        ),
        (
            "missing",
            recipe(&["/missing"]),
            "it does not run its arguments",
        ),
        ("waiter", recipe(&["/waiter"]), "it did not end"),
        ("without", no_program, "has no program `true`"),
    ] {
        let (done, entrypoint) = build(&live, name, &recipe);
        done.says("warning: the result has no ENTRYPOINT").says(why);
        assert_eq!(entrypoint, [""; 0], "{name}");
        live.s2i(["run", "--network", "none", &live.image("app")])
            .succeeds()
            .says("run ended");
    }
}

/// An engine would take them from the container of the build.
#[test]
fn result_has_no_user_and_no_health_check_that_the_builder_lacks() {
    let Some(live) = live() else { return };
    let mut recipe = Recipe::builder();
    recipe.user = "";
    build(&live, "plain", &recipe);
    let config = live.config("app");
    assert_eq!(config.user.unwrap_or_default(), "");
    assert_eq!(config.healthcheck.and_then(|check| check.test), None);
}
