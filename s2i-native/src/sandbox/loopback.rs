//! The interface through which the processes of a new network namespace reach each other.

use std::io;

use rustix::{
    io::Errno,
    net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with},
};

/// `RTM_NEWLINK`: change an interface.
const CHANGE: u16 = 16;
/// `NLM_F_REQUEST | NLM_F_ACK`: a request that wants an answer.
const ASK: u16 = 1 | 4;
/// `IFF_UP`.
const UP: u32 = 1;
/// In every namespace it is the first.
const INDEX: u32 = 1;

/// Switches it on, with one message of netlink. There would be an `ioctl` for this, but no safe one.
pub(super) fn up() -> io::Result<()> {
    let (kind, flags) = (SocketType::RAW, SocketFlags::CLOEXEC);
    // Protocol 0 is `NETLINK_ROUTE`.
    let socket = socket_with(AddressFamily::NETLINK, kind, flags, None)?;
    send(&socket, &message(), SendFlags::empty())?;
    let mut answer = [0; 1024];
    let (length, _) = recv(&socket, &mut answer[..], RecvFlags::empty())?;
    // After the header comes the number of an error, negative, or zero.
    let code = answer[..length]
        .get(16..20)
        .and_then(|code| code.first_chunk());
    match code.map(|code| i32::from_ne_bytes(*code)) {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(-code)),
        None => Err(Errno::BADMSG.into()),
    }
}

/// `nlmsghdr` and `ifinfomsg`.
fn message() -> Vec<u8> {
    let mut message = Vec::with_capacity(32);
    message.extend(32_u32.to_ne_bytes());
    message.extend(CHANGE.to_ne_bytes());
    message.extend(ASK.to_ne_bytes());
    // Sequence, sender, and family and type of the interface, which may be any.
    message.extend([0; 4 + 4 + 4]);
    message.extend(INDEX.to_ne_bytes());
    message.extend(UP.to_ne_bytes());
    // Which of the flags to change.
    message.extend(UP.to_ne_bytes());
    message
}
