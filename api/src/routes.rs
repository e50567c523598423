//! Every path there is, and what a path that there is not answers.

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::web::{self, Data};
use actix_web::{App, Error, HttpRequest, HttpResponse};
use utoipa::openapi::OpenApi;
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::docs::{self, Document};
use crate::problem::Problem;
use crate::service::{Service, Sources};
use crate::{
    answer, audit, auth, bounces, campaigns, credentials, deliveries, digest, drills, endpoints, events, incidents,
    jobs, keys, mailboxes, maintenance, me, msp, onboarding, root, spec, statistics, tenants, users,
};

fn operations(config: &mut ServiceConfig<'_>) {
    // The router asks one after the other, so what is asked for all day comes first.
    mailboxes::routes(config);
    bounces::routes(config);
    incidents::routes(config);
    events::routes(config);
    jobs::routes(config);
    // Before what takes an id there.
    onboarding::routes(config);
    tenants::routes(config);
    statistics::routes(config);
    auth::routes(config);
    credentials::routes(config);
    campaigns::routes(config);
    maintenance::routes(config);
    drills::routes(config);
    endpoints::routes(config);
    deliveries::routes(config);
    digest::routes(config);
    users::routes(config);
    me::routes(config);
    keys::routes(config);
    msp::routes(config);
    audit::routes(config);
    config.service(root::get_root);
}

/// The application. Without a service every operation that needs one answers 500: that is enough for the document.
pub fn app(
    sources: Data<Sources>,
    service: Option<Data<Service>>,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>,
> {
    let (app, document) = App::new().into_utoipa_app().openapi(spec::base()).configure(operations).split_for_parts();
    let mut app = app
        .app_data(sources)
        .app_data(Data::from(Document::once(|| spec::complete(document))))
        .app_data(web::PathConfig::default().error_handler(|_malformed, _request| Problem::NotFound("path").into()))
        .service(docs::openapi_json)
        .service(docs::problems)
        .service(docs::docs)
        .service(docs::swagger)
        .default_service(web::to(no_such_path));
    if let Some(service) = service {
        app = app.app_data(service);
    }
    app.wrap(from_fn(answer::finish))
}

/// The document, without a database or anything else.
pub(crate) fn document() -> OpenApi {
    let app = App::new().into_utoipa_app().openapi(spec::base()).configure(operations);
    let (_app, document) = app.split_for_parts();
    spec::complete(document)
}

/// The document as it is committed.
pub fn document_json() -> Result<String, serde_json::Error> {
    document().to_pretty_json().map(|text| text + "\n")
}

/// Sources for what needs none that are real.
#[cfg(test)]
pub(crate) fn test_sources() -> Data<Sources> {
    use std::sync::Arc;

    Data::new(Sources::new(
        Arc::new(daimon_domain::clock::SystemClock),
        Arc::new(daimon_domain::clock::SeededEntropy::new(1)),
    ))
}

/// A path that looks like one with an id has no other methods than those that were registered before: without this, its others would
/// be taken for those of the thing with such an id.
pub(crate) fn nothing_else_at(config: &mut ServiceConfig<'_>, path: &str) {
    config.route(path, web::to(no_such_path));
}

/// The router knows a path by its methods; whether another method would have been right, the document knows.
async fn no_such_path(request: HttpRequest, document: Data<Document>) -> Result<HttpResponse, Problem> {
    let methods = document.methods(request.path());
    Err(if methods.is_empty() { Problem::NotFound("path") } else { Problem::MethodNotAllowed(methods.join(", ")) })
}
