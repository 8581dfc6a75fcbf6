//! Sends mail through a configured SMTP server. The only module that uses SMTP.
//!
//! A mail that cannot be sent is logged as a warning and is never an error: the inviting user also gets the link.
//! Example: `mailer.invite(email, &link, expires_at).await` returns whether the mail server accepted it.

use std::time::Duration;

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
};
use secrecy::ExposeSecret;

use crate::{config, model::Timestamp};

/// Sends mail through the configured server.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    limit: Duration,
}

impl std::fmt::Debug for Mailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mailer").field("from", &self.from).finish_non_exhaustive()
    }
}

/// Why the mail settings are invalid.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// Not the URL of a mail server.
    #[error("`smtp.url` must be such as smtps://USER:PASSWORD@mail.example: {0}")]
    Url(String),
    /// Not a sender.
    #[error("`smtp.from` must be a sender such as \"Ashna <ashna@shop.example>\": {0}")]
    From(String),
}

impl Mailer {
    /// With the settings of `[smtp]`; `None` if no server is configured.
    ///
    /// # Errors
    /// If the server's URL or the sender is invalid.
    pub fn new(settings: &config::Smtp) -> Result<Option<Self>, MailError> {
        let url = settings.url.expose_secret();
        if url.is_empty() {
            return Ok(None);
        }
        let limit = Duration::from_millis(settings.timeout_ms);
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)
            .map_err(|error| MailError::Url(cause(&error)))?
            .timeout(Some(limit))
            .build();
        let from = settings.from.parse().map_err(|error| MailError::From(format!("{error}")))?;
        Ok(Some(Self { transport, from, limit }))
    }

    /// Sends the link of an invitation. False if the mail server did not accept it, which is logged.
    pub async fn invite(&self, to: &str, link: &str, expires_at: Timestamp) -> bool {
        let text = format!(
            "You are invited to Ashna, the analytics of your website.\n\n\
             This link creates your account. It works once, until {expires_at}:\n\n{link}\n\n\
             If you do not expect this mail, you can ignore it.\n"
        );
        let sent = match self.message(to, text) {
            Ok(message) => match tokio::time::timeout(self.limit, self.transport.send(message)).await {
                Ok(Ok(_)) => return true,
                Ok(Err(error)) => cause(&error),
                Err(_) => "the mail server did not answer in time".to_owned(),
            },
            Err(error) => error,
        };
        tracing::warn!(error = sent, "an invitation could not be mailed; give its link to the invited user");
        false
    }

    fn message(&self, to: &str, text: String) -> Result<Message, String> {
        let to = Mailbox::new(None, to.parse().map_err(|error| format!("{error}"))?);
        Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject("Your invitation to Ashna")
            .header(ContentType::TEXT_PLAIN)
            .body(text)
            .map_err(|error| error.to_string())
    }
}

/// An error's text with the texts of its sources.
fn cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let source = error.to_string();
        if !text.contains(&source) {
            text = format!("{text}: {source}");
        }
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(url: &str, from: &str) -> config::Smtp {
        config::Smtp { url: url.into(), from: from.into(), timeout_ms: 1000 }
    }

    #[tokio::test]
    async fn settings_are_checked_and_messages_do_not_contain_the_password() {
        assert!(Mailer::new(&settings("", "")).unwrap().is_none());
        assert!(Mailer::new(&settings("smtps://u:p@mail.example", "Ashna <a@b.example>")).unwrap().is_some());
        for (url, from) in
            [("mail.example", "a@b.example"), ("ftp://mail.example", "a@b.example"), ("smtp://u:geheim@m", "x")]
        {
            let error = Mailer::new(&settings(url, from)).unwrap_err().to_string();
            assert!(error.contains("`smtp.") && !error.contains("geheim"), "{error}");
        }
        assert!(!format!("{:?}", settings("smtp://u:geheim@m", "x")).contains("geheim"));
    }

    #[tokio::test]
    async fn an_unreachable_server_is_not_an_error() {
        let mailer = Mailer::new(&settings("smtp://127.0.0.1:1", "a@b.example")).unwrap().unwrap();
        assert!(!mailer.invite("c@d.example", "https://x.example", Timestamp(0)).await);
    }
}
