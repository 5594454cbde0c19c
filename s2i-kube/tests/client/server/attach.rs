//! Attachments over WebSocket, in the version 5 of the protocol: each message begins with the number of its channel.

use futures_util::{SinkExt as _, StreamExt as _};
use http::{Request, Response, header};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};

use super::{Server, http::empty};

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
const CLOSE: u8 = 255;

/// What an attached client meets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Receiver {
    /// A step that reads all, and confirms it.
    #[default]
    Confirms,
    /// A step that writes why it does not read on after so many bytes, and ends.
    GivesUp(usize),
    /// A step that confirms what has not ended, after so many bytes.
    ConfirmsEarly(usize),
    /// A node that closes the connection after so many bytes, as one does whose container closes its output.
    Cuts(usize),
}

pub(crate) fn accept(
    server: &Server,
    pod: &str,
    mut request: Request<Incoming>,
) -> Response<UnsyncBoxBody<bytes::Bytes, std::convert::Infallible>> {
    let offered = request.headers()[header::SEC_WEBSOCKET_PROTOCOL]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(offered.contains("v5.channel.k8s.io"), "{offered}");
    let key = derive_accept_key(request.headers()[header::SEC_WEBSOCKET_KEY].as_bytes());
    let upgrade = hyper::upgrade::on(&mut request);
    let (server, pod) = (server.clone(), pod.to_owned());
    tokio::spawn(async move {
        let socket = TokioIo::new(upgrade.await.unwrap());
        let socket = WebSocketStream::from_raw_socket(socket, Role::Server, None).await;
        serve(&server, pod, socket).await;
    });
    let response = Response::builder()
        .status(101)
        .header(header::UPGRADE, "websocket")
        .header(header::CONNECTION, "Upgrade")
        .header(header::SEC_WEBSOCKET_ACCEPT, key)
        .header(header::SEC_WEBSOCKET_PROTOCOL, "v5.channel.k8s.io");
    empty(response)
}

async fn serve(
    server: &Server,
    pod: String,
    mut socket: WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>,
) {
    let behaviour = server.world().receiver;
    let mut received = Vec::new();
    let mut complete = false;
    while let Some(Ok(message)) = socket.next().await {
        match &message.into_data()[..] {
            [STDIN, bytes @ ..] => received.extend_from_slice(bytes),
            [CLOSE, STDIN] => complete = true,
            _ => continue,
        }
        let enough = match behaviour {
            Receiver::Confirms => complete,
            Receiver::GivesUp(bytes) | Receiver::Cuts(bytes) | Receiver::ConfirmsEarly(bytes) => {
                received.len() >= bytes
            }
        };
        if enough {
            break;
        }
    }
    let mut write = async |channel: u8, text: &str| {
        let mut message = vec![channel];
        message.extend_from_slice(text.as_bytes());
        let _ = socket.send(Message::binary(message)).await;
    };
    match behaviour {
        Receiver::Confirms | Receiver::ConfirmsEarly(_) => write(STDOUT, "received\n").await,
        Receiver::GivesUp(_) => write(STDERR, "no space left\n").await,
        Receiver::Cuts(_) => {}
    }
    server.world().received.push((pod, received));
    if matches!(behaviour, Receiver::Cuts(_)) {
        return;
    }
    write(STATUS, r#"{"status":"Success"}"#).await;
    // A node reads on: input that is on its way does not cut the output.
    while let Some(Ok(_)) = socket.next().await {}
}
