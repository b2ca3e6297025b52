//! A connection from its first byte to the end of its login: PRELOGIN, TLS, LOGIN7.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{
    authenticate::{self, Admission},
    collation::Collation,
    cursor::ProtocolError,
    engine::Engine,
    login::{Credential, FedAuthToken, Login},
    packet::{DEFAULT_PACKET_BYTES, END_OF_MESSAGE, MessageReader, MessageWriter, frame, kind},
    prelogin::{Encryption, PreLogin},
    session::Session,
    sql_error::SqlError,
    tls_handshake::HandshakeStream,
    token::{self, Done, DoneKind, EnvChange},
    tsql::Globals,
};
use crate::{error::Result, state::ServiceState, tls::TlsMaterial};

/// What all connections share.
pub(super) struct Server {
    pub(super) state: Arc<ServiceState>,
    pub(super) engine: Engine,
    wrapped_tls: TlsAcceptor,
    strict_tls: TlsAcceptor,
    sessions: AtomicU16,
}

impl Server {
    pub(super) fn new(tls: &TlsMaterial, state: Arc<ServiceState>, engine: Engine) -> Result<Self> {
        // Within PRELOGIN packets TLS ends with the handshake, but TLS 1.3 goes on with session
        // tickets after it: Microsoft's driver and others do not get over that.
        let wrapped = tls.server_config(&[&rustls::version::TLS12], &[])?;
        let strict = tls.server_config(rustls::ALL_VERSIONS, &[STRICT_ALPN])?;
        Ok(Self {
            state,
            engine,
            wrapped_tls: wrapped.into(),
            strict_tls: strict.into(),
            sessions: AtomicU16::new(FIRST_SESSION),
        })
    }

    /// The name by which the server speaks: that of the first workspace.
    pub(super) fn name(&self) -> &str {
        self.state.config.sql.workspaces.first().map_or("localhost", String::as_str)
    }
}

/// Serves one connection to its end.
pub(super) async fn serve(server: &Arc<Server>, stream: TcpStream) -> io::Result<()> {
    // A request is answered at once; waiting for more to send would delay each.
    stream.set_nodelay(true)?;
    let login = async {
        let mut first = [0];
        stream.peek(&mut first).await?;
        if first == [TLS_HANDSHAKE] {
            let stream = HandshakeStream::plain(stream);
            let (reader, writer) = tokio::io::split(server.strict_tls.accept(stream).await?);
            let mut reader = MessageReader::new(reader, LOGIN_BYTES);
            let mut writer = MessageWriter::new(writer);
            let answer = PreLogin::parse(&expect(&mut reader, kind::PRELOGIN).await?)?.answer(true);
            writer.payload().extend(answer);
            writer.finish().await?;
            log_in(server, reader, writer).await
        } else {
            let stream = pre_login(stream).await?;
            let mut stream = server.wrapped_tls.accept(HandshakeStream::wrapped(stream)).await?;
            stream.get_mut().0.unwrap_from_now_on()?;
            let (reader, writer) = tokio::io::split(stream);
            log_in(server, MessageReader::new(reader, LOGIN_BYTES), MessageWriter::new(writer))
                .await
        }
    };
    let logged_in = timeout(LOGIN_TIME, Box::pin(login)).await;
    match logged_in.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? {
        Some(session) => Box::pin(session.run()).await,
        None => Ok(()),
    }
}

/// Answers PRELOGIN in the clear; what follows is TLS.
async fn pre_login(stream: TcpStream) -> io::Result<TcpStream> {
    let mut reader = MessageReader::new(stream, LOGIN_BYTES);
    let offer = PreLogin::parse(&expect(&mut reader, kind::PRELOGIN).await?)?;
    let mut stream = reader.into_inner()?;
    let mut answer = Vec::new();
    frame(&mut answer, kind::REPLY, END_OF_MESSAGE, 1, &offer.answer(false));
    stream.write_all(&answer).await?;
    if offer.encryption == Encryption::NotSupported {
        return Err(ProtocolError("the client cannot encrypt, which Azure requires").into());
    }
    Ok(stream)
}

