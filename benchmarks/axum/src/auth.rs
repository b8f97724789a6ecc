//! Who is asking, logging in, staying logged in.

use std::sync::Arc;

use argon2::{Argon2, PasswordHash, PasswordVerifier};
use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::{header, request::Parts},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sqlx::{FromRow, Type};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::{Service, Shared, errors::Failure, tokens};

const SESSION_LIFETIME: f64 = 90.0 * 24.0 * 3600.0;
const IDLE_LIFETIME: f64 = 14.0 * 24.0 * 3600.0;

const USER: &str = "
    SELECT users.id, users.email, users.name, users.role, users.created_at, users.updated_at
    FROM sessions
    JOIN users ON users.id = sessions.user_id
    WHERE sessions.id = $1
      AND sessions.expires_at > now()
      AND users.is_active
";
const CREDENTIALS: &str = "
    SELECT id, password_hash FROM users WHERE lower(email) = lower($1) AND is_active
";
const CREATE_SESSION: &str = "
    WITH account AS (
        SELECT id, role
        FROM users
        WHERE id = $1 AND password_hash = $2 AND is_active
        FOR SHARE
    ),
    session AS (
        INSERT INTO sessions (user_id, expires_at)
        SELECT id, now() + least($4 * interval '1 second', $5 * interval '1 second')
        FROM account
        RETURNING id
    ),
    issued AS (
        INSERT INTO refresh_tokens (hash, session_id)
        SELECT $3, id
        FROM session
    )
    SELECT session.id, account.id AS user_id, account.role
    FROM session, account
";
const SPEND: &str = "
    WITH session AS (
        UPDATE sessions
        SET expires_at = least(
            sessions.created_at + $4 * interval '1 second', now() + $5 * interval '1 second'
        )
        FROM refresh_tokens, users
        WHERE refresh_tokens.hash = $1
          AND refresh_tokens.spent_at IS NULL
          AND sessions.id = refresh_tokens.session_id
          AND sessions.expires_at > now()
          AND users.id = sessions.user_id
          AND users.is_active
        RETURNING sessions.id, users.id AS user_id, users.role
    ),
    spent AS (
        UPDATE refresh_tokens
        SET spent_at = now(), successor_hash = $2, successor_key = $3
        FROM session
        WHERE refresh_tokens.hash = $1 AND refresh_tokens.spent_at IS NULL
        RETURNING session.id, session.user_id, session.role
    ),
    issued AS (
        INSERT INTO refresh_tokens (hash, session_id)
        SELECT $2, spent.id
        FROM spent
    )
    SELECT id, user_id, role FROM spent
";

#[derive(Clone, Copy, Serialize, Deserialize, Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "user_role", rename_all = "lowercase")]
pub enum Role {
    User,
    Admin,
}

#[derive(Serialize, FromRow)]
pub struct User {
    pub id: Uuid,
    email: String,
    name: String,
    role: Role,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(FromRow)]
pub struct Session {
    pub id: Uuid,
    pub user_id: Uuid,
    pub role: Role,
}

#[derive(FromRow)]
struct Credentials {
    id: Uuid,
    password_hash: String,
}

#[derive(Deserialize)]
pub struct Login {
    email: String,
    password: String,
}

#[derive(Deserialize)]
pub struct Refresh {
    refresh_token: String,
}

#[derive(Serialize)]
pub struct Pair {
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
    expires_in: i64,
}

/// The user of a good token whose session is good, too.
impl FromRequestParts<Arc<Service>> for User {
    type Rejection = Failure;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Self, Failure> {
        let token = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
            .ok_or(Failure::Unauthenticated)?;
        let claims = service
            .tokens
            .verify(token)
            .ok_or(Failure::Unauthenticated)?;
        sqlx::query_as(USER)
            .bind(claims.sid)
            .fetch_optional(&service.pool)
            .await?
            .ok_or(Failure::Unauthenticated)
    }
}

pub async fn login(
    State(service): Shared,
    Json(login): Json<Login>,
) -> Result<Json<Pair>, Failure> {
    let account: Credentials = sqlx::query_as(CREDENTIALS)
        .bind(login.email)
        .fetch_optional(&service.pool)
        .await?
        .ok_or(Failure::Unauthenticated)?;
    let stored = account.password_hash.clone();
    if !spawn_blocking(move || is_correct(&stored, &login.password))
        .await
        .map_err(|_| Failure::Internal)?
    {
        return Err(Failure::Unauthenticated);
    }
    let refresh_token = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    let session: Session = sqlx::query_as(CREATE_SESSION)
        .bind(account.id)
        .bind(account.password_hash)
        .bind(hash(&refresh_token))
        .bind(SESSION_LIFETIME)
        .bind(IDLE_LIFETIME)
        .fetch_optional(&service.pool)
        .await?
        .ok_or(Failure::Unauthenticated)?;
    pair(&service, &session, refresh_token)
}

pub async fn refresh(
    State(service): Shared,
    Json(Refresh { refresh_token }): Json<Refresh>,
) -> Result<Json<Pair>, Failure> {
    let key: [u8; 32] = rand::random();
    let successor = successor(&refresh_token, &key).ok_or(Failure::Internal)?;
    let session: Session = sqlx::query_as(SPEND)
        .bind(hash(&refresh_token))
        .bind(hash(&successor))
        .bind(key)
        .bind(SESSION_LIFETIME)
        .bind(IDLE_LIFETIME)
        .fetch_optional(&service.pool)
        .await?
        .ok_or(Failure::Unauthenticated)?;
    pair(&service, &session, successor)
}

fn pair(
    service: &Service,
    session: &Session,
    refresh_token: String,
) -> Result<Json<Pair>, Failure> {
    let access_token = service.tokens.issue(session).ok_or(Failure::Internal)?;
    let expires_in = tokens::LIFETIME;
    Ok(Json(Pair {
        access_token,
        refresh_token,
        token_type: "Bearer",
        expires_in,
    }))
}

fn is_correct(stored: &str, password: &str) -> bool {
    PasswordHash::new(stored).is_ok_and(|hash| {
        Argon2::default()
            .verify_password(password.as_bytes(), &hash)
            .is_ok()
    })
}

fn hash(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}

fn successor(token: &str, key: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(token.as_bytes());
    Some(URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}
