//! Pure decisions over values.

pub(crate) mod password;
pub(crate) mod throttle;
