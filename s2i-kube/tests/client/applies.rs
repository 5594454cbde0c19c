//! Applying objects.

use s2i_build::{CancelToken, Interrupt};
use s2i_kube::{
    client::{Applied, ApplyError, Cause, Change},
    document::object,
    job::{Access, CLIENT_RULES, Subject},
};
use serde_json::{Value, json};

use super::{
    recorded,
    server::{Answer, Server},
};

const ROLE: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/builds/roles/s2i-build";
const BINDING: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/builds/rolebindings/s2i-build";

/// A service account, a role and its binding.
fn rights() -> Vec<Value> {
    let access = Access {
        name: "s2i-build".to_owned(),
        namespace: "builds".to_owned(),
        subject: Subject::NewServiceAccount("ci".to_owned()),
        rules: &CLIENT_RULES,
    };
    let (account, role, binding) = access.objects().unwrap();
    vec![object(&account.unwrap()), object(&role), object(&binding)]
}

fn secret() -> Value {
    // `correct` and `ci`.
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"},
        "data": {"password": "Y29ycmVjdA==", "username": "Y2k="},
    })
}

async fn apply(server: &Server, objects: &[Value]) -> Result<Vec<Applied>, ApplyError> {
    let checked = server.cluster().check_objects(objects, false).await?;
    checked.apply(&CancelToken::default()).await
}

