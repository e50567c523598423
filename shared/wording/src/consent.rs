//! What somebody has to do at the identity provider before a credential works: the exact steps, with the ids filled in.
//!
//! Commands are to be pasted into an administrator's shell, so what strangers wrote (addresses, names) stands in them as a
//! quoted string and can't be anything else.

use daimon_domain::credential::{Credential, CredentialKind};
use daimon_domain::tenant::Language;

use crate::said::{Said, said};
use crate::template;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it is.
    pub title: String,
    /// What to do.
    pub text: String,
    /// Where to do it.
    pub url: Option<String>,
    /// What to paste there, or to run.
    pub code: Option<String>,
}

/// What the consent is for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The credential.
    pub credential: &'a Credential,
    /// The sign-in names of its mailboxes; more may come later.
    pub mailboxes: &'a [String],
}

/// The steps, in order. None where the provider is one that we don't know.
pub fn steps(wanted: Wanted<'_>, language: Language) -> Vec<Step> {
    let credential = wanted.credential;
    let directory = credential.directory_id.as_deref().unwrap_or("organizations");
    let client = credential.client_id.as_str();
    match credential.kind {
        CredentialKind::MicrosoftClientCredentials => microsoft_app(wanted, directory, language),
        CredentialKind::MicrosoftRefreshToken => vec![
            step(language, &MICROSOFT_DELEGATED, &[("client", client)]).at(
                "https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationsListBlade",
            ),
            step(language, &MICROSOFT_SIGN_IN, &[]).at(format!(
                "https://login.microsoftonline.com/{directory}/oauth2/v2.0/authorize?client_id={}&response_type=code&prompt=consent&scope={}",
                in_url(client),
                in_url("https://outlook.office365.com/IMAP.AccessAsUser.All offline_access")
            )),
            step(language, &MICROSOFT_IMAP, &[]).with(enabled(wanted.mailboxes)),
        ],
        CredentialKind::GoogleRefreshToken => vec![
            step(language, &GOOGLE_SCREEN, &[("client", client)]).at("https://console.cloud.google.com/auth/scopes"),
            step(language, &GOOGLE_SIGN_IN, &[]).at(format!(
                "https://accounts.google.com/o/oauth2/v2/auth?client_id={}&response_type=code&access_type=offline&prompt=consent&scope={}",
                in_url(client),
                in_url(GOOGLE_MAIL_SCOPE)
            )),
            step(language, &GOOGLE_IMAP, &[]).at("https://admin.google.com/ac/apps/gmail/enduseraccess"),
        ],
        CredentialKind::GoogleServiceAccount => {
            let scope = credential.scope.as_deref().unwrap_or(GOOGLE_IMAP_SCOPE);
            let account = credential.account.as_deref().unwrap_or_default();
            vec![
                step(language, &GOOGLE_API, &[("account", account)])
                    .at("https://console.cloud.google.com/apis/library/gmail.googleapis.com"),
                step(language, &GOOGLE_DELEGATION, &[("client", client), ("scope", scope)])
                    .at("https://admin.google.com/ac/owl/domainwidedelegation")
                    .with(format!("{client}\n{scope}")),
                step(language, &GOOGLE_IMAP, &[]).at("https://admin.google.com/ac/apps/gmail/enduseraccess"),
            ]
        }
        CredentialKind::OAuth2ClientCredentials | CredentialKind::OAuth2RefreshToken => Vec::new(),
    }
}

/// By which other texts point at a step.
pub(crate) const NAMES: [&str; 7] =
    ["permission", "admin_consent", "principal", "mailboxes", "imap", "delegation", "sign_in"];

/// The steps of a kind of credential, in their order, and the name of each that is pointed at.
fn named(kind: CredentialKind) -> &'static [(&'static str, &'static Words)] {
    match kind {
        CredentialKind::MicrosoftClientCredentials => &[
            ("permission", &MICROSOFT_PERMISSION),
            ("admin_consent", &MICROSOFT_ADMIN_CONSENT),
            ("principal", &MICROSOFT_PRINCIPAL),
            ("mailboxes", &MICROSOFT_MAILBOXES),
            ("imap", &MICROSOFT_IMAP),
            ("", &MICROSOFT_CHECK),
        ],
        CredentialKind::MicrosoftRefreshToken => {
            &[("permission", &MICROSOFT_DELEGATED), ("sign_in", &MICROSOFT_SIGN_IN), ("imap", &MICROSOFT_IMAP)]
        }
        CredentialKind::GoogleRefreshToken => {
            &[("permission", &GOOGLE_SCREEN), ("sign_in", &GOOGLE_SIGN_IN), ("imap", &GOOGLE_IMAP)]
        }
        CredentialKind::GoogleServiceAccount => {
            &[("", &GOOGLE_API), ("delegation", &GOOGLE_DELEGATION), ("imap", &GOOGLE_IMAP)]
        }
        CredentialKind::OAuth2ClientCredentials | CredentialKind::OAuth2RefreshToken => &[],
    }
}

