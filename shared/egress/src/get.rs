//! What a server publishes, read once and no further than anybody needs it.

use std::time::Duration;

use tokio::time::timeout;

use crate::dial::Egress;
use crate::error::DialError;
use crate::post::{from_reqwest, read_into};
use crate::url::WebhookUrl;

/// How long it may take in all: somebody waits for it.
const LIMIT: Duration = Duration::from_secs(5);

impl Egress {
    /// Fetches a document, at most 16 KiB of it; `None`: there is none. The same way out as a webhook's: https,
    /// a vetted address, no redirect.
    pub async fn get(&self, url: &WebhookUrl) -> Result<Option<Vec<u8>>, DialError> {
        let exchange = async {
            let client = self.client(url).await?;
            let mut response = client.get(url.url().clone()).send().await.map_err(from_reqwest)?;
            if response.status().as_u16() != 200 {
                return Ok(None);
            }
            let mut read = Vec::new();
            read_into(&mut read, &mut response).await?;
            Ok(Some(read))
        };
        timeout(LIMIT, Box::pin(exchange)).await.unwrap_or(Err(DialError::TimedOut))
    }
}
