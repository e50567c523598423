//! People sign in, do what their role lets them, and nothing of what they sign in with can be stolen from us.

mod guessing;
mod life;
mod roles;
mod second_factor;

use daimon_seal::{ApiKey, TotpSecret};
use daimon_tests::client::Answer;
use daimon_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery staple";

/// Somebody who has a password.
#[derive(Debug)]
struct Member<'w> {
    world: &'w World,
    id: String,
    email: String,
    token: String,
    refresh: String,
}

fn msp(world: &World) -> String {
    ApiKey::parse(world.client.key()).unwrap().msp.to_string()
}

async fn post(world: &World, token: &str, path: &str, body: &Value) -> Answer {
    world.client.with_token(token, Method::POST, path, None, Some(body)).await.unwrap()
}

async fn invite(world: &World, name: &str, role: &str, tenants: Option<&[&str]>) -> Answer {
    let mut body = json!({"email": format!("{name}@kestrel.example"), "name": name, "role": role});
    if let (Some(tenants), Some(body)) = (tenants, body.as_object_mut()) {
        body.insert("tenants".to_owned(), json!(tenants));
    }
    world.client.post("/v1/users", &body).await.unwrap()
}

async fn sign_in(world: &World, email: &str, password: &str, more: Value) -> Answer {
    let mut body = json!({"msp": msp(world), "email": email, "password": password});
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    post(world, "", "/v1/auth/token", &body).await
}

/// Invites somebody who accepts.
async fn join<'w>(world: &'w World, name: &str, role: &str, tenants: Option<&[&str]>) -> Member<'w> {
    let invited = invite(world, name, role, tenants).await;
    let body = json!({"invitation": invited.text("invitation").unwrap(), "password": PASSWORD});
    let accepted = post(world, "", "/v1/auth/accept-invitation", &body).await;
    assert_eq!(accepted.status, 200, "{}", accepted.body);
    Member {
        world,
        id: invited.text("id").unwrap(),
        email: invited.text("email").unwrap(),
        token: accepted.text("access_token").unwrap(),
        refresh: accepted.text("refresh_token").unwrap(),
    }
}

impl Member<'_> {
    async fn get(&self, path: &str) -> Answer {
        self.world.client.with_token(&self.token, Method::GET, path, None, None).await.unwrap()
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        let body = Some(body);
        self.world.client.with_token(&self.token, Method::POST, path, None, body.as_ref()).await.unwrap()
    }

    async fn patch(&self, path: &str, body: Value) -> Answer {
        let body = Some(body);
        self.world.client.with_token(&self.token, Method::PATCH, path, Some("*"), body.as_ref()).await.unwrap()
    }

    /// Enrols an authenticator app; the secret and the recovery codes.
    async fn enrol(&self) -> (TotpSecret, Vec<String>) {
        let shown = self.post("/v1/me/totp", json!({"password": PASSWORD})).await;
        let secret = TotpSecret::from_text(&shown.text("secret").unwrap()).unwrap();
        let code = secret.code_at(self.world.clock.now().await);
        let confirmed = self.post("/v1/me/totp/confirm", json!({"totp": code})).await;
        assert_eq!(confirmed.status, 200, "{}", confirmed.body);
        let codes = confirmed.body.get("recovery_codes").and_then(Value::as_array).unwrap();
        (secret, codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect())
    }

    async fn refreshed(&self, token: &str) -> Answer {
        post(self.world, "", "/v1/auth/refresh", &json!({"refresh_token": token})).await
    }
}