/// A step as other texts point at it: 'step 4, "Let it into each mailbox"'.
pub(crate) fn pointed_at(kind: Option<CredentialKind>, name: &str, language: Language) -> String {
    let steps = kind.map(named).unwrap_or_default();
    let found = steps.iter().zip(1..).find(|((known, _), _)| *known == name);
    match (found, language) {
        (Some(((_, words), number)), Language::English) => {
            format!("step {number}, “{}”", words.title.in_language(language))
        }
        (Some(((_, words), number)), Language::Japanese) => {
            format!("手順 {number}「{}」", words.title.in_language(language))
        }
        (None, Language::English) => "the step that applies".to_owned(),
        (None, Language::Japanese) => "該当する手順".to_owned(),
    }
}

const GOOGLE_IMAP_SCOPE: &str = "https://www.googleapis.com/auth/gmail.imap_admin";
const GOOGLE_MAIL_SCOPE: &str = "https://mail.google.com/";

fn microsoft_app(wanted: Wanted<'_>, directory: &str, language: Language) -> Vec<Step> {
    let client = wanted.credential.client_id.as_str();
    let name = quoted(&wanted.credential.name);
    let (app, org) = (quoted(client), quoted(directory));
    let register = format!(
        "Install-Module Microsoft.Graph.Applications, ExchangeOnlineManagement -Scope CurrentUser\n\
         Connect-MgGraph -TenantId {org} -Scopes 'Application.Read.All'\n\
         $app = Get-MgServicePrincipal -Filter \"appId eq {filter}\"\n\
         Connect-ExchangeOnline -Organization {org}\n\
         New-ServicePrincipal -AppId {app} -ObjectId $app.Id -DisplayName {name}\n",
        filter = quoted(client).replace(['"', '`', '$'], ""),
    );
    let allow = format!(
        "$mailboxes = @(\n{}\n)\n\
         $mailboxes | ForEach-Object {{ Add-MailboxPermission -Identity $_ -User $app.Id -AccessRights FullAccess -AutoMapping $false }}\n",
        listed(wanted.mailboxes)
    );
    let check = format!(
        "Get-ServicePrincipal -Identity {app} | Format-List\n\
         $mailboxes | ForEach-Object {{ Get-MailboxPermission -Identity $_ -User $app.Id }}\n"
    );
    vec![
        step(language, &MICROSOFT_PERMISSION, &[("client", client)])
            .at("https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationsListBlade"),
        step(language, &MICROSOFT_ADMIN_CONSENT, &[])
            .at(format!("https://login.microsoftonline.com/{directory}/adminconsent?client_id={}", in_url(client))),
        step(language, &MICROSOFT_PRINCIPAL, &[]).with(register),
        step(language, &MICROSOFT_MAILBOXES, &[]).with(allow),
        step(language, &MICROSOFT_IMAP, &[]).with(enabled(wanted.mailboxes)),
        step(language, &MICROSOFT_CHECK, &[]).with(check),
    ]
}

fn enabled(mailboxes: &[String]) -> String {
    format!("@(\n{}\n) | ForEach-Object {{ Set-CASMailbox -Identity $_ -ImapEnabled $true }}\n", listed(mailboxes))
}

fn listed(mailboxes: &[String]) -> String {
    if mailboxes.is_empty() {
        return "    'mailbox@your-domain.example'".to_owned();
    }
    let quoted: Vec<String> = mailboxes.iter().map(|address| format!("    {}", quoted(address))).collect();
    quoted.join(",\n")
}

/// A string of `PowerShell` that means itself. It ends at any of five quotation marks, each of which is written twice
/// (`about_Quoting_Rules`; the tokenizer takes the typographic ones for the plain one).
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars().filter(|c| !c.is_control()) {
        if matches!(c, '\'' | '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}') {
            out.push(c);
        }
        out.push(c);
    }
    out.push('\'');
    out
}