fn changes(applied: &[Applied]) -> Vec<String> {
    let changes = applied.iter();
    changes
        .map(|object| format!("{object} {}", object.change))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn all_objects_are_checked_before_the_first_is_created() {
    let server = Server::default();
    let applied = apply(&server, &rights()).await.unwrap();
    let expected = [
        "ServiceAccount/ci created",
        "Role/s2i-build created",
        "RoleBinding/s2i-build created",
    ];
    assert_eq!(changes(&applied), expected);
    let account = "/api/v1/namespaces/builds/serviceaccounts/ci";
    let paths = [account, ROLE, BINDING];
    let request = |path: &str, dry: &str| {
        format!("PATCH {path}?fieldManager=s2i&fieldValidation=Strict{dry}")
    };
    let first = ["/api/v1", "/apis/rbac.authorization.k8s.io/v1"].map(|path| format!("GET {path}"));
    let checks = paths.map(|path| request(path, "&dryRun=All"));
    let expected: Vec<_> = first
        .into_iter()
        .chain(checks)
        .chain(paths.map(|path| request(path, "")))
        .collect();
    assert_eq!(server.requests(), expected);
}

#[tokio::test(start_paused = true)]
async fn second_time_changes_only_what_is_different() {
    let server = Server::default();
    let mut objects = rights();
    apply(&server, &objects).await.unwrap();
    objects[1]["rules"][0]["verbs"] = json!(["get"]);
    let applied = apply(&server, &objects).await.unwrap();
    let changes: Vec<_> = applied.iter().map(|object| object.change).collect();
    assert_eq!(
        changes,
        [Change::Unchanged, Change::Changed, Change::Unchanged]
    );
    assert_eq!(server.object(ROLE)["rules"][0]["verbs"], json!(["get"]));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_created_if_one_object_is_refused() {
    let server = Server::default();
    server.refuse(&format!("PATCH {ROLE}"), "403");
    let error = apply(&server, &rights()).await.unwrap_err();
    assert!(
        matches!(&error, ApplyError::Refused(error) if matches!(error.cause, Cause::Forbidden { .. }))
    );
    assert!(
        error
            .to_string()
            .starts_with("nothing was changed: can't patch roles.rbac"),
        "{error}"
    );
    assert_eq!(server.applied(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn kind_that_the_cluster_does_not_know_is_one_error() {
    let server = Server::default();
    for (api, kind) in [
        ("build.openshift.io/v1", "BuildConfig"),
        ("apps/v1", "Role"),
        ("v1", "Job"),
    ] {
        let mut objects = rights();
        objects.push(json!({"apiVersion": api, "kind": kind, "metadata": {"name": "a"}}));
        let error = apply(&server, &objects).await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(&format!("does not know the kind `{kind}` of `{api}`")),
            "{text}"
        );
    }
    let requests = server.requests();
    assert!(
        requests.iter().all(|request| request.starts_with("GET ")),
        "{requests:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn objects_of_the_cluster_and_those_without_a_name_have_their_paths() {
    let server = Server::default();
    let objects = [
        json!({"apiVersion": "shipwright.io/v1beta1", "kind": "ClusterBuildStrategy", "metadata": {"name": "s2i"}}),
        json!({"apiVersion": "shipwright.io/v1beta1", "kind": "BuildRun",
            "metadata": {"generateName": "web-", "namespace": "other"}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}),
    ];
    let applied = apply(&server, &objects).await.unwrap();
    assert_eq!(applied[1].name, "web-x1y2z");
    let namespaces: Vec<_> = applied
        .iter()
        .map(|object| object.namespace.as_deref())
        .collect();
    assert_eq!(namespaces, [None, Some("other"), Some("builds")]);
    let paths = [
        "/apis/apps/v1/namespaces/builds/deployments/web",
        "/apis/shipwright.io/v1beta1/clusterbuildstrategies/s2i",
        "/apis/shipwright.io/v1beta1/namespaces/other/buildruns/web-x1y2z",
    ];
    assert_eq!(server.applied(), paths);
}

#[tokio::test(start_paused = true)]
async fn malformed_objects_are_not_sent() {
    let server = Server::default();
    let metadata =
        |metadata: Value| json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata});
    for (object, expected) in [
        (json!({"kind": "Secret"}), "apiVersion"),
        (
            json!({"apiVersion": "v1/../x", "kind": "Secret"}),
            "apiVersion",
        ),
        (json!({"apiVersion": "v1", "kind": "A?b"}), "kind"),
        (metadata(json!({})), "metadata.generateName"),
        (metadata(json!({"name": "a/b"})), "metadata.name"),
        (metadata(json!({"name": 1})), "metadata.name"),
        (
            metadata(json!({"name": "a", "namespace": "b?c"})),
            "metadata.namespace",
        ),
    ] {
        let error = apply(&server, &[secret(), object]).await.unwrap_err();
        assert!(
            matches!(error, ApplyError::Malformed { number: 2, field } if field == expected),
            "{error:?}"
        );
    }
    let requests = server.requests();
    assert!(
        requests.iter().all(|request| request == "GET /api/v1"),
        "{requests:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn warnings_come_once_and_before_anything_is_created() {
    let server = Server::default();
    let answer = Answer::new(201, &secret()).with_header("warning", recorded::WARNING);
    server.answer("PATCH ", answer.times(2));
    let objects = [secret(), secret()];
    let checked = server
        .cluster()
        .check_objects(&objects, false)
        .await
        .unwrap();
    assert_eq!(checked.warnings().len(), 1);
    assert_eq!(server.applied(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn fields_of_other_clients_are_left_or_taken_over() {
    let server = Server::default();
    let conflict = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Conflict", "code": 409,
        "message": "Apply failed with 1 conflict: conflict with \"kubectl\" using v1: .data.a",
        "details": {"causes": [{"reason": "FieldManagerConflict", "message": "conflict with \"kubectl\"", "field": ".data.a"}]},
    });
    server.answer("PATCH ", Answer::new(409, &conflict));
    let error = apply(&server, &[secret()]).await.unwrap_err().to_string();
    assert!(
        error.contains("--force-conflicts") && !error.contains("another name"),
        "{error}"
    );
    server
        .cluster()
        .check_objects(&[secret()], true)
        .await
        .unwrap();
    let last = server.requests().pop().unwrap();
    assert!(last.contains("&force=true&dryRun=All"), "{last}");
}

#[tokio::test(start_paused = true)]
async fn no_value_of_a_secret_is_in_a_message() {
    let server = Server::default();
    let refusal = json!({
        "kind": "Status", "status": "Failure", "reason": "Invalid", "code": 422,
        "message": "data: Invalid value: \"correct\": no, Y29ycmVjdA== for ci",
        "details": {"causes": [{"field": "data", "message": "Invalid value: \"correct\""}]},
    });
    server.answer("PATCH ", Answer::new(422, &refusal));
    let error = apply(&server, &[secret()]).await.unwrap_err();
    let all = format!("{error} {error:?}");
    assert!(!all.contains("correct") && !all.contains("Y29y"), "{all}");
    assert!(all.contains("for ci"), "{all}");
    let warning = r#"299 - "the value correct is short""#;
    let answer = Answer::new(201, &secret()).with_header("warning", warning);
    server.answer("PATCH ", answer);
    let checked = server
        .cluster()
        .check_objects(&[secret()], false)
        .await
        .unwrap();
    assert_eq!(checked.warnings()[0].words, "the value … is short");
    assert!(!format!("{checked:?}").contains("Y29y"), "{checked:?}");
}

#[tokio::test(start_paused = true)]
async fn failure_after_the_check_names_what_was_applied() {
    let server = Server::default();
    let checked = server
        .cluster()
        .check_objects(&rights(), false)
        .await
        .unwrap();
    server.refuse(&format!("PATCH {BINDING}"), "403");
    let error = checked.apply(&CancelToken::default()).await.unwrap_err();
    assert!(
        matches!(&error, ApplyError::Partial { done, .. } if done.len() == 2),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(
        text.ends_with("these were before: `ServiceAccount/ci`, `Role/s2i-build`"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn signal_ends_it_between_two_objects() {
    let server = Server::default();
    let checked = server
        .cluster()
        .check_objects(&rights(), false)
        .await
        .unwrap();
    let cancel = CancelToken::default();
    cancel.cancel(Interrupt::Interrupted);
    let error = checked.apply(&cancel).await.unwrap_err();
    assert!(
        matches!(&error, ApplyError::Interrupted { done, .. } if done.is_empty()),
        "{error:?}"
    );
    assert_eq!(server.applied(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn overloaded_server_is_asked_again_and_another_server_is_not() {
    let server = Server::default();
    let busy = json!({"kind": "Status", "status": "Failure", "reason": "TooManyRequests", "code": 429,
        "message": "slow down", "details": {"retryAfterSeconds": 2}});
    server.answer("PATCH ", Answer::new(429, &busy).times(2));
    assert!(apply(&server, &[secret()]).await.is_ok());
    let page = Answer {
        body: "<html>".to_owned(),
        ..Answer::new(200, &json!(null))
    };
    server.answer("GET ", page);
    let error = apply(&server, &[secret()]).await.unwrap_err();
    assert!(
        matches!(&error, ApplyError::Refused(error) if matches!(error.cause, Cause::Unexpected { .. })),
        "{error:?}"
    );
}
