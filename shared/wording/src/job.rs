//! Why a job brought nothing, and why it left something alone.

use daimon_domain::job::JobFailure;
use daimon_domain::tidying::Left;

use crate::said::{Said, said};

/// Why there is no result, and what to do.
pub const fn failure(why: JobFailure) -> Said {
    match why {
        JobFailure::Crashed => said(
            "Three of our processes ended while they worked on it. Tell the operator.",
            "処理中にプログラムが 3 回異常終了しました。運用者に連絡してください。",
        ),
        JobFailure::InUse => said(
            "The mailbox or its server was in use for a quarter of an hour, so it could not be tried beside. Its connection says how reading it goes.",
            "メールボックスまたはサーバーが 15 分間使用中だったため、実行できませんでした。読み取りの状況はメールボックスの connection を確認してください。",
        ),
        JobFailure::NotAllowed => said(
            "It may not be done any more: the incident is not confirmed now, or the mailbox names no folder to move mails to.",
            "現在は実行できません。インシデントが「確実」ではなくなったか、メールボックスに移動先フォルダ（tidying）が設定されていません。",
        ),
        JobFailure::CannotSignIn => said(
            "The mailbox can't be signed in to. Its connection says why; ask again when it can be read.",
            "メールボックスにサインインできません。理由はメールボックスの connection を確認し、読み取れるようになってから再度実行してください。",
        ),
        JobFailure::ServerAway => said(
            "The mailbox's server was away, or broke off, for an hour. Ask again. Mails that were moved until then are noted with the incident and can be moved back.",
            "メールサーバーに 1 時間接続できないか、処理が中断されました。再度実行してください。それまでに移動したメールがある場合は、インシデントに記録されており、元に戻せます。",
        ),
        JobFailure::MoveNotOffered => said(
            "The server can neither move mails (MOVE) nor remove single ones (UIDPLUS). Without that, mails that the owner has marked as deleted would be lost, so nothing was moved. The owner can move them in a mail program.",
            "サーバーがメールの移動（MOVE）にも個別削除（UIDPLUS）にも対応していません。実行すると利用者が削除済みにした別のメールまで失われるため、何も移動していません。メールソフトから手動で移動してください。",
        ),
        JobFailure::FolderRefused => said(
            "The server does not let us make or open the folder, or has one of that name for something else. Choose another name in the mailbox's tidying.",
            "サーバーがフォルダの作成または使用を許可しないか、同名のフォルダが別の用途で使われています。メールボックスの tidying で別の名前を指定してください。",
        ),
    }
}

/// Why mails stay where they lie.
pub const fn left(because: Left) -> Said {
    match because {
        Left::Gone => said(
            "Not there any more: their owner, or a program of theirs, has deleted or moved them.",
            "すでに存在しません。利用者またはメールソフトが削除または移動しました。",
        ),
        Left::Another => said(
            "Under their numbers lies something else now, or something that can't be read. It was not touched.",
            "同じ番号に別のメール、または読み取れないメールがあるため、触れていません。",
        ),
        Left::Renumbered => said(
            "The server has numbered the folder anew since they were read, so it is not certain which they are.",
            "読み取り後にサーバーがフォルダの番号を振り直したため、対象のメールを特定できません。",
        ),
    }
}
