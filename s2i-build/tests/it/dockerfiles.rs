//! Plans as Dockerfiles.

use insta::assert_snapshot;
use s2i_build::{
    facts::{Facts, ImageFacts},
    plan::{DockerfileForm, PlannedBuild, plan},
    request::{BuildRequest, Network, PreviousRequest, PullPolicy},
    scripts::ScriptSet,
};
use s2i_core::{EnvVar, Script};

use crate::{
    documents::{container_options, injection},
    plans::{facts, incremental, request, with_runtime},
};

const MOUNT: DockerfileForm = DockerfileForm::Mount;
const COPY: DockerfileForm = DockerfileForm::Copy;

fn dockerfile(PlannedBuild { plan, .. }: &PlannedBuild, form: DockerfileForm) -> String {
    match plan.to_dockerfile(form) {
        Ok(text) => text,
        Err(err) => err.to_string(),
    }
}

fn of(request: &BuildRequest, form: DockerfileForm) -> String {
    dockerfile(&plan(request, &facts()).unwrap(), form)
}

/// The facts without an engine and a registry.
fn assumed(name: &str) -> ImageFacts {
    let scripts = "image:///usr/libexec/s2i".parse().unwrap();
    ImageFacts::assumed(&name.parse().unwrap(), &scripts)
}

/// An incremental build of which nothing was looked up.
fn unknown_and_incremental() -> (BuildRequest, Facts) {
    let mut request = request();
    let name = "web:1".parse().unwrap();
    request.previous = Some(PreviousRequest::of(&name, false, PullPolicy::IfNotPresent).unwrap());
    let mut facts = facts();
    facts.builder = assumed("s2i/go");
    facts.previous = Some(assumed("web:1"));
    (request, facts)
}

