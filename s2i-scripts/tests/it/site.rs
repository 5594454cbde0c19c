//! Sites, served by `run` itself.

use std::{
    fs,
    os::unix::fs::symlink,
    time::{Duration, SystemTime},
};

use s2i_core::Script;

use crate::{
    image::Image,
    server::{Server, free_port, get},
};

#[test]
fn site_is_served_with_tags_and_without_files_beside_it() {
    let port = free_port();
    let image = Image::new().env("PORT", &port.to_string());
    image.write("app-root/src/index.html", "<h1>home</h1>");
    image.write("app-root/src/app.js", "1");
    image.write("app-root/src/app.js.gz", "packed");
    image.write("app-root/secret.txt", "no");
    symlink("../secret.txt", image.path("app-root/src/link.txt")).unwrap();
    let mut server = Server::start(&image);
    let page = get(port, "/", "");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\nContent-Length: 13\r\nContent-Type: text/html; charset=utf-8\r\nETag: \""), "{page}");
    assert!(page.ends_with("\r\n\r\n<h1>home</h1>"), "{page}");
    let tag = page
        .lines()
        .find_map(|line| line.strip_prefix("ETag: "))
        .unwrap();
    let again = get(port, "/", &format!("If-None-Match: {tag}\r\n"));
    assert!(
        again.starts_with("HTTP/1.1 304 ") && again.ends_with("\r\n\r\n"),
        "{again}"
    );
    let packed = get(port, "/app.js", "Accept-Encoding: gzip\r\n");
    assert!(
        packed.contains("Content-Encoding: gzip\r\n") && packed.ends_with("packed"),
        "{packed}"
    );
    for path in [
        "/none.js",
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/link.txt",
    ] {
        assert!(get(port, path, "").starts_with("HTTP/1.1 404 "), "{path}");
    }
    assert!(get(port, "/a/page", "").ends_with("<h1>home</h1>"));
    assert_eq!(server.stop(), Some(0));
}

/// A page of a volume changes while the server runs, as that of another image changes between two runs.
#[test]
fn changed_page_has_new_validators_and_an_unchanged_one_is_not_sent_again() {
    let port = free_port();
    let image = Image::new().env("PORT", &port.to_string());
    let write = |text: &str, seconds: u64| {
        image.write("app-root/src/index.html", text);
        let page = fs::File::options()
            .append(true)
            .open(image.path("app-root/src/index.html"));
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        page.unwrap().set_modified(time).unwrap();
    };
    write("one", 784_111_777);
    let mut server = Server::start(&image);
    let header = |page: &str, name: &str| {
        let line = page.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().to_owned()
    };
    let ask = |header: &str| {
        let answer = get(port, "/", header);
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    let one = get(port, "/", "");
    let (tag, time) = (header(&one, "ETag: "), header(&one, "Last-Modified: "));
    assert_eq!(time, "Sun, 06 Nov 1994 08:49:37 GMT");
    assert!(header(&one, "Date: ").ends_with(" GMT"));
    let (by_tag, by_time) = (
        format!("If-None-Match: {tag}\r\n"),
        format!("If-Modified-Since: {time}\r\n"),
    );
    let both = format!("{by_tag}{by_time}");
    for known in [&by_tag, &by_time, &both] {
        assert_eq!(ask(known), "304", "{known}");
    }
    assert_eq!(ask(&format!("If-None-Match: \"x\"\r\n{by_time}")), "200");

    write("two", 784_111_778);
    for known in [&by_tag, &by_time, &both] {
        assert_eq!(ask(known), "200", "{known}");
    }
    let two = get(port, "/", "");
    assert_ne!(header(&two, "ETag: "), tag);
    assert_eq!(
        header(&two, "Last-Modified: "),
        "Sun, 06 Nov 1994 08:49:38 GMT"
    );
    // All times may be that of SOURCE_DATE_EPOCH.
    write("six", 784_111_777);
    assert_eq!(ask(&both), "200");
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn image_without_a_toolchain_packs_a_plain_site() {
    let image = Image::new().sample("node/html");
    let text = image.assemble();
    assert!(
        text.contains("     run starts: serve the files of "),
        "{text}"
    );
    assert_eq!(image.list("app-root/src"), ["index.html"]);
    assert_eq!(image.script(Script::AssembleRuntime, &[]).code, Some(0));
    fs::remove_file(image.path("app-root/src/index.html")).unwrap();
    assert_eq!(image.script(Script::AssembleRuntime, &[]).code, Some(127));
    let port = image.env("PORT", "many");
    port.write("app-root/src/index.html", "");
    assert_eq!(port.script(Script::Run, &[]).code, Some(2));
}
