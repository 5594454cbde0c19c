//! The rules for triggers of builds.

use serde_json::Value;

use super::{
    Findings,
    build_config::{base, same_tag},
    walk::items,
};

/// The types of webhooks with their fields.
const WEBHOOKS: [(&str, &str); 4] = [
    ("GitHub", "github"),
    ("GitLab", "gitlab"),
    ("Bitbucket", "bitbucket"),
    ("Generic", "generic"),
];

pub(super) fn check(findings: &mut Findings<'_>, spec: &Value) {
    let mut followed: Vec<Value> = Vec::new();
    for (index, trigger) in items(&spec["triggers"]).enumerate() {
        let path = format!("spec.triggers[{index}]");
        match trigger["type"].as_str() {
            None => untyped(findings, &path, trigger),
            Some("ConfigChange") => {}
            Some("ImageChange") => image_change(findings, &path, trigger, spec, &mut followed),
            Some(kind) => webhook(findings, &path, kind, trigger),
        }
    }
    let is_binary = spec["source"]["binary"].is_object() || spec["source"]["type"] == "Binary";
    if is_binary && items(&spec["triggers"]).next().is_some() {
        findings.warning(
            "dead-trigger",
            "spec.triggers",
            "nothing can start a build whose source comes from a client with each build",
            "remove the triggers, or build from Git",
        );
    }
}

fn untyped(findings: &mut Findings<'_>, path: &str, trigger: &Value) {
    let remedy = if trigger["imageChange"].is_object() {
        "write `{type: ImageChange, imageChange: {}}`: the type belongs beside `imageChange`"
    } else {
        "add the type: ConfigChange, ImageChange, GitHub, GitLab, Bitbucket or Generic"
    };
    findings.error(
        "untyped-trigger",
        &format!("{path}.type"),
        "the trigger has no type, so the API refuses the object",
        remedy,
    );
}

fn image_change(
    findings: &mut Findings<'_>,
    path: &str,
    trigger: &Value,
    spec: &Value,
    followed: &mut Vec<Value>,
) {
    let path = format!("{path}.imageChange");
    let change = &trigger["imageChange"];
    let own = &change["from"];
    let base = base(spec).map(|(_, from)| from);
    let from = if own.is_null() { base } else { Some(own) };
    let Some(from) = from else {
        dead(findings, &path, spec);
        return;
    };
    if from["kind"] != "ImageStreamTag" {
        if own.is_null() {
            dead(findings, &path, spec);
        } else {
            findings.error(
                "dead-trigger",
                &format!("{path}.from.kind"),
                "a trigger can follow tags of image streams only, so the API refuses the object",
                "import the image into an image stream, and name its tag: `s2i kube imagestream` writes one",
            );
        }
        return;
    }
    if change["paused"] == true {
        findings.note(
            "paused-trigger",
            &format!("{path}.paused"),
            "a new image starts no build while the trigger is paused",
            "remove the field when it may start builds again",
        );
    }
    if followed.iter().any(|other| same_tag(other, from)) {
        findings.error(
            "same-tag",
            &path,
            "two triggers follow the same tag, so the API refuses the object",
            "remove one of them",
        );
    }
    followed.push(from.clone());
}

/// Reports a trigger that follows no image.
fn dead(findings: &mut Findings<'_>, path: &str, spec: &Value) {
    let copies = items(&spec["source"]["images"]).next();
    let tag = copies.and_then(|image| image["from"]["name"].as_str());
    let remedy = match tag {
        Some(tag) => format!("name the image that it copies: `imageChange: {{from: {{kind: ImageStreamTag, name: \"{tag}\"}}}}`"),
        None => "let the strategy start from a tag of an image stream, which replaces the `FROM` of a Dockerfile: \
                 `from: {kind: ImageStreamTag, name: …}`"
            .into(),
    };
    findings.error(
        "dead-trigger",
        path,
        "the trigger has no image to follow: the API drops it without an error, and no new image starts a build",
        &remedy,
    );
}

fn webhook(findings: &mut Findings<'_>, path: &str, kind: &str, trigger: &Value) {
    let mut kinds = WEBHOOKS.iter();
    let Some((_, field)) = kinds.find(|(name, _)| name.eq_ignore_ascii_case(kind)) else {
        findings.error(
            "untyped-trigger",
            &format!("{path}.type"),
            &format!("`{kind}` is no type of a trigger, so the API refuses the object"),
            "write ConfigChange, ImageChange, GitHub, GitLab, Bitbucket or Generic",
        );
        return;
    };
    let hook = &trigger[*field];
    if !hook["secret"].is_null() {
        findings.warning(
            "inline-secret",
            &format!("{path}.{field}.secret"),
            "every reader of the object can read the secret of the webhook, and start builds; the field is deprecated",
            "put it into the key `WebHookSecretKey` of a Secret, and name that: `secretReference: {name: …}`",
        );
    } else if hook["secretReference"]["name"].as_str().is_none() {
        findings.error(
            "webhook-without-secret",
            &format!("{path}.{field}"),
            "the webhook has no secret, so the API refuses the object",
            "name a Secret with the key `WebHookSecretKey`: `secretReference: {name: …}`",
        );
    }
}
