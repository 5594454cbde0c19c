//! `s2i cluster rebuild` and `s2i cluster kubesphere`, with a server that is a registry, the API of a cluster, and a web
//! server.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Output},
    sync::{Arc, Mutex},
    thread,
};

use s2i_core::{image::Digest, label};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::shell::{stderr, stdout};

const JOBS: &str = "/apis/batch/v1/namespaces/builds/jobs";
const CORE: &str = "/api/v1/namespaces/builds";

/// A server on this machine.
#[derive(Clone)]
struct Server {
    address: String,
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    posted: Arc<Mutex<Vec<Value>>>,
    /// The requests that change something, but for those that create Jobs.
    changes: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let server = Self {
            address: listener.local_addr().unwrap().to_string(),
            files: Arc::default(),
            posted: Arc::default(),
            changes: Arc::default(),
        };
        let serving = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = serving.clone();
                thread::spawn(move || server.serve(stream));
            }
        });
        server.put_jobs(&[]);
        server
    }

    fn put(&self, path: &str, content: impl Into<Vec<u8>>) {
        let mut files = self.files.lock().unwrap();
        files.insert(path.into(), content.into());
    }

    /// Makes these the Jobs of the namespace.
    fn put_jobs(&self, jobs: &[Value]) {
        for job in jobs {
            let name = job["metadata"]["name"].as_str().unwrap();
            self.put(&format!("{JOBS}/{name}"), job.to_string());
        }
        let list =
            json!({"apiVersion": "batch/v1", "kind": "JobList", "metadata": {}, "items": jobs});
        self.put(JOBS, list.to_string());
    }

    /// Puts an image with these labels into the registry, and returns its digest.
    fn put_image(&self, name: &str, labels: &Value) -> String {
        let machine = std::env::consts::ARCH;
        let architecture = if machine == "x86_64" {
            "amd64"
        } else {
            "arm64"
        };
        let config = json!({"architecture": architecture, "os": "linux", "config": {"Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": []}});
        let config = config.to_string().into_bytes();
        let digest = Digest::of(&config);
        let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest.to_string(), "size": config.len()},
            "layers": []});
        let (repository, tag) = name.split_once(':').unwrap();
        let manifest = manifest.to_string().into_bytes();
        let named = Digest::of(&manifest).to_string();
        self.put(&format!("/v2/{repository}/blobs/{digest}"), config);
        self.put(
            &format!("/v2/{repository}/manifests/{tag}"),
            manifest.clone(),
        );
        self.put(&format!("/v2/{repository}/manifests/{named}"), manifest);
        named
    }

    /// Answers the requests of one connection.
    fn serve(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or_default() == 0 {
                return;
            }
            let mut length = 0;
            loop {
                let mut header = String::new();
                reader.read_line(&mut header).unwrap();
                if header.trim().is_empty() {
                    break;
                }
                if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let (code, content) = self.answer(&line, &body);
            let kind = if line.contains("/manifests/") {
                "application/vnd.oci.image.manifest.v1+json"
            } else {
                "application/json"
            };
            let head = format!(
                "HTTP/1.1 {code} -\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
                content.len()
            );
            let content = if line.starts_with("HEAD") {
                &[][..]
            } else {
                &content
            };
            if stream
                .write_all(&[head.as_bytes(), content].concat())
                .is_err()
            {
                return;
            }
        }
    }

    fn answer(&self, line: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let target = line.split(' ').nth(1).unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if line.starts_with("POST") && path == JOBS {
            let mut job: Value = serde_json::from_slice(body).unwrap();
            if !query.contains("dryRun") {
                self.posted.lock().unwrap().push(job.clone());
            }
            job["metadata"]["name"] = "shop-new".into();
            return (201, job.to_string().into());
        }
        let method = line.split(' ').next().unwrap();
        if !["GET", "HEAD"].contains(&method) {
            let object = serde_json::from_slice(body).unwrap_or_default();
            let mut changes = self.changes.lock().unwrap();
            changes.push((format!("{method} {path}"), object));
            let body = if body.is_empty() { b"{}" } else { body };
            return (200, body.to_vec());
        }
        if query.contains("watch=") {
            return (200, Vec::new());
        }
        let files = self.files.lock().unwrap();
        match files.get(path) {
            Some(content) => (200, content.clone()),
            None if path == "/v2/" => (200, b"{}".to_vec()),
            None => (
                404,
                br#"{"kind": "Status", "code": 404, "message": "none"}"#.to_vec(),
            ),
        }
    }

    /// Makes every Job one that has succeeded, with a pod that has pushed this image.
    fn end_builds(&self, image: &str, digest: &str) {
        let done = json!({"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": "shop-new", "uid": "1"}, "spec": {"template": {"spec": {"containers": []}}},
            "status": {"conditions": [{"type": "Complete", "status": "True"}]}});
        self.put_jobs(&[done]);
        let message = json!({"image": image, "digest": digest}).to_string();
        let pod = json!({"metadata": {"name": "shop-new-x", "uid": "2"},
            "spec": {"containers": [{"name": "push"}]},
            "status": {"phase": "Succeeded", "containerStatuses": [{"name": "push", "ready": false, "restartCount": 0,
                "image": "", "imageID": "", "state": {"terminated": {"exitCode": 0, "message": message}}}]}});
        let pods = json!({"apiVersion": "v1", "kind": "PodList", "metadata": {"resourceVersion": "1"}, "items": [pod]});
        self.put(&format!("{CORE}/pods"), pods.to_string());
        let events = json!({"apiVersion": "v1", "kind": "EventList", "metadata": {"resourceVersion": "1"}, "items": []});
        self.put(&format!("{CORE}/events"), events.to_string());
        self.put(&format!("{CORE}/pods/shop-new-x/log"), "");
    }

    fn posted(&self) -> Vec<Value> {
        self.posted.lock().unwrap().clone()
    }
}

