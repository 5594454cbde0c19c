//! The sample applications of the Go builder.

use s2i_core::Script;

use crate::{
    image::Image,
    server::{Server, free_port, get},
};

#[test]
fn plain_prints_its_arguments_and_sets_its_status() {
    let Some(image) = Image::with_go() else {
        return;
    };
    let image = image.sample("go/plain");
    image.assemble();
    let outcome = image.script(Script::Run, &["exit=3", "-h", "two words"]);
    assert_eq!(
        (outcome.text().as_str(), outcome.code),
        ("exit=3\n-h\ntwo words\n", Some(3))
    );
}

#[test]
fn vendored_builds_without_a_network() {
    let Some(image) = Image::with_go() else {
        return;
    };
    let image = image.sample("go/vendored");
    image.assemble();
    assert_eq!(image.list("app-root/bin"), ["name2uuid"]);
    let outcome = image.script(Script::Run, &["https://example.com/"]);
    assert_eq!(outcome.text(), "dd2c1780-811a-5296-81c5-178a0ef488bc\n");
}

#[test]
fn web_answers_and_ends_with_status_0() {
    let Some(image) = Image::with_go() else {
        return;
    };
    let port = free_port();
    let image = image
        .sample("go/web")
        .env("PORT", &port.to_string())
        .env("GO_LDFLAGS", "-s -w -X main.version=2.0");
    image.assemble();
    let mut server = Server::start(&image);
    let page = get(port, "/", "");
    assert!(
        page.contains("\r\n\r\nhello from s2i, version 2.0, built with go1."),
        "{page}"
    );
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn modules_are_downloaded() {
    let Some(image) = Image::with_go() else {
        return;
    };
    let Some(image) = image.online() else {
        return;
    };
    let port = free_port();
    let image = image.sample("go/modules").env("PORT", &port.to_string());
    image.assemble();
    assert_eq!(image.list("app-root"), ["bin", "bin/modules"]);
    let mut server = Server::start(&image);
    assert!(get(port, "/", "").ends_with("\r\n\r\nhello from s2i"));
    assert!(
        get(port, "/", "Accept-Language: de-AT, en;q=0.5\r\n").ends_with("\r\n\r\nhallo von s2i")
    );
    server.stop();
}
