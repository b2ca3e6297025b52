//! A client of raw packets. It begins with TLS (TDS 8), so that it needs no TLS within packets.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer};
use rustls_pki_types::{ServerName, pem::PemObject};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::Synapse;

pub(super) const BATCH: u8 = 0x01;
pub(super) const ATTENTION: u8 = 0x06;
pub(super) const FEDAUTH_TOKEN: u8 = 0x08;
const LOGIN7: u8 = 0x10;
const PRELOGIN: u8 = 0x12;

pub(super) struct RawClient {
    stream: TlsStream<TcpStream>,
}

/// A reply: the lengths of its packets, and their bodies in one.
pub(super) struct Reply {
    pub(super) packets: Vec<usize>,
    pub(super) tokens: Vec<u8>,
}

impl RawClient {
    /// Connects and answers nothing but PRELOGIN.
    pub(super) async fn connect(synapse: &Synapse) -> Self {
        let mut roots = RootCertStore::empty();
        let ca = synapse.fixture.emulators.ca_pem().as_bytes();
        roots.add(CertificateDer::from_pem_slice(ca).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"tds/8.0".to_vec()];
        let address = synapse.fixture.emulators.endpoints().synapse.unwrap();
        let tcp = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(tls)).connect(name, tcp).await.unwrap();
        let mut client = Self { stream };
        // ENCRYPTION: strict; FEDAUTHREQUIRED: offered.
        client.send(PRELOGIN, &[1, 0, 11, 0, 1, 6, 0, 12, 0, 1, 0xff, 5, 1]).await;
        let answer = client.receive().await.unwrap().tokens;
        assert_eq!(answer[0], 0);
        client
    }

    /// Connects and logs in with a password.
    pub(super) async fn logged_in(synapse: &Synapse, packet_bytes: u32) -> Self {
        let mut client = Self::connect(synapse).await;
        client.log_in(packet_bytes, Some(("demo", "Demo-Passw0rd")), &[]).await;
        let reply = client.receive().await.unwrap();
        assert!(reply.tokens.contains(&0xad), "no LOGINACK");
        client
    }

    /// Sends LOGIN7 with the data of a feature extension, if there is one.
    pub(super) async fn log_in(
        &mut self,
        packet_bytes: u32,
        login: Option<(&str, &str)>,
        features: &[u8],
    ) {
        let (user, password) = login.unwrap_or_default();
        let hidden: Vec<u8> =
            utf16(password).iter().map(|byte| byte.rotate_left(4) ^ 0xa5).collect();
        let empty = Vec::new();
        let extension = 94_u32 + u32::try_from(2 * (user.len() + password.len()) + 4).unwrap();
        let pointer = extension.to_le_bytes().to_vec();
        // Host, user, password, application, server, extension, library, language, database.
        let fields = [
            empty.clone(),
            utf16(user),
            hidden,
            empty.clone(),
            empty.clone(),
            pointer,
            empty.clone(),
            empty.clone(),
            empty,
        ];
        let mut fixed = Vec::new();
        fixed.extend(0x7400_0004_u32.to_le_bytes());
        fixed.extend(packet_bytes.to_le_bytes());
        fixed.extend([0; 12]);
        fixed.extend([0, 2, 0, if features.is_empty() { 0 } else { 0x10 }]);
        fixed.extend([0; 8]);
        let mut data: Vec<u8> = Vec::new();
        for (position, field) in fields.iter().enumerate() {
            let length = if position == 5 { field.len() } else { field.len() / 2 };
            fixed.extend(u16::try_from(94 + data.len()).unwrap().to_le_bytes());
            fixed.extend(u16::try_from(length).unwrap().to_le_bytes());
            data.extend(field);
        }
        fixed.extend([0; 22]);
        data.extend(features);
        let mut login = u32::try_from(4 + fixed.len() + data.len()).unwrap().to_le_bytes().to_vec();
        login.extend(fixed);
        login.extend(data);
        self.send(LOGIN7, &login).await;
    }

    pub(super) async fn batch(&mut self, sql: &str) {
        let mut payload = vec![22, 0, 0, 0, 18, 0, 0, 0, 2, 0];
        payload.extend([0; 8]);
        payload.extend([1, 0, 0, 0]);
        payload.extend(utf16(sql));
        self.send(BATCH, &payload).await;
    }

    pub(super) async fn send(&mut self, kind: u8, payload: &[u8]) {
        let mut chunks = payload.chunks(4088).peekable();
        if payload.is_empty() {
            self.packet(kind, 1, &[]).await;
        }
        while let Some(chunk) = chunks.next() {
            self.packet(kind, u8::from(chunks.peek().is_none()), chunk).await;
        }
    }

    async fn packet(&mut self, kind: u8, status: u8, body: &[u8]) {
        let [high, low] = u16::try_from(body.len() + 8).unwrap().to_be_bytes();
        let mut packet = vec![kind, status, high, low, 0, 0, 1, 0];
        packet.extend(body);
        self.stream.write_all(&packet).await.unwrap();
    }

    /// Sends bytes as they are, and nothing after them.
    pub(super) async fn send_bytes_and_end(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.shutdown().await.unwrap();
    }

    /// One reply, or how many bytes of it came before the connection ended.
    pub(super) async fn receive(&mut self) -> Result<Reply, usize> {
        let mut reply = Reply { packets: Vec::new(), tokens: Vec::new() };
        let mut received = 0;
        loop {
            let mut header = [0; 8];
            received += self.read(&mut header).await.map_err(|partly| received + partly)?;
            assert_eq!(header[0], 4, "a reply has the type of replies");
            let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
            let mut body = vec![0; length - 8];
            received += self.read(&mut body).await.map_err(|partly| received + partly)?;
            reply.packets.push(length);
            reply.tokens.extend(body);
            if header[1] & 1 == 1 {
                return Ok(reply);
            }
        }
    }

    /// Fills the buffer, or tells how much came before the end.
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.stream.read(&mut buffer[filled..]).await {
                Ok(0) | Err(_) => return Err(filled),
                Ok(read) => filled += read,
            }
        }
        Ok(filled)
    }
}

impl Reply {
    /// Status, command and row count of the DONE that ends the reply.
    #[track_caller]
    pub(super) fn done(&self) -> (u16, u64) {
        let at = self.tokens.len() - 13;
        assert!(matches!(self.tokens[at], 0xfd..=0xff), "no DONE at the end");
        let status = u16::from_le_bytes([self.tokens[at + 1], self.tokens[at + 2]]);
        (status, u64::from_le_bytes(self.tokens[at + 5..].try_into().unwrap()))
    }
}

pub(super) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
