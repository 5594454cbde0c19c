//! The start of applications, and the first process.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use s2i_core::Script;

use crate::{
    image::{Image, skip},
    server::{Server, free_port, get},
};

impl Image {
    /// Adds a file of an assembled application.
    fn app(self, name: &str, content: &str) -> Self {
        self.write(&format!("app-root/src/{name}"), content);
        self
    }
}

#[test]
fn start_scripts_run_without_npm_and_without_a_shell() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let image = image.sample("node/scripts");
    image.assemble();
    // As in a runtime image.
    for name in ["npm", "sh", "env"] {
        fs::remove_file(image.path("tools").join(name)).unwrap();
    }
    let run = |image: &Image, args: &[&str]| {
        let outcome = image.script(Script::Run, args);
        (outcome.text(), outcome.code)
    };
    assert_eq!(
        run(&image, &["more words"]),
        (
            "[[\"before\"],null,\"prestart\",\"1.0.0\"]\n\
             [[\"start\",\"port 8080\",\"nothing\",\"more words\"],\"hello from $npm\",\"start\",\"1.0.0\"]\n"
                .to_owned(),
            Some(0)
        )
    );
    let mut image = image;
    for (script, expected) in [
        (
            "chain",
            "[[\"one\"],null,\"chain\",\"1.0.0\"]\n[[\"two\"],null,\"chain\",\"1.0.0\"]\n",
        ),
        (
            "nested",
            "[[\"one\"],null,\"chain\",\"1.0.0\"]\n[[\"two\"],null,\"chain\",\"1.0.0\"]\n",
        ),
        ("tool", "tool --flag\n"),
    ] {
        image = image.env("NPM_RUN", script);
        assert_eq!(run(&image, &[]), (expected.to_owned(), Some(0)), "{script}");
    }
    image = image.env("NPM_RUN", "shell");
    let outcome = image.script(Script::Run, &[]);
    assert_eq!(outcome.code, Some(126));
    assert!(
        outcome.stderr.starts_with(
            "run: the command `node print.js piped | cat` needs a shell, and this image has none\n"
        ),
        "{}",
        outcome.stderr
    );
    image = image.env("NPM_RUN", "missing");
    let outcome = image.script(Script::Run, &[]);
    assert_eq!(outcome.code, Some(127));
    assert!(
        outcome
            .stderr
            .contains("`dependencies`, not in `devDependencies`\n"),
        "{}",
        outcome.stderr
    );
    image = image.env("NODE_CMD", "node print.js x");
    assert_eq!(run(&image, &[]).0, "[[\"x\"],null,null,\"1.0.0\"]\n");
}

#[test]
fn plain_answers_and_ends_with_status_0() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let port = free_port();
    let image = image.sample("node/plain").env("PORT", &port.to_string());
    image.assemble();
    let mut server = Server::start(&image);
    let page = get(port, "/", "");
    assert!(
        page.contains("\r\n\r\nhello from s2i, on Node.js v"),
        "{page}"
    );
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn development_restarts_when_a_file_changes() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let port = free_port();
    let server = |text: &str| {
        format!("require('http').createServer((q, a) => a.end('{text}')).listen(process.env.PORT)")
    };
    let image = image
        .app("package.json", r#"{"scripts":{"start":"node server.js"}}"#)
        .app("server.js", &server("before"))
        .env("PORT", &port.to_string())
        .env("DEBUG_PORT", "0")
        .env("DEV_MODE", "true");
    let mut running = Server::start(&image);
    assert!(get(port, "/", "").ends_with("before"));
    image.write("app-root/src/server.js", &server("after"));
    let end = Instant::now() + Duration::from_secs(20);
    while !get(port, "/", "").ends_with("after") {
        assert!(Instant::now() < end, "the application was not restarted");
        thread::sleep(Duration::from_millis(100));
    }
    running.stop();
}

#[test]
fn exit_codes_and_signals_are_passed_on() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let image = image.app("server.js", "process.exit(Number(process.argv[2]))");
    for code in [0, 3, 255] {
        let outcome = image.script(Script::Run, &[&code.to_string()]);
        assert_eq!(outcome.code, Some(code));
    }
    let image = image.app("server.js", "process.kill(process.pid, process.argv[2])");
    for (signal, code) in [("SIGKILL", 137), ("SIGTERM", 143)] {
        assert_eq!(image.script(Script::Run, &[signal]).code, Some(code));
    }
    // Without an init it is Node.js itself that ends.
    let image = image.env("INIT_WRAPPER", "false");
    assert_eq!(image.script(Script::Run, &["SIGTERM"]).code, None);
}

