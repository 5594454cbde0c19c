//! Images of registries that get more layers.

use std::{fs, io::Read as _, sync::Arc};

use s2i_core::image::{ImageConfig, RootFs};
use s2i_oci::{
    Digest,
    layer::{LayerBuilder, Owner},
    manifest::{
        DOCKER_CONFIG, DOCKER_LAYER_GZIP, DOCKER_MANIFEST, LAYER, LAYER_GZIP, MANIFEST, Manifest,
    },
    registry::Push,
};

use crate::image::{Image, amd64, chain, named, registry};

/// A base image in Docker's form, whose config names these layers.
fn base(diff_ids: Vec<Digest>, change: impl FnOnce(&mut Manifest)) -> Arc<Image> {
    let mut image = Image::of_types(1, 10, [DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER_GZIP]);
    let mut config = ImageConfig::new(amd64());
    config.rootfs = RootFs {
        diff_ids,
        ..RootFs::default()
    };
    image.config = config.to_json();
    let mut manifest: Manifest = serde_json::from_slice(&image.manifest).unwrap();
    manifest.config.digest = Digest::of(&image.config);
    manifest.config.size = image.config.len() as u64;
    change(&mut manifest);
    image.manifest = serde_json::to_vec(&manifest).unwrap();
    Arc::new(image)
}

#[tokio::test]
async fn layer_on_a_base_is_pushed_with_those_of_the_base() {
    let of_base = Digest::of(b"without compression");
    let base = base(vec![of_base], |_| ());
    let server = base.serve();
    let dir = tempfile::tempdir().unwrap();
    let name = named(&server, ":1");
    let image = registry().image(&name, &amd64(), dir.path()).await;
    let mut image = image.unwrap();
    assert_eq!(fs::read(image.layers()[0].path()).unwrap(), base.layer);

    let mut layer = LayerBuilder::new(1);
    layer
        .file("a", 0o644, Owner::ROOT, b"content".to_vec())
        .unwrap();
    let layer = layer.build(&dir.path().join("own")).unwrap();
    let expected = vec![of_base, layer.diff_id()];
    image.push(layer, "own");
    image.container_config_mut().working_dir = "/srv".into();

    let push = Push::from(&image);
    let manifest = Manifest::parse(&push.manifest, MANIFEST).unwrap();
    let types = manifest.layers.iter().map(|layer| &layer.media_type[..]);
    assert_eq!(types.collect::<Vec<_>>(), [LAYER_GZIP, LAYER]);
    let mut contents = Vec::new();
    for blob in &push.blobs {
        let mut content = Vec::new();
        (blob.open)().unwrap().read_to_end(&mut content).unwrap();
        assert_eq!(Digest::of(&content), blob.descriptor.digest);
        contents.push(content);
    }
    assert_eq!(push.blobs[0].descriptor, manifest.config);
    let config: ImageConfig = serde_json::from_slice(&contents[0]).unwrap();
    assert_eq!(config.rootfs.diff_ids, expected);
    assert_eq!(config.config.working_dir, "/srv");
}

#[tokio::test]
async fn config_with_another_number_of_layers_is_refused() {
    for count in [0, 2] {
        let base = base(vec![Digest::of(b""); count], |_| ());
        let problem = "it sent a config that does not belong to the manifest";
        check_refused(&base, problem).await;
    }
}

#[tokio::test]
async fn image_beyond_the_limit_is_refused_before_a_download() {
    let base = base(vec![Digest::of(b"")], |manifest| {
        manifest.layers[0].size = u64::MAX;
    });
    let problem = "its layers have more than 68719476736 bytes, the limit for an image";
    check_refused(&base, problem).await;
}

async fn check_refused(base: &Arc<Image>, problem: &str) {
    let server = base.serve();
    let dir = tempfile::tempdir().unwrap();
    let name = named(&server, ":1");
    let pulled = registry().image(&name, &amd64(), dir.path()).await;
    let err = chain(&pulled.unwrap_err());
    assert_eq!(
        err,
        format!(
            "can't read an image of `team/app` of the registry `{}`: {problem}",
            server.address
        )
    );
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
