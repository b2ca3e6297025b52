//! Opening a connection: TCP, PRELOGIN, TLS, login, and redirects.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpStream},
    sync::Mutex,
    time::{Duration, Instant},
};

use rustls_pki_types::ServerName;
use secrecy::ExposeSecret;
use secrecy::SecretString;
use socket2::{SockRef, TcpKeepalive};

use super::{
    channel::{Channel, ReceiveError},
    cursor::Fault,
    login::{Login7, Proof},
    packet::PacketType,
    prelogin,
    token::{self, Change, Token},
    wire::Wire,
};
use crate::{
    address::ServerAddress,
    client::resolve_by_system,
    error::{Error, ErrorKind, Operation},
    message::ServerMessage,
    settings::{Login, Settings},
    stream::Cancel,
};

/// How often a login may be redirected; Azure does it once.
const MAX_REDIRECTS: usize = 5;
/// No reply to a login is larger.
const MAX_TOKEN_BYTES: usize = 4 << 20;

/// A connection that is logged in.
pub(super) struct Session {
    pub(super) channel: Channel,
    pub(super) server: ServerAddress,
    /// What the server said while logging in.
    pub(super) messages: Vec<ServerMessage>,
}

/// The socket in use, so that another thread can break it off.
#[derive(Debug, Default)]
pub(super) struct Line(Mutex<LineState>);

#[derive(Debug, Default)]
struct LineState {
    socket: Option<TcpStream>,
    cancelled: bool,
}

impl Line {
    pub(super) fn is_cancelled(&self) -> bool {
        self.lock().cancelled
    }

