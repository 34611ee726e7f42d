//! Who may ask, what, and how often.
//!
//! - `token`: who somebody is and what the role allows; `host`: requests made through another site's name; `tls`: encryption
//! - `rate`: how often; `door`: the three together, before every handler

mod door;
mod host;
mod rate;
mod tls;
mod token;

pub(crate) use door::door;
pub(crate) use host::is_local;
pub(crate) use rate::Rate;
pub use tls::Tls;
pub(crate) use token::Who;
pub use token::{Role, Tokens};
