//! Consent to what a release reaches outside.

use sha2::{Digest, Sha256};

use super::{Release, Releases};
use crate::{Code, Egress, Error, FieldError, HostCall, Manifest, NodeId, Result, Timestamp, UserId, hex};

/// Who has consented to what a release reaches outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// To what exactly: [`egress_digest`].
    pub digest: String,
    /// Who.
    pub by: Option<UserId>,
    /// When.
    pub at: Timestamp,
}

/// SHA-256 of everything that is reached, hexadecimal, whatever the order in which it is declared.
#[must_use]
pub fn egress_digest(egress: &Egress) -> String {
    let secrets = egress.secrets.iter().map(|secret| {
        let shown = serde_json::json!([secret.name, secret.origin, secret.place]);
        format!("secret {shown}")
    });
    let mut lines: Vec<String> = egress.origins.iter().map(|origin| format!("origin {origin}")).collect();
    lines.extend(secrets);
    lines.sort_unstable();
    let mut hash = Sha256::new().chain_update("kageos.egress.1");
    for line in lines {
        hash.update((line.len() as u64).to_be_bytes());
        hash.update(line);
    }
    hex(&hash.finalize())
}

impl Releases {
    /// Whether a release may go live with what it reaches outside, and who has consented to that: nobody has to where
    /// nothing is reached; consent to the release itself stays, and consent to the live one is enough for what reaches
    /// no more. Else `given`, the digest that the caller has seen, is the consent of the caller: of a person or a
    /// program, not of an app, an agent or a schedule.
    ///
    /// # Errors
    /// [`Code::ConsentRequired`] with what is new; [`Code::Conflict`] when `given` is the digest of something else;
    /// [`Code::Forbidden`] when the caller cannot consent.
    pub async fn consent(
        &self,
        call: &HostCall,
        workspace: NodeId,
        (release, manifest): (&Release, &Manifest),
        given: Option<&str>,
    ) -> Result<Option<Consent>> {
        let egress = &manifest.egress;
        if egress.is_empty() {
            return Ok(None);
        }
        let digest = egress_digest(egress);
        if let Some(given) = given {
            return self.given(call, digest, given).map(Some);
        }
        if let Some(own) = release.consent.as_ref().filter(|consent| consent.digest == digest) {
            return Ok(Some(own.clone()));
        }
        let (reached, consented) = self.reached(workspace).await?;
        match consented.filter(|_| egress.is_within(&reached)) {
            Some(Consent { by, at, .. }) => Ok(Some(Consent { digest, by, at })),
            None => Err(required(egress, &reached, &digest)),
        }
    }

    /// What the live release reaches, and who has consented to that.
    async fn reached(&self, workspace: NodeId) -> Result<(Egress, Option<Consent>)> {
        let Some(live) = self.live(workspace).await? else { return Ok(Default::default()) };
        let consent = self.get(workspace, live).await?.and_then(|release| release.consent);
        let manifest = self.manifest(workspace, live).await?;
        Ok(consent.map_or_else(Default::default, |consent| {
            (manifest.map(|manifest| manifest.egress).unwrap_or_default(), Some(consent))
        }))
    }

    pub(super) fn given(&self, call: &HostCall, digest: String, given: &str) -> Result<Consent> {
        if given != digest {
            let message =
                "This is the consent to something else than the release reaches; look again at what that is.";
            return Err(Error::new(Code::Conflict, message).at("/consent"));
        }
        call.check_itself().map_err(|error| error.at("/consent"))?;
        Ok(Consent { digest, by: call.actor.id, at: self.env.now() })
    }
}

/// What nobody has consented to yet.
pub(super) fn required(egress: &Egress, reached: &Egress, digest: &str) -> Error {
    let told = |code: &'static str, message: String| FieldError {
        pointer: "/consent".to_owned(),
        code: code.into(),
        message,
    };
    let alone = |egress: Egress| !egress.is_within(reached);
    let origins = egress.origins.iter().filter(|origin| !reached.origins.contains(origin));
    let mut fields: Vec<_> = origins.map(|origin| told("origin", origin.to_string())).collect();
    let secrets = egress
        .secrets
        .iter()
        .filter(|secret| alone(Egress { origins: Vec::new(), secrets: vec![(*secret).clone()] }));
    fields.extend(secrets.map(|secret| told("secret", format!("{} for {}", secret.name, secret.origin))));
    fields.push(told("digest", digest.to_owned()));
    Error { fields, ..Error::of(Code::ConsentRequired) }
}