/// Everything but RFC 3986's unreserved characters is escaped.
fn in_url(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

struct Words {
    title: Said,
    text: Said,
}

fn step(language: Language, words: &Words, values: &[(&str, &str)]) -> Step {
    let shown: Vec<(&str, String)> = values.iter().map(|(name, value)| (*name, crate::foreign::shown(value))).collect();
    let shown: Vec<(&str, &str)> = shown.iter().map(|(name, value)| (*name, value.as_str())).collect();
    Step {
        title: words.title.in_language(language).to_owned(),
        text: template::fill(words.text.in_language(language), &shown),
        url: None,
        code: None,
    }
}

impl Step {
    fn at(self, url: impl Into<String>) -> Self {
        Self { url: Some(url.into()), ..self }
    }

    fn with(self, code: String) -> Self {
        Self { code: Some(code), ..self }
    }
}

const MICROSOFT_PERMISSION: Words = Words {
    title: said(
        "Give the application the permission IMAP.AccessAsApp",
        "アプリケーションに IMAP.AccessAsApp のアクセス許可を追加する",
    ),
    text: said(
        "In the Microsoft Entra admin center: Identity → Applications → App registrations → the application {client} → API permissions → Add a permission → APIs my organization uses → Office 365 Exchange Online → Application permissions → IMAP → IMAP.AccessAsApp → Add permissions.",
        "Microsoft Entra 管理センターで「ID」→「アプリケーション」→「アプリの登録」→ アプリケーション {client} →「API のアクセス許可」→「アクセス許可の追加」→「所属する組織で使用している API」→「Office 365 Exchange Online」→「アプリケーションの許可」→「IMAP」→「IMAP.AccessAsApp」を選び、「アクセス許可の追加」を押してください。",
    ),
};
const MICROSOFT_ADMIN_CONSENT: Words = Words {
    title: said("Consent as an administrator", "管理者として同意する"),
    text: said(
        "Open the address and sign in as a Global Administrator or Privileged Role Administrator of the company, then accept. An error about a redirect address afterwards does no harm: the consent has been given.",
        "次のアドレスを開き、お客様企業のグローバル管理者または特権ロール管理者としてサインインして、承諾してください。その後にリダイレクト先のエラーが表示されても、同意は完了しています。",
    ),
};
const MICROSOFT_PRINCIPAL: Words = Words {
    title: said("Make the application known to Exchange Online", "アプリケーションを Exchange Online に登録する"),
    text: said(
        "Run this in PowerShell 7 as an Exchange administrator. The object id is that of the enterprise application, which the third line looks up; that of the app registration does not work.",
        "Exchange 管理者として PowerShell 7 で実行してください。オブジェクト ID はエンタープライズ アプリケーションのもので、3 行目で取得しています。アプリの登録のオブジェクト ID では動作しません。",
    ),
};
const MICROSOFT_MAILBOXES: Words = Words {
    title: said("Let it into each mailbox", "各メールボックスへのアクセスを許可する"),
    text: said(
        "In the same window. IMAP knows no right to read only, so it is FullAccess; nothing is marked as read, moved or deleted. Repeat it for mailboxes that come later. It takes up to an hour to have an effect.",
        "同じウィンドウで実行してください。IMAP には読み取り専用の権限がないため FullAccess を付与しますが、既読にしたり、移動や削除をしたりすることはありません。後から追加するメールボックスについても実行してください。反映まで最長で 1 時間ほどかかります。",
    ),
};
const MICROSOFT_IMAP: Words = Words {
    title: said("Check that IMAP is enabled for each mailbox", "各メールボックスで IMAP が有効であることを確認する"),
    text: said(
        "IMAP is enabled unless somebody has switched it off. This, run in Exchange Online PowerShell, enables it.",
        "IMAP は通常は有効ですが、無効にされている場合があります。次のコマンドを Exchange Online PowerShell で実行すると有効になります。",
    ),
};
const MICROSOFT_CHECK: Words = Words {
    title: said("See that all of it is there", "設定を確認する"),
    text: said(
        "The first command shows the application with the object id from above, the second FullAccess for each mailbox. Then ask for a retry of the credential.",
        "1 つ目のコマンドでは上記のオブジェクト ID を持つアプリケーションが、2 つ目では各メールボックスの FullAccess が表示されます。確認できたら、資格情報の再試行を行ってください。",
    ),
};
const MICROSOFT_DELEGATED: Words = Words {
    title: said(
        "Give the application the permission IMAP.AccessAsUser.All",
        "アプリケーションに IMAP.AccessAsUser.All のアクセス許可を追加する",
    ),
    text: said(
        "In the Microsoft Entra admin center: Identity → Applications → App registrations → the application {client} → API permissions → Add a permission → Microsoft Graph → Delegated permissions → IMAP.AccessAsUser.All and offline_access → Add permissions.",
        "Microsoft Entra 管理センターで「ID」→「アプリケーション」→「アプリの登録」→ アプリケーション {client} →「API のアクセス許可」→「アクセス許可の追加」→「Microsoft Graph」→「委任されたアクセス許可」→「IMAP.AccessAsUser.All」と「offline_access」を選び、「アクセス許可の追加」を押してください。",
    ),
};
const MICROSOFT_SIGN_IN: Words = Words {
    title: said(
        "Sign in as the mailbox's user, and keep the refresh token",
        "メールボックスの利用者としてサインインし、更新トークンを取得する",
    ),
    text: said(
        "Open the address with the application's own redirect address added, sign in as the user, and exchange the code for tokens. The refresh token is what the credential wants; it runs out after 90 days without use.",
        "アプリケーションに登録したリダイレクト先を付けて次のアドレスを開き、利用者としてサインインして、受け取ったコードをトークンと交換してください。資格情報に登録するのは更新トークンです。90 日間使用しないと失効します。",
    ),
};
const GOOGLE_API: Words = Words {
    title: said("Enable the Gmail API", "Gmail API を有効にする"),
    text: said(
        "In the Google Cloud console, in the project of the service account {account}: APIs & Services → Library → Gmail API → Enable.",
        "Google Cloud コンソールで、サービス アカウント {account} のプロジェクトを選び、「API とサービス」→「ライブラリ」→「Gmail API」→「有効にする」を押してください。",
    ),
};
const GOOGLE_DELEGATION: Words = Words {
    title: said(
        "Delegate domain-wide authority to the service account",
        "サービス アカウントにドメイン全体の権限を委任する",
    ),
    text: said(
        "In the Google Admin console, as a super administrator: Security → Access and data control → API controls → Domain-wide delegation → Manage domain-wide delegation → Add new. Client ID: {client}. OAuth scopes: {scope}. Authorize. It takes some minutes, seldom up to 24 hours, to have an effect; then ask for a retry of the credential.",
        "Google 管理コンソールに特権管理者としてログインし、「セキュリティ」→「アクセスとデータ管理」→「API の制御」→「ドメイン全体の委任」→「ドメイン全体の委任を管理」→「新しく追加」を選びます。「クライアント ID」に {client}、「OAuth スコープ」に {scope} を入力し、「承認」を押してください。反映まで数分、まれに最長 24 時間かかります。その後、資格情報の再試行を行ってください。",
    ),
};
const GOOGLE_IMAP: Words = Words {
    title: said("Check that IMAP is enabled for the users", "利用者の IMAP が有効であることを確認する"),
    text: said(
        "In the Google Admin console: Apps → Google Workspace → Gmail → End User Access → POP and IMAP access → Enable IMAP access for all users. Personal accounts have IMAP always.",
        "Google 管理コンソールで「アプリ」→「Google Workspace」→「Gmail」→「エンドユーザーのアクセス」→「POP と IMAP アクセス」→「すべてのユーザーの IMAP アクセスを有効にする」を確認してください。個人アカウントでは IMAP は常に有効です。",
    ),
};
const GOOGLE_SCREEN: Words = Words {
    title: said("Let the application ask for Gmail", "アプリケーションに Gmail のスコープを追加する"),
    text: said(
        "In the Google Cloud console, in the project of the client {client}: Google Auth Platform → Data Access → Add or remove scopes → https://mail.google.com/ → Update → Save. Set Audience to Internal or publish the application: refresh tokens of one in testing run out after seven days.",
        "Google Cloud コンソールで、クライアント {client} のプロジェクトを選び、「Google Auth Platform」→「データアクセス」→「スコープを追加または削除」→ https://mail.google.com/ を選び、「更新」→「保存」を押してください。「対象」を「内部」にするか、アプリケーションを公開してください。テスト中のアプリケーションの更新トークンは 7 日で失効します。",
    ),
};
const GOOGLE_SIGN_IN: Words = Words {
    title: said(
        "Sign in as the mailbox's user, and keep the refresh token",
        "メールボックスの利用者としてログインし、更新トークンを取得する",
    ),
    text: said(
        "Open the address with the client's own redirect address added, sign in as the user, and exchange the code for tokens. The refresh token is what the credential wants; a change of the user's password ends it.",
        "クライアントに登録したリダイレクト先を付けて次のアドレスを開き、利用者としてログインして、受け取ったコードをトークンと交換してください。資格情報に登録するのは更新トークンです。利用者がパスワードを変更すると失効します。",
    ),
};

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use daimon_domain::clock::SeededEntropy;
    use daimon_domain::id::{CredentialId, TenantId};

    use super::*;

    fn credential(kind: CredentialKind) -> Credential {
        Credential {
            id: CredentialId::new(DateTime::UNIX_EPOCH, &SeededEntropy::new(1)),
            tenant: TenantId::new(DateTime::UNIX_EPOCH, &SeededEntropy::new(2)),
            name: "Kestrel's Daimon".to_owned(),
            kind,
            imap_host: kind.provider().imap_host().unwrap_or("imap.host.example").parse().unwrap(),
            directory_id: Some("0f1e2d3c-4b5a-4697-8879-6a5b4c3d2e1f".to_owned()),
            client_id: "1a2b3c4d-5e6f-4708-9192-a3b4c5d6e7f8".to_owned(),
            token_url: None,
            scope: None,
            account: Some("daimon@sakura.iam.gserviceaccount.com".to_owned()),
            created_at: DateTime::UNIX_EPOCH,
            version: 1,
        }
    }

    fn of(kind: CredentialKind, mailboxes: &[&str], language: Language) -> Vec<Step> {
        let mailboxes: Vec<String> = mailboxes.iter().map(ToString::to_string).collect();
        steps(Wanted { credential: &credential(kind), mailboxes: &mailboxes }, language)
    }

    #[test]
    fn the_steps_of_an_application_and_of_a_service_account_read_like_this() {
        for kind in [CredentialKind::MicrosoftClientCredentials, CredentialKind::GoogleServiceAccount] {
            for language in Language::ALL {
                let all: Vec<String> = of(kind, &["sato@sakura.example", "o'brien@sakura.example"], *language)
                    .into_iter()
                    .map(|step| {
                        let parts = [Some(format!("## {}", step.title)), Some(step.text), step.url, step.code];
                        parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
                    })
                    .collect();
                insta::assert_snapshot!(format!("{kind}_{language}"), all.join("\n\n"));
            }
        }
    }

    #[test]
    fn every_known_provider_has_steps_in_both_languages_with_nothing_left_to_fill_in() {
        for kind in CredentialKind::ALL {
            let english = of(*kind, &[], Language::English);
            let japanese = of(*kind, &[], Language::Japanese);
            assert_eq!(english.is_empty(), credential(*kind).kind.provider().imap_host().is_none(), "{kind}");
            assert_eq!(english.len(), japanese.len(), "{kind}");
            for (english, japanese) in english.iter().zip(&japanese) {
                assert!(!english.text.contains('{') && !japanese.text.contains('{'), "{kind}: {}", english.text);
                assert!(japanese.text.chars().any(|c| matches!(c, 'ぁ'..='ん')), "{kind}: {}", japanese.text);
                assert_eq!((&english.url, &english.code), (&japanese.url, &japanese.code), "{kind}");
            }
        }
    }

    #[test]
    fn the_steps_that_others_point_at_are_those_that_are_told_in_the_same_order() {
        for kind in CredentialKind::ALL {
            let titles = |language: Language| -> Vec<String> {
                named(*kind).iter().map(|(_, words)| words.title.in_language(language).to_owned()).collect()
            };
            for language in Language::ALL {
                let told: Vec<String> = of(*kind, &[], *language).into_iter().map(|step| step.title).collect();
                assert_eq!(titles(*language), told, "{kind}");
            }
            assert!(named(*kind).iter().all(|(name, _)| name.is_empty() || NAMES.contains(name)), "{kind}");
        }
    }

    #[test]
    fn an_address_is_a_string_of_powershell_and_nothing_else() {
        for evil in ["a';Remove-Mailbox x;'@b.example", "a\u{2019};x@b.example", "$(x)@b.example", "a`nb@b.example"] {
            let code: Vec<String> = of(CredentialKind::MicrosoftClientCredentials, &[evil], Language::English)
                .into_iter()
                .filter_map(|step| step.code)
                .collect();
            let written = quoted(evil);
            let inside = written.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).unwrap();
            let quotes = |text: &str| text.chars().filter(|c| matches!(c, '\'' | '\u{2018}'..='\u{201b}')).count();
            assert_eq!(quotes(inside), quotes(evil) * 2, "{evil}");
            assert!(code[1].contains(&written), "{}", code[1]);
        }
        assert_eq!(quoted("o'brien\r\n@b.example"), "'o''brien@b.example'");
    }
}
