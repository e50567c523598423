//! What somebody finds who knows the address only.

use actix_web::get;
use actix_web::web::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// What this is, and where to read on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Root, example = json!({
    "name": "Daimon", "version": "0.1.0", "docs": "/docs/", "openapi": "/openapi.json", "problems": "/docs/problems",
    "token": "/v1/auth/token"
}))]
pub(crate) struct RootView {
    /// What this is.
    name: &'static str,
    /// Which version of it.
    version: &'static str,
    /// A page to read and try the API with.
    docs: &'static str,
    /// The same for programs: the `OpenAPI` document.
    openapi: &'static str,
    /// What each kind of problem means.
    problems: &'static str,
    /// Where to begin: an API key becomes a token here, by POST.
    token: &'static str,
}

/// Read where everything is
///
/// The paths of the documentation and of the sign-in, for somebody who knows the address only. Needs no token.
#[utoipa::path(operation_id = "getRoot", tag = "Service", security(()), responses((status = 200, description = "Where everything is", body = RootView)))]
#[get("/")]
pub(crate) async fn get_root() -> Json<RootView> {
    Json(RootView {
        name: "Daimon",
        version: env!("CARGO_PKG_VERSION"),
        docs: "/docs/",
        openapi: "/openapi.json",
        problems: "/docs/problems",
        token: "/v1/auth/token",
    })
}
