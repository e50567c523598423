//! Who handed the returned mail in, and from where: what is acted on first after a theft.

use daimon_domain::tenant::Language;
use daimon_domain::verdict::EvidenceLine;
use daimon_verdict::Submission;
use daimon_verdict::submission::ITEM;

/// The line as a sentence; `None` for every line that tells of something else.
pub fn sentence(line: &EvidenceLine, language: Language) -> Option<String> {
    if line.item != ITEM {
        return None;
    }
    let seen = Submission::read(&line.value);
    let from = seen.ip.map(|ip| ip.to_string());
    // Many clients greet with their address, which is told already.
    let helo = seen.helo.as_ref().filter(|helo| from.as_ref() != Some(*helo));
    let count = line.count;
    Some(match language {
        Language::English => {
            let who = match (&seen.signed_in_as, seen.is_signed_in) {
                (Some(name), _) => format!("signed in as {name}"),
                (None, true) => "signed in".to_owned(),
                (None, false) => "sent through the own provider".to_owned(),
            };
            let from = from.map(|ip| format!(" from {ip}")).unwrap_or_default();
            let helo = helo.map(|helo| format!(" with a client that calls itself {helo}")).unwrap_or_default();
            let mails = if count == 1 { "1 mail".to_owned() } else { format!("{count} mails") };
            format!("Somebody {who}{from}{helo}: {mails} that nobody here is known to have written came back.")
        }
        Language::Japanese => {
            let who = match (&seen.signed_in_as, seen.is_signed_in) {
                (Some(name), _) => format!("{name} としてログインし"),
                (None, true) => "ログインし".to_owned(),
                (None, false) => "契約先のメールサーバーに接続し".to_owned(),
            };
            let from = from.map(|ip| format!(" {ip} から")).unwrap_or_default();
            let helo = helo.map(|helo| format!("（端末が名乗った名前：{helo}）")).unwrap_or_default();
            let gap = if from.is_empty() || seen.signed_in_as.is_some() { " " } else { "" };
            format!(
                "何者かが{from}{gap}{who}、メールを送信しています{helo}。\
                 身に覚えのないメール {count} 通がエラーで戻ってきました。"
            )
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(value: &str, count: u32) -> EvidenceLine {
        EvidenceLine { item: ITEM.to_owned(), value: value.to_owned(), db: 0.0, count, against: None }
    }

    #[test]
    fn who_signed_in_is_told_in_words_and_an_address_once() {
        let seen = line("signed_in=sato@sakura.example from=203.0.113.7 helo=laptop", 14);
        let told = |language| sentence(&seen, language).unwrap();
        assert_eq!(
            told(Language::English),
            "Somebody signed in as sato@sakura.example from 203.0.113.7 with a client that calls itself laptop: \
             14 mails that nobody here is known to have written came back."
        );
        assert_eq!(
            told(Language::Japanese),
            "何者かが 203.0.113.7 から sato@sakura.example としてログインし、メールを送信しています\
             （端末が名乗った名前：laptop）。身に覚えのないメール 14 通がエラーで戻ってきました。"
        );
        let told = sentence(&line("signed_in=? from=203.0.113.7 helo=203.0.113.7", 1), Language::English).unwrap();
        assert!(told.starts_with("Somebody signed in from 203.0.113.7: 1 mail that"), "{told}");
    }

    #[test]
    fn other_lines_tell_of_something_else() {
        let other = EvidenceLine { item: "sent_copy".to_owned(), ..line("missing", 2) };
        assert_eq!(sentence(&other, Language::English), None);
    }
}
