//! Scenario 13: the users that `--allowed-uids` lets build.

use s2i_core::label;

use super::{clean::triggered, fixture};
use crate::{harness::live, images::Entry};

/// A user with a name has no number until the image is looked at. Ours does that, so the name alone is no reason to refuse.
#[test]
fn names_of_allowed_users_are_allowed() {
    let Some(live) = live() else { return };
    let passwd = "root:x:0:0::/:/none\nfakeuser:x:431:0::/app:/none\n";
    let mut recipe = fixture::baked()
        .with("etc/passwd", Entry::Text(0o644, passwd))
        .with("app", Entry::Directory(0o777));
    recipe.user = "fakeuser";
    let builder = live.load("named", &recipe);
    let source = fixture::source(&live);
    fixture::build(&live, &builder, &["--allowed-uids", "1-"], &source).succeeds();
    fixture::build(&live, &builder, &["-u", "1-430,432-"], &source).ends_with(15);
}

/// A builder whose USER and label are these.
fn numbered(user: &'static str, assemble: Option<&'static str>) -> crate::images::Recipe {
    let mut recipe = fixture::baked()
        .with("app", Entry::Directory(0o777))
        .with("tmp", Entry::Directory(0o1777));
    recipe.user = user;
    let label = assemble.map(|user| (label::ASSEMBLE_USER, user));
    recipe.labels.extend(label);
    recipe
}

#[test]
fn numbers_of_the_image_and_the_label_are_checked() {
    let Some(live) = live() else { return };
    let source = fixture::source(&live);
    for (user, assemble, code) in [
        ("431", None, 0),
        ("431", Some("0"), 15),
        ("431", Some("431"), 0),
        ("", Some("431"), 0),
        ("", None, 15),
    ] {
        let builder = live.load("numbered", &numbered(user, assemble));
        let done = fixture::build(&live, &builder, &["--allowed-uids", "1-"], &source);
        done.ends_with(code);
        if code == 0 {
            live.engine.remove_image(&live.image("app")).unwrap();
        }
        live.nothing_left();
    }
}

/// The option counts in place of the label and the image; of `1001:0` it is the user.
#[test]
fn number_of_the_option_is_checked_alone() {
    let Some(live) = live() else { return };
    let source = fixture::source(&live);
    let builder = live.load("rootly", &numbered("", Some("0")));
    for (user, code) in [("1001", 0), ("1001:0", 0), ("0", 15)] {
        let options = ["--allowed-uids", "1-", "--assemble-user", user];
        fixture::build(&live, &builder, &options, &source).ends_with(code);
    }
}

/// The users of triggers are checked as those of scripts.
#[test]
fn users_of_triggers_are_checked_as_well() {
    let Some(live) = live() else { return };
    if live.engine.is_podman() {
        return crate::harness::skip("the API of Podman does not show triggers");
    }
    for (user, code) in [("USER 0", 15), ("USER 1001", 0)] {
        let triggers = [user, "RUN write /app/onbuild text"];
        let builder = live.load("triggered", &triggered(&triggers));
        let source = fixture::source(&live);
        fixture::build(&live, &builder, &["--allowed-uids", "1-"], &source).ends_with(code);
    }
}
