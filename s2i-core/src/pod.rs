//! The paths of a build in a pod, which the objects of the pod and the steps in it agree on.
//!
//! All are below one directory that no image has: a volume over a file of an image would keep it from starting.

/// The directory of everything that belongs to the build.
pub const ROOT: &str = "/.s2i";
/// The directory with what steps after `prepare` read: the program, the plan, source and scripts.
pub const IN_DIR: &str = "/.s2i/in";
/// The directory with what the steps with scripts write: layers and artifacts.
pub const OUT_DIR: &str = "/.s2i/out";
/// The directory for temporary files of the steps of our images, whose own files are read-only.
pub const TEMP_DIR: &str = "/.s2i/tmp";
/// The directory with the logins: those to push, or the only ones.
pub const REGISTRY_DIR: &str = "/.s2i/registry";
/// The directory with the logins to pull, if those to push are others. `prepare` alone sees it.
pub const REGISTRY_PULL_DIR: &str = "/.s2i/registry-pull";
/// The directory with the login of a Git server, `username` and `password`, or `ssh-privatekey` and `known_hosts`.
pub const GIT_DIR: &str = "/.s2i/git";
/// The directory with a directory for each secret that `assemble` gets.
pub const SECRETS_DIR: &str = "/.s2i/secrets";
/// The directory of the cache between builds.
pub const CACHE_DIR: &str = "/.s2i/cache";
/// The program in our images.
pub const OWN_PROGRAM: &str = "/usr/bin/s2i";
/// The program in all other images: a copy of ours, which `prepare` puts into [`IN_DIR`].
pub const COPIED_PROGRAM: &str = "/.s2i/in/bin/s2i";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_directories_are_below_one() {
        let dirs = [
            IN_DIR,
            OUT_DIR,
            TEMP_DIR,
            REGISTRY_DIR,
            REGISTRY_PULL_DIR,
            GIT_DIR,
            SECRETS_DIR,
            CACHE_DIR,
        ];
        assert!(
            dirs.iter()
                .all(|dir| dir.rsplit_once('/').unwrap().0 == ROOT)
        );
        assert!(COPIED_PROGRAM.starts_with(IN_DIR));
    }
}
