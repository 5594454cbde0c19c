//! `s2i kube tekton`, `shipwright` and `kubesphere`.

use s2i_build::source::location::Place;
use s2i_core::mapping::MappingList;
use s2i_kube::{kubesphere, shipwright, tekton};
use serde_json::Value;

use super::{KubeError, source};
use crate::{
    args::kube::{Kubesphere, Shipwright, Tekton},
    context::CommandContext,
};

pub(super) fn tekton(args: &Tekton) -> Value {
    let task = tekton::Task {
        namespace: args.objects.namespace.clone(),
        uid: args.agent.uid(),
        size_limit: args.size_limit.clone(),
        ..tekton::Task::new(args.name.clone(), args.agent.agent_image.clone())
    };
    task.object()
}

pub(super) fn shipwright(args: &Shipwright) -> Result<Vec<Value>, KubeError> {
    let namespace = args.objects.namespace.clone();
    let strategy = shipwright::Strategy {
        namespace: namespace.clone().filter(|_| args.namespaced),
        uid: args.agent.uid(),
        ..shipwright::Strategy::new(args.strategy.clone(), args.agent.agent_image.clone())
    };
    let mut objects = vec![strategy.object()];
    let (Some(location), Some(builder), Some(output)) = (&args.source, &args.builder, &args.image)
    else {
        return Ok(objects);
    };
    let source = match &location.place {
        Place::Directory(_) => None,
        Place::Remote(_) => Some(source::git(location, &(&args.build.repository).into())?),
    };
    let build = shipwright::Build {
        name: source::of_image(args.name.as_ref(), output)?,
        namespace,
        strategy,
        source,
        builder: builder.clone(),
        runtime: args.runtime_image.clone(),
        env: args.build.repository.env.clone(),
        incremental: args.build.repository.incremental,
        output: output.clone(),
        push_secret: args.build.push_secret.clone(),
    };
    objects.push(build.object());
    if args.run {
        objects.push(build.run(args.upload_minutes));
    }
    Ok(objects)
}

pub(super) fn kubesphere(
    args: &Kubesphere,
    context: &CommandContext<'_>,
) -> Result<Vec<Value>, KubeError> {
    let artifacts = args.runtime_artifact.iter();
    let artifacts = MappingList(artifacts.flat_map(|list| list.0.clone()).collect());
    let runtime = args.runtime_image.clone().map(|image| (image, artifacts));
    let template = args.template.as_ref().map(|language| kubesphere::Template {
        name: language.clone(),
        framework: language.to_string(),
        version: "0.0.1".into(),
        description: format!("Builds from source with {}", args.builder),
        builder: args.builder.clone(),
        runtime: runtime.clone(),
    });
    let builder = kubesphere::Builder {
        name: source::of_image(args.name.as_ref(), &args.image)?,
        namespace: args.objects.namespace.clone(),
        source: source::git(&args.source, &(&args.build.repository).into())?,
        builder: args.builder.clone(),
        runtime,
        incremental: args.build.repository.incremental,
        env: args.build.repository.env.clone(),
        output: args.image.clone(),
        push_secret: args.build.push_secret.clone(),
    };
    let mut objects: Vec<Value> = template.iter().map(kubesphere::Template::object).collect();
    objects.extend(builder.objects()?);
    for warning in kubesphere::WARNINGS {
        context.warn("kubesphere", warning);
    }
    Ok(objects)
}
