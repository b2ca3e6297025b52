//! The native backend: TDS 7.4 on a thread of its own for each running query.
//!
//! The thread blocks on the socket and decodes; finished batches go to the consumer over a
//! bounded channel, so that decoding runs beside the consumer and stops when it falls behind.

mod channel;
mod collation;
mod cursor;
mod login;
mod metadata;
mod packet;
mod prelogin;
mod result;
mod session;
mod tile;
mod tls;
mod token;
mod wire;

use std::{sync::Arc, thread};

use secrecy::SecretString;
use tokio::sync::mpsc;

pub(crate) use self::{
    collation::Charset,
    cursor::Fault,
    metadata::{Column, SqlType},
    tls::tls_config,
};
use self::{result::Stop, session::Line};
use crate::{
    error::{Error, ErrorKind, Operation, Result},
    options::QueryOptions,
    settings::{Login, Settings},
    stream::{Event, Guard, RecordBatchStream},
};

/// Starts a query; returns once its columns are known.
pub(crate) async fn query(
    settings: &Arc<Settings>,
    sql: &str,
    options: QueryOptions,
) -> Result<RecordBatchStream> {
    let token = access_token(settings).await?;
    let line = Arc::new(Line::default());
    let guard = Guard::new(Arc::clone(&line) as _);
    let (sender, events) = mpsc::channel(options.prefetch_batches);

    let settings = Arc::clone(settings);
    let sql = sql.to_owned();
    thread::Builder::new()
        .name("azconnect-tds".to_owned())
        .spawn(move || read(&settings, token, &sql, &options, &line, &sender))
        .map_err(|error| {
            let detail = "no thread could be started";
            Error::new(ErrorKind::LimitExceeded, Operation::Query, detail).with_source(error)
        })?;
    RecordBatchStream::start(events, guard).await
}

/// Asks the credential, if the login is by token.
pub(crate) async fn access_token(settings: &Settings) -> Result<Option<SecretString>> {
    let Login::AccessToken(credential) = &settings.login else {
        return Ok(None);
    };
    let token = credential.get_token(&[&settings.scope], None).await.map_err(|error| {
        let detail = format!("the credential has none for scope `{}`", settings.scope);
        Error::new(ErrorKind::Unauthenticated, Operation::Token, detail).with_source(error)
    })?;
    Ok(Some(SecretString::from(token.token.secret())))
}

/// What the thread does.
fn read(
    settings: &Settings,
    token: Option<SecretString>,
    sql: &str,
    options: &QueryOptions,
    line: &Line,
    events: &mpsc::Sender<Event>,
) {
    let outcome = session::open(settings, token.as_ref(), line).map_err(Stop::from);
    drop(token);
    let outcome = outcome.and_then(|mut session| {
        session.channel.set_max_pending_bytes(settings.max_row_bytes);
        let outcome = result::run(&mut session, sql, options, events);
        outcome.map_err(|stop| match stop {
            Stop::Failed(error) => Stop::Failed(error.at(&session.server, &settings.database)),
            stop => stop,
        })
    });
    // The connection is closed by now, so a consumer that has seen the end finds it closed.
    let event = match outcome {
        Ok(rows_affected) => Event::Done { rows_affected },
        Err(Stop::Dropped) => return,
        Err(Stop::Failed(_)) if line.is_cancelled() => return,
        Err(Stop::Failed(error)) => Event::Failed(error),
    };
    // The consumer may be gone, which is its right.
    let _ = events.blocking_send(event);
}