#[test]
fn source_is_mounted_and_in_no_layer() {
    assert_snapshot!(of(&request(), MOUNT), @r#"
    FROM scratch as source
    COPY --chown=1001:0 upload/src /run/s2i/src
    FROM s2i/go
    LABEL "io.k8s.display-name"="web:1" \
          "io.openshift.s2i.build.image"="docker.io/s2i/go:latest" \
          "io.openshift.s2i.build.source-location"="app" \
          "org.opencontainers.image.base.name"="docker.io/s2i/go:latest"
    ARG SOURCE_DATE_EPOCH="315532801"
    USER 1001
    RUN --mount=type=bind,from=source,source=/run/s2i/src,target=/run/s2i/src \
        mkdir -p /tmp/src && cp -RPp /run/s2i/src/. /tmp/src/ && \
        /usr/libexec/s2i/assemble && \
        { test -x /usr/libexec/s2i/save-artifacts || rm -rf /tmp/artifacts /tmp/src; } && \
        rm -rf /tmp/trust && \
        test -x /usr/libexec/s2i/run
    CMD ["/usr/libexec/s2i/run"]
    "#);
}

#[test]
fn copy_form_is_that_of_the_go_tool() {
    let mut request = request();
    request.env = ["A=1", "B=2"].map(|text| text.parse().unwrap()).into();
    assert_snapshot!(of(&request, COPY), @r#"
    FROM s2i/go
    LABEL "io.k8s.display-name"="web:1" \
          "io.openshift.s2i.build.image"="docker.io/s2i/go:latest" \
          "io.openshift.s2i.build.source-location"="app" \
          "org.opencontainers.image.base.name"="docker.io/s2i/go:latest"
    ENV A="1" \
        B="2"
    ARG SOURCE_DATE_EPOCH="315532801"
    # The source
    COPY --chown=1001:0 upload/src /tmp/src
    USER 1001
    # The script assemble of the image
    # builds the application from the source.
    RUN /usr/libexec/s2i/assemble
    # The script run of the image
    # starts the application.
    CMD ["/usr/libexec/s2i/run"]
    "#);
}

#[test]
fn incremental_build_starts_with_the_artifacts_of_the_result() {
    let (request, mut facts) = unknown_and_incremental();
    let planned = plan(&request, &facts).unwrap();
    assert_snapshot!(dockerfile(&planned, COPY), @r#"
    FROM web:1 as cached
    # The artifacts of the previous build, as one archive
    USER 1001
    RUN if [ -s /usr/libexec/s2i/save-artifacts ]; then /usr/libexec/s2i/save-artifacts > /tmp/artifacts.tar; else touch /tmp/artifacts.tar; fi
    FROM s2i/go
    LABEL "io.k8s.display-name"="web:1" \
          "io.openshift.s2i.build.image"="docker.io/s2i/go:latest" \
          "io.openshift.s2i.build.source-location"="app" \
          "org.opencontainers.image.base.name"="docker.io/s2i/go:latest"
    ARG SOURCE_DATE_EPOCH="315532801"
    ARG S2I_INCREMENTAL="true"
    COPY --chown=1001:0 --from=cached /tmp/artifacts.tar /tmp/artifacts.tar
    # The source
    COPY --chown=1001:0 upload/src /tmp/src
    USER 1001
    # The artifacts of the previous build
    RUN if [ -s /tmp/artifacts.tar ]; then mkdir -p /tmp/artifacts; tar -xf /tmp/artifacts.tar -C /tmp/artifacts; fi && \
        rm /tmp/artifacts.tar
    # The script assemble of the image
    # builds the application from the source.
    RUN /usr/libexec/s2i/assemble
    # The script run of the image
    # starts the application.
    CMD ["/usr/libexec/s2i/run"]
    "#);
    facts.source.scripts = [Script::SaveArtifacts].into();
    let planned = plan(&request, &facts).unwrap();
    assert_snapshot!(dockerfile(&planned, MOUNT), @r#"
    FROM web:1 as cached
    # The artifacts of the previous build, as one archive
    COPY --chown=1001:0 upload/scripts/save-artifacts /tmp/scripts/save-artifacts
    USER 1001
    RUN if [ -s /tmp/scripts/save-artifacts ]; then /tmp/scripts/save-artifacts > /tmp/artifacts.tar; else touch /tmp/artifacts.tar; fi
    FROM scratch as source
    COPY --chown=1001:0 upload/src /run/s2i/src
    FROM s2i/go
    LABEL "io.k8s.display-name"="web:1" \
          "io.openshift.s2i.build.image"="docker.io/s2i/go:latest" \
          "io.openshift.s2i.build.source-location"="app" \
          "org.opencontainers.image.base.name"="docker.io/s2i/go:latest"
    ARG SOURCE_DATE_EPOCH="315532801"
    ARG S2I_INCREMENTAL="true"
    # The scripts that are not in the image
    COPY --chown=1001:0 upload/scripts /tmp/scripts
    USER 1001
    RUN --mount=type=bind,from=cached,source=/tmp,target=/run/s2i/cached \
        --mount=type=bind,from=source,source=/run/s2i/src,target=/run/s2i/src \
        if [ -s /run/s2i/cached/artifacts.tar ]; then mkdir -p /tmp/artifacts; tar -xf /run/s2i/cached/artifacts.tar -C /tmp/artifacts; fi && \
        mkdir -p /tmp/src && cp -RPp /run/s2i/src/. /tmp/src/ && \
        /usr/libexec/s2i/assemble && \
        { test -x /tmp/scripts/save-artifacts || rm -rf /tmp/artifacts /tmp/src; } && \
        rm -rf /tmp/trust && \
        test -x /usr/libexec/s2i/run
    CMD ["/usr/libexec/s2i/run"]
    "#);
}

#[test]
fn runtime_image_is_the_last_stage() {
    let (mut request, mut facts) = with_runtime("/opt/app-root/bin:bin;/etc/app", None);
    facts.source.scripts = [Script::AssembleRuntime].into();
    request.assemble_user = Some("1002:7".into());
    let planned = plan(&request, &facts).unwrap();
    assert_snapshot!(dockerfile(&planned, MOUNT), @r#"
    FROM scratch as source
    COPY --chown=1002:7 upload/src /run/s2i/src
    FROM s2i/go as build
    ARG SOURCE_DATE_EPOCH="315532801"
    USER 1002:7
    RUN --mount=type=bind,from=source,source=/run/s2i/src,target=/run/s2i/src \
        mkdir -p /tmp/src && cp -RPp /run/s2i/src/. /tmp/src/ && \
        /usr/libexec/s2i/assemble
    FROM s2i/go-runtime
    LABEL "io.k8s.display-name"="web:1" \
          "io.openshift.s2i.build.image"="docker.io/s2i/go:latest" \
          "io.openshift.s2i.build.source-location"="app" \
          "org.opencontainers.image.base.name"="docker.io/s2i/go-runtime:latest"
    ARG SOURCE_DATE_EPOCH="315532801"
    COPY --chown=1001:0 --from=build /opt/app-root/bin /opt/app-root/bin/bin
    COPY --chown=1001:0 --from=build /etc/app /opt/app-root/app
    # The scripts that are not in the image
    COPY --chown=1001:0 upload/runtime-scripts /opt/app-root/scripts
    USER 1001
    RUN if [ -x /opt/app-root/scripts/assemble-runtime ]; then /opt/app-root/scripts/assemble-runtime; fi && \
        test -x /usr/libexec/s2i/run
    CMD ["/usr/libexec/s2i/run"]
    "#);
}

#[test]
fn scripts_of_a_url_are_copied_and_the_label_names_it() {
    let mut request = request();
    let url: s2i_core::ScriptsUrl = "https://me:word@example.org/s2i".parse().unwrap();
    request.scripts_url = Some(url.clone());
    request.names_places = true;
    request.destination = Some("/opt/in".parse().unwrap());
    let mut facts = facts();
    let files = [(Script::Assemble, b"#!/bin/sh".to_vec())].into();
    facts.scripts = vec![ScriptSet { url, files }];
    let planned = plan(&request, &facts).unwrap();
    assert_snapshot!(dockerfile(&planned, COPY), @r#"
    FROM s2i/go
    LABEL "io.k8s.display-name"="web:1" \
          "io.openshift.s2i.build.image"="docker.io/s2i/go:latest" \
          "io.openshift.s2i.build.source-location"="app" \
          "io.openshift.s2i.destination"="/opt/in" \
          "io.openshift.s2i.scripts-url"="https://example.org/s2i" \
          "org.opencontainers.image.base.name"="docker.io/s2i/go:latest"
    ARG SOURCE_DATE_EPOCH="315532801"
    # The source
    COPY --chown=1001:0 upload/src /opt/in/src
    # The scripts that are not in the image
    COPY --chown=1001:0 upload/scripts /opt/in/scripts
    USER 1001
    RUN /opt/in/scripts/assemble
    # The script run of the image
    # starts the application.
    CMD ["/usr/libexec/s2i/run"]
    "#);
}

#[test]
fn values_are_quoted_and_secrets_are_mounted() {
    let mut request = request();
    request.description = Some("It \"costs\" $5 \\ 'now'".into());
    request.env = vec![EnvVar::new("GREETING", "it's $HOME").unwrap()];
    request.secrets = vec![EnvVar::new("TOKEN", "value").unwrap().into()];
    request.trust = Some("PEM".into());
    request.assemble_user = Some("app".into());
    request.destination = Some("/opt/it's here".parse().unwrap());
    assert_snapshot!(of(&request, MOUNT), @r#"
    FROM s2i/go as source
    COPY --chown=app:0 upload/src /run/s2i/src
    FROM s2i/go
    LABEL "io.k8s.description"="It \"costs\" \$5 \\ 'now'" \
          "io.k8s.display-name"="web:1" \
          "io.openshift.s2i.build.image"="docker.io/s2i/go:latest" \
          "io.openshift.s2i.build.source-location"="app" \
          "org.opencontainers.image.base.name"="docker.io/s2i/go:latest"
    ENV GREETING="it's \$HOME"
    ARG SOURCE_DATE_EPOCH="315532801"
    ARG SSL_CERT_DIR="/opt/it's here/trust:/etc/ssl/certs"
    ARG NODE_EXTRA_CA_CERTS="/opt/it's here/trust/ca.pem"
    USER root
    RUN [ -d '/opt/it'\''s here' ] || { mkdir -p '/opt/it'\''s here' && chown app:0 '/opt/it'\''s here'; }
    USER app
    RUN --mount=type=bind,from=source,source=/run/s2i/src,target=/run/s2i/src \
        --mount=type=bind,source=upload/trust,target=/run/s2i/trust \
        --mount=type=secret,id=TOKEN,mode=0444,required=true \
        mkdir -p '/opt/it'\''s here/src' && cp -RPp /run/s2i/src/. '/opt/it'\''s here/src'/ && \
        mkdir -p '/opt/it'\''s here/trust' && cp -RP /run/s2i/trust/. '/opt/it'\''s here/trust'/ && \
        TOKEN="$(cat /run/secrets/TOKEN)" /usr/libexec/s2i/assemble && \
        { test -x /usr/libexec/s2i/save-artifacts || rm -rf '/opt/it'\''s here/artifacts' '/opt/it'\''s here/src'; } && \
        rm -rf '/opt/it'\''s here/trust' && \
        test -x /usr/libexec/s2i/run
    USER 1001
    CMD ["/usr/libexec/s2i/run"]
    "#);
    assert_eq!(
        of(&request, COPY),
        "a Dockerfile can't have the path or name `upload/src /opt/it's here/src`"
    );
    request.destination = Some("/opt/here".parse().unwrap());
    assert_eq!(
        of(&request, COPY),
        "a Dockerfile without mounts would keep the certificates in a layer"
    );
    request.trust = None;
    assert_eq!(
        of(&request, COPY),
        "a Dockerfile without mounts would keep the secret `TOKEN` in a layer"
    );
}

#[test]
fn root_needs_no_directory_and_no_user() {
    let mut request = request();
    request.assemble_user = Some("0".into());
    request.destination = Some("/opt/in".parse().unwrap());
    let text = of(&request, MOUNT);
    assert!(text.contains("COPY --chown=0:0 upload/src"), "{text}");
    assert!(
        !text.contains("chown 0") && text.contains("\nUSER 0\nRUN"),
        "{text}"
    );
    assert!(
        text.ends_with("\nUSER 1001\nCMD [\"/usr/libexec/s2i/run\"]\n"),
        "{text}"
    );
}

#[test]
fn second_output_is_a_stage() {
    let (mut request, mut facts) = with_runtime("/opt/app-root/bin", None);
    incremental(&mut request, &mut facts);
    let planned = plan(&request, &facts).unwrap();
    let text = dockerfile(&planned, MOUNT);
    assert!(text.contains("\nFROM s2i/go as build\n"), "{text}");
    assert!(text.contains("rm -rf /tmp/artifacts"), "{text}");
}

#[test]
fn plans_that_a_dockerfile_can_not_express_are_refused() {
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
            |request| request.container = container_options(),
            "a Dockerfile can't have volumes, names of hosts, capabilities or security options",
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
            "a Dockerfile can't have the path or name `0\nRUN id:0`",
        ),
    ] {
        let mut request = request();
        change(&mut request);
        assert_eq!(of(&request, MOUNT), expected);
    }
    let mut lines = request();
    lines.description = Some("one\ntwo".into());
    assert_eq!(
        of(&lines, MOUNT),
        "the value of `io.k8s.description` has a control character, which a Dockerfile can't have"
    );
    let mut injected = request();
    injected.injections = vec![injection("keys")];
    assert_eq!(
        of(&injected, COPY),
        "a Dockerfile without mounts would keep the injected `tests/it/main.rs` in a layer"
    );
    let mut offline = request();
    offline.network = Network::None;
    assert_eq!(
        of(&offline, COPY),
        "a Dockerfile can't select the network `none`"
    );
}
