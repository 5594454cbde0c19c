//! The commands of the package managers.

use std::collections::BTreeMap;

use s2i_core::ContainerPath;

use super::{Facts, Request, diagnose::DRIFT, facts::Tool, manager::Manager, request::DEVELOPMENT};
use crate::{
    Directories,
    assembly::{Step, cache},
    directories::below,
    host::Invocation,
    variables,
};

/// The role of the lock file in an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lock {
    /// There is none.
    None,
    /// It must fit package.json.
    Strict,
    /// It is followed as far as it fits.
    Lenient,
}

/// The commands of a build.
pub(super) struct Commands<'a> {
    pub(super) facts: &'a Facts,
    pub(super) request: &'a Request,
    pub(super) dirs: &'a Directories,
}

impl Commands<'_> {
    /// Returns the command that gets the package manager, where the image does not have it.
    pub(super) fn fetch(&self) -> Option<Invocation> {
        let Tool::Registry { npm, version } = &self.facts.tool else {
            return None;
        };
        let package = self.facts.choice.manager.package();
        let args = ["install", "--no-save", "--no-package-lock", "--prefix"];
        let mut args = args.map(str::to_owned).to_vec();
        args.push(self.manager_home().to_string());
        args.push(format!("{package}@{version}"));
        Some(Invocation {
            program: npm.clone(),
            args,
            env: self.environment(DEVELOPMENT),
            directory: self.dirs.scratch.clone(),
            advice: vec![format!(
                "this image does not have {package}, and so npm must be able to get it; an image that has it needs no registry for that"
            )],
        })
    }

    /// Installs the packages of the source, with those for development unless `production` is set. A lock file that
    /// does not fit is followed as far as it does, unless the user objects.
    pub(super) fn install(&self, production: bool) -> Step {
        let Some(lock) = self.facts.choice.lock else {
            return Step::Run(self.install_as(production, Lock::None));
        };
        let first = self.install_as(production, Lock::Strict);
        if self.request.strict_lock {
            return Step::Run(first);
        }
        let program = self.facts.choice.manager.program();
        Step::RunOr {
            first,
            texts: &DRIFT,
            warning: format!(
                "{lock} DOES NOT FIT package.json. The packages that it lacks are installed in whatever version the registry \
                 has now, so this build cannot be repeated. Run `{program} install`, and commit {lock}. \
                 {}=true makes this an error",
                variables::NODE_STRICT_LOCK
            ),
            otherwise: self.install_as(production, Lock::Lenient),
        }
    }

    fn install_as(&self, production: bool, lock: Lock) -> Invocation {
        let has_lock = lock == Lock::Strict;
        let manager = self.facts.choice.manager;
        let args: &[&str] = match (manager, lock) {
            (Manager::Npm, Lock::Strict) => &["ci"],
            (Manager::Npm, Lock::None | Lock::Lenient) => &["install"],
            (Manager::Pnpm, Lock::Strict) => &["install", "--frozen-lockfile"],
            (Manager::Pnpm, Lock::None | Lock::Lenient) => &["install", "--no-frozen-lockfile"],
            (Manager::Yarn, Lock::Strict) => &["install", "--frozen-lockfile", "--non-interactive"],
            (Manager::Yarn, Lock::Lenient) => &["install", "--non-interactive"],
            (Manager::Yarn, Lock::None) => &["install", "--no-lockfile", "--non-interactive"],
            (Manager::Berry, Lock::Strict) => &["install", "--immutable"],
            (Manager::Berry, Lock::None | Lock::Lenient) => &["install", "--no-immutable"],
        };
        let kind: &[&str] = match (manager, production) {
            (Manager::Npm, false) => &["--include=dev"],
            (Manager::Npm, true) => &["--omit=dev"],
            (Manager::Pnpm, false) => &["--prod=false"],
            (Manager::Pnpm, true) => &["--prod"],
            (Manager::Yarn, false) => &["--production=false"],
            (Manager::Yarn, true) => &["--production"],
            (Manager::Berry, _) if has_lock && self.is_zero_install() => {
                &["--immutable-cache", "--check-cache"]
            }
            (Manager::Berry, _) => &[],
        };
        let env = if production {
            &self.request.env
        } else {
            DEVELOPMENT
        };
        self.invocation(&[args, kind].concat(), env, self.dirs.app())
    }

    /// Runs a script of a package.
    pub(super) fn run(&self, words: &[String], directory: ContainerPath) -> Invocation {
        let mut args = vec!["run", words[0].as_str()];
        let is_npm = self.facts.choice.manager == Manager::Npm;
        if is_npm && words.len() > 1 && words[1] != "--" {
            args.push("--");
        }
        let rest = words[1..].iter().map(String::as_str);
        args.extend(rest.skip_while(|word| !is_npm && *word == "--"));
        let mut invocation = self.invocation(&args, &self.request.env, directory);
        if !self.facts.has_shell {
            let advice = "scripts need a shell, and there is no `sh` on the PATH";
            invocation.advice.push(advice.into());
        }
        invocation
    }

    /// Removes the development dependencies; `None` where the package manager cannot.
    pub(super) fn prune(&self, package: Option<&str>) -> Option<Invocation> {
        let filter = package.map(|name| format!("{name}..."));
        let args: Vec<&str> = match (self.facts.choice.manager, package) {
            (Manager::Npm, _) => vec!["prune", "--omit=dev", "--ignore-scripts"],
            (Manager::Pnpm, None) => vec!["prune", "--prod", "--ignore-scripts"],
            (Manager::Pnpm, Some(_)) => vec![
                "--filter",
                filter.as_deref().unwrap_or_default(),
                "install",
                "--prod",
                "--frozen-lockfile",
                "--ignore-scripts",
                "--offline",
                "--config.modules-cache-max-age=0",
            ],
            // A second installation would undo what scripts have changed in the packages.
            (Manager::Yarn, _) => return None,
            (Manager::Berry, package) => {
                if self.major()? < 4 {
                    return None;
                }
                let package = package.unwrap_or("--all");
                vec!["workspaces", "focus", package, "--production"]
            }
        };
        Some(self.invocation(&args, &self.request.env, self.dirs.app()))
    }

    /// Returns whether an installation can leave out development dependencies.
    pub(super) fn prunes_by_install(&self) -> bool {
        self.facts.choice.manager != Manager::Berry
    }

    /// Returns whether the cache of the packages is a part of the source, and of the application.
    pub(super) fn is_zero_install(&self) -> bool {
        let names = &self.facts.names;
        self.facts.choice.manager == Manager::Berry
            && names.iter().any(|name| name == ".yarn")
            && self.facts.yarnrc.global_cache == Some(false)
    }

    /// Returns whether packages stay in archives, which Node.js reads through a file of Yarn.
    pub(super) fn is_pnp(&self) -> bool {
        let linker = self.facts.yarnrc.linker.as_deref();
        self.facts.choice.manager == Manager::Berry && linker.is_none_or(|linker| linker == "pnp")
    }

    fn invocation(&self, args: &[&str], env: &str, directory: ContainerPath) -> Invocation {
        let name = self.facts.choice.manager.program();
        let (program, before) = match &self.facts.tool {
            Tool::Present { program, .. } => (program.clone(), None),
            Tool::Unneeded => (name.to_owned(), None),
            Tool::Registry { .. } => (format!("{}/{name}", self.manager_bin()), None),
            Tool::Source { file } => (
                self.facts.node.program.clone(),
                Some(format!("{}/{file}", self.dirs.app())),
            ),
        };
        let args = args.iter().map(|&arg| arg.to_owned());
        Invocation {
            program,
            args: before
                .into_iter()
                .chain(self.settings())
                .chain(args)
                .collect(),
            env: self.environment(env),
            directory,
            advice: Vec::new(),
        }
    }

    /// Returns the variables. The files that a package manager keeps for itself go to the scratch directory, or to
    /// a cache; `PATH` has a package manager of the registry, for scripts that call it.
    fn environment(&self, env: &str) -> BTreeMap<String, String> {
        let home = self.dirs.scratch("home");
        let cache = self.cache();
        let mut variables = BTreeMap::from(
            [
                ("HOME", home.to_string()),
                ("NODE_ENV", env.to_owned()),
                ("npm_config_audit", "false".to_owned()),
                ("npm_config_cache", format!("{cache}/npm")),
                ("npm_config_fund", "false".to_owned()),
                // A log would be removed with the scratch directory.
                ("npm_config_logs_max", "0".to_owned()),
                ("npm_config_update_notifier", "false".to_owned()),
                ("TMPDIR", self.dirs.scratch("tmp").to_string()),
                ("npm_config_userconfig", below(&home, ".npmrc").to_string()),
                ("XDG_CACHE_HOME", below(&home, ".cache").to_string()),
                ("XDG_CONFIG_HOME", below(&home, ".config").to_string()),
                ("XDG_DATA_HOME", below(&home, ".local/share").to_string()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        let mut set = |name: &str, value: String| variables.insert(name.to_owned(), value);
        if let (Tool::Registry { .. }, Some(path)) = (&self.facts.tool, &self.facts.path) {
            set("PATH", format!("{}:{path}", self.manager_bin()));
        }
        match self.facts.choice.manager {
            Manager::Npm => {}
            Manager::Pnpm => {
                // It must not fetch another version than the chosen one.
                set("npm_config_manage_package_manager_versions", "false".into());
                set(
                    "pnpm_config_manage_package_manager_versions",
                    "false".into(),
                );
                // Without a terminal it must not prompt.
                set("CI", "true".into());
            }
            Manager::Yarn => {
                set("YARN_CACHE_FOLDER", format!("{cache}/yarn"));
                set("YARN_IGNORE_PATH", "1".into());
            }
            Manager::Berry => {
                set("YARN_ENABLE_TELEMETRY", "0".into());
                set("YARN_ENABLE_GLOBAL_CACHE", "false".into());
                set("YARN_IGNORE_PATH", "1".into());
                if !self.is_pnp() && !self.is_zero_install() {
                    set("YARN_CACHE_FOLDER", format!("{cache}/berry"));
                }
            }
        }
        variables
    }

    /// Returns the arguments of every pnpm command. They keep packages on the file system of the application, into
    /// which it links them; keep it from becoming another version, before and since pnpm 11; and let it link programs
    /// of packages instead of writing scripts that need a shell and more.
    fn settings(&self) -> Vec<String> {
        if self.facts.choice.manager != Manager::Pnpm {
            return Vec::new();
        }
        vec![
            format!("--config.store-dir={}/pnpm", self.cache()),
            "--config.manage-package-manager-versions=false".to_owned(),
            "--config.pm-on-fail=ignore".to_owned(),
            "--config.prefer-symlinked-executables=true".to_owned(),
        ]
    }

    fn cache(&self) -> ContainerPath {
        let name = &self.facts.cache_names.packages;
        cache::path(name, self.dirs, self.request.keep_cache)
    }

    /// Returns the directory of a package manager of the registry.
    fn manager_home(&self) -> ContainerPath {
        self.dirs.scratch("manager")
    }

    fn manager_bin(&self) -> ContainerPath {
        below(&self.manager_home(), "node_modules/.bin")
    }

    /// Returns the major version of the package manager, where it is known.
    fn major(&self) -> Option<u64> {
        match &self.facts.tool {
            Tool::Present { version, .. } => version.as_ref().map(|version| version.major),
            Tool::Registry { version, .. } => version.split('.').next()?.parse().ok(),
            Tool::Unneeded => None,
            // The file is called `yarn-4.5.1.cjs`.
            Tool::Source { file } => {
                let (_, version) = file.rsplit_once("yarn-")?;
                version.split('.').next()?.parse().ok()
            }
        }
    }
}