    /// Makes this socket the one to break off; an error if that is wished already.
    fn hold(&self, socket: &TcpStream) -> io::Result<()> {
        let copy = socket.try_clone()?;
        let mut state = self.lock();
        if state.cancelled {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        state.socket = Some(copy);
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LineState> {
        // No code panics while it holds this lock; if one did, the state is still a state.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Cancel for Line {
    fn cancel(&self) {
        let mut state = self.lock();
        state.cancelled = true;
        if let Some(socket) = state.socket.take() {
            // Closing then resets the connection. Otherwise a server that is writing into a full window would
            // learn of it only when the kernel gives up on the closed socket, which takes it a minute.
            let _ = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
            // The reader wakes up with an end of file; it may be gone already.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

/// Connects, logs in, and follows redirects.
pub(super) fn open(
    settings: &Settings,
    token: Option<&SecretString>,
    line: &Line,
) -> Result<Session, Error> {
    let deadline = Instant::now() + settings.login_timeout;
    let mut server = settings.server.clone();
    for _ in 0..=MAX_REDIRECTS {
        let reply = log_in(settings, &server, token, line, deadline)
            .map_err(|error| error.at(&server, &settings.database))?;
        match reply {
            Reply::Accepted(session) => return Ok(*session),
            Reply::Redirected(target) => {
                check_redirect(settings, &target)
                    .map_err(|error| error.at(&server, &settings.database))?;
                tracing::debug!(from = %server, to = %target, "the login was redirected");
                server = target;
            }
        }
    }
    let detail = format!("redirected more than {MAX_REDIRECTS} times");
    Err(Error::new(ErrorKind::InvalidResponse, Operation::Login, detail)
        .at(&server, &settings.database))
}

enum Reply {
    Accepted(Box<Session>),
    Redirected(ServerAddress),
}

fn log_in(
    settings: &Settings,
    server: &ServerAddress,
    token: Option<&SecretString>,
    line: &Line,
    deadline: Instant,
) -> Result<Reply, Error> {
    let socket = connect(settings, server, deadline)?;
    line.hold(&socket).map_err(|error| broken(Operation::Connect, error))?;
    let mut channel = Channel::new(Wire::new(socket, deadline), MAX_TOKEN_BYTES);

    let failed = |error| broken(Operation::Connect, error);
    channel.send(PacketType::Prelogin, &prelogin::request(token.is_some())).map_err(failed)?;
    while !channel.ended() {
        channel.receive().map_err(|error| interrupted(Operation::Connect, error))?;
    }
    let prelogin = prelogin::parse_reply(channel.pending()).map_err(|_| {
        let detail = "the server's PRELOGIN message is broken";
        Error::new(ErrorKind::InvalidResponse, Operation::Connect, detail)
            .with_hint("check that a SQL endpoint listens on this port")
    })?;
    if !prelogin.encrypts {
        let detail = "the server does not offer encryption";
        return Err(Error::new(ErrorKind::Unsupported, Operation::Connect, detail));
    }
    let name = ServerName::try_from(server.host().to_owned()).map_err(|error| {
        let detail = "the host name cannot be checked by TLS";
        Error::new(ErrorKind::InvalidInput, Operation::Connect, detail).with_source(error)
    })?;
    channel.wire_mut().start_tls(&settings.tls, name).map_err(tls_broken)?;

    let proof = match (&settings.login, token) {
        (Login::Password { user, password }, _) => Proof::Password { user, password },
        (Login::AccessToken(_), token) => Proof::Token {
            token: token.map(|token| token.expose_secret()).unwrap_or_default(),
            echo: prelogin.fed_auth_required,
        },
    };
    let login = Login7 {
        proof,
        server: server.host(),
        database: &settings.database,
        application: &settings.application_name,
        packet_bytes: settings.packet_bytes,
    };
    let message = login.encode().map_err(|too_long| {
        let detail = format!("the {} is too long for a login", too_long.0);
        Error::new(ErrorKind::InvalidInput, Operation::Login, detail)
    })?;
    channel.send(PacketType::Login7, &message).map_err(|error| broken(Operation::Login, error))?;
    drop(message);
    read_login_reply(channel, server)
}

fn read_login_reply(mut channel: Channel, server: &ServerAddress) -> Result<Reply, Error> {
    let mut accepted = false;
    let mut route = None;
    let mut infos = Vec::new();
    let mut errors = Vec::new();
    loop {
        let token = match next_token(&mut channel, Operation::Login) {
            // Some servers say why and then close without an end.
            Err(error) if errors.is_empty() => return Err(error),
            Err(_) => return Err(Error::from_server(Operation::Login, errors)),
            Ok(token) => token,
        };
        match token {
            Token::LoginAck => accepted = true,
            Token::Error(message) => errors.push(message),
            Token::Info(message) => infos.push(message),
            Token::Environment(Change::PacketBytes(bytes)) => channel.set_packet_bytes(bytes),
            Token::Environment(Change::Route { host, port }) => {
                // A named instance may follow the host; Azure has none.
                let host = host.split('\\').next().unwrap_or_default();
                route = Some(ServerAddress::new(host, port)?);
            }
            Token::Done(done) if done.last => break,
            Token::Columns(Some(_)) | Token::Row => {
                let detail = "the server sent rows during the login";
                return Err(Error::new(ErrorKind::InvalidResponse, Operation::Login, detail));
            }
            _ => {}
        }
    }
    if !errors.is_empty() {
        return Err(Error::from_server(Operation::Login, errors));
    }
    if let Some(target) = route {
        return Ok(Reply::Redirected(target));
    }
    if !accepted {
        let detail = "the server ended the login without accepting it";
        return Err(Error::new(ErrorKind::InvalidResponse, Operation::Login, detail));
    }
    channel.wire_mut().clear_deadline().map_err(|error| broken(Operation::Login, error))?;
    let session = Session { channel, server: server.clone(), messages: infos };
    Ok(Reply::Accepted(Box::new(session)))
}

/// Takes the next token off the reply; a row is left in place.
pub(super) fn next_token(channel: &mut Channel, operation: Operation) -> Result<Token, Error> {
    loop {
        match token::parse(channel.pending()) {
            Ok((token, length)) => {
                channel.consume(length);
                return Ok(token);
            }
            Err(Fault::Short) => {
                channel.receive().map_err(|error| interrupted(operation, error))?;
            }
            Err(Fault::Invalid(detail)) => {
                return Err(Error::new(ErrorKind::InvalidResponse, operation, detail));
            }
        }
    }
}

fn connect(
    settings: &Settings,
    server: &ServerAddress,
    deadline: Instant,
) -> Result<TcpStream, Error> {
    let resolved = match &settings.resolver {
        Some(resolver) => resolver(server.host(), server.port()),
        None => resolve_by_system(server.host(), server.port()),
    };
    let addresses = resolved.map_err(|error| {
        Error::new(ErrorKind::Connect, Operation::Connect, "the host name cannot be resolved")
            .with_source(error)
            .with_hint("check the server's name, and that this machine's DNS knows it")
    })?;
    let mut failure = None;
    for address in addresses {
        match connect_to(address, settings, deadline) {
            Ok(socket) => return Ok(socket),
            Err(error) => failure = Some(error),
        }
    }
    Err(match failure {
        Some(error) => broken(Operation::Connect, error)
            .with_hint("check server name, port and firewall; Azure SQL listens on port 1433"),
        None => Error::new(ErrorKind::Connect, Operation::Connect, "the host name has no address"),
    })
}

fn connect_to(
    address: SocketAddr,
    settings: &Settings,
    deadline: Instant,
) -> io::Result<TcpStream> {
    let left = deadline.saturating_duration_since(Instant::now());
    let timeout = settings.connect_timeout.min(left);
    if timeout.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let socket = TcpStream::connect_timeout(&address, timeout)?;
    socket.set_nodelay(true)?;
    // A query may think for hours, but a peer that is gone must be noticed; Azure's gateways
    // forget connections that are idle for half an hour.
    let keepalive = TcpKeepalive::new()
        .with_time(std::time::Duration::from_secs(30))
        .with_interval(std::time::Duration::from_secs(10));
    SockRef::from(&socket).set_tcp_keepalive(&keepalive)?;
    Ok(socket)
}

/// A redirect takes the token or password along, so it must stay within SQL services.
fn check_redirect(settings: &Settings, target: &ServerAddress) -> Result<(), Error> {
    let host = target.host().to_ascii_lowercase();
    let own_domain = settings.server.host().split_once('.').map(|(_, domain)| domain);
    let trusted = host == settings.server.host().to_ascii_lowercase()
        || settings.routing_suffixes.iter().map(String::as_str).chain(own_domain).any(|suffix| {
            host.strip_suffix(&suffix.to_ascii_lowercase())
                .is_some_and(|front| front.ends_with('.'))
        });
    if trusted {
        return Ok(());
    }
    let detail = format!("the server redirects the login to `{target}`, which is not trusted");
    Err(Error::new(ErrorKind::PermissionDenied, Operation::Login, detail)
        .with_hint("if that host is right, allow its domain as a routing suffix"))
}

/// The error for a reply that could not be continued.
pub(super) fn interrupted(operation: Operation, error: ReceiveError) -> Error {
    match error {
        ReceiveError::Io(error) => broken(operation, error),
        ReceiveError::Ended => Error::new(
            ErrorKind::InvalidResponse,
            operation,
            "the server's reply ended before its final token",
        ),
        ReceiveError::Invalid(detail) => Error::new(ErrorKind::InvalidResponse, operation, detail),
        ReceiveError::TooLarge(limit) => {
            let detail = format!("a row is larger than the limit of {limit} bytes");
            Error::new(ErrorKind::LimitExceeded, operation, detail)
                .with_hint("raise the row limit, or leave large columns out of the query")
        }
    }
}

fn broken(operation: Operation, error: io::Error) -> Error {
    match error.kind() {
        // What a socket's timeout is called differs between systems.
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            Error::new(ErrorKind::Timeout, operation, "the server did not answer in time")
                .with_source(error)
        }
        io::ErrorKind::UnexpectedEof => {
            Error::new(ErrorKind::Connect, operation, "the server closed the connection")
        }
        io::ErrorKind::InvalidData => {
            Error::new(ErrorKind::InvalidResponse, operation, "the connection's bytes are broken")
                .with_source(error)
        }
        _ => Error::new(ErrorKind::Connect, operation, "the connection failed").with_source(error),
    }
}

fn tls_broken(error: io::Error) -> Error {
    let certificate = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
        .is_some_and(|inner| matches!(inner, rustls::Error::InvalidCertificate(_)));
    if certificate {
        return Error::new(
            ErrorKind::Connect,
            Operation::Connect,
            "the server's certificate is not accepted",
        )
        .with_source(error)
        .with_hint("check the server's name; for a private CA, give its certificate as CA file")
        .permanent();
    }
    match error.kind() {
        io::ErrorKind::InvalidData => {
            Error::new(ErrorKind::Connect, Operation::Connect, "the TLS handshake failed")
                .with_source(error)
        }
        _ => broken(Operation::Connect, error),
    }
}
