//! Podman as an ordinary user, who is created when missing.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
    process::Command,
};

use anyhow::{Context, Result};

use super::{
    podman::{self, Folders},
    process::detached,
    state::{Endpoint, Record},
    wait::Starting,
};
use crate::host;

const USER: &str = "s2i-podman";
const HOME: &str = "home";
const RUN: &str = "run";

/// Starts the engine.
pub(crate) fn start(starting: &mut Starting) -> Result<Endpoint> {
    let user = make_user(starting)?;
    for (name, mode) in [(HOME, 0o755), (RUN, 0o700), ("run/podman", 0o700)] {
        make_folder(&starting.path(name), mode, &user)?;
    }
    let folders = Folders {
        graph: "home/data",
        run: "run/containers",
        network: "home/networks",
    };
    let environment = podman::settings(starting, &folders)?;
    // Where Podman's own unit of systemd has it, below `XDG_RUNTIME_DIR`.
    let url = format!("unix://{}", starting.text("run/podman/podman.sock"));
    let (uid, gid) = (
        format!("--reuid={}", user.uid),
        format!("--regid={}", user.gid),
    );
    let mut command = detached(Path::new("prlimit"));
    command.args([
        "--nofile=1024:1024",
        "--nproc=1024:1024",
        "setpriv",
        &uid,
        &gid,
        "--init-groups",
    ]);
    command.args(["podman", "system", "service", "--time=0", &url]);
    command.env_clear().envs(environment);
    command.env("PATH", std::env::var_os("PATH").context("PATH is not set")?);
    command
        .env("HOME", starting.path(HOME))
        .env("XDG_RUNTIME_DIR", starting.path(RUN))
        .env("USER", USER);
    starting.spawn("podman", &mut command)?;
    starting.wait_for_answer(url, Some(USER.to_owned()))
}

/// Removes the user when it was created for this engine.
pub(crate) fn remove_user(record: &Record) -> Result<()> {
    match &record.created_user {
        Some(name) if find(name)?.is_some() => host::run(Command::new("userdel").arg(name)),
        _ => Ok(()),
    }
}

struct User {
    uid: u32,
    gid: u32,
}

/// The user, with ranges of subordinate IDs.
fn make_user(starting: &mut Starting) -> Result<User> {
    if find(USER)?.is_none() {
        starting.record.created_user = Some(USER.to_owned());
        starting.save()?;
        let mut command = Command::new("useradd");
        command.args([
            "--no-create-home",
            "--user-group",
            "--shell",
            "/bin/sh",
            "--home-dir",
        ]);
        host::run(command.arg(starting.path(HOME)).arg(USER))?;
    }
    for (file, option) in [
        ("/etc/subuid", "--add-subuids"),
        ("/etc/subgid", "--add-subgids"),
    ] {
        let table = fs::read_to_string(file).unwrap_or_default();
        if !table
            .lines()
            .any(|line| line.starts_with(&format!("{USER}:")))
        {
            let first = first_free(&table);
            let range = format!("{first}-{}", first + 65535);
            host::run(Command::new("usermod").args([option, &range, USER]))?;
        }
    }
    find(USER)?.with_context(|| format!("user {USER} was created and is not there"))
}

/// The first number above all ranges: `name:first:count` a line.
fn first_free(table: &str) -> u64 {
    let end = |line: &str| {
        let mut fields = line.split(':').skip(1).map(str::parse::<u64>);
        Some(fields.next()?.ok()? + fields.next()?.ok()?)
    };
    table
        .lines()
        .filter_map(end)
        .max()
        .unwrap_or(0)
        .max(100_000)
}

fn find(name: &str) -> Result<Option<User>> {
    let table = fs::read_to_string("/etc/passwd").context("can't read /etc/passwd")?;
    Ok(lookup(&table, name))
}

fn lookup(table: &str, name: &str) -> Option<User> {
    let line = table
        .lines()
        .find(|line| line.split(':').next() == Some(name))?;
    let mut ids = line.split(':').skip(2).map(str::parse::<u32>);
    Some(User {
        uid: ids.next()?.ok()?,
        gid: ids.next()?.ok()?,
    })
}

fn make_folder(path: &Path, mode: u32, user: &User) -> Result<()> {
    let created = fs::create_dir(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
        .and_then(|()| chown(path, Some(user.uid), Some(user.gid)));
    created.with_context(|| format!("can't create `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_ids_do_not_overlap() {
        assert_eq!(first_free(""), 100_000);
        assert_eq!(first_free("a:100000:65536\nb:300000:10\nbroken\n"), 300_010);
    }

    #[test]
    fn a_user_is_found_by_the_whole_name() {
        let table = "rooty:x:7:7::/:/bin/sh\nroot:x:0:1:root:/root:/bin/sh\n";
        assert!(lookup(table, "root").is_some_and(|user| user.uid == 0 && user.gid == 1));
        assert!(lookup(table, "roo").is_none());
    }
}
