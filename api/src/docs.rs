//! The document, and a page to read it with that loads nothing from elsewhere.
//!
//! Swagger UI is compiled in. Its one request to the outside, the validator's badge, is switched off, and a content
//! security policy keeps the browser from making any other.

use std::sync::{Arc, OnceLock};

use actix_web::http::header;
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpResponse, get};
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::Config;

use crate::problem::{Code, Problem};

const POLICY: &str =
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'";

/// The document as it is served.
pub(crate) struct Document {
    /// What there is.
    pub(crate) openapi: OpenApi,
    json: Bytes,
}

impl Document {
    /// The one that all threads serve: it takes longer to write than all else that a program does when it starts.
    pub(crate) fn once(write: impl FnOnce() -> OpenApi) -> Arc<Self> {
        static WRITTEN: OnceLock<Arc<Document>> = OnceLock::new();
        let written = WRITTEN.get_or_init(|| {
            let openapi = write();
            let json = Bytes::from(openapi.to_json().unwrap_or_default());
            Arc::new(Self { openapi, json })
        });
        Arc::clone(written)
    }

    /// The methods of a path, `HEAD` wherever there is `GET`; none where there is no such path.
    pub(crate) fn methods(&self, path: &str) -> Vec<&'static str> {
        if ["/openapi.json", "/docs", "/docs/problems"].contains(&path) || path.starts_with("/docs/") {
            return vec!["GET", "HEAD"];
        }
        let found = self.openapi.paths.paths.iter().find(|(template, _)| fits(template, path));
        found.map_or_else(Vec::new, |(_, item)| {
            let methods = [
                ("GET", &item.get),
                ("HEAD", &item.get),
                ("PUT", &item.put),
                ("POST", &item.post),
                ("PATCH", &item.patch),
                ("DELETE", &item.delete),
            ];
            methods.into_iter().filter(|(_, operation)| operation.is_some()).map(|(method, _)| method).collect()
        })
    }
}

fn fits(template: &str, path: &str) -> bool {
    template.split('/').count() == path.split('/').count()
        && template
            .split('/')
            .zip(path.split('/'))
            .all(|(asked, given)| (asked.starts_with('{') && !given.is_empty()) || asked == given)
}

#[get("/openapi.json")]
pub(crate) async fn openapi_json(document: Data<Document>) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(document.json.clone())
}

#[get("/docs")]
pub(crate) async fn docs() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "/docs/")).finish()
}

/// Where every problem's `type` leads.
#[get("/docs/problems")]
pub(crate) async fn problems() -> HttpResponse {
    let entry = |code: &Code| {
        let (title, status, advice) = (code.title(), code.status().as_u16(), code.advice());
        format!("<h2 id=\"{code}\">{title}</h2><p><code>{code}</code>, status {status}. {advice}</p>")
    };
    let list = Code::ALL.iter().map(entry).collect::<Vec<_>>().join("\n");
    HttpResponse::Ok().insert_header((header::CONTENT_SECURITY_POLICY, POLICY)).content_type("text/html; charset=utf-8").body(
        format!(
            "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Daimon: problems</title>\n\
             <h1>Problems</h1>\n<p>Every failure is <code>application/problem+json</code> (RFC 9457).</p>\n{list}</html>\n"
        ),
    )
}

#[get("/docs/{file:.*}")]
pub(crate) async fn swagger(file: Path<String>) -> Result<HttpResponse, Problem> {
    let config =
        Config::from("/openapi.json").validator_url("none").try_it_out_enabled(true).display_operation_id(true);
    let found = utoipa_swagger_ui::serve(&file, Arc::new(config)).map_err(|error| Problem::internal(error.as_ref()))?;
    let found = found.ok_or(Problem::NotFound("page"))?;
    let mut response = HttpResponse::Ok();
    response.insert_header((header::CONTENT_SECURITY_POLICY, POLICY));
    if found.gzpipped {
        response.insert_header((header::CONTENT_ENCODING, "gzip"));
    }
    Ok(response.content_type(found.content_type).body(found.bytes.into_owned()))
}

#[cfg(test)]
mod tests {
    use actix_web::App;
    use actix_web::test::{TestRequest, call_and_read_body, init_service};

    use super::*;

    #[actix_web::test]
    async fn the_page_loads_nothing_from_elsewhere() {
        let app = init_service(App::new().service(problems).service(swagger)).await;
        for path in ["/docs/", "/docs/index.html", "/docs/swagger-initializer.js", "/docs/index.css", "/docs/problems"]
        {
            let body = call_and_read_body(&app, TestRequest::get().uri(path).to_request()).await;
            let text = String::from_utf8(body.to_vec()).unwrap();
            assert!(!text.is_empty(), "{path}");
            assert!(!text.contains("http://") && !text.contains("https://"), "{path} names another server:\n{text}");
        }
    }
}
