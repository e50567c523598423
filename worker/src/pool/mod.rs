//! Who does what when: hints out, hints in, and a bound on how much goes on at a time.
//!
//! | file | what |
//! |---|---|
//! | `announce.rs` | once a second: what is due in Postgres becomes hints in Redis |
//! | `consume.rs` | hints become jobs, as many as there are slots |
//! | `news.rs` | what servers tell of new mail becomes jobs too, without a hint |
//! | `work.rs` | the jobs themselves, and how many are in flight |
//! | `drain.rs` | answers a test that asks for everything that is due |

mod announce;
mod consume;
mod drain;
mod news;
mod work;

pub(crate) use announce::announce;
pub(crate) use consume::consume;
pub(crate) use drain::answer_drains;
pub(crate) use news::hear;
pub(crate) use work::Jobs;
