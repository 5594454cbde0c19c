//! Plans as Dockerfiles.

use insta::assert_snapshot;
use s2i_build::{
    plan::{PlannedBuild, plan},
    request::{BuildRequest, Network},
};
use s2i_core::{EnvVar, Script};

use crate::plans::{facts, incremental, request, with_runtime};

fn dockerfile(PlannedBuild { plan, .. }: &PlannedBuild) -> String {
    match plan.to_dockerfile() {
        Ok(text) => text,
        Err(err) => err.to_string(),
    }
}

fn of(request: &BuildRequest) -> String {
    dockerfile(&plan(request, &facts()).unwrap())
}

#[test]
fn plain_build_is_one_instruction() {
    assert_snapshot!(of(&request()), @r#"
    FROM s2i/go
    LABEL "io.k8s.display-name"="web:1" \
        "io.openshift.s2i.build.image"="docker.io/s2i/go:latest" \
        "io.openshift.s2i.build.source-location"="app"
    RUN --mount=type=bind,source=upload/src,target=/run/s2i/src \
        mkdir -p /tmp/src && cp -RP /run/s2i/src/. /tmp/src/ && \
        SOURCE_DATE_EPOCH=315532801 /usr/libexec/s2i/assemble && \
        { test -x /usr/libexec/s2i/save-artifacts || rm -rf /tmp/artifacts /tmp/src; } && \
        rm -rf /tmp/trust && \
        test -x /usr/libexec/s2i/run
    CMD ["/usr/libexec/s2i/run"]
    "#);
}

#[test]
fn values_are_quoted_and_secrets_are_mounted() {
    let mut request = request();
    request.description = Some("It \"costs\" $5 \\ 'now'".into());
    request.env = vec![EnvVar::new("GREETING", "it's $HOME").unwrap()];
    request.secrets = vec![EnvVar::new("TOKEN", "value").unwrap().into()];
    request.assemble_user = Some("0".into());
    request.destination = Some("/tmp/it's here".parse().unwrap());
    assert_snapshot!(of(&request), @r#"
    FROM s2i/go
    LABEL "io.k8s.description"="It \"costs\" \$5 \\ 'now'" \
        "io.k8s.display-name"="web:1" \
        "io.openshift.s2i.build.image"="docker.io/s2i/go:latest" \
        "io.openshift.s2i.build.source-location"="app"
    ENV GREETING="it's \$HOME"
    USER 0
    RUN --mount=type=bind,source=upload/src,target=/run/s2i/src \
        --mount=type=secret,id=TOKEN,mode=0444 \
        mkdir -p '/tmp/it'\''s here/src' && cp -RP /run/s2i/src/. '/tmp/it'\''s here/src'/ && \
        SOURCE_DATE_EPOCH=315532801 TOKEN="$(cat /run/secrets/TOKEN)" /usr/libexec/s2i/assemble && \
        { test -x /usr/libexec/s2i/save-artifacts || rm -rf '/tmp/it'\''s here/artifacts' '/tmp/it'\''s here/src'; } && \
        rm -rf '/tmp/it'\''s here/trust' && \
        test -x /usr/libexec/s2i/run
    USER 1001
    CMD ["/usr/libexec/s2i/run"]
    "#);
}

#[test]
fn plans_that_need_more_are_refused() {
    let (mut split, mut facts_of_split) = with_runtime("/opt/app-root/bin", None);
    let planned = plan(&split, &facts_of_split).unwrap();
    assert_snapshot!(dockerfile(&planned), @r#"
    a Dockerfile can't have the stage `runtime` of this plan yet
    "#);
    incremental(&mut split, &mut facts_of_split);
    split.runtime = None;
    facts_of_split.runtime = None;
    let planned = plan(&split, &facts_of_split).unwrap();
    assert_snapshot!(dockerfile(&planned), @r#"
    a Dockerfile can't have the stage `previous` of this plan yet
    "#);
    let mut own_scripts = facts();
    own_scripts.source.scripts.insert(Script::Run);
    let planned = plan(&request(), &own_scripts).unwrap();
    assert_snapshot!(dockerfile(&planned), @r#"
    a Dockerfile can't copy scripts run yet
    "#);
    for (change, expected) in [
        (
            (|request| request.network = Network::Host) as fn(&mut BuildRequest),
            "a Dockerfile can't select the network `host`",
        ),
        (
            |request| request.limits.pids = Some(9),
            "a Dockerfile can't limit memory, processors or processes",
        ),
        (
            |request| {
                request.assemble_user = Some("app".into());
                request.allowed_uids = "1-".parse().unwrap();
            },
            "a Dockerfile can't check that the number of the user `app` is an allowed one",
        ),
        (
            |request| request.env = vec![EnvVar::new("A $(id)", "b").unwrap()],
            "`A $(id)` can't be the name of a variable in a Dockerfile",
        ),
        (
            |request| request.secrets = vec![EnvVar::new("A;id;B", "b").unwrap().into()],
            "`A;id;B` can't be the name of a variable in a Dockerfile",
        ),
        (
            |request| request.assemble_user = Some("0\nRUN id".into()),
            "the value of `0\nRUN id` has a control character, which a Dockerfile can't have",
        ),
    ] {
        let mut request = request();
        change(&mut request);
        assert_eq!(of(&request), expected);
    }
    let mut lines = request();
    lines.description = Some("one\ntwo".into());
    assert_snapshot!(of(&lines), @r#"
    the value of `io.k8s.description` has a control character, which a Dockerfile can't have
    "#);
}