/// A running application with its lines.
struct Application {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Application {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().unwrap().unwrap()
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[test]
fn every_signal_reaches_the_application_once() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let image = image.app(
        "server.js",
        "for (const name of ['HUP', 'INT', 'QUIT', 'TERM', 'USR2', 'WINCH']) process.on('SIG' + name, () => { console.log(name); if (name === 'TERM') setTimeout(() => process.exit(7), 100); });\
         setInterval(() => {}, 1000); console.log('ready');",
    );
    let mut application = Application::start(&mut image.command(Script::Run, &[]));
    assert_eq!(application.line(), "ready");
    for name in ["HUP", "INT", "QUIT", "USR2", "WINCH", "TERM"] {
        application.signal(name);
        assert_eq!(application.line(), name);
    }
    assert!(application.lines.next().is_none());
    assert_eq!(application.child.wait().unwrap().code(), Some(7));
}

#[test]
fn children_of_a_shell_receive_signals() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let image = image
        .app(
            "package.json",
            r#"{"scripts":{"start":"node server.js | cat; true"}}"#,
        )
        .app(
            "server.js",
            "console.log('ready ' + process.pid); setInterval(() => {}, 1000);",
        )
        .tool("cat")
        .unwrap();
    let mut application = Application::start(&mut image.command(Script::Run, &[]));
    let line = application.line();
    let id = line.strip_prefix("ready ").unwrap();
    application.signal("TERM");
    assert_eq!(application.child.wait().unwrap().code(), Some(143));
    let end = Instant::now() + Duration::from_secs(5);
    while fs::metadata(format!("/proc/{id}")).is_ok() {
        assert!(Instant::now() < end, "the application was left behind");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn signal_ends_a_chain_of_commands() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let image = image
        .app("package.json", r#"{"scripts":{"start":"node first.js && node second.js"}}"#)
        .app("first.js", "process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1000); console.log('first');")
        .app("second.js", "console.log('second')");
    let mut application = Application::start(&mut image.command(Script::Run, &[]));
    assert_eq!(application.line(), "first");
    application.signal("TERM");
    assert!(
        application.lines.next().is_none(),
        "the second one has begun"
    );
    assert_eq!(application.child.wait().unwrap().code(), Some(143));
}

#[test]
fn first_process_reaps_orphans_and_forwards_signals() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let inside = |args: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--mount-proc", "--kill-child", "--"]);
        command.args(args);
        command
    };
    if !inside(&["true"])
        .output()
        .is_ok_and(|output| output.status.success())
    {
        skip("there are no namespaces of processes for this user");
        return;
    }
    // Leaves a process behind that ends, and waits until it is reaped.
    let image = image.app(
        "server.js",
        "const { spawnSync } = require('child_process'); const fs = require('fs');\
         console.log('first:', process.ppid === 1);\
         const id = spawnSync('sh', ['-c', 'true & echo $!']).stdout.toString().trim();\
         const end = Date.now() + 20000;\
         const timer = setInterval(() => {\
             const exists = fs.existsSync('/proc/' + id);\
             if (exists && Date.now() < end) return;\
             clearInterval(timer);\
             console.log('reaped:', !exists);\
         }, 5);\
         process.on('SIGTERM', () => { console.log('ended'); process.exit(5); });\
         setInterval(() => {}, 1000);",
    );
    let run = image.path("s2i/run");
    let command = image.command(Script::Run, &[]);
    let mut unshare = inside(&[run.to_str().unwrap()]);
    unshare.env_clear().envs(
        command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    // `unshare` itself is of the host.
    let path = format!("{}:/usr/bin:/bin", image.path("tools").display());
    let mut application = Application::start(unshare.env("PATH", path));
    assert_eq!(application.line(), "first: true");
    assert_eq!(application.line(), "reaped: true");
    let children = format!("/proc/{0}/task/{0}/children", application.child.id());
    let first = fs::read_to_string(children).unwrap();
    let sent = Command::new("kill").arg(first.trim()).status();
    assert!(sent.unwrap().success());
    assert_eq!(application.line(), "ended");
    assert_eq!(application.child.wait().unwrap().code(), Some(5));
}

#[test]
fn runtime_image_is_checked_by_assemble_runtime() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let image = image.app("package.json", r#"{"scripts":{"start":"node a | cat"}}"#);
    fs::remove_file(image.path("tools/sh")).unwrap();
    let outcome = image.script(Script::AssembleRuntime, &[]);
    assert_eq!(outcome.code, Some(126), "{}", outcome.stderr);
    let image = image.app("package.json", r#"{"scripts":{"start":"node a"}}"#);
    let outcome = image.script(Script::AssembleRuntime, &[]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    assert!(
        outcome.text().ends_with("     run starts: node a\n"),
        "{}",
        outcome.text()
    );
    fs::remove_file(image.path("tools/node")).unwrap();
    let outcome = image.script(Script::AssembleRuntime, &[]);
    assert_eq!(outcome.code, Some(127));
    assert!(
        outcome.stderr.contains("there is no `node` on the PATH"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn usage_describes_the_kind_of_the_image() {
    let Some(image) = Image::with_node() else {
        return;
    };
    let usage = image.script(Script::Usage, &[]).text();
    assert!(
        usage.starts_with("This is a source-to-image builder for Node.js"),
        "{usage}"
    );
    assert!(
        usage.contains("\n  NPM_TOKEN ") && !usage.contains("\n  GO_TARGET "),
        "{usage}"
    );
    fs::remove_file(image.path("tools/npm")).unwrap();
    fs::remove_file(image.path("s2i/assemble")).unwrap();
    let usage = image.script(Script::Usage, &[]).text();
    assert!(usage.contains("runtime image: it holds Node.js"), "{usage}");
}
