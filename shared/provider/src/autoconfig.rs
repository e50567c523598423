//! The format in which providers tell mail programs where their servers are (`config-v1.1.xml`, Mozilla's autoconfig).

use daimon_domain::mailbox::{Address, TlsMode};
use quick_xml::Reader;
use quick_xml::events::Event;

/// An IMAP server as a document names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Option<TlsMode>,
    pub(crate) username: String,
    pub(crate) is_oauth2: bool,
}

/// Deeper than that no such document is.
const MAX_DEPTH: usize = 20;
/// Nor has one more servers.
const MAX_SERVERS: usize = 10;

/// The IMAP servers with TLS in a document, as it orders them. What is no such document has none.
pub(crate) fn servers(document: &[u8], address: &Address) -> Vec<Named> {
    let text = String::from_utf8_lossy(document);
    let (mut found, mut open) = (Vec::new(), Vec::<String>::new());
    let mut server: Option<Named> = None;
    let mut reader = Reader::from_str(&text);
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(tag) => {
                let is_imap = || {
                    let kind = tag.try_get_attribute("type").ok().flatten();
                    kind.is_some_and(|kind| kind.value.eq_ignore_ascii_case("imap"))
                };
                if tag.name().as_ref() == "incomingServer" && is_imap() {
                    server = Some(Named::default());
                }
                open.push(tag.name().as_ref().to_owned());
                if open.len() > MAX_DEPTH {
                    break;
                }
            }
            Event::Text(text) => {
                let (Some(server), Some(tag)) = (server.as_mut(), open.last()) else { continue };
                set(server, tag, text.trim(), address);
            }
            Event::End(tag) => {
                open.pop();
                if tag.name().as_ref() == "incomingServer" {
                    found.extend(server.take().filter(|server| server.tls.is_some() && server.port > 0));
                }
                if found.len() == MAX_SERVERS {
                    break;
                }
            }
            Event::Eof => break,
            Event::Empty(_)
            | Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::GeneralRef(_) => {}
        }
    }
    found
}

fn set(server: &mut Named, tag: &str, text: &str, address: &Address) {
    match tag {
        "hostname" => server.host = filled(text, address).to_ascii_lowercase(),
        "port" => server.port = text.parse().unwrap_or_default(),
        "socketType" => {
            server.tls = match text.to_ascii_uppercase().as_str() {
                "SSL" => Some(TlsMode::Implicit),
                "STARTTLS" => Some(TlsMode::StartTls),
                _ => None,
            };
        }
        "username" => server.username = filled(text, address),
        "authentication" => server.is_oauth2 |= text.eq_ignore_ascii_case("OAuth2"),
        _ => {}
    }
}

/// With the parts of the address in the place of what stands for them.
fn filled(text: &str, address: &Address) -> String {
    let (local, domain) = address.as_str().split_once('@').unwrap_or_default();
    text.replace("%EMAILADDRESS%", address.as_str()).replace("%EMAILLOCALPART%", local).replace("%EMAILDOMAIN%", domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1"><emailProvider id="clinic.example">
 <domain>clinic.example</domain>
 <incomingServer type="imap">
  <hostname>imap.%EMAILDOMAIN%</hostname><port>993</port><socketType>SSL</socketType>
  <username>%EMAILLOCALPART%</username><authentication>OAuth2</authentication>
  <authentication>password-cleartext</authentication>
 </incomingServer>
 <incomingServer type="imap"><hostname>imap.clinic.example</hostname><port>143</port><socketType>plain</socketType>
  <username>%EMAILADDRESS%</username></incomingServer>
 <incomingServer type="pop3"><hostname>pop.clinic.example</hostname><port>995</port><socketType>SSL</socketType></incomingServer>
 <outgoingServer type="smtp"><hostname>smtp.clinic.example</hostname><port>465</port><socketType>SSL</socketType></outgoingServer>
</emailProvider></clientConfig>"#;

    fn read(document: &str) -> Vec<Named> {
        servers(document.as_bytes(), &"sato@clinic.example".parse().unwrap())
    }

    #[test]
    fn only_imap_with_tls_is_taken_and_the_address_is_filled_in() {
        let found = read(DOCUMENT);
        let expected = Named {
            host: "imap.clinic.example".to_owned(),
            port: 993,
            tls: Some(TlsMode::Implicit),
            username: "sato".to_owned(),
            is_oauth2: true,
        };
        assert_eq!(found, [expected]);
    }

    #[test]
    fn what_is_no_such_document_names_nothing() {
        let deep = "<a>".repeat(100_000);
        let many = format!(
            "<x>{}</x>",
            "<incomingServer type=\"imap\"><port>1</port><socketType>SSL</socketType></incomingServer>".repeat(99)
        );
        for (document, count) in [
            ("", 0),
            ("<!doctype html><html><p>404", 0),
            (
                "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><incomingServer type=\"imap\"><hostname>&b;</hostname>",
                0,
            ),
            (deep.as_str(), 0),
            (many.as_str(), MAX_SERVERS),
            ("\u{0}\u{1}<<<>>>", 0),
        ] {
            assert_eq!(read(document).len(), count, "{}", document.get(..40).unwrap_or(document));
        }
    }
}