/// A user of the cluster, with a builder and an image on it in the registry.
struct Scene {
    server: Server,
    home: TempDir,
    builder: String,
    image: String,
}

impl Scene {
    fn new() -> Self {
        let server = Server::start();
        let home = TempDir::new().unwrap();
        let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{"name": "it", "cluster": {"server": format!("http://{}", server.address)}}],
            "users": [{"name": "it", "user": {}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it", "namespace": "builds"}}]});
        fs::write(home.path().join("kubeconfig"), config.to_string()).unwrap();
        let builder = format!("{}/go:1", server.address);
        let image = format!("{}/shop:1", server.address);
        let scene = Self {
            server,
            home,
            builder,
            image,
        };
        scene
            .server
            .put_image("go:1", &json!({label::ASSEMBLE_USER: "1001"}));
        scene
    }

    /// Puts the image into the registry, which stands on this builder.
    fn put_image(&self, builder_digest: &str, more: &Value) {
        let builder = format!("{}@{builder_digest}", self.builder);
        let mut labels = json!({
            label::BUILD_IMAGE: builder,
            label::BUILD_SOURCE_LOCATION: "https://git.example.org/shop",
            label::BUILD_COMMIT_REF: "main",
            label::OCI_BASE_NAME: builder,
            label::OCI_BASE_DIGEST: builder_digest,
        });
        let more = more.as_object().unwrap().clone();
        labels.as_object_mut().unwrap().extend(more);
        self.server.put_image("shop:1", &labels);
    }

    /// Returns the names of the temporary files that are left.
    fn names_in_tmp(&self) -> Vec<String> {
        let files = fs::read_dir(self.home.path().join("tmp")).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    fn rebuild(&self, args: &[&str]) -> Output {
        rebuild(self.home.path(), args)
    }

    /// Returns a Job that has built the image on this builder.
    fn job(&self, builder: &str, condition: &str, needs_source: bool) -> Value {
        json!({"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": "shop-old", "creationTimestamp": "2026-11-20T20:00:00Z",
                "labels": {"app.kubernetes.io/name": "shop"},
                "annotations": {"s2i.io/output": self.image, "s2i.io/builder": builder}},
            "spec": {"template": {"metadata": {}, "spec": {
                "initContainers": [
                    {"name": "prepare", "image": "s2i/s2i:git", "stdin": needs_source,
                        "args": ["pod", "prepare", "--", "https://git.example.org/shop", builder, self.image]},
                    {"name": "assemble", "image": builder},
                ],
                "containers": [{"name": "push", "image": "s2i/s2i:git"}]}}},
            "status": {"conditions": [{"type": condition, "status": "True"}]}})
    }
}

fn rebuild(home: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_s2i"));
    command.env_clear().env("HOME", home).current_dir(home);
    command.env("KUBECONFIG", home.join("kubeconfig"));
    command.args(["cluster", "rebuild"]).args(args);
    command.output().unwrap()
}

#[track_caller]
fn ends_with(output: &Output, code: i32, text: &str) {
    let shown = stdout(output) + &stderr(output);
    assert_eq!(output.status.code(), Some(code), "{shown}");
    assert!(shown.contains(text), "{shown}");
}

const OTHER: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

#[test]
fn image_on_the_current_builder_is_left_alone() {
    let scene = Scene::new();
    let digest = scene.server.put_image("go:1", &json!({}));
    scene.put_image(&digest, &json!({}));
    let done = scene.rebuild(&["--if-base-changed", &scene.image]);
    let line = format!(
        "{} stands on the current {}@{digest}\n",
        scene.image, scene.builder
    );
    ends_with(&done, 0, &line);
    assert_eq!(stdout(&done), line);
    assert!(scene.server.posted().is_empty());
}

#[test]
fn image_on_another_builder_is_built_again_from_its_labels() {
    let scene = Scene::new();
    let digest = scene.server.put_image("go:1", &json!({}));
    scene.put_image(OTHER, &json!({label::BUILD_SOURCE_CONTEXT_DIR: "web"}));
    scene
        .server
        .put_image("go:1", &json!({label::ASSEMBLE_USER: "1001"}));
    let current = scene
        .server
        .put_image("go:1", &json!({label::ASSEMBLE_USER: "1001"}));
    assert_ne!(digest, current);
    let image = scene.image.as_str();
    let options = ["--", "--push-secret=login", "-e", "A=$B"];
    let args = [&["--if-base-changed", "--detach", image][..], &options].concat();
    let done = scene.rebuild(&args);
    let changed = format!(
        "stands on {}@{OTHER}, which is {current} now\n",
        scene.builder
    );
    ends_with(&done, 0, &changed);
    ends_with(&done, 0, "shop-new\n");
    let [job] = &scene.server.posted()[..] else {
        panic!("one Job")
    };
    let pod = &job["spec"]["template"]["spec"];
    let builder = format!("{}@{current}", scene.builder);
    assert_eq!(pod["initContainers"][1]["image"], builder);
    let args = &pod["initContainers"][0]["args"];
    let expected = json!([
        "pod",
        "prepare",
        "--",
        "--env=A=$$B",
        "--context-dir=web",
        "--ref=main",
        "https://git.example.org/shop",
        builder,
        image
    ]);
    assert_eq!(*args, expected);
    assert_eq!(job["metadata"]["annotations"]["s2i.io/output"], image);
    assert!(
        pod["volumes"]
            .to_string()
            .contains(r#""secretName":"login""#)
    );
}

#[test]
fn last_job_is_repeated_on_the_current_builder() {
    let scene = Scene::new();
    let current = scene.server.put_image("go:1", &json!({}));
    scene.put_image(OTHER, &json!({}));
    let old = format!("{}@{OTHER}", scene.builder);
    scene.server.put_jobs(&[scene.job(&old, "Complete", false)]);
    let done = scene.rebuild(&["--all", "--if-base-changed", "--detach"]);
    ends_with(&done, 0, "shop-new\n");
    let [job] = &scene.server.posted()[..] else {
        panic!("one Job")
    };
    let builder = format!("{}@{current}", scene.builder);
    let expected = scene.job(&builder, "Complete", false);
    assert_eq!(
        job["spec"]["template"]["spec"]["initContainers"][1],
        json!({"name": "assemble", "image": builder})
    );
    let args = |job: &Value| job["spec"]["template"]["spec"]["initContainers"][0]["args"].clone();
    assert_eq!(args(job), args(&expected));
    assert_eq!(
        job["metadata"]["annotations"],
        expected["metadata"]["annotations"]
    );
    assert_eq!(job["metadata"]["generateName"], "shop-");
}

#[test]
fn dry_run_and_a_build_that_goes_on_create_nothing() {
    let scene = Scene::new();
    scene.put_image(OTHER, &json!({}));
    let done = scene.rebuild(&["--dry-run", &scene.image]);
    ends_with(&done, 0, "stands on");
    let mut job = scene.job(&scene.builder, "Complete", false);
    job["status"] = json!({"active": 1});
    scene.server.put_jobs(&[job]);
    let done = scene.rebuild(&[&scene.image]);
    ends_with(&done, 0, "is being built by shop-old");
    assert!(scene.server.posted().is_empty());
}

#[test]
fn files_of_another_machine_are_refused_by_name() {
    let scene = Scene::new();
    let directory = json!({label::BUILD_SOURCE_LOCATION: "/home/you/shop"});
    scene.put_image(OTHER, &directory);
    let done = scene.rebuild(&[&scene.image]);
    let text = format!(
        "the image `{}` was built from `/home/you/shop`",
        scene.image
    );
    ends_with(&done, 2, &text);
    ends_with(&done, 2, "s2i build --on cluster");
    // The same for the Job of an upload.
    scene.put_image(OTHER, &json!({}));
    scene
        .server
        .put_jobs(&[scene.job(&scene.builder, "Complete", true)]);
    ends_with(&scene.rebuild(&[&scene.image]), 2, "can't get by itself");
    assert!(scene.server.posted().is_empty());
}

#[test]
fn unknown_digest_of_the_builder_is_no_change() {
    let scene = Scene::new();
    scene.put_image(OTHER, &json!({label::BUILD_IMAGE: scene.builder, label::OCI_BASE_NAME: "", label::OCI_BASE_DIGEST: ""}));
    let done = scene.rebuild(&["--if-base-changed", &scene.image]);
    ends_with(&done, 18, "names no digest of its builder");
}

#[test]
fn failure_of_one_image_does_not_keep_others_from_being_built() {
    let scene = Scene::new();
    scene.put_image(OTHER, &json!({}));
    let missing = format!("{}/missing:1", scene.server.address);
    let done = scene.rebuild(&["--detach", &missing, &scene.image]);
    ends_with(&done, 21, "1 of 2 images could not be built again");
    ends_with(&done, 21, &missing);
    assert_eq!(scene.server.posted().len(), 1);
}

#[test]
fn arguments_are_checked_before_anything_is_built() {
    let scene = Scene::new();
    scene.put_image(OTHER, &json!({}));
    for (args, text) in [
        (&[][..], "required arguments were not provided"),
        (&["--all", "shop:1"], "cannot be used with"),
        (&["--all", "--wait", "soon"], "invalid value"),
    ] {
        ends_with(&scene.rebuild(args), 2, text);
    }
    for (options, text) in [
        (
            &["--no-such"][..],
            "the options after `--` can't be used for a build",
        ),
        (
            &["https://git.example.org/other"],
            "the options after `--` can't be used for a build: invalid value",
        ),
        (&["--on=nowhere"], "use `cluster` or `cluster:CONTEXT`"),
    ] {
        let args = [&[&*scene.image, "--"][..], options].concat();
        ends_with(&scene.rebuild(&args), 2, text);
    }
    assert!(scene.server.posted().is_empty());
}

/// The variables and the configuration of a pod of KubeSphere's operator, whose own name is `run-job-x`.
fn kubesphere(scene: &Scene, config: &Value) -> Output {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "run-job-x", "uid": "7"}, "spec": {"containers": [{"name": "s2irun", "image": "registry.example.org/s2i/s2i:kube"}]}});
    scene
        .server
        .put(&format!("{CORE}/pods/run-job-x"), pod.to_string());
    let home = scene.home.path();
    fs::write(home.join("config.json"), config.to_string()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_s2i"));
    command.env_clear().env("HOME", home).current_dir(home);
    command.env("KUBECONFIG", home.join("kubeconfig"));
    fs::create_dir_all(home.join("tmp")).unwrap();
    command.env("TMPDIR", home.join("tmp"));
    command.env("S2I_CONFIG_PATH", home.join("config.json"));
    command
        .env("POD_NAMESPACE", "builds")
        .env("POD_NAME", "run-job-x");
    command.args(["cluster", "kubesphere"]);
    command.output().unwrap()
}

