//! Serves an HTTP router on a listener, with or without TLS, until told to stop.

use std::{fmt, pin::pin, sync::Arc, time::Duration};

use axum::{Router, response::Response};
use futures::future::BoxFuture;
use hyper::{Request, body::Incoming, server::conn::http1, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The extension of a response that is not to be sent: the connection closes in its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HangUp;

/// Accepts connections until `shutdown` is cancelled; then lets requests under way finish. The
/// returned task ends once the last connection has.
pub(crate) fn serve_http(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    router: Router,
    shutdown: CancellationToken,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let acceptor = tls.map(TlsAcceptor::from);
        let connections = TaskTracker::new();
        loop {
            let accepted = tokio::select! {
                () = shutdown.cancelled() => break,
                accepted = listener.accept() => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, mostly: without a pause this would spin.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // Small answers to many requests in a row: Nagle's algorithm would delay each.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "cannot switch off Nagle's algorithm");
            }
            let acceptor = acceptor.clone();
            let router = router.clone();
            let shutdown = shutdown.clone();
            connections.spawn(async move {
                match acceptor {
                    None => serve_connection(stream, router, shutdown).await,
                    Some(acceptor) => {
                        let accepted = tokio::select! {
                            accepted = acceptor.accept(stream) => accepted,
                            () = shutdown.cancelled() => return,
                        };
                        match accepted {
                            Ok(stream) => serve_connection(stream, router, shutdown).await,
                            // A client that does not trust the CA ends here.
                            Err(error) => tracing::warn!(%error, "a TLS handshake failed"),
                        }
                    }
                }
            });
        }
        drop(listener);
        connections.close();
        connections.wait().await;
    })
}

async fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    shutdown: CancellationToken,
) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), Answering(TowerToHyperService::new(router)));
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// The router, and the choice not to answer, which hyper takes as an error of the service.
struct Answering(TowerToHyperService<Router>);

impl Service<Request<Incoming>> for Answering {
    type Response = Response;
    type Error = HangUp;
    type Future = BoxFuture<'static, Result<Response, HangUp>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let answer = self.0.call(request);
        Box::pin(async move {
            let response = match answer.await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            match response.extensions().get::<HangUp>() {
                None => Ok(response),
                Some(hang_up) => Err(*hang_up),
            }
        })
    }
}

impl fmt::Display for HangUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not answered on request")
    }
}

impl std::error::Error for HangUp {}

const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
