//! The source of a build on its way to a cluster.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use s2i_build::PreparedBuild;
use s2i_core::upload::Sender;
use s2i_kube::client::{ByteStream, OpenSource};

/// Returns the function that begins the upload of a source anew.
pub(super) fn open(prepared: Arc<PreparedBuild>) -> OpenSource {
    Box::new(move || upload(&prepared))
}

fn upload(prepared: &PreparedBuild) -> ByteStream {
    let fetched = prepared.fetched();
    let (sender, head) = match Sender::new(&fetched.origin()) {
        Ok(started) => started,
        Err(err) => return stream::iter([Err(err)]).boxed(),
    };
    let encoded = stream::unfold(
        (Some(sender), fetched.archive()),
        async |(sender, mut archive)| {
            let mut sender = sender?;
            match archive.next().await {
                Some(Ok(piece)) => {
                    let piece = Bytes::from(sender.piece(&piece));
                    Some((Ok(piece), (Some(sender), archive)))
                }
                Some(Err(err)) => Some((Err(err), (None, archive))),
                None => Some((Ok(Bytes::from(sender.finish())), (None, archive))),
            }
        },
    );
    stream::iter([Ok(Bytes::from(head))]).chain(encoded).boxed()
}
