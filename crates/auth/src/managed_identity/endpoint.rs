//! One source and one identity: how a token is got from there.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use azure_core::http::{Context, Request, Transport, headers::HeaderName};
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::{ManagedIdentitySource, arc_key, failure, pace::Pace};
use crate::{
    cache::{TokenSource, Wanted},
    clock::Clock,
    error::Result,
    http::{self, Answer},
    identity::Identity,
    retry::{Attempt, RetryOptions, retry},
    token::FetchedToken,
};

pub(super) struct Endpoint {
    pub(super) source: ManagedIdentitySource,
    pub(super) identity: Identity,
    pub(super) transport: Transport,
    pub(super) retry: RetryOptions,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) pace: Pace,
}

#[async_trait]
impl TokenSource for Endpoint {
    /// Claims are not passed on, as no source takes them: they only mean that an older token does not do.
    async fn fetch(&self, wanted: &Wanted, context: &Context<'_>) -> Result<FetchedToken> {
        retry(&self.retry, &*self.clock, async |time| {
            self.exchange(&wanted.scope, context, time).await
        })
        .await
    }

    fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn owner(&self) -> String {
        let endpoint = self.source.endpoint();
        format!("managed identity\n{}\n{endpoint}\n{}", self.source.name(), self.identity)
    }
}

impl Endpoint {
    async fn exchange(
        &self,
        scope: &str,
        context: &Context<'_>,
        time: Duration,
    ) -> Result<FetchedToken, Attempt> {
        let tell = |failure| failure::tell(failure, &self.source, scope);
        // These endpoints are older than scopes: they want the resource alone.
        let resource = scope.strip_suffix("/.default").unwrap_or(scope);
        if matches!(self.source, ManagedIdentitySource::Imds { .. }) {
            self.pace.wait(&*self.clock).await;
        }
        let requested_at = self.clock.now();
        let request = self.source.request(resource, &self.identity);
        let answer =
            self.answer(request, context, time).await.map_err(|attempt| attempt.map(tell))?;
        if answer.status != 200 {
            let now = self.clock.now();
            return Err(failure::classify(&answer, &self.source, &self.identity, scope, now));
        }
        let token = self
            .source
            .check_answer(&answer.body, &self.identity)
            .and_then(|()| FetchedToken::parse(&answer.body, requested_at));
        token.map_err(|failure| Attempt::Final(tell(failure)))
    }

    /// The answer to the request, which is repeated with a proof where the source asks for one.
    async fn answer(
        &self,
        mut request: Request,
        context: &Context<'_>,
        time: Duration,
    ) -> Result<Answer, Attempt> {
        let ManagedIdentitySource::Arc { keys, .. } = &self.source else {
            return http::send(&self.transport, context, request, time).await;
        };
        let challenge = http::send(&self.transport, context, request.clone(), time).await?;
        if challenge.status != 401 {
            return Ok(challenge);
        }
        let key = arc_key::read(challenge.header(&WWW_AUTHENTICATE), keys).await;
        let key = key.map_err(Attempt::Final)?;
        let proof = Zeroizing::new(["Basic ", key.expose_secret()].concat());
        request.insert_header(AUTHORIZATION, proof.as_str().to_owned());
        http::send(&self.transport, context, request, time).await
    }
}

const AUTHORIZATION: HeaderName = HeaderName::from_static("authorization");
const WWW_AUTHENTICATE: HeaderName = HeaderName::from_static("www-authenticate");
