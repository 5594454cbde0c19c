//! Sockets and signals, which no mount hides.

use std::{
    fs,
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixListener},
    },
    process::Command,
};

use s2i_core::wire::Exit;
use s2i_native::sandbox::Network;

use crate::scene::{Scene, can_run, temporary};

crate::tests!(
    abstract_sockets_of_the_host_are_out_of_reach,
    containers_start_where_the_kernel_lacks_it,
    sockets_made_inside_work,
    processes_inside_can_be_signalled,
);

/// A daemon of the host that listens on an abstract name.
pub(crate) struct Daemon {
    _listener: UnixListener,
    name: String,
}

impl Daemon {
    pub(crate) fn start() -> Self {
        // The directory's name is no other test's.
        let name = temporary().path().display().to_string();
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        Self {
            _listener: UnixListener::bind_addr(&address).unwrap(),
            name,
        }
    }

    /// A program that prints whether it can connect, or the number of the error.
    pub(crate) fn connect(&self) -> String {
        format!(
            r#"socket($s, 1, 1, 0) or die; print connect($s, pack("S", 1) . "\0{}") ? "connected" : $!+0;"#,
            self.name
        )
    }
}

/// Returns whether this kernel can keep containers from such sockets, and reports if it can't.
pub(crate) fn has_scopes(test: &str) -> bool {
    let place = temporary();
    let has = s2i_native::userns::probe(place.path()).has_scopes;
    if !has {
        eprintln!("skipped: {test} needs Landlock of Linux 6.12");
    }
    has
}

const NOT_PERMITTED: &str = "1";

fn abstract_sockets_of_the_host_are_out_of_reach() {
    if !can_run("abstract sockets") || !has_scopes("abstract sockets") {
        return;
    }
    let daemon = Daemon::start();
    for user in ["", "user"] {
        let mut scene = Scene::of(&["perl", "-e", &daemon.connect()]);
        scene.direct().user = user.into();
        let outcome = scene.run();
        assert_eq!(outcome.out, NOT_PERMITTED, "{user}: {outcome:?}");
    }
    for for_root in [true, false] {
        let scene = Scene::of(&[]).for_agent(for_root);
        let outcome = scene.run_with(&format!("perl -e '{}'", daemon.connect()));
        assert_eq!(outcome.out, NOT_PERMITTED, "{outcome:?}");
    }
}

fn containers_start_where_the_kernel_lacks_it() {
    if !can_run("kernels without Landlock") {
        return;
    }
    let daemon = Daemon::start();
    for (network, expected) in [(Network::Host, "connected"), (Network::None, "111")] {
        let mut scene = Scene::of(&["perl", "-e", &daemon.connect()]);
        scene.sandbox.network = network;
        let spec = scene.temp.path().join("spec.json");
        fs::write(&spec, serde_json::to_vec(&scene.sandbox).unwrap()).unwrap();
        let output = Command::new("/proc/self/exe")
            .arg("--run-without-landlock")
            .arg(spec)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said, expected, "{network:?}: {output:?}");
    }
}

fn sockets_made_inside_work() {
    if !can_run("sockets inside") {
        return;
    }
    let script = r#"
        for $name ("/dev/shm/socket", "\0abstract-$$") {
            socket($server, 1, 1, 0) && bind($server, pack("S", 1) . $name) && listen($server, 1) or die $!;
            unless (fork) {
                socket($client, 1, 1, 0) && connect($client, pack("S", 1) . $name) or die $!;
                syswrite($client, "hello\n"); exit;
            }
            accept($connection, $server) or die $!;
            print scalar <$connection>;
        }"#;
    for user in ["", "user"] {
        let mut scene = Scene::of(&["perl", "-e", script]);
        scene.direct().user = user.into();
        let outcome = scene.run();
        assert_eq!(outcome.out, "hello\nhello\n", "{user}: {outcome:?}");
    }
}

/// The agent ends what a script leaves, also what runs as another user.
fn processes_inside_can_be_signalled() {
    if !can_run("signals inside") {
        return;
    }
    let script = "pipe $r, $w; $pid = fork; \
        unless ($pid) { $) = 7; $( = 7; $< = $> = 1001; $SIG{TERM} = IGNORE; syswrite $w, q(x); sleep 99 } \
        sysread $r, $x, 1; kill q(KILL), $pid; waitpid $pid, 0; print $? & 127";
    for for_root in [true, false] {
        let scene = Scene::of(&[]).for_agent(for_root);
        let outcome = scene.run_with(&format!("perl -e '{script}'"));
        assert_eq!(outcome.out, "9", "{outcome:?}");
        assert_eq!(outcome.exit, Exit::Code(0), "{outcome:?}");
    }
}
