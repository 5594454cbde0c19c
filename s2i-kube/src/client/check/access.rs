//! The rights of the client.

use futures_util::future::join_all;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::{Api, api::PostParams};

use super::Finding;
use crate::{
    client::{
        cluster::{Cluster, answer},
        error::{ApiError, Operation},
    },
    job::{CLIENT_RULES, Permission},
};

pub(super) async fn check(cluster: &Cluster) -> Vec<Finding> {
    let rights = CLIENT_RULES
        .iter()
        .flat_map(|rule| rule.verbs.iter().map(move |verb| (rule, *verb)));
    let answers =
        rights.map(|(rule, verb)| async move { (rule, verb, ask(cluster, rule, verb).await) });
    let mut findings = Vec::new();
    let answers = join_all(answers).await;
    let number = answers.len();
    for (rule, verb, allowed) in answers {
        let subject = format!("{verb} {}", full_name(rule));
        match allowed {
            Ok(true) => {}
            Ok(false) => {
                let namespace = cluster.namespace();
                let text = format!(
                    "this login has no right to {verb} {} in `{namespace}`",
                    full_name(rule)
                );
                let remedy = format!(
                    "`s2i kube rbac --namespace {namespace} --user NAME | kubectl apply -f -`, by an administrator"
                );
                findings.push(Finding::problem(subject, text, remedy));
            }
            Err(error) => findings.push(Finding::unknown(subject, error.to_string())),
        }
    }
    if findings.is_empty() {
        findings.push(Finding::fine(
            "rights",
            format!("all {number} that builds need are there"),
        ));
    }
    findings
}

async fn ask(cluster: &Cluster, rule: &Permission, verb: &str) -> Result<bool, ApiError> {
    let (resource, part) = rule
        .resource
        .split_once('/')
        .map_or((rule.resource, None), |(name, part)| (name, Some(part)));
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                namespace: Some(cluster.namespace().to_owned()),
                verb: Some(verb.to_owned()),
                group: Some(rule.group.to_owned()),
                resource: Some(resource.to_owned()),
                subresource: part.map(str::to_owned),
                ..ResourceAttributes::default()
            }),
            non_resource_attributes: None,
        },
        ..SelfSubjectAccessReview::default()
    };
    let operation = Operation {
        verb: "create",
        resource: "selfsubjectaccessreviews.authorization.k8s.io".into(),
        name: None,
        namespace: String::new(),
    };
    let reviews: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
    let answered = answer(&operation, reviews.create(&PostParams::default(), &review)).await?;
    Ok(answered.status.is_some_and(|status| status.allowed))
}

fn full_name(rule: &Permission) -> String {
    if rule.group.is_empty() {
        return rule.resource.to_owned();
    }
    format!("{}.{}", rule.resource, rule.group)
}
