//! The steps of a build in a pod that a pipeline makes: `prepare`, `assemble`, `push`.
//!
//! The program `s2i` runs in all of them. `prepare` copies itself to a volume, reads the source and looks up the images;
//! `assemble` runs in the container of the builder image, with user code and without logins; `push` makes the layer's
//! image and pushes it.

use s2i_core::pod::{COPIED_PROGRAM, IN_DIR, OUT_DIR, OWN_PROGRAM, TEMP_DIR};
use serde_json::{Value, json};

/// The name of the volume.
pub(crate) const VOLUME: &str = "s2i";

/// The image of the steps without code of a user, for a source that is uploaded.
pub const AGENT_IMAGE: &str = "s2i/s2i";

/// The options of a build as arguments. The parameters of a pipeline come in variables, and the variables of the build as
/// arguments: no value is a part of the script.
const PREPARE: &str = r#"for variable do
  shift
  set -- "$@" --env="$variable"
done
if [ "$INCREMENTAL" = true ]; then
  set -- "$@" --incremental
elif [ -n "$CACHE" ]; then
  set -- "$@" --cache-dir="$CACHE"
fi
if [ -n "$RUNTIME_IMAGE" ]; then set -- "$@" --runtime-image="$RUNTIME_IMAGE"; fi
if [ -n "$RUNTIME_ARTIFACTS" ]; then set -- "$@" --runtime-artifact="$RUNTIME_ARTIFACTS"; fi
if [ "$TLSVERIFY" = false ] || [ "$INSECURE" = true ]; then set -- "$@" --tls-verify=false; fi
"#;

/// The use of logins in either form of a Secret. Backquotes, because `$(` starts a reference in an object.
const LOGINS: &str = r#"if [ -f "$LOGINS/config.json" ]; then
  export DOCKER_CONFIG="$LOGINS"
elif [ -f "$LOGINS/.dockerconfigjson" ]; then
  DOCKER_AUTH_CONFIG=`cat "$LOGINS/.dockerconfigjson"`
  export DOCKER_AUTH_CONFIG
fi
"#;

/// The push, whose only output is the name of the image with its digest.
const PUSH: &str = r#"result=`/usr/bin/s2i pod push`
printf '%s' "${result##*@}" > "$DIGEST_FILE"
if [ -n "$URL_FILE" ]; then printf '%s' "$IMAGE" > "$URL_FILE"; fi
"#;

/// The parts of a step in which the pipelines differ.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) image: String,
    /// The variables of the script, without those of every step.
    pub(crate) env: Vec<(&'static str, String)>,
    /// The arguments of the script.
    pub(crate) args: Vec<String>,
}

impl Step {
    /// Returns the step that prepares a build.
    pub(crate) fn prepare(self) -> Value {
        let script = format!(
            "set -ef\n{LOGINS}{PREPARE}exec {OWN_PROGRAM} pod prepare -- \"$@\" -- \"$SOURCE\" \"$BUILDER_IMAGE\" \"$IMAGE\"\n"
        );
        self.of_agent(
            &script,
            &json!([mount("in", IN_DIR, false), mount("tmp", TEMP_DIR, false)]),
        )
    }

    /// Returns the step that pushes the image. Its variables name the files that get the digest and, if the pipeline
    /// wants it, the name.
    pub(crate) fn push(self) -> Value {
        let script = format!("set -ef\n{LOGINS}{PUSH}");
        let mounts = json!([
            mount("in", IN_DIR, true),
            mount("out", OUT_DIR, true),
            mount("tmp", TEMP_DIR, false),
        ]);
        self.of_agent(&script, &mounts)
    }

    fn of_agent(self, script: &str, mounts: &Value) -> Value {
        let variables = self
            .env
            .into_iter()
            .map(|(name, value)| json!({"name": name, "value": value}));
        let temporary = json!({"name": "TMPDIR", "value": TEMP_DIR});
        let env: Vec<Value> = variables.chain([temporary]).collect();
        let mut context = restricted();
        context["readOnlyRootFilesystem"] = json!(true);
        let mut step = json!({
            "name": self.name,
            "image": self.image,
            "command": ["/bin/sh", "-c", script, self.name],
            "env": env,
            "securityContext": context,
            "volumeMounts": mounts,
        });
        if !self.args.is_empty() {
            step["args"] = json!(self.args);
        }
        step
    }
}

/// Returns the step with user code, in the container of the builder image.
pub(crate) fn assemble(image: &str) -> Value {
    json!({
        "name": "assemble",
        "image": image,
        "command": [COPIED_PROGRAM],
        "args": ["pod", "assemble"],
        "securityContext": restricted(),
        "volumeMounts": [mount("in", IN_DIR, true), mount("out", OUT_DIR, false)],
    })
}

fn mount(part: &str, path: &str, read_only: bool) -> Value {
    let mut mount = json!({
        "name": VOLUME,
        "mountPath": path,
        "subPath": part,
    });
    if read_only {
        mount["readOnly"] = json!(true);
    }
    mount
}

/// Returns the settings of a container that the `restricted` standard for pods asks for.
fn restricted() -> Value {
    json!({
        "allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": true,
        "seccompProfile": {"type": "RuntimeDefault"},
    })
}
