//! Limits of a container.

use std::{path::Path, process::Stdio};

use s2i_core::wire::Exit;
use s2i_native::sandbox::{Error, Limits};

use crate::scene::{Scene, can_run};

crate::tests!(limits_hold_or_are_refused);

fn limits_hold_or_are_refused() {
    if !can_run("limits") {
        return;
    }
    let mut scene = Scene::script(
        "cat /sys/fs/cgroup/pids.max; i=0; while [ $i -lt 30 ]; do sleep 1 & i=$((i+1)); done",
    );
    scene.sandbox.limits = Limits {
        pids: Some(10),
        memory: Some(64 << 20),
        cpu_millis: None,
    };
    let (stdin, stdout, stderr) = (Stdio::null(), Stdio::null(), Stdio::null());
    match scene.sandbox.spawn(None, stdin, stdout, stderr) {
        Err(err @ (Error::NoCgroups | Error::NoDelegation { .. })) => {
            assert!(err.to_string().contains("cgroup"), "{err}");
            let is_v2 = Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
            assert_eq!(matches!(err, Error::NoCgroups), !is_v2, "{err}");
            eprintln!("skipped: limits can't be set here: {err}");
        }
        Err(err) => panic!("{err:?}"),
        Ok(mut running) => {
            running.wait().unwrap();
            let outcome = scene.run();
            assert!(outcome.out.starts_with("10\n"), "{outcome:?}");
            assert!(
                outcome.exit != Exit::Code(0) && outcome.err.contains("fork"),
                "{outcome:?}"
            );
        }
    }
}
