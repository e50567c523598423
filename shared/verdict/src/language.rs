//! In which language a mail is written, as far as its header tells: the script of its subject, its charset, and
//! Content-Language (RFC 3282).
//!
//! Nothing of a body is looked at. English and German have one script, so they differ only where a program says so;
//! Japanese and Chinese names share their characters, so a subject of these alone says nothing without its charset.

use daimon_domain::origin::Origin;
use daimon_domain::words;

words! {
    /// How the letters of a language look.
    Script {
        /// English, German, Vietnamese …
        Latin = "latin",
        /// With kana, or in a Japanese charset.
        Japanese = "japanese",
        /// In a Chinese charset.
        Chinese = "chinese",
        /// Hangul.
        Korean = "korean",
        /// Russian, Bulgarian …
        Cyrillic = "cyrillic",
        /// Greek.
        Greek = "greek",
        /// Arabic, Persian …
        Arabic = "arabic",
        /// Hebrew.
        Hebrew = "hebrew",
        /// Thai.
        Thai = "thai",
        /// Hindi, Tamil …
        Indic = "indic",
    }
}

/// Fewer letters may be a name or a sign.
const LEAST_LETTERS: usize = 4;

/// In which language a mail is written. What is not known is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// In which script.
    pub script: Option<Script>,
    /// In which language, where the mail says so itself: `en`.
    pub language: Option<String>,
}

/// In which language a mail with that subject, charset and Content-Language is written.
pub fn written(subject: Option<&str>, charset: Option<&str>, content_language: Option<&str>) -> Written {
    let of_subject = script(subject.unwrap_or_default());
    // Whoever writes in such a charset has letters of it below the subject, if not in it.
    let script = match (of_subject, charset.and_then(of_charset)) {
        (None | Some(Script::Latin), Some(of_charset)) => Some(of_charset),
        (of_subject, _) => of_subject,
    };
    let language = content_language.filter(|tags| !tags.contains(',')).and_then(|tag| tag.trim().split('-').next());
    let is_tag = |tag: &&str| matches!(tag.len(), 2..=3) && tag.chars().all(|c| c.is_ascii_alphabetic());
    Written { script, language: language.filter(is_tag).map(str::to_ascii_lowercase) }
}

/// In which language a returned mail is written.
pub fn written_in(returned: &Origin) -> Written {
    written(returned.subject.as_deref(), returned.charset.as_deref(), returned.content_language.as_deref())
}

fn script(subject: &str) -> Option<Script> {
    let mut counts = [0_usize; Script::ALL.len()];
    let mut has_han = false;
    for c in subject.split_whitespace().filter(|word| !is_prefix(word)).flat_map(str::chars) {
        let found = match c {
            'ぁ'..='ヿ' | 'ｦ'..='ﾟ' => Script::Japanese,
            '가'..='힣' | 'ᄀ'..='ᇿ' => Script::Korean,
            'А'..='ӿ' | 'Ѐ'..='Џ' => Script::Cyrillic,
            'Ͱ'..='Ͽ' | 'ἀ'..='῾' => Script::Greek,
            '\u{0600}'..='\u{06ff}' | '\u{0750}'..='\u{077f}' => Script::Arabic,
            '\u{0590}'..='\u{05ff}' => Script::Hebrew,
            '\u{0e00}'..='\u{0e7f}' => Script::Thai,
            '\u{0900}'..='\u{0dff}' => Script::Indic,
            '\u{3400}'..='\u{9fff}' => {
                has_han = true;
                continue;
            }
            'A'..='Z' | 'a'..='z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => Script::Latin,
            _ => continue,
        };
        if let Some(count) = Script::ALL.iter().position(|one| *one == found).and_then(|place| counts.get_mut(place)) {
            *count += 1;
        }
    }
    let count = |script: Script| {
        Script::ALL.iter().position(|one| *one == script).and_then(|place| counts.get(place)).copied().unwrap_or(0)
    };
    // A sentence of these has names in Latin letters in it, and hardly the other way round.
    if count(Script::Japanese) > 0 {
        return Some(Script::Japanese);
    }
    if has_han {
        return None;
    }
    let most = Script::ALL.iter().copied().max_by_key(|script| count(*script))?;
    (count(most) >= LEAST_LETTERS).then_some(most)
}

/// `Re:`, `Fwd:`: written by programs.
fn is_prefix(word: &str) -> bool {
    ["re:", "fw:", "fwd:", "aw:", "wg:"].iter().any(|prefix| word.eq_ignore_ascii_case(prefix))
}

/// Of charsets that were made for one script, which.
fn of_charset(charset: &str) -> Option<Script> {
    let charset = charset.trim().trim_matches('"').to_ascii_lowercase();
    Some(match charset.as_str() {
        "iso-2022-jp" | "shift_jis" | "shift-jis" | "sjis" | "x-sjis" | "euc-jp" | "windows-31j" | "cp932" => {
            Script::Japanese
        }
        "gb2312" | "gbk" | "gb18030" | "hz-gb-2312" | "big5" | "big5-hkscs" => Script::Chinese,
        "euc-kr" | "ks_c_5601-1987" | "iso-2022-kr" | "cp949" => Script::Korean,
        "koi8-r" | "koi8-u" | "windows-1251" | "iso-8859-5" => Script::Cyrillic,
        "iso-8859-7" | "windows-1253" => Script::Greek,
        "iso-8859-6" | "windows-1256" => Script::Arabic,
        "iso-8859-8" | "iso-8859-8-i" | "windows-1255" => Script::Hebrew,
        "tis-620" | "windows-874" | "iso-8859-11" => Script::Thai,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_shows_its_script_whatever_names_are_in_it() {
        for (subject, expected) in [
            ("Invoice overdue", Some(Script::Latin)),
            ("Überfällige Rechnung", Some(Script::Latin)),
            ("【Amazon】ご注文の確認", Some(Script::Japanese)),
            ("Re: Fwd: 請求書の件 2026", Some(Script::Japanese)),
            ("見積書", None),
            ("청구서를 보내드립니다", Some(Script::Korean)),
            ("Счёт на оплату", Some(Script::Cyrillic)),
            ("فاتورة متأخرة", Some(Script::Arabic)),
            ("Re: 12345", None),
            ("", None),
        ] {
            assert_eq!(script(subject), expected, "{subject}");
        }
    }

    #[test]
    fn a_charset_made_for_one_script_tells_where_the_subject_does_not() {
        let of = |subject, charset| written(Some(subject), Some(charset), None).script;
        assert_eq!(of("見積書", "ISO-2022-JP"), Some(Script::Japanese));
        assert_eq!(of("报价", "gb2312"), Some(Script::Chinese));
        assert_eq!(of("Invoice", "iso-2022-jp"), Some(Script::Japanese));
        assert_eq!(of("Invoice", "utf-8"), Some(Script::Latin));
        assert_eq!(of("ご確認", "gb2312"), Some(Script::Japanese));
    }

    #[test]
    fn a_language_is_believed_where_the_mail_names_one() {
        let of = |tag| written(None, None, Some(tag)).language;
        assert_eq!(of("en-US").as_deref(), Some("en"));
        assert_eq!(of("JA").as_deref(), Some("ja"));
        assert_eq!(of("en, ja"), None);
        assert_eq!(of("i-klingon"), None);
    }
}
