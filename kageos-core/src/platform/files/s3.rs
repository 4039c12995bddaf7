//! Objects in a bucket of an S3 server.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

use super::objects::{Objects, refused};
use crate::platform::identity::Secret;
use crate::{Code, Error, Result};

/// Longest time for one request; a part of an upload is the largest.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time to a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a request is tried again, and until when.
const RETRIES: usize = 3;
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);

/// Where a bucket is, and what opens it.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "it holds a secret")]
pub struct S3Options {
    /// `s3://bucket` or `s3://bucket/prefix`.
    pub url: String,
    /// The server's address, for example `http://127.0.0.1:9000`; `None` for Amazon's.
    pub endpoint: Option<String>,
    /// The region; many servers take any.
    pub region: String,
    /// The name of the key.
    pub access_key_id: Option<String>,
    /// The key.
    pub secret_access_key: Option<Secret>,
}

impl Objects {
    /// Objects in a bucket, which has to be there.
    ///
    /// # Errors
    /// [`Code::InvalidInput`] for an address that is none, or options that do not fit.
    pub fn s3(options: &S3Options) -> Result<Self> {
        // One provider for the process; the first one stays, whoever set it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let rest = options.url.strip_prefix("s3://").filter(|rest| !rest.is_empty());
        let rest =
            rest.ok_or_else(|| wrong("the address of a bucket is s3://bucket or s3://bucket/prefix"))?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = Path::parse(prefix).map_err(|error| wrong(&error.to_string()))?;
        let retry = RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: RETRIES,
            retry_timeout: RETRY_TIMEOUT,
        };
        let plain = options.endpoint.as_deref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        let client = ClientOptions::new()
            .with_timeout(TIMEOUT)
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_allow_http(plain);
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(&options.region)
            .with_retry(retry)
            .with_client_options(client);
        if let Some(endpoint) = &options.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        match (&options.access_key_id, &options.secret_access_key) {
            (Some(id), Some(key)) => {
                builder = builder.with_access_key_id(id).with_secret_access_key(key.expose());
            }
            (None, None) => {}
            _ => return Err(wrong("access_key_id and secret_access_key are given together")),
        }
        let store = builder.build().map_err(|error| Error { code: Code::InvalidInput, ..refused(error) })?;
        Ok(Self::of(Arc::new(store), prefix, &options.url))
    }
}

fn wrong(text: &str) -> Error {
    Error::new(Code::InvalidInput, text)
}
