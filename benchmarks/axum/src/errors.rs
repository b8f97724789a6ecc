//! What is answered where something is wrong.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

pub enum Failure {
    Unauthenticated,
    Internal,
}

impl From<sqlx::Error> for Failure {
    fn from(_: sqlx::Error) -> Self {
        Self::Internal
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
        .into_response()
    }
}
