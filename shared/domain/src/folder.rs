//! What a mailbox's folders are for.
//!
//! Servers can mark them (RFC 6154); where they don't, the name tells, in the languages of the mail programs that made it.

/// What a folder is for, as far as we care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Where mail arrives.
    Inbox,
    /// Where a filter files what it distrusts.
    Junk,
    /// Where people throw mail away, and rules hide bounces.
    Trash,
    /// What mail programs fill and people don't look into: RSS feeds, notes, the history of conversations. Thieves' rules
    /// hide bounces there.
    Unwatched,
    /// Copies of what was sent.
    Sent,
    /// Anything else.
    Other,
}

/// What a folder of that name is for. The name is [`plain`].
pub fn by_name(plain: &str) -> Role {
    [(SENT, Role::Sent), (JUNK, Role::Junk), (TRASH, Role::Trash), (UNWATCHED, Role::Unwatched)]
        .into_iter()
        .find(|(names, _)| names.contains(&plain))
        .map_or(Role::Other, |(_, role)| role)
}

/// A name in lower case and ordinary width, without spaces around it.
pub fn plain(name: &str) -> String {
    let narrow = name.chars().map(|c| match c {
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c,
    });
    narrow.collect::<String>().trim().to_lowercase()
}

const SENT: &[&str] = &[
    "sent",
    "sent items",
    "sent messages",
    "sent mail",
    "sent-mail",
    "sentbox",
    "sent objects",
    "送信済みメール",
    "送信済みアイテム",
    "送信済み",
    "送信済みﾒｰﾙ",
    "送信箱",
    "送信メール",
    "送信控え",
    "送信済みトレイ",
    "gesendet",
    "gesendete elemente",
    "gesendete objekte",
    "gesendete nachrichten",
    "gesendete mails",
    "envoyés",
    "éléments envoyés",
    "messages envoyés",
    "objets envoyés",
    "courrier envoyé",
    "enviados",
    "elementos enviados",
    "mensajes enviados",
    "correo enviado",
    "보낸 편지함",
    "보낸편지함",
    "보낸 메일함",
    "보낸메일함",
    "已发送",
    "已发送邮件",
    "已发送消息",
    "已發送",
    "已傳送",
    "已傳送的郵件",
    "寄件備份",
    "寄件备份",
    "已寄出",
];

const JUNK: &[&str] = &[
    "junk",
    "junk e-mail",
    "junk email",
    "junk mail",
    "spam",
    "bulk",
    "bulk mail",
    "bulk e-mail",
    "quarantine",
    "迷惑メール",
    "迷惑メールフォルダ",
    "スパム",
    "不要メール",
    "隔離",
    "junk-e-mail",
    "spamverdacht",
    "unerwünscht",
    "spam-verdacht",
    "courrier indésirable",
    "indésirables",
    "pourriel",
    "correo no deseado",
    "correo basura",
    "no deseado",
    "정크 메일",
    "정크메일",
    "스팸",
    "스팸 편지함",
    "스팸편지함",
    "스팸메일함",
    "垃圾邮件",
    "垃圾郵件",
    "垃圾信件",
    "广告邮件",
];

const TRASH: &[&str] = &[
    "trash",
    "deleted",
    "deleted items",
    "deleted messages",
    "bin",
    "wastebasket",
    "ゴミ箱",
    "ごみ箱",
    "削除済みアイテム",
    "削除済みメール",
    "削除済み",
    "papierkorb",
    "gelöscht",
    "gelöschte elemente",
    "gelöschte objekte",
    "corbeille",
    "éléments supprimés",
    "messages supprimés",
    "papelera",
    "elementos eliminados",
    "mensajes eliminados",
    "papelera de reciclaje",
    "휴지통",
    "지운 편지함",
    "지운편지함",
    "已删除",
    "已删除邮件",
    "已刪除的郵件",
    "刪除的郵件",
    "垃圾桶",
    "废件箱",
];

const UNWATCHED: &[&str] = &[
    "rss",
    "rss feeds",
    "rss subscriptions",
    "rss フィード",
    "rss フィード購読",
    "rss-feeds",
    "rss-abonnements",
    "flux rss",
    "fuentes rss",
    "rss 피드",
    "rss 源",
    "rss 摘要",
    "notes",
    "メモ",
    "notizen",
    "notas",
    "메모",
    "便笺",
    "記事",
    "conversation history",
    "会話の履歴",
    "aufgezeichnete unterhaltungen",
    "historique des conversations",
    "historial de conversaciones",
    "대화 내용",
    "对话历史记录",
    "交談記錄",
];
