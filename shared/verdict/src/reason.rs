//! The 25 reasons in the model's eight groups: the one table where that is decided.

use daimon_domain::reason::Reason;

use crate::Clue;

/// The group of a reason. `by_own_provider`: the own provider itself refused, before any recipient's server was asked.
pub(crate) const fn group(reason: Reason, by_own_provider: bool) -> Clue {
    match reason {
        Reason::UserUnknown
        | Reason::RecipientMoved
        | Reason::MailboxDisabled
        | Reason::HostUnknown
        | Reason::Suppressed => Clue::ReasonUnknownUser,
        Reason::MailboxFull => Clue::ReasonFull,
        Reason::SpamContent | Reason::Policy | Reason::Virus | Reason::AuthFailure | Reason::RecipientRefused => {
            Clue::ReasonContent
        }
        Reason::IpBlocked | Reason::DomainBlocked => Clue::ReasonListed,
        Reason::RateLimited | Reason::SenderRejected if by_own_provider => Clue::ReasonThrottled,
        // A recipient's server that finds us too fast says "later"; one that refuses the sender has a policy.
        Reason::SenderRejected => Clue::ReasonContent,
        Reason::RateLimited
        | Reason::Expired
        | Reason::NetworkError
        | Reason::HostNotAccepting
        | Reason::SystemError
        | Reason::TlsFailure => Clue::ReasonTemporary,
        Reason::RoutingLoop => Clue::ReasonLoop,
        Reason::RelayDenied | Reason::MessageTooLarge | Reason::FormatError | Reason::Undetermined => Clue::ReasonOther,
    }
}
