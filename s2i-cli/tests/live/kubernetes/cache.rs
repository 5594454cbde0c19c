//! Builds of one application that share a claim for their artifacts.

use std::{env, fs, os::unix::fs::PermissionsExt as _};

use s2i_kube::{
    document::{self, Format, object},
    job::{CacheClaim, Quantity},
};
use serde_json::Value;

use super::{Machine, finish};
use crate::{images::Recipe, incremental::lending, process::Running};

/// The name of the claim.
const CLAIM: &str = "cache";

/// Makes a claim for a directory of this machine, which is the only node.
fn claim(machine: &Machine) {
    let dir = machine.live.path("cache");
    fs::create_dir(&dir).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o1777)).unwrap();
    let name = &machine.namespace;
    let dir = dir.display();
    machine.apply(&format!(
        "apiVersion: v1\nkind: PersistentVolume\nmetadata:\n  name: {name}\nspec:\n  capacity: {{storage: 1Gi}}\n  \
         accessModes: [ReadWriteOncePod]\n  persistentVolumeReclaimPolicy: Retain\n  hostPath: {{path: {dir}, type: Directory}}\n  \
         claimRef: {{namespace: {name}, name: {CLAIM}}}\n"
    ));
    let claim = CacheClaim {
        name: CLAIM.into(),
        application: "app".into(),
        namespace: Some(name.clone()),
        size: "1Gi".parse::<Quantity>().unwrap(),
        storage_class: Some(String::new()),
    };
    let claim = object(&claim.object().unwrap());
    machine.apply(&document::write(&[claim], Format::Yaml));
}

/// The volume of a claim belongs to no namespace.
struct Volume<'a>(&'a Machine);

impl Drop for Volume<'_> {
    fn drop(&mut self) {
        let mut jobs = self.0.kubectl_command(&["delete", "jobs,pvc", "--all"]);
        let _ = jobs.output();
        let mut volume = self.0.kubectl_command(&["delete", "pv", &self.0.namespace]);
        let _ = volume.output();
    }
}

#[test]
fn builds_on_one_claim_wait_for_each_other_and_all_succeed() {
    let Some(machine) = Machine::ready(&lending()) else {
        return;
    };
    let _volume = Volume(&machine);
    claim(&machine);
    let source = machine
        .live
        .instructions("if-exists /tmp/artifacts/0 show-list /tmp/artifacts/0\nmake-artifacts 3 10\nwrite /app/made text");
    let builds = if env::var_os("S2I_TEST_THOROUGH").is_some() {
        50
    } else {
        4
    };
    let apps: Vec<_> = (0..builds)
        .map(|number| machine.image(&format!("app{number}")))
        .collect();
    let options = ["--cache-claim", CLAIM, "--wait", "1h"];
    let running: Vec<_> = apps
        .iter()
        .map(|app| Running::start(&mut machine.build(&source, &options, app)))
        .collect();
    for build in running {
        build.finish().succeeds().says("@sha256:");
    }
    // The first one has found nothing, all others the artifacts of the build before.
    let jobs = machine.kubectl(&["get", "jobs", "-o", "jsonpath={.items[*].metadata.name}"]);
    let logs: Vec<_> = jobs
        .split_whitespace()
        .map(|job| machine.kubectl(&["logs", &format!("job/{job}"), "-c", "assemble"]))
        .collect();
    let empty = logs.iter().filter(|log| !log.contains("\"2\""));
    assert_eq!((logs.len(), empty.count()), (builds, 1), "{logs:#?}");
    let mut times = times(&machine);
    times.sort_unstable();
    assert_eq!(times.len(), builds);
    for pair in times.windows(2) {
        assert!(
            pair[0].1 <= pair[1].0,
            "two builds had the claim: {times:?}"
        );
    }
}

/// Returns the start of the first step and the end of the last one of each pod. The texts are in the order of the times.
fn times(machine: &Machine) -> Vec<(String, String)> {
    let pods = machine.kubectl(&["get", "pods", "-o", "json"]);
    let pods: Value = serde_json::from_str(&pods).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let pods = pods["items"].as_array().unwrap().iter();
    pods.map(|pod| {
        let status = &pod["status"];
        let start = &status["initContainerStatuses"][0]["state"]["terminated"]["startedAt"];
        let end = &status["containerStatuses"][0]["state"]["terminated"]["finishedAt"];
        (text(start), text(end))
    })
    .collect()
}

#[test]
fn claim_in_use_ends_a_build_that_is_not_to_wait() {
    let Some(machine) = Machine::ready(&Recipe::builder()) else {
        return;
    };
    let _volume = Volume(&machine);
    claim(&machine);
    let first = machine.live.instructions("sleep 60");
    let app = machine.image("app");
    let options = ["--cache-claim", CLAIM];
    let running = Running::start(&mut machine.build(&first, &options, &app));
    running.wait_for("step assemble");
    let options = ["--cache-claim", CLAIM, "--wait", "10s"];
    let done = finish(&mut machine.build(&first, &options, &app)).ends_with(32);
    done.says("wait for the other build, or use another claim");
    running.signal(rustix::process::Signal::INT);
    running.finish().ends_with(130);
    assert_eq!(machine.jobs(), "");
}
