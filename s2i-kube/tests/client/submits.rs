//! Creating the Job of a build.

use s2i_kube::client::{ApiError, Cause, FieldError, WarningKind};
use serde_json::json;

use super::{
    recorded,
    server::{Answer, Kind, Server, job},
};

/// Whether a cause is the expected one.
type Is = fn(&Cause) -> bool;

const JOBS: &str = "POST /apis/batch/v1/namespaces/builds/jobs";

#[tokio::test(start_paused = true)]
async fn job_is_checked_before_it_is_created() {
    let server = Server::default();
    let submitted = server.cluster().submit(&job()).await.unwrap();
    assert_eq!(submitted.build.name(), "shop-x1y2z");
    assert!(server.has(Kind::Job, "shop-x1y2z") && submitted.warnings.is_empty());
    let requests = server.requests();
    assert_eq!(
        requests,
        [
            format!("{JOBS}?fieldManager=s2i&fieldValidation=Strict&dryRun=All"),
            format!("{JOBS}?fieldManager=s2i&fieldValidation=Strict"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn violation_of_pod_security_is_a_warning_of_its_own_kind() {
    let server = Server::default();
    let answer = Answer::new(201, &json!(job())).with_header("warning", recorded::WARNING);
    server.answer(JOBS, answer);
    let warnings = server.cluster().dry_run(&job()).await.unwrap();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].kind, WarningKind::PodSecurity);
    assert!(
        warnings[0]
            .words
            .contains(r#"seccompProfile.type to "Unconfined""#),
        "{}",
        warnings[0].words
    );
}

#[tokio::test(start_paused = true)]
async fn equal_warnings_of_both_requests_are_one() {
    let server = Server::default();
    let mut created = json!(job());
    created["metadata"]["name"] = "shop-1".into();
    server.answer(
        JOBS,
        Answer::new(201, &created)
            .with_header("warning", recorded::WARNING)
            .times(2),
    );
    let submitted = server.cluster().submit(&job()).await.unwrap();
    assert_eq!(submitted.warnings.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn refusals_are_typed_and_nothing_is_created() {
    let cases: [(&str, Is); 6] = [
        ("400", |cause| {
            matches!(cause, Cause::Refused { code: 400, .. })
        }),
        ("401", |cause| matches!(cause, Cause::Unauthorized { .. })),
        ("403", |cause| matches!(cause, Cause::Forbidden { .. })),
        ("404", |cause| matches!(cause, Cause::NotFound { .. })),
        ("409", |cause| matches!(cause, Cause::Conflict { .. })),
        ("422", |cause| matches!(cause, Cause::Invalid { .. })),
    ];
    for (name, is) in cases {
        let server = Server::default();
        server.refuse(JOBS, name);
        let error = server.cluster().submit(&job()).await.unwrap_err();
        assert!(
            is(&error.cause) && !error.is_temporary(),
            "{name}: {error:?}"
        );
        assert_eq!(server.requests().len(), 1, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_name_the_verb_the_server_and_the_remedy() {
    assert_eq!(
        refused("403").await.to_string(),
        "can't create jobs.batch in the namespace `builds`: the cluster forbids it: jobs.batch is forbidden: User \
         \"dev\" cannot create resource \"jobs\" in API group \"batch\" in the namespace \"builds\"; unless these words \
         name a quota or a policy, this right is missing: `s2i kube rbac` writes a role that has it"
    );
    assert!(
        refused("400")
            .await
            .to_string()
            .contains("unknown field \"spec.ttlX\"")
    );
}

#[tokio::test(start_paused = true)]
async fn fields_of_an_invalid_job_are_named() {
    let Cause::Invalid { fields, .. } = refused("422").await.cause else {
        panic!("not invalid");
    };
    let expected = FieldError {
        field: "spec.template.spec.restartPolicy".to_owned(),
        words: "Required value: valid values: \"OnFailure\", \"Never\"".to_owned(),
    };
    assert_eq!(fields, [expected]);
}

#[tokio::test(start_paused = true)]
async fn overloaded_server_is_asked_again() {
    let server = Server::default();
    let busy = json!({"kind": "Status", "status": "Failure", "reason": "TooManyRequests", "code": 429,
        "message": "slow down", "details": {"retryAfterSeconds": 2}});
    server.answer(JOBS, Answer::new(429, &busy).times(2));
    assert!(server.cluster().submit(&job()).await.is_ok());
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn request_that_may_have_created_a_job_is_not_repeated() {
    let server = Server::default();
    server.answer(
        JOBS,
        Answer::new(504, &json!({"kind": "Status", "message": "timeout"})),
    );
    let error = server.cluster().dry_run(&job()).await.unwrap_err();
    assert!(
        error.is_temporary() && matches!(error.cause, Cause::Unavailable { code: 504, .. }),
        "{error:?}"
    );
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn answer_of_another_server_is_no_job() {
    let server = Server::default();
    server.answer(
        JOBS,
        Answer {
            body: "<html>".to_owned(),
            ..Answer::new(200, &json!(null))
        },
    );
    let error = server.cluster().dry_run(&job()).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Unexpected { .. }), "{error:?}");
    server.answer(
        JOBS,
        Answer {
            body: "<html>".to_owned(),
            ..Answer::new(502, &json!(null))
        },
    );
    let error = server.cluster().dry_run(&job()).await.unwrap_err();
    assert!(
        matches!(error.cause, Cause::Unavailable { code: 502, .. }),
        "{error:?}"
    );
}

async fn refused(name: &str) -> ApiError {
    let server = Server::default();
    server.refuse(JOBS, name);
    server.cluster().dry_run(&job()).await.unwrap_err()
}
