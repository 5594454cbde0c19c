//! Commands of `go` that report facts.

use std::path::Path;

use super::{
    ModFile, Request,
    environment::{Environment, MODULES},
    facts::{ROOT, roots},
};
use crate::{
    Directories, Error, Host,
    directories::below,
    host::Invocation,
    variables::{CGO_ENABLED, GOFLAGS},
};

/// Returns the patterns for the packages of a source; the root of a workspace is not a module.
pub(super) fn patterns(environment: &Environment, module: &ModFile) -> Vec<String> {
    let all = |root: String| format!("{root}/...");
    if environment.is_root() {
        let roots = roots(&environment.layout, module).into_iter();
        roots.map(all).collect()
    } else {
        vec![all(ROOT.to_owned())]
    }
}

/// Commands that report facts: they use the modules that the previous build has saved, where they lie, and
/// leave nothing in the caches of the build.
pub(super) struct Query<'a> {
    pub(super) go: &'a str,
    pub(super) request: &'a Request,
    pub(super) dirs: &'a Directories,
}

impl Query<'_> {
    /// Returns the arguments of `go list` for all packages of the source.
    pub(super) fn list(
        &self,
        options: &[&str],
        environment: &Environment,
        module: &ModFile,
    ) -> Vec<String> {
        let mut args = vec!["list".to_owned()];
        args.extend(options.iter().map(|&option| option.to_owned()));
        args.extend(environment.flags(self.request, self.dirs));
        args.extend(patterns(environment, module));
        args
    }

    /// Returns the version and the platform of the toolchain, a line for each.
    pub(super) fn version(
        &self,
        environment: &Environment,
        host: &mut Host<'_>,
    ) -> Result<String, Error> {
        let args = ["env", "GOVERSION", "GOOS", "GOARCH"].map(str::to_owned);
        self.run(&args, environment, host)
    }

    /// Returns the answer to a query about modules that has nothing to do with the source; empty where it fails.
    pub(super) fn modules(
        &self,
        args: &[&str],
        environment: &Environment,
        host: &mut Host<'_>,
    ) -> String {
        let args = args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>();
        let mut invocation = self.invocation(&args, environment);
        invocation.directory = self.dirs.scratch.clone();
        for (name, value) in [
            (GOFLAGS, "-modcacherw"),
            ("GOWORK", "off"),
            ("PWD", self.dirs.scratch.as_str()),
        ] {
            invocation.env.insert(name.to_owned(), value.to_owned());
        }
        host.output_quietly(&invocation).unwrap_or_default()
    }

    pub(super) fn run(
        &self,
        args: &[String],
        environment: &Environment,
        host: &mut Host<'_>,
    ) -> Result<String, Error> {
        host.output(&self.invocation(args, environment))
    }

    /// Runs a command as if there were a C compiler: files that use cgo are listed only then, and nothing is compiled
    /// for that. Returns an empty answer where the command fails.
    pub(super) fn run_with_cgo(
        &self,
        args: &[String],
        environment: &Environment,
        host: &mut Host<'_>,
    ) -> String {
        let mut invocation = self.invocation(args, environment);
        invocation.env.insert(CGO_ENABLED.into(), "1".into());
        host.output_quietly(&invocation).unwrap_or_default()
    }

    pub(super) fn invocation(&self, args: &[String], environment: &Environment) -> Invocation {
        let mut env = environment.variables(self.request, self.dirs);
        let scratch = self.dirs.scratch("queries").to_string();
        env.insert("GOCACHE".into(), scratch);
        let saved = below(&self.dirs.artifacts, MODULES).to_string();
        if Path::new(&saved).exists() {
            env.insert("GOMODCACHE".into(), saved);
        }
        Invocation {
            program: self.go.to_owned(),
            args: args.to_vec(),
            env,
            directory: environment.directory(self.dirs),
            advice: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::go::{Layout, toolchain::LOCAL};

    #[test]
    fn workspace_has_a_pattern_for_each_module() {
        let work = ModFile::parse("use (\n\t.\n\t./a/\n\tb\n)\n");
        let mut environment = Environment {
            layout: Layout::Workspace,
            module: ".".into(),
            toolchain: LOCAL.into(),
            import: None,
            build_cache: String::new(),
        };
        let expected = ["./...", "./a/...", "./b/..."];
        assert_eq!(patterns(&environment, &work), expected);
        assert_eq!(patterns(&environment.within("./c"), &work), ["./..."]);
        environment.layout = Layout::Files;
        assert_eq!(patterns(&environment, &work), ["./..."]);
    }
}
