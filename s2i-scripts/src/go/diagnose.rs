//! Advice about builds of Go that have failed, beside the messages of Go.

use super::{
    Facts, Request,
    facts::{Question, patterns},
};
use crate::{Host, Places};

/// The most packages that are named.
const FEW: usize = 5;

/// Returns advice about a build that has failed. The tools may have failed too early to give any.
pub(crate) fn diagnose(
    facts: &Facts,
    request: &Request,
    places: &Places,
    host: &mut Host<'_>,
) -> Vec<String> {
    let mut advice = Vec::new();
    let packages = packages_with_c(facts, request, places, host);
    if !packages.is_empty() && !facts.compiler {
        let (few, more) = packages.split_at(packages.len().min(FEW));
        let more = if more.is_empty() { "" } else { ", …" };
        advice.push(format!(
            "these packages need cgo and so a C compiler, which this image does not have: {}{more}; \
             take others in their place, or tags that leave C out, with GO_TAGS",
            few.join(", ")
        ));
    }
    if request.is_private && !facts.git {
        advice.push(
            "modules of GOPRIVATE come through `git`, which this image does not have: name a proxy that has them with GOPROXY and GONOPROXY=none, or vendor them".into(),
        );
    }
    advice
}

/// The packages, but those of Go itself, that have files with C.
fn packages_with_c(
    facts: &Facts,
    request: &Request,
    places: &Places,
    host: &mut Host<'_>,
) -> Vec<String> {
    let format = "-f={{if and .CgoFiles (not .Standard)}}{{.ImportPath}}{{end}}";
    let mut args = ["list", "-e", "-deps", format].map(str::to_owned).to_vec();
    args.extend(facts.environment.flags(request, places));
    args.extend(patterns(&facts.environment.layout, &facts.module));
    let question = Question {
        go: &facts.go,
        request,
        places,
    };
    let answer = question.ask_about_c(&args, &facts.environment, host);
    answer.lines().map(str::to_owned).collect()
}
