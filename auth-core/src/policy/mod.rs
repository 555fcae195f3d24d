//! Pure decisions over values.

pub(crate) mod password;
