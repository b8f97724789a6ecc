//! Access tokens, signed and verified with the service's own keys.

use std::{collections::HashMap, env, error::Error, fs};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::Utc;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::auth::{Role, Session};

const TYPE: &str = "at+jwt";
const LEEWAY: u64 = 5;
pub const LIFETIME: i64 = 900;

pub struct Tokens {
    verifying: HashMap<String, DecodingKey>,
    signing: EncodingKey,
    header: Header,
    validation: Validation,
    issuer: String,
    audience: String,
}

#[derive(Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    aud: String,
    sub: Uuid,
    pub sid: Uuid,
    role: Role,
    iat: i64,
    exp: i64,
    jti: String,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    kid: String,
    k: String,
}

impl Tokens {
    pub fn from_environment() -> Result<Self, Box<dyn Error>> {
        let issuer = env::var("JWT_ISSUER")?;
        let audience = env::var("JWT_AUDIENCE")?;
        let set: KeySet = serde_json::from_str(&fs::read_to_string(env::var("JWT_KEYS_FILE")?)?)?;
        let mut verifying = HashMap::new();
        for key in &set.keys {
            let secret = URL_SAFE_NO_PAD.decode(&key.k)?;
            verifying.insert(key.kid.clone(), DecodingKey::from_secret(&secret));
        }
        let first = set.keys.first().ok_or("the key set is empty")?;
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(TYPE.into());
        header.kid = Some(first.kid.clone());
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = LEEWAY;
        validation.set_issuer(&[&issuer]);
        validation.set_audience(&[&audience]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        Ok(Self {
            verifying,
            signing: EncodingKey::from_secret(&URL_SAFE_NO_PAD.decode(&first.k)?),
            header,
            validation,
            issuer,
            audience,
        })
    }

    /// The claims of a token that is good.
    pub fn verify(&self, token: &str) -> Option<Claims> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        if header.typ.as_deref() != Some(TYPE) {
            return None;
        }
        let key = self.verifying.get(&header.kid?)?;
        Some(
            jsonwebtoken::decode(token, key, &self.validation)
                .ok()?
                .claims,
        )
    }

    pub fn issue(&self, session: &Session) -> Option<String> {
        let now = Utc::now().timestamp();
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: session.user_id,
            sid: session.id,
            role: session.role,
            iat: now,
            exp: now + LIFETIME,
            jti: Uuid::new_v4().simple().to_string(),
        };
        jsonwebtoken::encode(&self.header, &claims, &self.signing).ok()
    }
}