/// The configuration of a build, as the operator writes it.
fn config(scene: &Scene) -> Value {
    json!({"builderImage": scene.builder, "tag": scene.image, "export": true, "outputBuildResult": true,
        "sourceUrl": "https://git:correct%20horse@git.example.org/shop.git", "revisionId": "main", "contextDir": "/",
        "buildVolumes": ["cache:/tmp/artifacts"],
        "pushAuthentication": {"username": "ci", "password": "battery-staple", "serverAddress": scene.server.address}})
}

#[test]
fn build_of_the_operator_is_a_job_and_its_result_is_in_annotations() {
    let scene = Scene::new();
    let labels = json!({label::BUILD_COMMIT_ID: "c0ffee", label::BUILD_COMMIT_AUTHOR: "Jane <jane@example.org>"});
    let digest = scene.server.put_image("shop:1", &labels);
    scene.server.end_builds(&scene.image, &digest);
    let done = kubesphere(&scene, &config(&scene));
    ends_with(&done, 0, "warning: buildVolumes: has no effect");
    let shown = stdout(&done) + &stderr(&done);
    let job = scene.server.posted().remove(0);
    for (what, text) in [("output", &shown), ("Job", &job.to_string())] {
        assert!(
            !text.contains("horse") && !text.contains("staple"),
            "{what}: {text}"
        );
    }
    assert_eq!(job["metadata"]["ownerReferences"][0]["uid"], "7");
    let spec = &job["spec"]["template"]["spec"];
    assert_eq!(spec["automountServiceAccountToken"], false);
    assert_eq!(
        spec["imagePullSecrets"],
        json!([{"name": "run-job-x-registry"}])
    );
    for step in [&spec["initContainers"][0], &spec["containers"][0]] {
        assert_eq!(step["image"], "registry.example.org/s2i/s2i:kube");
        assert_eq!(step["command"], json!(["/usr/bin/s2i"]));
    }
    let args = spec["initContainers"][0]["args"].to_string();
    assert!(
        args.contains(r#""--ref=main","https://git.example.org/shop.git""#),
        "{args}"
    );
    let changes = scene.server.changes.lock().unwrap().clone();
    let requests: Vec<_> = changes
        .iter()
        .map(|(request, _)| request.as_str())
        .collect();
    let secrets = format!("{CORE}/secrets");
    assert_eq!(
        requests,
        [
            format!("POST {secrets}"),
            format!("POST {secrets}"),
            format!("PATCH {CORE}/pods/run-job-x"),
            format!("DELETE {secrets}/run-job-x-registry"),
            format!("DELETE {secrets}/run-job-x-git"),
        ]
    );
    assert_eq!(changes[0].1["type"], "kubernetes.io/dockerconfigjson");
    assert_eq!(changes[1].1["type"], "kubernetes.io/basic-auth");
    let annotations = &changes[2].1["metadata"]["annotations"];
    let read =
        |key: &str| -> Value { serde_json::from_str(annotations[key].as_str().unwrap()).unwrap() };
    let result = read("s2iBuildResult");
    assert_eq!(result["imageRepoTags"], json!([scene.image]));
    assert!(result["imageID"].as_str().unwrap().starts_with("sha256:"));
    let source = json!({"commitID": "c0ffee", "committerName": "Jane", "committerEmail": "jane@example.org"});
    assert_eq!(read("s2iBuildSource"), source);
}

#[test]
fn failure_of_the_operators_build_is_that_of_s2irun_and_leaves_no_secret() {
    let scene = Scene::new();
    let mut config = config(&scene);
    config["builderImage"] = format!("{}/missing:1", scene.server.address).into();
    let done = kubesphere(&scene, &config);
    ends_with(&done, 1, "error: ");
    let changes = scene.server.changes.lock().unwrap().clone();
    let deleted = changes
        .iter()
        .filter(|(request, _)| request.starts_with("DELETE"));
    assert_eq!(deleted.count(), 2);
    assert!(scene.server.posted().is_empty());
    config["runImage"] = true.into();
    ends_with(
        &kubesphere(&scene, &config),
        1,
        "`runImage` of the configuration can't be used",
    );
    config["isBinaryURL"] = true.into();
    config["runImage"] = false.into();
    config["sourceUrl"] = format!("http://{}/missing.war", scene.server.address).into();
    ends_with(
        &kubesphere(&scene, &config),
        1,
        "can't download the file `missing.war`",
    );
}

#[test]
fn command_for_the_operator_needs_its_pod() {
    let scene = Scene::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_s2i"));
    command.env_clear().env("HOME", scene.home.path());
    let output = command.args(["cluster", "kubesphere"]).output().unwrap();
    ends_with(&output, 1, "S2I_CONFIG_PATH is not set");
    ends_with(&output, 1, "S2IIMAGENAME");
}

#[test]
fn file_of_a_web_server_is_the_source_of_the_operators_build() {
    let scene = Scene::new();
    let builder = json!({label::ASSEMBLE_USER: "1001", label::SCRIPTS_URL: "image:///s2i"});
    scene.server.put_image("go:1", &builder);
    let digest = scene.server.put_image("shop:1", &json!({}));
    scene.server.end_builds(&scene.image, &digest);
    scene.server.put("/files/shop.war", "a program");
    let mut config = config(&scene);
    config["isBinaryURL"] = true.into();
    config["sourceUrl"] = format!("http://a:b@{}/files/shop.war?c=d", scene.server.address).into();
    config.as_object_mut().unwrap().remove("revisionId");
    ends_with(
        &kubesphere(&scene, &config),
        0,
        "Build completed successfully",
    );
    let job = scene.server.posted().remove(0);
    let args = job["spec"]["template"]["spec"]["initContainers"][0]["args"].clone();
    assert_eq!(args[2], "--receive");
    let changes = scene.server.changes.lock().unwrap().clone();
    let patched = changes
        .iter()
        .find(|(request, _)| request.starts_with("PATCH"));
    let source = &patched.unwrap().1["metadata"]["annotations"]["s2iBuildSource"];
    assert_eq!(*source, r#"{"binaryName":"shop.war","binarySize":9}"#);
    assert!(scene.names_in_tmp().is_empty());
}
