//! Servers that never come to an end, and archives that take long to read.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use s2i_core::image::{ContainerConfig, ImageConfig, Platform};
use s2i_oci::{
    Digest,
    manifest::{self, Descriptor, Manifest},
};
use serde_json::json;

use crate::images::architecture;

/// The interval between two bytes of a slow server.
const PACE: Duration = Duration::from_millis(100);

/// The size of the file that [`zeros`] repeats.
const FILE: usize = 16 << 20;

/// The number of repetitions.
const FILES: usize = 800;

/// Starts a server that takes connections and answers nothing, and gives its address.
pub(crate) fn silent() -> String {
    serve(|_| {
        loop {
            thread::sleep(PACE);
        }
    })
}

/// Starts a server whose answers have no end.
pub(crate) fn trickling() -> String {
    serve(|mut connection| {
        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nX-Slow: ");
        while connection.write_all(b"x").is_ok() {
            thread::sleep(PACE);
        }
    })
}

/// Serves each connection on a thread of its own, until the tests end.
fn serve(answer: fn(TcpStream)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let connection = connection.unwrap();
            thread::spawn(move || answer(connection));
        }
    });
    address
}

/// An archive of 13 GB of zeros, compressed to some megabytes: one file again and again.
pub(crate) fn zeros() -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    header.set_path("zeros").unwrap();
    header.set_size(FILE as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    let mut member = GzEncoder::new(Vec::new(), Compression::fast());
    member.write_all(header.as_bytes()).unwrap();
    member.write_all(&vec![0; FILE]).unwrap();
    // A stream of several members is what they are together.
    member.finish().unwrap().repeat(FILES)
}

/// Writes an archive of a builder with that layer. The digest of the uncompressed layer is wrong, which is
/// found at its end.
pub(crate) fn image_of_zeros(name: &str, archive: &Path) {
    let layer = zeros();
    let mut config =
        ImageConfig::new(Platform::linux(architecture())).with_config(ContainerConfig {
            user: "1001:0".into(),
            entrypoint: vec!["/zeros".into()],
            labels: [("io.openshift.s2i.scripts-url".into(), "image:///".into())].into(),
            ..ContainerConfig::default()
        });
    config.rootfs.diff_ids.push(Digest::of(b"another layer"));
    let config = config.to_json();
    let layers = vec![Descriptor::of(manifest::LAYER_GZIP, &layer)];
    let manifest = Manifest::new(Descriptor::of(manifest::CONFIG, &config), layers);
    let manifest = serde_json::to_vec(&manifest).unwrap();
    let mut entry = serde_json::to_value(Descriptor::of(manifest::MANIFEST, &manifest)).unwrap();
    entry["annotations"] = json!({"io.containerd.image.name": format!("docker.io/{name}:latest")});
    let index = json!({"schemaVersion": 2, "manifests": [entry]}).to_string();
    let mut tar = tar::Builder::new(File::create(archive).unwrap());
    let mut add = |path: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, bytes).unwrap();
    };
    add("index.json", index.as_bytes());
    for blob in [&config, &manifest, &layer] {
        add(&format!("blobs/sha256/{}", Digest::of(blob).hex()), blob);
    }
    tar.finish().unwrap();
}

/// A model of Docker that does not finish a load.
pub(crate) struct Daemon {
    pub(crate) url: String,
    loading: Receiver<()>,
    answer: Sender<()>,
}

impl Daemon {
    /// Starts one that reads so many bytes of what it is to load.
    pub(crate) fn start(takes: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("tcp://{}", listener.local_addr().unwrap());
        let (is_loading, loading) = channel();
        let (answer, may_answer) = channel();
        thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = BufReader::new(connection.unwrap());
                if converse(&mut connection, takes).is_err() {
                    continue;
                }
                is_loading.send(()).unwrap();
                // The test may have ended without one.
                let _ = may_answer.recv();
                let loaded = "{\"stream\":\"Loaded image: app:latest\\n\"}\r\n";
                let _ = respond(&mut connection, 200, loaded);
            }
        });
        Self {
            url,
            loading,
            answer,
        }
    }

    /// Waits until it has read what it reads.
    pub(crate) fn wait_for_load(&self) {
        self.loading.recv_timeout(Duration::from_secs(60)).unwrap();
    }

    /// Lets it come to the end.
    pub(crate) fn answer(&self) {
        self.answer.send(()).unwrap();
    }
}

/// Answers requests until one is to load something.
fn converse(connection: &mut BufReader<TcpStream>, takes: u64) -> io::Result<()> {
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if connection.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        if head.contains("/images/load") {
            return read_chunks(connection, takes);
        }
        if head.contains("/version") {
            let version = json!({"Version": "1", "ApiVersion": "1.41"}).to_string();
            respond(connection, 200, &version)?;
        } else {
            respond(connection, 404, "{\"message\":\"there is none\"}")?;
        }
    }
}

fn respond(connection: &mut BufReader<TcpStream>, status: u16, body: &str) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    connection.get_mut().write_all((head + body).as_bytes())
}

/// Reads a body that comes in chunks, to its end or so many bytes of it.
fn read_chunks(connection: &mut BufReader<TcpStream>, mut left: u64) -> io::Result<()> {
    while left > 0 {
        let mut size = String::new();
        connection.read_line(&mut size)?;
        let size = u64::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
        let mut chunk = Vec::new();
        connection.take(size + 2).read_to_end(&mut chunk)?;
        if size == 0 {
            return Ok(());
        }
        left = left.saturating_sub(size);
    }
    Ok(())
}
