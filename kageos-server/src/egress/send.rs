//! Sends a request and follows where the answer leads, each step looked at like the first.

use std::{error::Error as StdError, io};

use kageos_core::{Code, Error, HostCall, HttpResponse, Origin, Result, http::MAX_RESPONSE};
use reqwest::{
    Response,
    header::{CONTENT_ENCODING, LOCATION},
};

use super::{
    Declared,
    address::{NotReached, Reach},
    prepare::Prepared,
    scrub::Scrub,
};

/// Most steps from one address to another.
const MAX_REDIRECTS: usize = 5;

pub(super) async fn follow(declared: &Declared, call: &HostCall, request: Prepared) -> Result<HttpResponse> {
    let (mut request, mut scrub) = (request, Scrub::new());
    for _ in 0..=MAX_REDIRECTS {
        let origin = request.origin()?;
        let given = declared.entering(&origin).await?;
        let (client, reach) = declared.egress.client(&origin)?;
        check_address(&request, reach, &origin)?;
        scrub.add(&given);
        let ready = request.with(&given, client)?;
        // From here on it may have arrived, whatever is known of it.
        if !request.is_safe() && !call.control.acts_outside() {
            return Err(Error::of(Code::Cancelled));
        }
        let sent = ready.send().await;
        let response = sent.map_err(|error| failed(&origin, error))?;
        let status = response.status().as_u16();
        let leads = matches!(status, 301 | 302 | 303 | 307 | 308);
        let location = response.headers().get(LOCATION).filter(|_| leads);
        match location.map(|location| String::from_utf8_lossy(location.as_bytes()).into_owned()) {
            Some(location) => request = request.redirected(status, &location, &scrub)?,
            None => return read(declared, &request, response, &scrub).await,
        }
    }
    Err(Error::new(Code::EgressDenied, format!("The answer leads on more than {MAX_REDIRECTS} times.")))
}

/// An address that is written as numbers is not resolved, so it is looked at here.
fn check_address(request: &Prepared, reach: &Reach, origin: &Origin) -> Result<()> {
    let host = origin.host().trim_start_matches('[').trim_end_matches(']');
    match host.parse() {
        Ok(address) if !reach.has(address) => Err(not_reached(origin)),
        _ if request.url().has_host() => Ok(()),
        _ => Err(not_reached(origin)),
    }
}

fn not_reached(origin: &Origin) -> Error {
    let message = if origin.is_https() {
        format!("{origin} lies in no network that apps may reach; an operator names it (egress.networks).")
    } else {
        format!("{origin} is not encrypted, and lies in no network that an operator names (egress.networks).")
    };
    Error::new(Code::EgressDenied, message)
}

/// Why nothing came back. What the library says may hold the address with its secrets, so that is left out.
fn failed(origin: &Origin, error: reqwest::Error) -> Error {
    if among_causes::<NotReached>(&error) {
        return not_reached(origin);
    }
    let why = if among_causes::<rustls::Error>(&error) {
        "shows no certificate that is trusted for it, or speaks no TLS that is safe"
    } else if error.is_connect() {
        "cannot be connected to"
    } else {
        "did not answer as a server of HTTP does"
    };
    Error::new(Code::Unavailable, format!("{origin} {why}.")).caused_by(error.without_url())
}

/// Whether an error comes from one of this kind. What a stream met lies in an error of I/O, and not among its causes.
fn among_causes<E: StdError + 'static>(error: &(dyn StdError + 'static)) -> bool {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.is::<E>()
        || inner.is_some_and(|inner| among_causes::<E>(inner))
        || error.source().is_some_and(|cause| among_causes::<E>(cause))
}

/// The whole answer, without secrets. What it takes is counted until it is handed on.
async fn read(
    declared: &Declared,
    request: &Prepared,
    mut response: Response,
    scrub: &Scrub,
) -> Result<HttpResponse> {
    let origin = &request.origin()?;
    let status = response.status().as_u16();
    let encoding = response.headers().get(CONTENT_ENCODING);
    if !scrub.is_empty()
        && encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        let message = format!("{origin} answered compressed, although it was not asked to.");
        return Err(Error::new(Code::Unavailable, message));
    }
    let header = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
        (name.as_str().to_owned(), scrub.text(&String::from_utf8_lossy(value.as_bytes())))
    };
    let headers = response.headers().iter().map(header).collect();
    let too_large = || {
        let message = format!("{origin} answered with more than {MAX_RESPONSE} bytes.");
        Error::new(Code::PayloadTooLarge, message)
    };
    if response.content_length().is_some_and(|length| length > MAX_RESPONSE as u64) {
        return Err(too_large());
    }
    let (mut body, mut held) = (Vec::new(), declared.egress.hold(0)?);
    while let Some(piece) = response.chunk().await.map_err(|error| failed(origin, error))? {
        if body.len() + piece.len() > MAX_RESPONSE {
            return Err(too_large());
        }
        held.merge(declared.egress.hold(piece.len())?);
        body.extend_from_slice(&piece);
    }
    Ok(HttpResponse { status, url: scrub.text(request.url().as_str()), headers, body: scrub.bytes(body) })
}
