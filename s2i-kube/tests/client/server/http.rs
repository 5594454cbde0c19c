//! HTTP over pipes in memory: the transport of the client, and the routes of the server.

use std::{convert::Infallible, time::Duration};

use bytes::Bytes;
use futures_channel::mpsc::UnboundedReceiver;
use futures_util::{FutureExt as _, StreamExt as _, future::BoxFuture};
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    Server, attach, objects,
    world::{Answer, Kind, parameter},
};

/// The bytes that a pipe holds.
const PIPE: usize = 64 * 1024;

/// The time that pods take to end.
const END: Duration = Duration::from_secs(3);

pub(crate) type Answered = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// The connection of a client: a new pipe for each request.
pub(crate) struct Transport(pub(crate) Server);

impl tower_service::Service<Request<Body>> for Transport {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let (client, server) = tokio::io::duplex(PIPE);
        let state = self.0.clone();
        let service = service_fn(move |request| {
            let state = state.clone();
            async move { Ok::<_, Infallible>(route(&state, request).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(server), service)
            .with_upgrades();
        // A client that ends a stream ends the connection in the middle.
        tokio::spawn(connection.map(drop));
        request.headers_mut().insert(
            header::HOST,
            header::HeaderValue::from_static("cluster.example.org"),
        );
        async move {
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(client)).await?;
            tokio::spawn(connection.with_upgrades().map(drop));
            sender.send_request(request).await
        }
        .boxed()
    }
}

async fn route(server: &Server, request: Request<Incoming>) -> Answered {
    let method = request.method().to_string();
    let (path, query) = {
        let uri = request.uri();
        (
            uri.path().to_owned(),
            uri.query().unwrap_or_default().to_owned(),
        )
    };
    let line = format!("{method} {}", request.uri());
    let chosen = {
        let mut world = server.world();
        world.requests.push(line.clone());
        world.chosen(&line)
    };
    if let Some(answer) = chosen {
        return given(answer);
    }
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (method.as_str(), parts.as_slice()) {
        ("GET", ["version"]) => json_answer(
            200,
            &serde_json::from_str(super::super::recorded::VERSION).unwrap(),
        ),
        ("GET", ["api", "v1"] | ["apis", _, _]) => objects::kinds(&path),
        ("POST", ["apis", "batch", "v1", "namespaces", _, "jobs"]) => {
            create(server, request, &query).await
        }
        (_, ["apis", "batch", "v1", "namespaces", _, "jobs", name]) => {
            one_job(server, &method, name)
        }
        ("GET", ["apis", "batch", "v1", "namespaces", _, "jobs"]) => {
            many(server, Kind::Job, &query)
        }
        ("GET" | "PATCH", ["api", "v1", "namespaces", _, "pods", pod]) => {
            let (server, pod) = (server.clone(), (*pod).to_owned());
            one_pod(&server, &pod, request).await
        }
        ("POST", ["api", "v1", "namespaces", _, "secrets"]) => {
            let secret = object(request).await;
            let name = secret["metadata"]["name"].as_str().unwrap().to_owned();
            server.world().secrets.insert(name, secret.clone());
            json_answer(201, &secret)
        }
        ("DELETE", ["api", "v1", "namespaces", _, "secrets", name]) => {
            match server.world().secrets.remove(*name) {
                Some(_) => json_answer(200, &json!({"kind": "Status", "status": "Success"})),
                None => missing(name),
            }
        }
        ("PATCH", _) => objects::apply(server, request, &path, &query).await,
        ("POST", ["apis", _, _, "namespaces", ..]) => {
            objects::create(server, request, &path, &query).await
        }
        ("GET", ["api", "v1", "namespaces", _, "pods"]) => many(server, Kind::Pod, &query),
        ("GET", ["api", "v1", "namespaces", _, "events"]) => many(server, Kind::Event, &query),
        ("GET", ["api", "v1", "namespaces", _, "pods", pod, "log"]) => {
            let log = server.world().read_log(pod, &query);
            streamed(log)
        }
        ("GET", ["api", "v1", "namespaces", _, "pods", pod, "attach"]) => {
            attach::accept(server, pod, request)
        }
        _ => missing(&line),
    }
}

/// Returns the object in a request.
pub(crate) async fn object(request: Request<Incoming>) -> Value {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

/// Answers with a pod, after a merge of its annotations if that is asked for.
async fn one_pod(server: &Server, name: &str, request: Request<Incoming>) -> Answered {
    let Some(mut pod) = server.world().get(Kind::Pod, name).cloned() else {
        return missing(name);
    };
    if request.method() == "PATCH" {
        assert_eq!(
            request.headers()[header::CONTENT_TYPE],
            "application/merge-patch+json"
        );
        let patch = object(request).await;
        assert_eq!(patch.as_object().unwrap().len(), 1, "{patch}");
        let annotations = patch["metadata"]["annotations"].as_object().unwrap();
        for (key, value) in annotations {
            pod["metadata"]["annotations"][key] = value.clone();
        }
        server.apply(Kind::Pod, &pod);
    }
    json_answer(200, &pod)
}

async fn create(server: &Server, request: Request<Incoming>, query: &str) -> Answered {
    let mut job = object(request).await;
    let name = job["metadata"]["generateName"]
        .as_str()
        .map(|prefix| format!("{prefix}x1y2z"));
    if let Some(name) = name {
        job["metadata"]["name"] = name.into();
    }
    job["metadata"]["uid"] = "created".into();
    if parameter(query, "dryRun").is_none() {
        server.apply(Kind::Job, &job);
    }
    json_answer(201, &job)
}

fn one_job(server: &Server, method: &str, name: &str) -> Answered {
    let Some(mut job) = server.world().get(Kind::Job, name).cloned() else {
        return missing(name);
    };
    if method == "DELETE" {
        job["metadata"]["deletionTimestamp"] = "2026-11-20T20:55:00Z".into();
        server.apply(Kind::Job, &job);
        let (server, name) = (server.clone(), name.to_owned());
        tokio::spawn(async move {
            sleep(END).await;
            server.remove(Kind::Job, &name);
        });
    }
    json_answer(200, &job)
}

fn many(server: &Server, kind: Kind, query: &str) -> Answered {
    if parameter(query, "watch").is_none() {
        return json_answer(200, &server.world().list(kind, query));
    }
    let changes = server.world().watch(kind, query);
    let seconds = parameter(query, "timeoutSeconds").unwrap().parse().unwrap();
    let (sender, limited) = futures_channel::mpsc::unbounded();
    let limit = changes
        .take_until(sleep(Duration::from_secs(seconds)))
        .map(Ok)
        .forward(sender);
    tokio::spawn(limit.map(drop));
    streamed(limited)
}

fn streamed(lines: UnboundedReceiver<Bytes>) -> Answered {
    let body = StreamBody::new(lines.map(|line| Ok(Frame::data(line))));
    Response::new(body.boxed_unsync())
}

fn given(answer: Answer) -> Answered {
    let mut response = Response::builder().status(answer.code);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response
        .body(Full::from(answer.body).boxed_unsync())
        .unwrap()
}

pub(crate) fn json_answer(code: u16, body: &Value) -> Answered {
    given(Answer::new(code, body))
}

pub(crate) fn missing(what: &str) -> Answered {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404,
        "message": format!("{what} not found")});
    json_answer(404, &status)
}

pub(crate) fn empty(response: http::response::Builder) -> Answered {
    response
        .body(Full::from(Bytes::new()).boxed_unsync())
        .unwrap()
}
