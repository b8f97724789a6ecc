//! The service's busiest endpoints on Axum, SQLx, jsonwebtoken and argon2.
//!
//! Work is the same as the service's: the same queries on a pool of ten connections, which are not
//! tested before use, the same checks of a token, on every request anew, the same hashes, two at a
//! time. Nothing is beside: no request id, log, metrics, limits, time-outs, audit. One thread
//! answers requests, as in a worker of the service.

mod auth;
mod errors;
mod posts;
mod tokens;

use std::{env, error::Error, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    routing::{get, post},
    serve::ListenerExt,
};
use serde_json::{Value, json};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::net::TcpListener;

use crate::{auth::User, errors::Failure, tokens::Tokens};

const CONNECTIONS: u32 = 10;
const HASHES_AT_ONCE: usize = 2;

/// What the handlers share.
struct Service {
    pool: PgPool,
    tokens: Tokens,
}

type Shared = State<Arc<Service>>;

fn main() -> Result<(), Box<dyn Error>> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(HASHES_AT_ONCE)
        .build()?
        .block_on(serve())
}

/// Serve on the port that the command line names; `DATABASE_URL` and `JWT_*` as the service's.
async fn serve() -> Result<(), Box<dyn Error>> {
    let port: u16 = env::args().nth(1).ok_or("no port given")?.parse()?;
    let pool = PgPoolOptions::new()
        .min_connections(CONNECTIONS)
        .max_connections(CONNECTIONS)
        .test_before_acquire(false)
        .connect(&env::var("DATABASE_URL")?)
        .await?;
    let service = Service {
        pool,
        tokens: Tokens::from_environment()?,
    };
    let routes = Router::new()
        .route("/livez", get(livez))
        .route("/api/v1/users/me", get(me))
        .route("/api/v1/posts", get(posts::list).post(posts::create))
        .route("/api/v1/auth/login", post(auth::login))
        .route("/api/v1/auth/refresh", post(auth::refresh))
        .with_state(Arc::new(service));
    let listener = TcpListener::bind(("127.0.0.1", port))
        .await?
        .tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
    axum::serve(listener, routes).await?;
    Ok(())
}

async fn livez() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

async fn me(user: User) -> Result<Json<User>, Failure> {
    Ok(Json(user))
}
