//! A TDS server that follows a script: PRELOGIN, TLS, one login, one statement.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, OnceLock, mpsc},
    thread,
};

use azconnect_cert_tools::{
    AlternativeName, CertificateBuilder, CertificateUse, DistinguishedName, PrivateKey, Validity,
};
use rustls::{ServerConfig, ServerConnection};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use time::OffsetDateTime;

use crate::script::Script;

/// The name that the servers' certificate is for.
pub(crate) const HOST: &str = "syn-test.sql.azuresynapse.net";

/// What a connection said, and how it ended.
#[derive(Debug)]
pub(crate) enum Seen {
    Prelogin(Vec<u8>),
    Login(Vec<u8>),
    Sql(String),
    /// The connection is over; bytes of a result that could be written.
    Closed {
        written: usize,
    },
}

/// A running server; ends with the process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) seen: mpsc::Receiver<Seen>,
}

impl Server {
    pub(crate) fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, seen) = mpsc::channel();
        let script = Arc::new(script);
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (script, sender) = (Arc::clone(&script), sender.clone());
                thread::spawn(move || {
                    let mut written = 0;
                    // A client that goes away is what many tests are about.
                    let _ = serve(socket.unwrap(), &script, &sender, &mut written);
                    let _ = sender.send(Seen::Closed { written });
                });
            }
        });
        Self { address, seen }
    }

    /// Waits for what a connection says next.
    pub(crate) fn next(&self) -> Seen {
        self.seen.recv_timeout(std::time::Duration::from_secs(60)).expect("the client should speak")
    }
}

fn serve(
    mut socket: TcpStream,
    script: &Script,
    seen: &mpsc::Sender<Seen>,
    written: &mut usize,
) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let prelogin = read_message(&mut socket)?;
    let _ = seen.send(Seen::Prelogin(prelogin));
    if script.silent {
        // Until the client gives up.
        socket.read_to_end(&mut Vec::new())?;
        return Ok(());
    }
    socket.write_all(&packets(&script.prelogin_reply, 4_096))?;

    let config = Arc::clone(&certificates().server);
    let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
    while tls.is_handshaking() {
        if tls.wants_write() {
            let mut records = Vec::new();
            while tls.wants_write() {
                tls.write_tls(&mut records)?;
            }
            // Small packets, so that the client sees records split over several.
            let mut wrapped = packets(&records, 600);
            for packet in packet_starts(&wrapped) {
                wrapped[packet] = 0x12;
            }
            socket.write_all(&wrapped)?;
        } else {
            let message = read_message(&mut socket)?;
            let mut records = message.as_slice();
            while !records.is_empty() {
                tls.read_tls(&mut records)?;
                tls.process_new_packets().map_err(io::Error::other)?;
            }
        }
    }
    if tls.wants_write() {
        let mut records = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut records)?;
        }
        let mut wrapped = packets(&records, 4_096);
        for packet in packet_starts(&wrapped) {
            wrapped[packet] = 0x12;
        }
        socket.write_all(&wrapped)?;
    }

    let mut stream = rustls::StreamOwned::new(tls, socket);
    let login = read_message(&mut stream)?;
    let _ = seen.send(Seen::Login(login));
    stream.write_all(&packets(&script.login_reply, 4_096))?;
    stream.flush()?;

    let batch = read_message(&mut stream)?;
    let units: Vec<u16> =
        batch[22..].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let _ = seen.send(Seen::Sql(String::from_utf16(&units).unwrap()));
    let mut reply = packets(&script.result, script.packet_bytes);
    if script.endless.is_some() {
        // More is to come, so no packet is the last one.
        for start in packet_starts(&reply) {
            reply[start + 1] = 0;
        }
    }
    if let Some(length) = script.cut_after {
        reply.truncate(length);
    }
    stream.write_all(&reply)?;
    *written += reply.len();
    if let Some(more) = &script.endless {
        let mut packets = packets(more, script.packet_bytes);
        for start in packet_starts(&packets) {
            packets[start + 1] = 0;
        }
        loop {
            stream.write_all(&packets)?;
            *written += packets.len();
        }
    }
    stream.flush()?;
    if script.cut_after.is_none() {
        // Wait for the client to close first, as a real server does.
        stream.read_to_end(&mut Vec::new())?;
    }
    Ok(())
}

/// Splits a reply into packets of the given size, header included.
pub(crate) fn packets(message: &[u8], packet_bytes: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let pieces: Vec<_> =
        if message.is_empty() { vec![&[][..]] } else { message.chunks(packet_bytes - 8).collect() };
    for (index, piece) in pieces.iter().enumerate() {
        let length = u16::try_from(piece.len() + 8).unwrap().to_be_bytes();
        let last = u8::from(index + 1 == pieces.len());
        let number = u8::try_from((index + 1) % 256).unwrap();
        bytes.extend_from_slice(&[0x04, last, length[0], length[1], 0, 51, number, 0]);
        bytes.extend_from_slice(piece);
    }
    bytes
}

fn packet_starts(bytes: &[u8]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        starts.push(at);
        at += usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
    }
    starts
}

/// Reads packets up to the end of a message; a TLS record is a message of its own.
fn read_message(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        let mut header = [0; 8];
        stream.read_exact(&mut header)?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]])) - 8;
        let start = message.len();
        message.resize(start + length, 0);
        stream.read_exact(&mut message[start..])?;
        if header[1] & 1 == 1 {
            return Ok(message);
        }
    }
}

/// The authority of all scripted servers.
pub(crate) struct Certificates {
    pub(crate) ca_pem: String,
    server: Arc<ServerConfig>,
}

pub(crate) fn certificates() -> &'static Certificates {
    static CERTIFICATES: OnceLock<Certificates> = OnceLock::new();
    CERTIFICATES.get_or_init(|| {
        let validity =
            Validity::days(OffsetDateTime::now_utc() - time::Duration::days(1), 30).unwrap();
        let ca_key = PrivateKey::generate_rsa(2_048).unwrap();
        let ca = CertificateBuilder::new(
            DistinguishedName::common_name("azconnect-synapse tests").unwrap(),
            validity,
        )
        .with_use(CertificateUse::CertificateAuthority)
        .self_signed(&ca_key)
        .unwrap();
        let key = PrivateKey::generate_rsa(2_048).unwrap();
        let leaf = CertificateBuilder::new(DistinguishedName::common_name(HOST).unwrap(), validity)
            .with_use(CertificateUse::TlsServer)
            .with_alternative_names([AlternativeName::dns("*.sql.azuresynapse.net").unwrap()])
            .signed_by(&ca, &ca_key, &key.public_key().unwrap())
            .unwrap();
        let key_pem = key.to_pkcs8_pem().unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS12])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(leaf.to_pem().unwrap().as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).unwrap(),
            )
            .unwrap();
        Certificates { ca_pem: ca.to_pem().unwrap(), server: Arc::new(server) }
    })
}
