//! Advice about builds of Go that have failed, beside the messages of Go.

use super::{Facts, Request, query::Query};
use crate::{Directories, Host, explain::abbreviated};

/// Returns advice about a build that has failed. The tools may have failed too early to give any.
pub(crate) fn diagnose(
    facts: &Facts,
    request: &Request,
    dirs: &Directories,
    host: &mut Host<'_>,
) -> Vec<String> {
    let mut advice = Vec::new();
    let packages = cgo_packages(facts, request, dirs, host);
    if !packages.is_empty() && !facts.has_compiler {
        advice.push(format!(
            "these packages need cgo, and this image has no C compiler: {}; \
             replace them, or exclude files that use cgo with build tags (GO_TAGS)",
            abbreviated(&packages)
        ));
    }
    if request.is_private && !facts.has_git {
        advice.push(
            "modules of GOPRIVATE come through `git`, which this image does not have: name a proxy that has them with GOPROXY and GONOPROXY=none, or vendor them".into(),
        );
    }
    advice
}

/// Returns the packages that use cgo, except those of the standard library.
fn cgo_packages(
    facts: &Facts,
    request: &Request,
    dirs: &Directories,
    host: &mut Host<'_>,
) -> Vec<String> {
    let format = "-f={{if and .CgoFiles (not .Standard)}}{{.ImportPath}}{{end}}";
    let query = Query {
        go: &facts.go,
        request,
        dirs,
    };
    let args = query.list(&["-e", "-deps", format], &facts.environment, &facts.module);
    let answer = query.run_with_cgo(&args, &facts.environment, host);
    answer.lines().map(str::to_owned).collect()
}
