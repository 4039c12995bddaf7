//! What an app reaches outside, as it says so.

use kageos_core::{Origin, SecretPlace, SecretUse};

use super::App;

/// A secret that an app uses without ever seeing it: an administrator sets it, and the platform puts it into the requests
/// to its origin.
///
/// ```
/// use kageos_sdk::{App, Secret};
///
/// let app = App::new("billing")
///     .secret(Secret::bearer("stripe_key", "Stripe API key", "https://api.stripe.com"))
///     .secret(Secret::basic("erp_password", "ERP password", "https://erp.example.com", "kageos"));
/// assert_eq!(app.manifest().unwrap().egress.origins.len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    name: String,
    title: String,
    origin: String,
    place: SecretPlace,
}

impl Secret {
    fn at(name: &str, title: &str, origin: &str, place: SecretPlace) -> Self {
        Self { name: name.to_owned(), title: title.to_owned(), origin: origin.to_owned(), place }
    }

    /// A token in the header `authorization`, after `Bearer`.
    #[must_use]
    pub fn bearer(name: &str, title: &str, origin: &str) -> Self {
        let place = SecretPlace::Header { name: "authorization".to_owned(), prefix: "Bearer ".to_owned() };
        Self::at(name, title, origin, place)
    }

    /// A header of its own.
    #[must_use]
    pub fn header(name: &str, title: &str, origin: &str, header: &str) -> Self {
        let place = SecretPlace::Header { name: header.to_ascii_lowercase(), prefix: String::new() };
        Self::at(name, title, origin, place)
    }

    /// A parameter of the query; a header is the better place, for queries are written into logs of other servers.
    #[must_use]
    pub fn query(name: &str, title: &str, origin: &str, parameter: &str) -> Self {
        Self::at(name, title, origin, SecretPlace::Query { name: parameter.to_owned() })
    }

    /// The password of basic authentication.
    #[must_use]
    pub fn basic(name: &str, title: &str, origin: &str, user: &str) -> Self {
        Self::at(name, title, origin, SecretPlace::Basic { user: user.to_owned() })
    }
}

impl App {
    /// Lets the app's functions send requests to an origin: `https://api.example.com`, or `https://*.example.com` for all
    /// hosts below. An administrator consents when a release goes live that reaches more than the one before.
    #[must_use]
    pub fn reaches(mut self, origin: &str) -> Self {
        match origin.parse::<Origin>() {
            Ok(origin) => self.egress.origins.push(origin),
            Err(error) => self.problems.push(error.to_string()),
        }
        self
    }

    /// A secret for requests to an origin, which is reached with it.
    #[must_use]
    pub fn secret(mut self, secret: Secret) -> Self {
        let Secret { name, title, origin, place } = secret;
        match origin.parse::<Origin>() {
            Ok(origin) => {
                if !self.egress.origins.contains(&origin) {
                    self.egress.origins.push(origin.clone());
                }
                self.egress.secrets.push(SecretUse { name, title, origin, place });
            }
            Err(error) => self.problems.push(format!("the secret {name:?}: {error}")),
        }
        self
    }
}
