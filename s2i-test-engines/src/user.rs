//! Ordinary users for engines, with ranges of subordinate IDs.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};

use crate::host;

/// A user of this machine.
pub struct User {
    /// The user ID.
    pub uid: u32,
    /// The group ID.
    pub gid: u32,
}

/// Returns the user, who is created if missing, without a home directory.
pub fn make(name: &str, home: &Path) -> Result<User> {
    if find(name)?.is_none() {
        let mut command = Command::new("useradd");
        command.args(["--no-create-home", "--user-group", "--shell", "/bin/sh"]);
        host::run(command.arg("--home-dir").arg(home).arg(name))?;
    }
    for (file, option) in [
        ("/etc/subuid", "--add-subuids"),
        ("/etc/subgid", "--add-subgids"),
    ] {
        let table = fs::read_to_string(file).unwrap_or_default();
        let own = format!("{name}:");
        if !table.lines().any(|line| line.starts_with(&own)) {
            let first = first_free(&table);
            let range = format!("{first}-{}", first + 65535);
            host::run(Command::new("usermod").args([option, &range, name]))?;
        }
    }
    find(name)?.with_context(|| format!("user {name} was created and is not there"))
}

/// Removes the user if it exists.
pub fn remove(name: &str) -> Result<()> {
    match find(name)? {
        Some(_) => host::run(Command::new("userdel").arg(name)),
        None => Ok(()),
    }
}

/// Returns the first ID above all ranges, from lines of the form `name:first:count`.
fn first_free(table: &str) -> u64 {
    let end = |line: &str| {
        let mut fields = line.split(':').skip(1).map(str::parse::<u64>);
        Some(fields.next()?.ok()? + fields.next()?.ok()?)
    };
    let last = table.lines().filter_map(end).max();
    last.unwrap_or(0).max(100_000)
}

/// Returns the user if it exists.
pub fn find(name: &str) -> Result<Option<User>> {
    let table = fs::read_to_string("/etc/passwd").context("can't read /etc/passwd")?;
    Ok(lookup(&table, name))
}

fn lookup(table: &str, name: &str) -> Option<User> {
    let mut lines = table.lines();
    let line = lines.find(|line| line.split(':').next() == Some(name))?;
    let mut ids = line.split(':').skip(2).map(str::parse::<u32>);
    Some(User {
        uid: ids.next()?.ok()?,
        gid: ids.next()?.ok()?,
    })
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
