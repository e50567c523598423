//! Somebody with a password and, in between, a second factor: their samples need what they alone know.

use chrono::TimeDelta;
use daimon_seal::{ApiKey, TotpSecret};
use daimon_tests::client::{Answer, Client};
use daimon_tests::world::World;
use reqwest::Method;
use serde_json::{Value, json};

/// The password of the examples.
const PASSWORD: &str = "correct horse battery staple";

#[derive(Default)]
pub(super) struct Person {
    email: String,
    invitation: String,
    pub(super) token: String,
    refresh: String,
    secret: Option<TotpSecret>,
    code: String,
}

async fn post(client: &Client, token: &str, path: &str, body: &Value) -> Answer {
    let answer = client.with_token(token, Method::POST, path, None, Some(body)).await.unwrap();
    assert!((200..300).contains(&answer.status), "{path}: {}", answer.body);
    answer
}

impl Person {
    pub(super) async fn invited(client: &Client) -> Self {
        let email = "hayashi@kestrel-it.example".to_owned();
        let body = json!({ "email": email, "name": "Ken Hayashi", "role": "operator" });
        let invited = client.post("/v1/users", &body).await.unwrap();
        Self { email, invitation: invited.text("invitation").unwrap(), ..Self::default() }
    }

    /// Signs in, with a code where there is a second factor; the next code is at hand then too.
    pub(super) async fn signs_in(&mut self, world: &World, client: &Client) {
        let msp = ApiKey::parse(client.key()).unwrap().msp.to_string();
        let mut body = json!({ "msp": msp, "email": self.email, "password": PASSWORD });
        if let Some(totp) = self.new_code(world).await {
            body.as_object_mut().unwrap().insert("totp".to_owned(), json!(totp));
        }
        let answer = post(client, "", "/v1/auth/token", &body).await;
        (self.token, self.refresh) = (answer.text("access_token").unwrap(), answer.text("refresh_token").unwrap());
        self.code = self.new_code(world).await.unwrap_or_default();
    }

    /// Begins with a second factor, whose code is at hand.
    pub(super) async fn enrols(&mut self, world: &World, client: &Client) {
        self.signs_in(world, client).await;
        let shown = post(client, &self.token, "/v1/me/totp", &json!({ "password": PASSWORD })).await;
        self.secret = Some(TotpSecret::from_text(&shown.text("secret").unwrap()).unwrap());
        self.code = self.new_code(world).await.unwrap();
    }

    pub(super) fn has_ended_the_second_factor(&mut self) {
        self.secret = None;
    }

    /// Each is good once.
    async fn new_code(&self, world: &World) -> Option<String> {
        let secret = self.secret.as_ref()?;
        world.clock.advance(TimeDelta::seconds(30)).await.unwrap();
        Some(secret.code_at(world.clock.now().await))
    }

    /// A sample with what this person knows in place of the examples.
    pub(super) fn put_in(&self, source: &str) -> String {
        source
            .replace("dmn_invite_…", &self.invitation)
            .replace("dmn_refresh_…", &self.refresh)
            .replace("492039", &self.code)
    }
}
