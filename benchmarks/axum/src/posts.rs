//! Posts: the page of the newest ones, and writing one.

use axum::{
    Json,
    extract::{OptionalFromRequestParts, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use std::sync::Arc;
use uuid::Uuid;

use crate::{Service, Shared, auth::User, errors::Failure};

const DEFAULT_LIMIT: i64 = 20;
const PAGE: &str = "
    SELECT id, author_id, title, body, created_at, updated_at
    FROM posts
    WHERE id < $1
    ORDER BY id DESC
    LIMIT $2
";
const CREATE: &str = "
    INSERT INTO posts (author_id, title, body)
    VALUES ($1, $2, $3)
    RETURNING id, author_id, title, body, created_at, updated_at
";

#[derive(FromRow, Serialize)]
pub struct Post {
    id: Uuid,
    author_id: Uuid,
    title: String,
    body: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    #[sqlx(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    mine: Option<bool>,
}

#[derive(Serialize)]
pub struct Page {
    items: Vec<Post>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
pub struct Position {
    limit: Option<i64>,
    cursor: Option<String>,
}

#[derive(Deserialize)]
pub struct NewPost {
    title: String,
    body: String,
}

/// Nobody where no token was sent; a bad one is refused.
impl OptionalFromRequestParts<Arc<Service>> for User {
    type Rejection = Failure;

    async fn from_request_parts(
        parts: &mut Parts,
        service: &Arc<Service>,
    ) -> Result<Option<Self>, Failure> {
        if !parts.headers.contains_key(header::AUTHORIZATION) {
            return Ok(None);
        }
        <User as axum::extract::FromRequestParts<_>>::from_request_parts(parts, service)
            .await
            .map(Some)
    }
}

pub async fn list(
    State(service): Shared,
    user: Option<User>,
    Query(position): Query<Position>,
) -> Result<Json<Page>, Failure> {
    let limit = position.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, 100);
    let before = position.cursor.and_then(read_cursor).unwrap_or(Uuid::max());
    let mut items: Vec<Post> = sqlx::query_as(PAGE)
        .bind(before)
        .bind(limit + 1)
        .fetch_all(&service.pool)
        .await?;
    let more = items.len() as i64 > limit;
    items.truncate(limit as usize);
    if let Some(user) = user {
        for post in &mut items {
            post.mine = Some(post.author_id == user.id);
        }
    }
    let last = if more { items.last() } else { None };
    let next_cursor = last.map(|post| URL_SAFE_NO_PAD.encode(post.id));
    Ok(Json(Page { items, next_cursor }))
}

pub async fn create(
    State(service): Shared,
    user: User,
    Json(body): Json<NewPost>,
) -> Result<(StatusCode, HeaderMap, Json<Post>), Failure> {
    let post: Post = sqlx::query_as(CREATE)
        .bind(user.id)
        .bind(body.title)
        .bind(body.body)
        .fetch_one(&service.pool)
        .await?;
    let location = HeaderValue::from_str(&format!("/api/v1/posts/{}", post.id));
    let location = location.map_err(|_| Failure::Internal)?;
    Ok((
        StatusCode::CREATED,
        HeaderMap::from_iter([(header::LOCATION, location)]),
        Json(post),
    ))
}

fn read_cursor(text: String) -> Option<Uuid> {
    Uuid::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}