/// Reads the login and answers it. `None`: it was refused, and the client was told why.
async fn log_in<R, W>(
    server: &Arc<Server>,
    mut reader: MessageReader<R>,
    mut writer: MessageWriter<W>,
) -> io::Result<Option<Session<R, W>>>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let login = Login::parse(&expect(&mut reader, kind::LOGIN7).await?)?;
    let version = login.tds_version;
    if ![token::TDS_7_4, token::TDS_8_0].contains(&version) {
        let message = format!("TDS version {version:#x} is not supported: use 7.4.");
        refuse(server, &mut writer, &[SqlError::new(17835, message).with_class(20)]).await?;
        return Ok(None);
    }
    let mut fedauth = None;
    let credential = match login.credential {
        Credential::TokenLater => {
            let state = &server.state;
            let sts = [&state.authority_host, "/", state.directory.tenant_id()].concat();
            // No DONE: Microsoft's driver would take it for the end of the login.
            token::fedauth_info(writer.payload(), &sts, authenticate::SPN);
            writer.finish().await?;
            let message = expect(&mut reader, kind::FEDAUTH_TOKEN).await?;
            Credential::Token(FedAuthToken::parse_message(&message)?)
        }
        other => other,
    };
    if let Credential::Token(token) = &credential {
        fedauth = Some(token.nonce);
    }
    let admitted =
        authenticate::admit(&server.state, &login.server_name, &login.database, &credential);
    let Admission { user, database } = match admitted {
        Ok(admission) => admission,
        Err(errors) => {
            tracing::debug!(error = %errors.last().map(ToString::to_string).unwrap_or_default(),
                "a login was refused");
            refuse(server, &mut writer, &errors).await?;
            return Ok(None);
        }
    };
    let packet_bytes = match login.packet_bytes as usize {
        0 => DEFAULT_PACKET_BYTES,
        asked => asked.clamp(LEAST_PACKET_BYTES, MOST_PACKET_BYTES),
    };
    let out = writer.payload();
    EnvChange::Database { new: &database, old: "master" }.write(out);
    let changed = format!("Changed database context to '{database}'.");
    token::info(out, server.name(), 5701, 2, &changed);
    EnvChange::Collation(Collation::default()).write(out);
    EnvChange::Language("us_english").write(out);
    token::info(out, server.name(), 5703, 1, "Changed language setting to us_english.");
    token::login_ack(out, version);
    EnvChange::PacketBytes { new: packet_bytes, old: DEFAULT_PACKET_BYTES }.write(out);
    token::feature_ack(out, fedauth, login.utf8);
    Done::new(DoneKind::Statement).write(out);
    writer.finish().await?;
    writer.set_packet_bytes(packet_bytes);
    reader.set_limit(REQUEST_BYTES);

    let session = server.sessions.fetch_add(1, Ordering::Relaxed);
    tracing::debug!(session, %user, application = login.application, "a session began");
    let globals = Globals {
        server: server.name().to_owned(),
        database,
        user,
        application: login.application,
        session,
        transactions: 0,
        rows: 0,
    };
    Ok(Some(Session::new(Arc::clone(server), reader, writer, globals)))
}

async fn refuse<W: AsyncWrite + Unpin>(
    server: &Server,
    writer: &mut MessageWriter<W>,
    errors: &[SqlError],
) -> io::Result<()> {
    for error in errors {
        token::error(writer.payload(), server.name(), error);
    }
    Done::failed(DoneKind::Statement).write(writer.payload());
    writer.finish().await?;
    writer.shut_down().await
}

/// The payload of the next message, which must be of this kind.
async fn expect<R: AsyncRead + Unpin>(
    reader: &mut MessageReader<R>,
    kind: u8,
) -> io::Result<Vec<u8>> {
    match reader.next().await? {
        Some(message) if message.kind == kind => Ok(message.payload),
        Some(_) => Err(ProtocolError("another message comes where it has no place").into()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// The first byte of a client that begins with TLS; a PRELOGIN packet begins with 0x12.
const TLS_HANDSHAKE: u8 = 0x16;

const STRICT_ALPN: &[u8] = b"tds/8.0";

/// How long a client may take to log in.
const LOGIN_TIME: Duration = Duration::from_secs(60);

/// The most bytes of PRELOGIN, LOGIN7 and a token.
const LOGIN_BYTES: usize = 128 * 1024;

/// The most bytes of a request after the login: statements and their parameters.
const REQUEST_BYTES: usize = 64 * 1024 * 1024;

/// The limits that SQL Server has for packet sizes.
const LEAST_PACKET_BYTES: usize = 512;
const MOST_PACKET_BYTES: usize = 32_767;

/// Sessions up to 50 belong to the system.
const FIRST_SESSION: u16 = 51;
