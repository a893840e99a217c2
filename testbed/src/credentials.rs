//! Keys, tokens and kubeconfigs of a control plane that lives for minutes.

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    rand,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use pem::Pem;
use serde_json::{Value, json};

use crate::Error;

/// `bytes` random bytes in hexadecimal.
pub(crate) fn random_hex<const BYTES: usize>() -> Result<String, Error> {
    let mut bytes = [0_u8; BYTES];
    // The library tells no reason.
    rand::fill(&mut bytes).map_err(|_unspecified| Error::Key)?;
    Ok(bytes.map(|byte| format!("{byte:02x}")).concat())
}

/// The key pair that signs service accounts' tokens: two PEM files.
pub(crate) struct KeyPair {
    /// PKCS #8, for `--service-account-signing-key-file`.
    pub(crate) private: String,
    /// `SubjectPublicKeyInfo`, for `--service-account-key-file`, which takes no private key of this form.
    pub(crate) public: String,
}

/// Elliptic, where installers take RSA: kube-apiserver signs with both, and this one is made in no time.
pub(crate) fn service_account_keys() -> Result<KeyPair, Error> {
    let keys = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_unspecified| Error::Key)?;
    let private = keys.to_pkcs8v1().map_err(|_unspecified| Error::Key)?;
    let public: PublicKeyX509Der<'_> = keys.public_key().as_der().map_err(|_unspecified| Error::Key)?;
    Ok(KeyPair {
        private: pem::encode(&Pem::new("PRIVATE KEY", private.as_ref())),
        public: pem::encode(&Pem::new("PUBLIC KEY", public.as_ref())),
    })
}

/// A line of kube-apiserver's `--token-auth-file`: token, name, uid, groups.
pub(crate) fn token_line(token: &str, user: &str, groups: &[String]) -> String {
    format!("{token},{user},{user},\"{}\"\n", groups.join(","))
}

/// A kubeconfig, in JSON, which is YAML too.
pub(crate) fn kubeconfig(server: &str, certificate_authority: &str, user: &str, token: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "testbed",
            "cluster": { "server": server, "certificate-authority": certificate_authority },
        }],
        "users": [{ "name": user, "user": { "token": token } }],
        "contexts": [{ "name": "testbed", "context": { "cluster": "testbed", "user": user } }],
        "current-context": "testbed",
    })
}
