//! What can go wrong with the database, sorted by what a caller can do about it.

use std::error::Error;

/// A statement that had no effect.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is one already.
    #[error("{constraint} allows one only")]
    Conflict {
        /// The unique key, by its name in `migrations/`.
        constraint: String,
    },
    /// It refers to something that isn't there (or not within the wall).
    #[error("what {constraint} refers to is missing")]
    Missing {
        /// The foreign key, by its name in `migrations/`.
        constraint: String,
    },
    /// It has a value that the table forbids.
    #[error("{constraint} forbids this value")]
    Invalid {
        /// The check, by its name in `migrations/`.
        constraint: String,
    },
    /// It would put a row outside the wall, or the role may not do this at all.
    #[error("the database refuses this to the role or the tenant")]
    Refused(#[source] sqlx::Error),
    /// A stored row is one that the domain forbids.
    #[error("a row of {table} can't be read")]
    Corrupt {
        /// In which table.
        table: &'static str,
        /// What is wrong with it.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The database is away, full or slow. The same may work in a moment.
    #[error("the database is not available")]
    Unavailable(#[source] sqlx::Error),
    /// The role bypasses row-level security, so there would be no wall.
    #[error("the role {role} bypasses row-level security; use an ordinary one")]
    Unwalled {
        /// Who was to connect.
        role: String,
    },
    /// The schema could not be brought up to date.
    #[error("a migration failed")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// Anything else: a mistake in a statement.
    #[error("a statement failed")]
    Statement(#[source] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let Some(refusal) = error.as_database_error() else {
            return if is_mistake(&error) { Self::Statement(error) } else { Self::Unavailable(error) };
        };
        let constraint = refusal.constraint().unwrap_or("unnamed").to_owned();
        match refusal.code().as_deref().unwrap_or_default() {
            "23505" => Self::Conflict { constraint },
            "23503" => Self::Missing { constraint },
            // Null, a check, NUL in a text, a number or an index entry too large.
            "23502" | "23514" | "22021" | "22P05" | "22003" | "54000" => Self::Invalid { constraint },
            "42501" => Self::Refused(error),
            // Deadlock, serialisation, read-only, nobody is let in, no resources, intervention by an operator, system error, connection.
            "40001" | "40P01" | "25006" | "55000" | "55P03" => Self::Unavailable(error),
            code if ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class)) => Self::Unavailable(error),
            _ => Self::Statement(error),
        }
    }
}

/// Whether no database was needed to fail: everything else at this level is a connection that is not there.
fn is_mistake(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::RowNotFound
            | sqlx::Error::TypeNotFound { .. }
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_)
            | sqlx::Error::Configuration(_)
    )
}
