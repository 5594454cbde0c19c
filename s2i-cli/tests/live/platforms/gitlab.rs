//! Jobs, templates and components of GitLab.

use saphyr::Yaml;

use super::{
    Job, Values, expand, interpolate, repository_file,
    yaml::{document, documents, entries, get, items, text},
};

/// The keys of a file that are no jobs.
const NO_JOBS: [&str; 3] = ["image", "include", "stages"];

/// Returns the job of the component with these inputs.
pub(crate) fn component(inputs: &Values, platform: &Values) -> Job {
    let source = repository_file("templates/s2i.yml");
    let documents = documents(&source);
    let [spec, content] = &documents[..] else {
        panic!("a component has two documents");
    };
    let known = entries(get(spec, "spec"), "inputs");
    for name in inputs.keys() {
        assert!(
            known.iter().any(|(input, _)| input == name),
            "no input `{name}`"
        );
    }
    let mut all = Values::new();
    for (name, input) in known {
        let default = input.as_mapping_get("default").map(text);
        let value = inputs.get(&name).cloned().or(default);
        let value = value.unwrap_or_else(|| panic!("the input `{name}` is required"));
        all.insert(format!("inputs.{name}"), value);
    }
    let jobs = content.as_mapping().expect("jobs");
    let (_, node) = jobs.iter().next().expect("a job");
    let mut job = Job::default();
    read(&mut job, node, &|text| interpolate(text, "$[[", "]]", &all));
    started(job, platform)
}

/// Returns a job that extends the template with these variables.
pub(crate) fn template(variables: &Values, platform: &Values) -> Job {
    let source = repository_file("ci/gitlab.yml");
    let document = document(&source);
    let mut job = Job::default();
    read(&mut job, get(&document, ".s2i"), &str::to_owned);
    job.variables.extend(variables.clone());
    started(job, platform)
}

/// Returns the jobs of a `.gitlab-ci.yml`.
pub(crate) fn jobs(source: &str, platform: &Values) -> Vec<Job> {
    let document = document(source);
    let mut jobs = Vec::new();
    for include in items(&document, "include") {
        if let Some(name) = include.as_mapping_get("component") {
            assert!(text(name).contains("/s2i/s2i@"));
            let inputs = entries(include, "inputs").into_iter();
            let inputs = inputs.map(|(name, value)| (name, text(value)));
            jobs.push(component(&inputs.collect(), platform));
        } else {
            assert_eq!(text(get(include, "file")), "ci/gitlab.yml");
        }
    }
    for (name, node) in document.as_mapping().expect("jobs") {
        if NO_JOBS.contains(&text(name).as_str()) {
            continue;
        }
        if let Some(extends) = node.as_mapping_get("extends") {
            assert_eq!(text(extends), ".s2i");
            assert!(
                node.as_mapping_get("image").is_none() && node.as_mapping_get("script").is_none()
            );
            let variables = entries(node, "variables").into_iter();
            let variables = variables.map(|(name, value)| (name, text(value)));
            jobs.push(template(&variables.collect(), platform));
            continue;
        }
        let image = document.as_mapping_get("image");
        let mut job = Job {
            image: image.and_then(|image| Some(image.as_str()?.to_owned())),
            ..Job::default()
        };
        read(&mut job, node, &str::to_owned);
        jobs.push(started(job, platform));
    }
    jobs
}

/// Reads a job, on top of the defaults of its file.
fn read(job: &mut Job, node: &Yaml<'_>, value: &dyn Fn(&str) -> String) {
    if let Some(image) = node.as_mapping_get("image") {
        let name = image.as_mapping_get("name").unwrap_or(image);
        job.image = Some(value(&text(name)));
    }
    for (name, node) in entries(node, "variables") {
        job.variables.insert(name, value(&text(node)));
    }
    let script: Vec<_> = items(node, "script").into_iter().map(text).collect();
    if !script.is_empty() {
        job.script = script.join("\n");
        assert!(
            !job.script.contains("$[["),
            "a value becomes a part of a script"
        );
    }
}

/// Returns the job as the runner starts it: with its variables expanded.
fn started(mut job: Job, platform: &Values) -> Job {
    for value in job.variables.values_mut() {
        *value = expand(value, platform);
    }
    job.image = job.image.map(|image| expand(&image, platform));
    job
}
